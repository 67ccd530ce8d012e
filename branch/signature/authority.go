package signature

import (
	"crypto/tls"
	"crypto/x509"
)

// Certifier says for whom certificates speak. Package certs has one that reads a folder,
// and CA is one.
type Certifier interface {
	// SignerOf returns the branch for which the first certificate of a chain speaks, by
	// the word of the bank's CA, and that certificate. It returns an error for a
	// certificate of another CA or bank, and for one of a client. Whether the certificate
	// has expired does not count.
	SignerOf(chain [][]byte) (branch uint32, leaf *x509.Certificate, err error)
	// RevokedFrom returns from which entry of its branch's journal on what a certificate
	// has signed does not count; false if all of it counts.
	RevokedFrom(leaf *x509.Certificate) (sequence uint64, revoked bool)
}

// Authority is a Certifier that has the keys of branches, too.
type Authority interface {
	Certifier
	// Signing returns the certificate with which a branch signs now, and its key. It is
	// called for each batch: it returns another one when there is one.
	Signing(branch uint32) (tls.Certificate, error)
}
