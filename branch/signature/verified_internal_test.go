package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"sync"
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// KnownOf returns how many certificates of a branch are known.
func (p *Signatures) KnownOf(b ledger.BranchID) int {
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	n := 0
	for _, s := range p.known.signers {
		if s.branch == b {
			n++
		}
	}
	if n != len(p.known.byBranch[b]) {
		return -1
	}
	return n
}

// keyAndOne returns a key, and a signature of it.
func keyAndOne(t testing.TB, hash ledger.Hash) (*ecdsa.PrivateKey, signed) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	value, err := sign(key, ledger.BankID{1}, hash)
	if err != nil {
		t.Fatal(err)
	}
	return key, signed{digest(ledger.BankID{1}, hash), ledger.Signature{Value: value}}
}

// A good signature is remembered, and a bad one is not. What is remembered is bounded.
func TestGoodSignaturesAreRemembered(t *testing.T) {
	v := newVerified()
	key, k := keyAndOne(t, ledger.Hash{1})
	other, _ := keyAndOne(t, ledger.Hash{2})
	if v.isGood(&other.PublicKey, k) || len(v.good) > 0 {
		t.Fatal("a bad signature is good")
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if !v.isGood(&key.PublicKey, k) {
				t.Error("a good signature is bad")
			}
		})
	}
	all.Wait()
	if !v.isGood(&other.PublicKey, k) {
		t.Error("it is checked again") // since nobody asks with another key: the certificate is part of what is remembered
	}
	for i := range 3 * maxVerified {
		v.made(signed{signature: ledger.Signature{Value: [64]byte{byte(i), byte(i >> 8), byte(i >> 16)}}})
	}
	if len(v.good) != maxVerified || len(v.ring) != maxVerified || len(v.running) > 0 {
		t.Errorf("%d signatures are remembered, in %d places, %d are being checked", len(v.good), len(v.ring), len(v.running))
	}
	if v.isGood(&other.PublicKey, k) {
		t.Error("the oldest is not forgotten")
	}
}

func BenchmarkSign(b *testing.B) {
	key, _ := keyAndOne(b, ledger.Hash{1})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := sign(key, ledger.BankID{1}, ledger.Hash{byte(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	key, k := keyAndOne(b, ledger.Hash{1})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !isOf(&key.PublicKey, k) {
				b.Fatal("it is bad")
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		v := newVerified()
		b.ReportAllocs()
		for b.Loop() {
			if !v.isGood(&key.PublicKey, k) {
				b.Fatal("it is bad")
			}
		}
	})
}
