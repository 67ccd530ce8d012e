package issue

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// soon is how long before its end a certificate is said to expire.
const soon = 30 * 24 * time.Hour

// Entry is one certificate of a folder.
type Entry struct {
	// File is the name of its file; empty for one that is in the record alone.
	File string
	// Identity is whom it speaks for; nil for a CA, and if it can't be read. Holder is the
	// same in words, where nothing more is known.
	Identity *identity.Identity
	Holder   string
	// Signs says for whom a CA signs: "branches" or "clients"; else empty.
	Signs string
	// Hosts are those for which a branch's is good.
	Hosts []string
	// Fingerprint names it. From and Until say when it is good; zero if it can't be read.
	Fingerprint certs.Fingerprint
	From, Until time.Time
	// State says in a few words how it is: "good", or what is wrong. Good reports whether
	// it is believed now.
	State string
	Good  bool
}

// entry returns what is to be said of a certificate that is good.
func (f *Folder) entry(name string, c *x509.Certificate) Entry {
	e := Entry{File: name, Fingerprint: certs.FingerprintOf(c), From: c.NotBefore, Until: c.NotAfter, State: "good", Good: true}
	for _, k := range kinds {
		if name == k.file+".crt" {
			e.Signs = k.word
			return e
		}
	}
	id, err := identity.OfCertificate(c)
	if err != nil {
		e.State, e.Good = err.Error(), false
		return e
	}
	e.Identity, e.Hosts = id, slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		e.Hosts = append(e.Hosts, ip.String())
	}
	return e
}

// List returns the certificates of the folder and how each is: the CAs first, then branches
// by their ids, then clients. With all, it also returns those that are in no file any more:
// in the record, or in the list of what is revoked. What can't be read is listed with its
// error.
func (f *Folder) List(all bool) ([]Entry, error) {
	names, err := f.leafFiles()
	if err != nil {
		return nil, err
	}
	l := &lister{Folder: f, roots: map[string]*x509.CertPool{}, revokedAt: map[certs.Fingerprint]time.Time{}}
	if l.revocations, err = f.revocations(); err != nil {
		return nil, err
	}
	for _, r := range l.revocations {
		l.revokedAt[r.Certificate] = r.At
	}
	for _, k := range kinds {
		l.addCAs(k)
	}
	for _, name := range names {
		l.addLeaf(name)
	}
	if all {
		err = l.addIssued()
	}
	return l.entries, err
}

// leafFiles returns the names of the files with certificates of branches and clients, in
// order.
func (f *Folder) leafFiles() ([]string, error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, exit.Usagef("--certs-dir: %w; 'passbook cert create-ca' makes one", err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".crt") && (strings.HasPrefix(name, "branch.") || strings.HasPrefix(name, "client.")) {
			names = append(names, name)
		}
	}
	// In order of their kinds, and of numbers: branch 2 is before branch 10.
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(a[:len("branch.")], b[:len("branch.")]), byLength(a, b), strings.Compare(a, b))
	})
	return names, nil
}

// byLength orders the files of branches by how many digits their ids have.
func byLength(a, b string) int {
	if strings.HasPrefix(a, "client.") {
		return 0
	}
	return cmp.Compare(len(a), len(b))
}

// lister makes a list.
type lister struct {
	*Folder
	entries []Entry
	// revocations is the list of what is revoked, and revokedAt when, by certificate.
	revocations []certs.Revocation
	revokedAt   map[certs.Fingerprint]time.Time
	// roots has the CAs, by the words of their kinds.
	roots map[string]*x509.CertPool
}

// addCAs adds the CAs of a kind.
func (l *lister) addCAs(k *kind) {
	name := k.file + ".crt"
	all, err := certs.ReadCertificates(l.Dir, name)
	if err != nil {
		l.entries = append(l.entries, Entry{File: name, Signs: k.word, State: brief(err)})
		return
	}
	l.roots[k.word] = x509.NewCertPool()
	for i, ca := range all {
		e := l.entry(name, ca)
		switch {
		case !ca.IsCA:
			e.State, e.Good = "no CA: it may sign nothing", false
		case i > 0:
			e.State = "good, old: 'passbook cert renew ca --drop-old' drops it"
		}
		l.roots[k.word].AddCert(ca)
		l.entries = append(l.entries, l.timed(e))
	}
}

