package certs_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature"
)

// noStore is the disk of a branch that has nothing.
type noStore struct{}

func (noStore) Certificate(ledger.Fingerprint) ([]byte, error) { return nil, nil }
func (noStore) HashAt(ledger.BranchID, uint64) (ledger.Hash, bool, error) {
	return ledger.Hash{}, false, nil
}

// A folder is what journals are signed with: it has the keys, says whose certificates are,
// and from where on one does not count. What changes there is taken up.
func TestJournalsAreSignedFromAFolder(t *testing.T) {
	b := certstest.New(t, "bank")
	first := b.Branch(t, 2)
	b.Branch(t, 1)
	c := &clock{at: time.Now()}
	f, err := certs.Open(b.Dir, "bank", certs.Options{Branches: []uint32{1, 2}, Clock: c.now})
	if err != nil {
		t.Fatal(err)
	}
	bank := ledger.Bank{Name: "bank", ID: ledger.BankID{1}, Founded: true}
	all := signature.New(f, signature.Options{})
	f.OnChange(all.Recheck)
	writer, err := all.Branch(2, bank, noStore{})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := all.Branch(1, bank, noStore{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(sequence uint64) (*ledger.Sealed, error) {
		s := ledger.NewSealed(&ledger.Batch{Branch: 2, FirstSequence: sequence, Entries: []ledger.Entry{{Sequence: sequence, Clock: sequence, Kind: ledger.Deposit, Account: "shared", Amount: 1}}})
		return s, writer.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: s, Made: true}}})
	}
	var batches []*ledger.Sealed
	for i := range uint64(3) {
		s, err := write(i + 1)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := reader.Check(&s.Outline, ledger.BankID{}); !ok {
			t.Errorf("entry %d: %v", i+1, err)
		}
		batches = append(batches, s)
	}
	if got := ledger.Fingerprint(certs.FingerprintOf(first.Leaf)); batches[0].Signature.Certificate != got {
		t.Errorf("it signs with %v, want %v", batches[0].Signature.Certificate, got)
	}
	revoke(t, b, first.Leaf, 2)
	c.pass(time.Second)
	for i, want := range []bool{true, true, false} {
		if ok, err := reader.Check(&batches[i].Outline, ledger.BankID{}); ok != want {
			t.Errorf("revoked after entry 2: entry %d counts %t, %v", i+1, ok, err)
		}
	}
	if _, err := write(4); err == nil || !strings.Contains(err.Error(), "revoked from entry 3 on") {
		t.Errorf("it signs with a certificate that is revoked: %v", err)
	}
	second := b.Branch(t, 2)
	c.pass(time.Second)
	s, err := write(3)
	if err != nil || s.Signature.Certificate != ledger.Fingerprint(certs.FingerprintOf(second.Leaf)) {
		t.Fatalf("with another certificate: %v", err)
	}
	if ok, err := reader.Check(&s.Outline, ledger.BankID{}); !ok {
		t.Errorf("with another certificate: %v", err)
	}
	revoke(t, b, second.Leaf, math.MaxUint64)
	c.pass(time.Second)
	if from, revoked := f.RevokedFrom(second.Leaf); from != math.MaxUint64 || !revoked {
		t.Errorf("revoked from %d on, %t", from, revoked)
	}
}
