package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// maxChain bounds the certificates of a chain: one that signs, and those that vouch for
// it.
const maxChain = 8

// split returns the certificates of a chain, each in DER. A chain is small enough to be
// read by anybody: its size is checked first.
func split(chain []byte) ([][]byte, error) {
	if n := len(chain); n > ledger.MaxChainBytes {
		return nil, fmt.Errorf("a chain of certificates has %d bytes, %d are allowed", n, ledger.MaxChainBytes)
	}
	certificates, err := x509.ParseCertificates(chain)
	if err != nil {
		return nil, fmt.Errorf("what should be a chain of certificates is none: %w", err)
	}
	if n := len(certificates); n == 0 || n > maxChain {
		return nil, fmt.Errorf("a chain of certificates has %d of them, 1 to %d are allowed", n, maxChain)
	}
	out := make([][]byte, len(certificates))
	for i, c := range certificates {
		out[i] = c.Raw
	}
	return out, nil
}

// join returns certificates as a chain.
func join(certificates [][]byte) ([]byte, error) {
	chain := bytes.Join(certificates, nil)
	if len(certificates) > maxChain || len(chain) > ledger.MaxChainBytes {
		return nil, fmt.Errorf("the chain of a certificate has %d certificates in %d bytes; %d in %d are allowed: leave out what others have", len(certificates), len(chain), maxChain, ledger.MaxChainBytes)
	}
	return chain, nil
}

// FingerprintOf returns the name of a certificate.
func FingerprintOf(certificate []byte) ledger.Fingerprint { return sha256.Sum256(certificate) }
