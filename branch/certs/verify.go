package certs

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"passbook.example/passbook/branch/identity"
)

// trust is what a folder believes: the CAs, and what is revoked. It does not change.
type trust struct {
	bank              string
	branches, clients *x509.CertPool
	revoked           map[Fingerprint]Revocation
	// signers are certificates of branches whose signatures count, whatever the CAs are, with
	// the URI that each has.
	signers map[Fingerprint]string
}

// identify returns whom a chain of certificates speaks for, the first of which is its own.
// It is good at a time, for a usage.
func (t *trust) identify(chain []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) (*identity.Identity, error) {
	if r, ok := t.revoked[FingerprintOf(chain[0])]; ok {
		return nil, fmt.Errorf("it was revoked at %s", r.At.UTC().Format(time.RFC3339))
	}
	return t.issuedTo(chain, at, usage)
}

// issuedTo is identify for a certificate that may have been revoked since.
func (t *trust) issuedTo(chain []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) (*identity.Identity, error) {
	id, err := identity.OfCertificate(chain[0])
	if err != nil {
		return nil, err
	}
	if id.Bank != t.bank {
		return nil, fmt.Errorf("it is of bank %q, and this is %q", id.Bank, t.bank)
	}
	return id, t.verify(id, chain, at, usage)
}

// verify checks a chain against the CA of the kind of its holder.
func (t *trust) verify(id *identity.Identity, chain []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) error {
	roots, of := t.clients, ClientCAFile
	if id.Branch != 0 {
		roots, of = t.branches, BranchCAFile
	}
	if roots == nil {
		return fmt.Errorf("nobody's is believed: there is no %s", of)
	}
	if err := checkChain(chain); err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && at.Before(chain[0].NotBefore):
		return fmt.Errorf("it is not valid before %s, and here it is %s", chain[0].NotBefore.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("it, or one of its CAs, has expired: it was valid until %s, and here it is %s", chain[0].NotAfter.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	case errors.As(err, &unknown):
		return fmt.Errorf("no CA in %s has signed it", of)
	}
	return err
}

// Bounds of a chain that somebody shows. It is verified before he has proven that he has
// the key of the first, so anybody can make a branch do that.
const (
	maxChain     = 4
	maxCurveBits = 384
	maxRSABits   = 4096
)

// checkChain refuses chains that would take long to verify.
func checkChain(chain []*x509.Certificate) error {
	if len(chain) > maxChain {
		return fmt.Errorf("it comes with %d certificates, and at most %d are looked at: its own, and those of the CAs between", len(chain), maxChain)
	}
	for _, c := range chain {
		bits, most := 0, 0
		switch key := c.PublicKey.(type) {
		case *ecdsa.PublicKey:
			bits, most = key.Curve.Params().BitSize, maxCurveBits
		case *rsa.PublicKey:
			bits, most = key.N.BitLen(), maxRSABits
		}
		if bits > most {
			return fmt.Errorf("a key of %d bits takes too long to check: use one of at most %d", bits, most)
		}
	}
	return nil
}

// parse reads certificates in DER form.
func parse(chain [][]byte) ([]*x509.Certificate, error) {
	if len(chain) == 0 || len(chain) > maxCertificates {
		return nil, fmt.Errorf("a chain of %d certificates", len(chain))
	}
	all := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		all[i] = c
	}
	return all, nil
}
