package ledger

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint names a certificate: the SHA-256 of its encoding (DER).
type Fingerprint [sha256.Size]byte

// String implements fmt.Stringer.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// SignatureBytes is the size of what proves who has written a batch.
const SignatureBytes = 64

// Signature says who has written a batch, and proves it. It goes where the batch goes,
// and is no part of its hash. The ledger and the protocol only carry it along: whoever
// owns them has checked it.
type Signature struct {
	// Certificate is the one whose key has signed.
	Certificate Fingerprint
	// Value is an ECDSA signature on P-256: r and s, of 32 bytes each.
	Value [SignatureBytes]byte
}

// Certificate is a certificate whose key has signed a batch, with those that vouch for
// it.
type Certificate struct {
	// Fingerprint names it.
	Fingerprint Fingerprint
	// Chain has the certificates in DER, one after the other: first the one that has
	// signed, then those that vouch for it, as far as not everybody knows them.
	Chain []byte
}

// MaxChainBytes bounds a chain of certificates.
const MaxChainBytes = 16 << 10
