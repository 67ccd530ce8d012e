package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/branch/identity"
)

// Options say how a folder is read.
type Options struct {
	// Branches are those whose certificates, and keys, are used here.
	Branches []uint32
	// Clock tells the time; nil for the machine's.
	Clock func() time.Time
	// Logger is where is logged what changes, what can't be read, and what ends soon; nil
	// for nowhere.
	Logger *slog.Logger
	// Tell, unless nil, is told what is logged, for an audit log: what happened to which
	// file, and the error if it can't be used. It must not block.
	Tell func(what string, err error)
}

const (
	// lookEvery is how often the files are looked at, at most.
	lookEvery = time.Second
	// recheckEvery is how often those who rely on certificates are told to check them
	// again, even if no file has changed: certificates end by themselves.
	recheckEvery = time.Minute
)

// Folder is what was read of a folder of certificates last. It may be used by several
// goroutines.
type Folder struct {
	dir   string
	bank  string
	ids   []uint32
	clock func() time.Time
	log   *slog.Logger
	event func(what string, err error)
	known known

	mu sync.Mutex
	// last is what is used, of the files as stamps have them.
	last   *content
	stamps map[string]stamp
	// lookedAt is when the files were looked at last, doubted the error with which they
	// were read then, and logged whether it was logged.
	lookedAt time.Time
	doubted  string
	logged   bool
	// listeners are told of changes, by a number of their own. changed has a value when they
	// are to be: whoever finds the change may be in the middle of a handshake, which a
	// listener would wait for.
	listeners map[int]func()
	changed   chan struct{}
	nextID    int
	// warned are the certificates of which was said that they end, by how many days
	// before.
	warned map[warning]bool
	// lacking is how many certificates the list of what is revoked had before and has no
	// more, as was logged.
	lacking int
}

// content is what a folder has. It does not change.
type content struct {
	trust
	// pairs are the certificates that are used here.
	pairs map[uint32]tls.Certificate
	// all are the certificates whose end is watched, by the names of their files.
	all map[string][]*x509.Certificate
	// lacking is how many certificates of revoked its file has no more.
	lacking int
}

// stamp tells whether a file has changed.
type stamp struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
}

// Open reads a folder. It returns an error unless the branches' certificates are good for
// the bank, and their keys are private.
func Open(dir, bank string, o Options) (*Folder, error) {
	if err := identity.CheckBank(bank); err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, bank: bank, ids: o.Branches, clock: o.Clock, log: o.Logger, listeners: map[int]func(){}, changed: make(chan struct{}, 1), warned: map[warning]bool{}}
	if f.clock == nil {
		f.clock = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.event = o.Tell; f.event == nil {
		f.event = func(string, error) {}
	}
	if err := CheckWriters(dir); err != nil {
		return nil, err
	}
	f.stamps, f.lookedAt = f.look(), f.clock()
	var err error
	if f.last, err = f.load(nil); err != nil {
		return nil, fmt.Errorf("certificates in %s: %w", dir, err)
	}
	for _, id := range f.ids {
		if r, ok := f.last.revokedOwn(id); ok {
			return nil, fmt.Errorf("certificates in %s: %s.crt was revoked at %s: nobody believes it; 'passbook cert renew' makes another", dir, BranchFile(id), r.At.UTC().Format(time.RFC3339))
		}
	}
	f.warn()
	return f, nil
}

// Watch looks at the files now and then, and tells those who listen, until ctx ends. Without
// it the files are looked at when somebody needs them, and nobody is told.
func (f *Folder) Watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for rechecked := f.clock(); ; {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
			f.tell()
			continue
		case <-ticker.C:
		}
		if f.refresh(); f.clock().Sub(rechecked) >= recheckEvery {
			rechecked = f.clock()
			f.mu.Lock()
			f.warn()
			f.mu.Unlock()
			f.tell()
		}
	}
}

// OnChange calls listener when there are other certificates or revocations, and now and
// then besides, until stop is called or Watch ends. It must not block.
func (f *Folder) OnChange(listener func()) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.nextID
	f.nextID++
	f.listeners[id] = listener
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listeners, id)
	}
}

// tell calls the listeners.
func (f *Folder) tell() {
	f.mu.Lock()
	all := slices.Collect(maps.Values(f.listeners))
	f.mu.Unlock()
	for _, listener := range all {
		listener()
	}
}

