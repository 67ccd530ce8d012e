package signature

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"passbook.example/passbook/branch/ledger"
)

// maxKnown bounds the certificates of one branch that are known to a process. There are
// rarely two that count. Those that a journal names are on disk, too.
const maxKnown = 64

// signer is a certificate whose key may sign for a branch. It does not change.
type signer struct {
	branch ledger.BranchID
	key    *ecdsa.PublicKey
	leaf   *x509.Certificate
	// chain is as it came.
	chain []byte
}

// wrote returns an error unless a batch is signed by the certificate, which must be one
// of the batch's writer and count at its place. isGood checks the signature itself.
func (s *signer) wrote(o *ledger.Outline, bank ledger.BankID, c Certifier, isGood func(*ecdsa.PublicKey, signed) bool) error {
	switch from, revoked := c.RevokedFrom(s.leaf); {
	case s.branch != o.Span.Branch:
		return fmt.Errorf("it is signed with a certificate of branch %d", s.branch)
	case revoked && o.Span.Last >= from:
		return &revokedError{o.Signature.Certificate, from}
	case !isGood(s.key, signed{digest(bank, o.Hash), *o.Signature}):
		return errors.New("its signature is wrong")
	}
	return nil
}

// revokedError says that what a certificate signs does not count any more.
type revokedError struct {
	certificate ledger.Fingerprint
	from        uint64 // the first entry that does not count
}

// Error implements error.
func (e *revokedError) Error() string {
	return fmt.Sprintf("it is signed with certificate %.8s…, which is revoked from entry %d on", e.certificate, e.from)
}

// known are the certificates that this process knows, by their fingerprints.
type known struct {
	certifier Certifier

	mu sync.Mutex
	// signers are those that the certifier vouches for; byBranch has the fingerprints of
	// each branch, oldest first. Invariant: these are the same certificates.
	signers  map[ledger.Fingerprint]*signer
	byBranch map[ledger.BranchID][]ledger.Fingerprint
}

func newKnown(c Certifier) known {
	return known{certifier: c, signers: map[ledger.Fingerprint]*signer{}, byBranch: map[ledger.BranchID][]ledger.Fingerprint{}}
}

// of returns a certificate; nil if it is not known.
func (k *known) of(f ledger.Fingerprint) *signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signers[f]
}

// learn adds the first certificate of a chain, if the certifier vouches for it, and
// returns its fingerprint. When a branch has too many, it forgets the oldest one.
func (k *known) learn(chain []byte) (ledger.Fingerprint, *signer, error) {
	certificates, err := split(chain)
	if err != nil {
		return ledger.Fingerprint{}, nil, err
	}
	f := FingerprintOf(certificates[0])
	if s := k.of(f); s != nil {
		return f, s, nil
	}
	s, err := vouched(k.certifier, certificates, chain)
	if err != nil {
		return f, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if other := k.signers[f]; other != nil {
		return f, other, nil
	}
	own := k.byBranch[s.branch]
	if len(own) >= maxKnown {
		delete(k.signers, own[0])
		own = own[1:]
	}
	k.byBranch[s.branch] = append(own, f)
	k.signers[f] = s
	return f, s, nil
}

// vouched returns the signer that a chain is about.
func vouched(c Certifier, certificates [][]byte, chain []byte) (*signer, error) {
	branch, leaf, err := c.SignerOf(certificates)
	if err != nil {
		return nil, fmt.Errorf("certificate %.8s…: %w", FingerprintOf(certificates[0]), err)
	}
	key, err := keyOf(leaf.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("certificate %.8s…: %w", FingerprintOf(certificates[0]), err)
	}
	return &signer{branch: ledger.BranchID(branch), key: key, leaf: leaf, chain: chain}, nil
}

// recheck forgets the certificates that the certifier no longer vouches for.
func (k *known) recheck() {
	k.mu.Lock()
	all := maps.Clone(k.signers)
	k.mu.Unlock()
	for f, s := range all {
		certificates, err := split(s.chain)
		if err == nil {
			_, err = vouched(k.certifier, certificates, s.chain) // which may call recheck
		}
		if err != nil {
			k.forget(f, s)
		}
	}
}

// forget forgets a certificate.
func (k *known) forget(f ledger.Fingerprint, s *signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signers[f] != nil {
		delete(k.signers, f)
		k.byBranch[s.branch] = slices.DeleteFunc(k.byBranch[s.branch], func(o ledger.Fingerprint) bool { return o == f })
	}
}
