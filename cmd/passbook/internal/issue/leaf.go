package issue

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// DefaultHosts are the hosts under which a branch is reached on its own machine.
var DefaultHosts = []string{"localhost", "127.0.0.1", "::1"}

// maxNameCharacters bounds the common name of a certificate (X.520). A client's own name is
// in its URI, whole.
const maxNameCharacters = 64

// hosts are the names and addresses for which a branch's certificate is good.
type hosts struct {
	names []string
	ips   []net.IP
}

// parseHosts reads the hosts under which a branch is reached.
func parseHosts(all []string) (h hosts, err error) {
	for _, host := range all {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
			h.ips = append(h.ips, ip.Unmap().AsSlice())
			continue
		}
		if !isHostName(host) {
			return hosts{}, exit.Usagef("--host must be the name or the IP address under which the branch is reached, without a port, got %q", host)
		}
		h.names = append(h.names, strings.ToLower(host))
	}
	return h, nil
}

// isHostName reports whether a word is a name that a resolver may know, or stands for all
// names below one, as *.example.org.
func isHostName(host string) bool {
	host = strings.TrimPrefix(host, "*.")
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, c := range []byte(strings.ToLower(label)) {
			if c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

// CreateBranches makes certificates of branches, which are reached under all these hosts. It
// changes nothing if there is one of them already that is not revoked.
func (f *Folder) CreateBranches(ids []uint32, reached []string, days int) (made []Entry, err error) {
	h, err := parseHosts(reached)
	if err != nil {
		return nil, err
	}
	err = f.change(func() error {
		for _, id := range ids {
			if err := f.checkFree(certs.BranchFile(id)); err != nil {
				return err
			}
		}
		for _, id := range ids {
			e, err := f.make(&identity.Identity{Branch: id}, h, days)
			if err != nil {
				return err
			}
			made = append(made, e)
		}
		return nil
	})
	return made, err
}

// CreateClient makes the certificate of a client, whose bank need not be given. It changes
// nothing if there is one already that is not revoked.
func (f *Folder) CreateClient(id identity.Identity, days int) (made []Entry, err error) {
	err = f.change(func() error {
		if err := f.checkFree(certs.ClientFile(id.Client)); err != nil {
			return err
		}
		e, err := f.make(&id, hosts{}, days)
		if err == nil {
			made = []Entry{e}
		}
		return err
	})
	return made, err
}

// checkFree returns an error if a folder has a certificate that is still good for somebody.
func (f *Folder) checkFree(name string) error {
	if !exists(f.Dir, name+".crt") && !exists(f.Dir, name+".key") {
		return nil
	}
	kind, who, _ := strings.Cut(name, ".")
	if chain, err := certs.ReadCertificates(f.Dir, name+".crt"); err == nil {
		revoked, err := f.revocations()
		if err != nil || isRevoked(revoked, certs.FingerprintOf(chain[0])) {
			return err
		}
	}
	return exit.Usagef("%s has a %s.crt or its key already: 'passbook cert renew %s %s' makes another one for the same holder; to give other rights, revoke it first", f.Dir, name, kind, who)
}

// make makes a certificate for somebody of the bank, with a key of its own, and puts it
// into the folder. The caller has locked that.
func (f *Folder) make(id *identity.Identity, h hosts, days int) (Entry, error) {
	ca, bank, err := f.signer(kindOf(id))
	if err != nil {
		return Entry{}, err
	}
	id.Bank = bank
	if err := id.Check(); err != nil {
		return Entry{}, exit.Usage(err)
	}
	name := fileOf(id)
	key, private, err := newKey(name)
	if err != nil {
		return Entry{}, err
	}
	template, err := f.template(id, h, days)
	if err != nil {
		return Entry{}, err
	}
	// Outside of its CA's time a certificate counts for nothing.
	if template.NotBefore.Before(ca.Leaf.NotBefore) {
		template.NotBefore = ca.Leaf.NotBefore
	}
	if template.NotAfter.After(ca.Leaf.NotAfter) {
		template.NotAfter = ca.Leaf.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		return Entry{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return Entry{}, err
	}
	// First, so that whatever is out there can be revoked.
	if err := f.record(id, leaf); err != nil {
		return Entry{}, err
	}
	if err := write(f.Dir, private, file{name + ".crt", 0o644, encode(leaf)}); err != nil {
		return Entry{}, err
	}
	return f.entry(name+".crt", leaf), nil
}

// fileOf returns the name of the files of somebody, without .crt or .key.
func fileOf(id *identity.Identity) string {
	if id.Branch != 0 {
		return certs.BranchFile(id.Branch)
	}
	return certs.ClientFile(id.Client)
}

// template returns what a certificate is to say.
func (f *Folder) template(id *identity.Identity, h hosts, days int) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := f.now()
	t := &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-backdate), NotAfter: now.AddDate(0, 0, days),
		Subject: pkix.Name{Organization: []string{id.Bank}, CommonName: commonName(id)},
		URIs:    []*url.URL{id.URI()}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if id.Branch != 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		t.DNSNames, t.IPAddresses = h.names, h.ips
	}
	return t, nil
}

