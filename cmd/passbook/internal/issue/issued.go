package issue

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// IssuedFile is the record of the certificates that the CAs have made. It is beside the
// CAs' keys, and no branch needs it.
const IssuedFile = "issued.json"

// Issued is one certificate in the record.
type Issued struct {
	// Certificate is the one.
	Certificate certs.Fingerprint `json:"certificate"`
	// Identity is its URI.
	Identity string `json:"identity"`
	// From and Until say when it is good, At when it was made.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	At    time.Time `json:"at"`
}

// issued reads the record.
func (f *Folder) issued() ([]Issued, error) {
	data, err := os.ReadFile(filepath.Join(f.cas(), IssuedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var all []Issued
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, exit.Usagef("%s in %s: %w", IssuedFile, f.cas(), err)
	}
	return all, nil
}

// record adds a certificate to the record. Those of clients leave it once they have ended.
// Those of branches stay: what they sign in a journal counts after that, too, so one whose
// key was stolen must be revoked even then.
func (f *Folder) record(id *identity.Identity, leaf *x509.Certificate) error {
	all, err := f.issued()
	if err != nil {
		return err
	}
	now := f.now()
	var kept []Issued
	for _, i := range all {
		if of, err := identity.Parse(i.Identity); err != nil || of.Branch != 0 || now.Before(i.Until) {
			kept = append(kept, i)
		}
	}
	kept = append(kept, Issued{certs.FingerprintOf(leaf), id.URI().String(), leaf.NotBefore.UTC(), leaf.NotAfter.UTC(), now.UTC().Truncate(time.Second)})
	data, err := asJSON(kept)
	if err != nil {
		return err
	}
	return write(f.cas(), file{IssuedFile, 0o644, data})
}

// signers returns the list of all certificates of branches that are on record: when their
// CA is dropped, what they have signed counts on.
func (f *Folder) signers() (file, error) {
	all, err := certs.ReadSigners(f.cas())
	if err != nil {
		return file{}, exit.Usagef("%s: %w", f.cas(), err)
	}
	issued, err := f.issued()
	if err != nil {
		return file{}, err
	}
	for _, i := range issued {
		s := certs.Signer{Certificate: i.Certificate, Identity: i.Identity}
		if id, err := identity.Parse(i.Identity); err == nil && id.Branch != 0 && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	data, err := asJSON(all)
	return file{certs.SignersFile, 0o644, data}, err
}