// addLeaf adds a certificate of a branch or a client.
func (l *lister) addLeaf(name string) {
	chain, err := certs.ReadCertificates(l.Dir, name)
	if err != nil {
		l.entries = append(l.entries, Entry{File: name, State: brief(err)})
		return
	}
	e := l.entry(name, chain[0])
	if e.Identity != nil {
		if e = l.timed(e); e.Good {
			if err := l.check(name, e.Identity, chain); err != nil {
				e.State, e.Good = brief(err), false
			}
		}
	}
	l.entries = append(l.entries, e)
}

// timed says of a certificate whether it is revoked, and whether its time has come.
func (l *lister) timed(e Entry) Entry {
	now := l.now()
	at, revoked := l.revokedAt[e.Fingerprint]
	switch left := e.Until.Sub(now); {
	case revoked:
		e.State, e.Good = "revoked on "+day(at), false
	case now.Before(e.From):
		e.State, e.Good = "not valid before "+e.From.UTC().Format(time.RFC3339), false
	case left < 0:
		e.State, e.Good = "expired on "+day(e.Until), false
	case left < soon && e.State == "good":
		e.State = fmt.Sprintf("good, expires in %d days", int(left/(24*time.Hour)))
	}
	return e
}

// check returns an error unless a certificate would be believed, and can be used here.
func (l *lister) check(name string, id *identity.Identity, chain []*x509.Certificate) error {
	if fileOf(id)+".crt" != name {
		return fmt.Errorf("it is the certificate of %s", id)
	}
	k := kindOf(id)
	roots := l.roots[k.word]
	if roots == nil {
		return fmt.Errorf("there is no usable %s.crt", k.file)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if id.Branch != 0 {
		usages = append(usages, x509.ExtKeyUsageServerAuth)
	}
	for _, usage := range usages {
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: l.now(), KeyUsages: []x509.ExtKeyUsage{usage}})
		if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
			return fmt.Errorf("no CA in %s.crt has signed it", k.file)
		} else if err != nil {
			return err
		}
	}
	if id.Branch != 0 && !certs.IsP256(chain[0].PublicKey) {
		return errors.New("its key is none of ECDSA on P-256, which journals are signed with")
	}
	_, err := certs.ReadPair(l.Dir, strings.TrimSuffix(name, ".crt"))
	return err
}

// addIssued adds what was made before, and is in no file of the folder.
func (l *lister) addIssued() error {
	issued, err := l.issued()
	if err != nil {
		return err
	}
	for _, i := range issued {
		if slices.ContainsFunc(l.entries, func(e Entry) bool { return e.Fingerprint == i.Certificate }) {
			continue
		}
		id, err := identity.Parse(i.Identity)
		if err != nil {
			return exit.Usagef("%s in %s: %w", IssuedFile, l.cas(), err)
		}
		l.entries = append(l.entries, l.timed(Entry{Identity: id, Fingerprint: i.Certificate, From: i.From, Until: i.Until, State: "good", Good: true}))
	}
	for _, r := range l.revocations {
		if !slices.ContainsFunc(l.entries, func(e Entry) bool { return e.Fingerprint == r.Certificate }) {
			l.entries = append(l.entries, Entry{Holder: r.Identity, Fingerprint: r.Certificate, State: "revoked on " + day(r.At)})
		}
	}
	return nil
}

// brief returns an error without the directory, which whoever lists it knows.
func brief(err error) string {
	if at := (*os.PathError)(nil); errors.As(err, &at) {
		return filepath.Base(at.Path) + ": " + at.Err.Error()
	}
	return err.Error()
}