// now returns what the folder believes.
func (f *Folder) now() *trust { return &f.read().trust }

// read returns what the folder has, of files that are a second old at most.
func (f *Folder) read() *content {
	f.refresh()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// refresh reads the files again if they have changed. Of those that are wrong, what was
// read before stays: somebody may be writing them.
func (f *Folder) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clock().Sub(f.lookedAt) < lookEvery {
		return
	}
	f.lookedAt = f.clock()
	if stamps := f.look(); !maps.Equal(stamps, f.stamps) && f.reload(stamps) {
		select {
		case f.changed <- struct{}{}:
		default: // they are to be told already
		}
	}
}

// reload reads the files, and takes up those that are good: a certificate that can't be
// used must not keep a revocation from being heard of. It reports whether anything is
// different now. The caller holds mu.
func (f *Folder) reload(stamps map[string]stamp) (changed bool) {
	next, err := f.load(f.last)
	if changed = !next.equal(f.last); changed {
		f.last = next
	}
	if changed || err == nil && f.logged {
		f.log.Info("certificates have changed and are in use", "directory", f.dir)
		f.event("certificates in "+f.dir+" have changed and are in use", nil)
	}
	if n := next.lacking; n != f.lacking {
		if f.lacking = n; n > 0 {
			why := fmt.Errorf("%s lacks %d certificates that it had before: they stay revoked until this branch starts again", RevokedFile, n)
			f.log.Warn("the list of what is revoked has become shorter", "directory", f.dir, "problem", why)
			f.event("certificates in "+f.dir+" have changed", why)
		}
	}
	if changed {
		for _, id := range f.ids {
			if _, ok := f.last.revokedOwn(id); ok { // which must not keep others' revocations from counting
				f.log.Error("this branch's own certificate is revoked: nobody believes it any more; 'passbook cert renew' makes another", "branch", id)
			}
		}
		f.warn()
	}
	if err != nil {
		f.doubt(err.Error())
		return changed // and they are read again until they are good
	}
	f.stamps, f.doubted, f.logged = stamps, "", false
	return changed
}

// doubt logs why files can't be used, once, if it is still so when they are looked at
// again: before, somebody may be in the middle of writing them.
func (f *Folder) doubt(why string) {
	if why != f.doubted {
		f.doubted, f.logged = why, false
		return
	}
	if !f.logged {
		f.logged = true
		f.log.Error("files with certificates have changed and can't be used: what they had before stays in use", "directory", f.dir, "error", why)
		f.event("certificates in "+f.dir+" have changed", errors.New(why))
	}
}

// look returns the stamps of the files that count here.
func (f *Folder) look() map[string]stamp {
	names := []string{BranchCAFile, ClientCAFile, RevokedFile, SignersFile}
	for _, id := range f.ids {
		names = append(names, BranchFile(id)+".crt", BranchFile(id)+".key")
	}
	stamps := make(map[string]stamp, len(names))
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(f.dir, name)); err == nil {
			stamps[name] = stamp{info.Size(), info.ModTime(), info.Mode()}
		}
	}
	return stamps
}

// load reads the files. Of each that is wrong it keeps what was read of it before, and
// returns the error; before is nil at the first time. A file that is gone is wrong if it
// was there: without the list of what is revoked, all would be good again.
func (f *Folder) load(before *content) (*content, error) {
	c := &content{trust: trust{bank: f.bank}, pairs: map[uint32]tls.Certificate{}, all: map[string][]*x509.Certificate{}}
	var wrong, err error
	if c.branches, err = c.pool(f.dir, BranchCAFile); err != nil {
		wrong = errors.Join(wrong, err)
		if before != nil {
			c.branches, c.all[BranchCAFile] = before.branches, before.all[BranchCAFile]
		}
	}
	// Without a CA for clients all have tokens.
	if c.clients, err = c.pool(f.dir, ClientCAFile); err != nil && (!errors.Is(err, fs.ErrNotExist) || before != nil && before.clients != nil) {
		wrong = errors.Join(wrong, err)
		if before != nil {
			c.clients, c.all[ClientCAFile] = before.clients, before.all[ClientCAFile]
		}
	}
	wrong = errors.Join(wrong, c.readRevoked(f.dir, before), c.readSigners(f.dir, before))
	if wrong != nil && before == nil {
		return nil, wrong
	}
	for _, id := range f.ids {
		pair, err := c.own(f, id)
		if err != nil {
			wrong = errors.Join(wrong, err)
			if before != nil {
				pair, c.all[BranchFile(id)+".crt"] = before.pairs[id], before.all[BranchFile(id)+".crt"]
			}
		}
		c.pairs[id] = pair
	}
	return c, wrong
}

