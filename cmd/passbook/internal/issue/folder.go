// Package issue makes the certificates of a bank, in a folder that branches and clients
// read (package certs): its CAs, certificates of branches and clients, and the list of what
// is revoked. It does what 'passbook cert' says; an organisation's own CA does the same
// elsewhere.
//
//	folder.go  Folder: where the files are, and for which bank
//	ca.go      the CAs, and their renewal
//	leaf.go    certificates of branches and clients
//	issued.go  the record of what was made
//	revoke.go  what is good no more
//	list.go    what there is, and how it is
//	files.go   files that are written whole or not at all
package issue

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// Folder is a folder of certificates.
type Folder struct {
	// Dir has the certificates that are made. CADir has those of the CAs with their keys,
	// the record of all that was made, and the list of what is revoked; empty for Dir.
	Dir, CADir string
	// Bank is the name of the bank; empty for the one that the CAs' certificates say.
	Bank string
	// Now tells the time; nil for the machine's clock.
	Now func() time.Time
}

// now returns the time.
func (f *Folder) now() time.Time {
	if f.Now != nil {
		return f.Now()
	}
	return time.Now()
}

// cas returns where the CAs are.
func (f *Folder) cas() string {
	if f.CADir != "" {
		return f.CADir
	}
	return f.Dir
}

// change makes the folder, if there is none yet, and carries out a change of it. No other
// command changes it, or its CAs' folder, meanwhile.
func (f *Folder) change(do func() error) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return exit.Usagef("--certs-dir: %w", err)
	}
	dirs := []string{f.cas()}
	if same, err := sameFile(f.cas(), f.Dir); err != nil {
		return exit.Usagef("--ca-dir: %w", err)
	} else if !same {
		dirs = append(dirs, f.Dir)
	}
	for _, dir := range dirs {
		if err := certs.CheckWriters(dir); err != nil {
			return exit.Usage(err)
		}
		unlock, err := lock(dir)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if err := do(); err != nil {
		return err
	}
	if len(dirs) == 1 {
		return nil
	}
	return f.share()
}

// sameFile reports whether two paths lead to the same file.
func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// shared are the files that each folder has as the CAs' folder has them.
var shared = []string{certs.BranchCAFile, certs.ClientCAFile, certs.RevokedFile, certs.SignersFile}

// share copies to the folder what it has in common with that of the CAs.
func (f *Folder) share() error {
	for _, name := range shared {
		data, err := os.ReadFile(filepath.Join(f.cas(), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing is revoked, or no CA dropped
		}
		if err != nil {
			return err
		}
		if there, err := os.ReadFile(filepath.Join(f.Dir, name)); err == nil && bytes.Equal(there, data) {
			continue
		}
		if err := write(f.Dir, file{name, 0o644, data}); err != nil {
			return err
		}
	}
	return nil
}

// kind is one of the two CAs, and of those for whom it signs.
type kind struct {
	// file is the name of the CA's files, without .crt and .key, and word what it is named
	// in sentences, and in the URI of its certificate.
	file, word string
}

var (
	branchKind = &kind{"ca-branch", "branches"}
	clientKind = &kind{"ca-client", "clients"}
	kinds      = []*kind{branchKind, clientKind}
)

// kindOf returns the kind of an identity.
func kindOf(id *identity.Identity) *kind {
	if id.Branch != 0 {
		return branchKind
	}
	return clientKind
}

// uri returns what a CA's certificate says: of which bank it is, and for whom it signs. It
// is nobody's identity.
func (k *kind) uri(bank string) *url.URL {
	return &url.URL{Scheme: "passbook", Host: bank, Path: "/ca/" + k.word}
}

// bankOf returns the bank that a CA's certificate names; empty if the CA was made elsewhere.
func (k *kind) bankOf(ca *x509.Certificate) (string, error) {
	for _, u := range ca.URIs {
		if u.Scheme != "passbook" {
			continue
		}
		if *u != *k.uri(u.Host) {
			return "", exit.Usagef("%s.crt has a certificate that says %s: it is not that of the CA of %s", k.file, u, k.word)
		}
		return u.Host, nil
	}
	return "", nil
}

// bank returns the name of the bank of which a CA is.
func (f *Folder) bank(k *kind, ca *x509.Certificate) (string, error) {
	bank, err := k.bankOf(ca)
	switch {
	case err != nil:
		return "", err
	case bank == "" && f.Bank == "":
		return "", exit.Usagef("%s.crt in %s does not say of which bank it is, as one that was made elsewhere: name the bank with --bank", k.file, f.cas())
	case bank == "":
		bank = f.Bank
	case f.Bank != "" && f.Bank != bank:
		return "", exit.Usagef("--bank is %q, and the CA of %s in %s is that of bank %q", f.Bank, k.word, f.cas(), bank)
	}
	if err := identity.CheckBank(bank); err != nil {
		return "", exit.Usagef("--bank: %w", err)
	}
	return bank, nil
}

// signer returns a CA with its key, and the name of its bank.
func (f *Folder) signer(k *kind) (ca tls.Certificate, bank string, err error) {
	ca, err = certs.ReadPair(f.cas(), k.file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(f.cas(), k.file+".crt")); err == nil {
			return ca, "", exit.Usagef("%s has no %s.key, the key of the CA of %s: name the directory that has it with --ca-dir", f.cas(), k.file, k.word)
		}
		return ca, "", exit.Usagef("%s has no CA of %s: 'passbook cert create-ca' makes one; if it is in another directory, name that with --ca-dir", f.cas(), k.word)
	} else if err != nil {
		return ca, "", exit.Usagef("the CA of %s in %s: %w", k.word, f.cas(), err)
	}
	if bank, err = f.bank(k, ca.Leaf); err != nil {
		return ca, "", err
	}
	switch {
	case !ca.Leaf.IsCA:
		err = exit.Usagef("%s.crt in %s is the certificate of %q, which is no CA", k.file, f.cas(), ca.Leaf.Subject)
	case f.now().After(ca.Leaf.NotAfter):
		err = exit.Usagef("the CA of %s in %s has expired on %s: 'passbook cert renew ca %s' makes another", k.word, f.cas(), day(ca.Leaf.NotAfter), k.word)
	}
	return ca, bank, err
}

// day writes a day.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
