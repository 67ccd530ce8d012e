package signature

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// CA is the certificate authority of a bank's branches, as everybody knows it who has
// its certificates. It implements Certifier, and knows of no revocations.
type CA struct {
	bank  string
	roots *x509.CertPool
	// certificates are those in the pool.
	certificates []*x509.Certificate
}

// NewCA returns the CA of a bank that has some certificates, in PEM. Several are those of
// a CA that was renewed.
func NewCA(bank string, certificates []byte) (*CA, error) {
	ca := &CA{bank: bank, roots: x509.NewCertPool()}
	for rest := certificates; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it has a %q, where only certificates belong", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, err
		case !c.IsCA:
			return nil, fmt.Errorf("the certificate of %s in it is not one of a CA", c.Subject)
		}
		ca.roots.AddCert(c)
		ca.certificates = append(ca.certificates, c)
	}
	if len(ca.certificates) == 0 {
		return nil, errors.New("it has no certificate in PEM")
	}
	return ca, nil
}

// SignerOf implements Certifier.
func (ca *CA) SignerOf(chain [][]byte) (branch uint32, leaf *x509.Certificate, err error) {
	if len(chain) == 0 {
		return 0, nil, errors.New("there is no certificate")
	}
	if leaf, err = x509.ParseCertificate(chain[0]); err != nil {
		return 0, nil, err
	}
	between := x509.NewCertPool()
	for _, der := range chain[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return 0, nil, err
		}
		between.AddCert(c)
	}
	if err := ca.verify(leaf, between); err != nil {
		return 0, nil, err
	}
	branch, err = branchOf(leaf, ca.bank)
	return branch, leaf, err
}

// verify reports whether the CA has issued a certificate. Of the time, only that counts
// at which the certificate was good: when it began or when it ends, since the CA's own may
// have been renewed between.
func (ca *CA) verify(leaf *x509.Certificate, between *x509.CertPool) (err error) {
	if leaf.IsCA {
		return errors.New("it is the certificate of a CA, which signs no batches")
	}
	for _, at := range []time.Time{leaf.NotBefore, leaf.NotAfter} {
		_, err = leaf.Verify(x509.VerifyOptions{Roots: ca.roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err == nil {
			return nil
		}
	}
	return err
}

// RevokedFrom implements Certifier.
func (ca *CA) RevokedFrom(*x509.Certificate) (sequence uint64, revoked bool) { return 0, false }