// readRevoked reads what is revoked. What was revoked before stays so, whatever the file
// has: whoever puts an older list into the folder must not bring a thief back.
func (c *content) readRevoked(dir string, before *content) error {
	all, err := ReadRevocations(dir)
	if err == nil && len(all) == 0 && before != nil && len(before.revoked) > 0 {
		err = fmt.Errorf("%s is gone or empty, and it had %d certificates: write [] into it, and start the branches again, if none of them is to be revoked", RevokedFile, len(before.revoked))
	}
	if err != nil && before != nil {
		c.revoked, c.lacking = before.revoked, before.lacking
		return err
	}
	c.revoked = make(map[Fingerprint]Revocation, len(all))
	for _, r := range all {
		c.revoked[r.Certificate] = r
	}
	if before != nil {
		for name, r := range before.revoked {
			if _, ok := c.revoked[name]; !ok {
				c.revoked[name] = r
				c.lacking++
			}
		}
	}
	return err
}

// readSigners reads whose signatures outlive their CA.
func (c *content) readSigners(dir string, before *content) error {
	all, err := ReadSigners(dir)
	if err != nil && before != nil {
		c.signers = before.signers
		return err
	}
	c.signers = make(map[Fingerprint]string, len(all))
	for _, s := range all {
		c.signers[s.Certificate] = s.Identity
	}
	return err
}

// equal reports whether two contents are the same.
func (c *content) equal(o *content) bool {
	return maps.Equal(c.revoked, o.revoked) && maps.Equal(c.signers, o.signers) && maps.EqualFunc(c.all, o.all, func(a, b []*x509.Certificate) bool {
		return slices.EqualFunc(a, b, (*x509.Certificate).Equal)
	})
}

// revokedOwn returns the revocation of a branch's certificate that is used here, if there
// is one.
func (c *content) revokedOwn(id uint32) (Revocation, bool) {
	r, ok := c.revoked[FingerprintOf(c.pairs[id].Leaf)]
	return r, ok
}

// pool reads the CAs in a file.
func (c *content) pool(dir, name string) (*x509.CertPool, error) {
	all, err := ReadCertificates(dir, name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, ca := range all {
		if !ca.IsCA {
			return nil, fmt.Errorf("%s has the certificate of %q, which is no CA", name, ca.Subject)
		}
		pool.AddCert(ca)
	}
	c.all[name] = all
	return pool, nil
}

// own reads the certificate of a branch that is used here.
func (c *content) own(f *Folder, id uint32) (tls.Certificate, error) {
	name := BranchFile(id)
	pair, err := ReadPair(f.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return pair, fmt.Errorf("branch %d has no certificate there (%w); 'passbook cert create-branch %d' makes one", id, err, id)
	} else if err != nil {
		return pair, err
	}
	chain, err := parse(pair.Certificate)
	if err != nil {
		return pair, fmt.Errorf("%s.crt: %w", name, err)
	}
	// One that has expired is used all the same: who is called says so, and this branch in
	// its log. Refusing it here would stop a branch that only has to be renewed.
	at := f.clock()
	if at.After(chain[0].NotAfter) {
		at = chain[0].NotAfter
	}
	who, err := c.issuedTo(chain, at, x509.ExtKeyUsageClientAuth)
	if err == nil && who.Branch == id {
		err = c.verify(who, chain, at, x509.ExtKeyUsageServerAuth)
	}
	switch {
	case err != nil:
		return pair, fmt.Errorf("%s.crt: %w", name, err)
	case who.Branch != id:
		return pair, fmt.Errorf("%s.crt is the certificate of %s", name, who)
	case !IsP256(chain[0].PublicKey):
		return pair, fmt.Errorf("%s.crt has a key that is none of ECDSA on P-256, which journals are signed with", name)
	}
	c.all[name+".crt"] = chain
	return pair, nil
}
