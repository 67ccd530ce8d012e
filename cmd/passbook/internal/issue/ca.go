package issue

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// How long certificates are good unless somebody says otherwise, in days.
const (
	CADays     = 3650
	BranchDays = 365
	ClientDays = 90
	// MaxDays bounds what can be said: a CA's certificate need not outlive the century.
	MaxDays = 36500
)

// backdate is how long before it is made a certificate begins to be good: the clocks of
// machines differ.
const backdate = time.Hour

// CreateCA makes both CAs of a bank. It changes nothing if there is one already.
func (f *Folder) CreateCA(days int) (made []Entry, err error) {
	if err := identity.CheckBank(f.Bank); err != nil {
		return nil, exit.Usagef("--bank: %w", err)
	}
	err = f.change(func() error {
		var files []file
		for _, k := range kinds {
			for _, name := range []string{k.file + ".crt", k.file + ".key"} {
				if exists(f.Dir, name) {
					return exit.Usagef("%s has a %s, and what it has signed would count no more without it: 'passbook cert renew ca' replaces CAs without a break; or choose another --certs-dir", f.Dir, name)
				}
			}
			ca, key, err := f.newCA(k, f.Bank, days)
			if err != nil {
				return err
			}
			files = append(files, key, file{k.file + ".crt", 0o644, encode(ca)})
			made = append(made, f.entry(k.file+".crt", ca))
		}
		return write(f.Dir, files...)
	})
	return made, err
}

// newCA makes a CA.
func (f *Folder) newCA(k *kind, bank string, days int) (*x509.Certificate, file, error) {
	key, private, err := newKey(k.file)
	if err != nil {
		return nil, file{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, file{}, err
	}
	now := f.now()
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-backdate), NotAfter: now.AddDate(0, 0, days),
		// The time tells the CAs of a rotation from each other: some programs go by names.
		Subject: pkix.Name{Organization: []string{bank}, CommonName: "CA of " + k.word + ", " + now.UTC().Format(time.RFC3339)},
		URIs:    []*url.URL{k.uri(bank)},
		IsCA:    true, BasicConstraintsValid: true, MaxPathLenZero: true, // no CAs below it
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, file{}, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, private, err
}

// kindsNamed returns the CAs of the words that somebody gave; both for none.
func kindsNamed(words []string) ([]*kind, error) {
	if len(words) == 0 {
		return kinds, nil
	}
	var named []*kind
	for _, word := range words {
		i := slices.IndexFunc(kinds, func(k *kind) bool { return k.word == word })
		if i < 0 {
			return nil, exit.Usagef("%q is no CA: there is that of %s, and that of %s", word, branchKind.word, clientKind.word)
		}
		named = append(named, kinds[i])
	}
	return named, nil
}

// RenewCA makes new CAs, of the words that are named or both, and puts them in front of the
// old ones, which are believed until DropOldCAs. The old CA's key is replaced; it need not
// be there.
func (f *Folder) RenewCA(words []string, days int) (made []Entry, err error) {
	named, err := kindsNamed(words)
	if err != nil {
		return nil, err
	}
	err = f.change(func() error {
		var files []file
		for _, k := range named {
			old, err := f.readCAs(k)
			if err != nil {
				return err
			}
			bank, err := f.bank(k, old[0])
			if err != nil {
				return err
			}
			ca, key, err := f.newCA(k, bank, days)
			if err != nil {
				return err
			}
			// A crash between the two leaves a key that is not the certificate's, and renewing
			// once more mends that: it needs no key.
			files = append(files, file{k.file + ".crt", 0o644, encode(append([]*x509.Certificate{ca}, old...)...)}, key)
			made = append(made, f.entry(k.file+".crt", ca))
		}
		return write(f.cas(), files...)
	})
	return made, err
}

// readCAs reads the certificates of a CA, the newest first.
func (f *Folder) readCAs(k *kind) ([]*x509.Certificate, error) {
	all, err := certs.ReadCertificates(f.cas(), k.file+".crt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Usagef("%s has no CA of %s: 'passbook cert create-ca' makes one", f.cas(), k.word)
	} else if err != nil {
		return nil, exit.Usagef("%s: %w", f.cas(), err)
	}
	return all, nil
}

// DropOldCAs leaves the newest certificate of each CA alone, and returns those that are
// dropped. What branches have signed counts on: their certificates are named in the list
// that is for that. It changes nothing while the folder has a certificate that only an old one has
// signed.
func (f *Folder) DropOldCAs(words []string) (dropped []Entry, err error) {
	named, err := kindsNamed(words)
	if err != nil {
		return nil, err
	}
	err = f.change(func() error {
		var files []file
		for _, k := range named {
			all, err := f.readCAs(k)
			if err != nil {
				return err
			}
			if len(all) == 1 {
				continue
			}
			if left, err := f.signedByOthers(k, all[0]); err != nil {
				return err
			} else if len(left) > 0 {
				return exit.Usagef("an old CA of %s has signed %s in %s, which would count no more: renew first, with 'passbook cert renew'", k.word, strings.Join(left, ", "), f.Dir)
			}
			for _, ca := range all[1:] {
				dropped = append(dropped, f.entry(k.file+".crt", ca))
			}
			if k == branchKind {
				signers, err := f.signers()
				if err != nil {
					return err
				}
				files = append(files, signers)
			}
			files = append(files, file{k.file + ".crt", 0o644, encode(all[0])})
		}
		if len(files) == 0 {
			return nil
		}
		return write(f.cas(), files...)
	})
	return dropped, err
}

// signedByOthers returns the files whose certificates another CA than this has signed.
func (f *Folder) signedByOthers(k *kind, ca *x509.Certificate) (left []string, err error) {
	names, err := f.leafFiles()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		chain, err := certs.ReadCertificates(f.Dir, name)
		if err != nil {
			return nil, exit.Usagef("%s: %w", f.Dir, err)
		}
		id, err := identity.OfCertificate(chain[0])
		if err != nil {
			return nil, exit.Usagef("%s in %s: %w", name, f.Dir, err)
		}
		signer := chain[len(chain)-1]
		if kindOf(id) == k && !bytes.Equal(signer.Raw, ca.Raw) && signer.CheckSignatureFrom(ca) != nil {
			left = append(left, name)
		}
	}
	return left, nil
}

// CheckDays returns an error unless a certificate can be good for so many days.
func CheckDays(days int) error {
	if days < 1 || days > MaxDays {
		return exit.Usagef("--days must be 1 to %d, got %d", MaxDays, days)
	}
	return nil
}
