package issue

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// Revoke says whose certificates are good no more.
type Revoke struct {
	// Branch or Client names the holder; one of them is empty.
	Branch uint32
	Client string
	// Only is the one certificate to revoke, which need not be in the record; nil for all
	// of the holder that may still count.
	Only *certs.Fingerprint
	// After is the last entry of a branch's journal that it may have signed.
	After uint64
	// Reason says why, for people; it may be empty.
	Reason string
}

// identity returns whose certificates are meant, as far as that is known without the bank.
func (r *Revoke) identity() *identity.Identity {
	return &identity.Identity{Branch: r.Branch, Client: r.Client}
}

// is reports whether an identity is that of the holder, whatever its rights.
func (r *Revoke) is(id *identity.Identity) bool {
	return id.Branch == r.Branch && id.Client == r.Client
}

// Revoke adds certificates to the list of what is revoked, and returns those that were not
// on it: the one in the folder, and those in the record. Of a client it leaves out what has
// expired.
func (f *Folder) Revoke(r Revoke) (added []certs.Revocation, err error) {
	err = f.change(func() error {
		all, err := f.revocations()
		if err != nil {
			return err
		}
		found, err := f.toRevoke(r)
		if err != nil {
			return err
		}
		for _, a := range found {
			if !isRevoked(all, a.Certificate) {
				added = append(added, a)
			}
		}
		if len(added) == 0 {
			return nil
		}
		data, err := asJSON(append(all, added...))
		if err != nil {
			return err
		}
		return write(f.cas(), file{certs.RevokedFile, 0o644, data})
	})
	return added, err
}

// toRevoke returns the certificates that are meant, each once.
func (f *Folder) toRevoke(r Revoke) (found []certs.Revocation, err error) {
	add := func(c certs.Fingerprint, id string) {
		if (r.Only == nil || *r.Only == c) && !isRevoked(found, c) {
			found = append(found, certs.Revocation{Certificate: c, Identity: id, At: f.now().UTC().Truncate(time.Second), Reason: r.Reason, After: r.After})
		}
	}
	name := fileOf(r.identity()) + ".crt"
	chain, err := certs.ReadCertificates(f.Dir, name)
	switch {
	case err == nil:
		id, err := identity.OfCertificate(chain[0])
		if err != nil || !r.is(id) {
			return nil, exit.Usagef("%s in %s is that of another holder (%v, %v)", name, f.Dir, id, err)
		}
		add(certs.FingerprintOf(chain[0]), id.URI().String())
	case !errors.Is(err, fs.ErrNotExist):
		return nil, exit.Usagef("%s: %w", f.Dir, err)
	}
	issued, err := f.issued()
	if err != nil {
		return nil, err
	}
	for _, i := range issued {
		if id, err := identity.Parse(i.Identity); err == nil && r.is(id) && (id.Branch != 0 || f.now().Before(i.Until)) {
			add(i.Certificate, i.Identity)
		}
	}
	switch {
	case len(found) > 0:
	case r.Only != nil:
		add(*r.Only, strings.Replace(fileOf(r.identity()), ".", " ", 1))
	default:
		return nil, exit.Usagef("%s has no %s, nor a record of one: name the certificate with --fingerprint", f.Dir, name)
	}
	return found, nil
}

// revocations returns the list of what is revoked.
func (f *Folder) revocations() ([]certs.Revocation, error) {
	all, err := certs.ReadRevocations(f.cas())
	if err != nil {
		return nil, exit.Usagef("%s: %w", f.cas(), err)
	}
	return all, nil
}

// isRevoked reports whether a certificate is on the list.
func isRevoked(all []certs.Revocation, c certs.Fingerprint) bool {
	return slices.ContainsFunc(all, func(r certs.Revocation) bool { return r.Certificate == c })
}