// commonName returns the name of somebody for people who read a certificate.
func commonName(id *identity.Identity) string {
	name := []rune(strings.ReplaceAll(certs.BranchFile(id.Branch), ".", " "))
	if id.Branch == 0 {
		name = []rune(id.Client)
	}
	return string(name[:min(len(name), maxNameCharacters)])
}

// Renew makes another certificate for whoever has one in these files, named without .crt,
// with a key of its own: of the same identity, for the same hosts unless others are given.
// Those before stay good until they end or are revoked.
func (f *Folder) Renew(names, reached []string, days int) (made []Entry, err error) {
	others, err := parseHosts(reached)
	if err != nil {
		return nil, err
	}
	err = f.change(func() error {
		for _, name := range names {
			chain, err := certs.ReadCertificates(f.Dir, name+".crt")
			if errors.Is(err, fs.ErrNotExist) {
				return exit.Usagef("%s has no %s.crt to renew; 'passbook cert list' shows what there is", f.Dir, name)
			} else if err != nil {
				return exit.Usagef("%s: %w", f.Dir, err)
			}
			id, err := identity.OfCertificate(chain[0])
			if err != nil {
				return exit.Usagef("%s.crt in %s: %w", name, f.Dir, err)
			}
			if fileOf(id) != name {
				return exit.Usagef("%s.crt in %s is the certificate of %s", name, f.Dir, id)
			}
			h := hosts{chain[0].DNSNames, chain[0].IPAddresses}
			if len(reached) > 0 {
				h = others
			}
			if err := errors.Join(f.checkSameBank(id), f.checkIssued(name, id, chain)); err != nil {
				return err
			}
			e, err := f.make(id, h, days)
			if err != nil {
				return err
			}
			made = append(made, e)
		}
		return nil
	})
	return made, err
}

// checkIssued refuses to sign what a file says that no CA of the bank has signed: it may
// come from a machine whose holder has written himself another role. It may have expired.
func (f *Folder) checkIssued(name string, id *identity.Identity, chain []*x509.Certificate) error {
	k := kindOf(id)
	cas, err := f.readCAs(k)
	if err != nil {
		return err
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range cas {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	now := f.now()
	if end := chain[0].NotAfter; now.After(end) {
		now = end
	}
	for _, at := range []time.Time{now, chain[0].NotBefore} { // a CA may be newer, or have ended
		_, err = chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err == nil {
			return nil
		}
	}
	return exit.Usagef("%s.crt in %s can't be renewed: no CA in %s.crt has signed it (%w); revoke what was stolen, and create another one", name, f.Dir, k.file, err)
}

// checkSameBank refuses to give somebody of another bank an identity of this one.
func (f *Folder) checkSameBank(id *identity.Identity) error {
	_, bank, err := f.signer(kindOf(id))
	if err == nil && bank != id.Bank {
		err = exit.Usagef("the certificate in %s is that of %s, and the CA that of bank %q", f.Dir, id, bank)
	}
	return err
}
