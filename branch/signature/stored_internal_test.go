package signature

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// What a branch remembers to be on its disk is bounded.
func TestStoredCertificatesAreBounded(t *testing.T) {
	b := &Branch{stored: map[ledger.Fingerprint]bool{}, missing: map[ledger.Fingerprint]*signer{}, counts: map[ledger.BranchID]int{}}
	for i := range 3 * maxStored {
		f := ledger.Fingerprint{byte(i), byte(i >> 8)}
		s := &signer{branch: 2}
		if err := b.keep(&ledger.Outline{}, f, s); err != nil || b.counts[2] != 1 {
			t.Fatalf("certificate %d: %v, %d wait", i, err, b.counts[2])
		}
		b.noteStored(f)
		if !b.stored[f] || len(b.missing) > 0 || b.counts[2] != 0 {
			t.Fatalf("certificate %d: %d wait", i, len(b.missing))
		}
	}
	if n := len(b.stored); n > maxStored {
		t.Errorf("%d certificates are remembered", n)
	}
}
