package ledger_test

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

func seal(branch ledger.BranchID, entries ...ledger.Entry) *ledger.Sealed {
	return ledger.NewSealed(&ledger.Batch{Branch: branch, Epoch: 3, FirstSequence: entries[0].Sequence, Entries: entries})
}

func TestPostBatch(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	s := seal(2, deposit(1, "a", 7), transfer(2, "a", "b", 3), grant(3, "b", 1, 1))
	posted, err := l.PostBatch(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ledger.Posted{{Balance: 7}, {Balance: 4, ToBalance: 3}, {Balance: 3}}, posted); diff != "" {
		t.Error(diff)
	}
	want := ledger.Head{Sequence: 3, Hash: s.Hash, Epoch: 3}
	if got := l.Head(1); got != want {
		t.Errorf("head %+v, want %+v", got, want)
	}
}

// A batch that breaks a rule anywhere changes nothing at all.
func TestPostBatchIsAtomic(t *testing.T) {
	for _, test := range []struct {
		name  string
		batch *ledger.Sealed
	}{
		{"the first entry", seal(2, withdrawal(2, "shared", 100))},
		{"the last entry", seal(2, deposit(2, "shared", 1), deposit(3, "new", 1), withdrawal(4, "new", 2))},
		{"after a transfer back and forth", seal(2, transfer(2, "shared", "new", 3), transfer(3, "new", "shared", 3), grant(4, "shared", 2, 1))},
		{"after a bulk", seal(2, bulk(2, "+new:5 -shared:3 +newer:1 -newer:1"), bulk(3, "+new:5 -newest:1"))},
		{"a bulk after a deposit into what it pays from", seal(2, deposit(2, "new", 1), bulk(3, "+newer:1 -new:1"), withdrawal(4, "new", 1))},
		{"after a grant", seal(2, grant(2, "shared", 1, 5), withdrawal(3, "shared", 100))},
		{"a gap", seal(2, deposit(2, "shared", 1), deposit(4, "shared", 1))},
		{"a stranger", seal(7, deposit(1, "shared", 1))},
		{"an overflow", seal(2, deposit(2, "shared", 1), deposit(3, "shared", ledger.MaxAmount/2))},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, 20, 1, 2)
			if _, err := l.PostBatch(seal(2, deposit(1, "shared", 1))); err != nil {
				t.Fatal(err)
			}
			l.TakeTouched()
			before := viewOf(l)
			if _, err := l.PostBatch(test.batch); err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(before, viewOf(l)); diff != "" {
				t.Errorf("the ledger changed: %s", diff)
			}
			if touched := l.TakeTouched(); touched != nil {
				t.Errorf("accounts count as changed: %+v", touched)
			}
			// And it goes on as if nothing had been there.
			if _, err := l.PostBatch(seal(2, deposit(2, "new", 1))); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was touched before a batch that fails still is after it.
func TestPostBatchKeepsWhatWasTouched(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	if _, err := l.PostBatch(seal(1, deposit(1, "a", 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := l.PostBatch(seal(2, deposit(1, "a", 1), deposit(2, "b", 1), withdrawal(3, "b", 9))); err == nil {
		t.Fatal("no error")
	}
	want := []ledger.AccountState{{Name: "a", Escrow: []ledger.Amount{1, 0}, Paid: []ledger.Amount{1, 0}, Last: []uint64{1, 0}}}
	if diff := cmp.Diff(want, l.TakeTouched()); diff != "" {
		t.Error(diff)
	}
	if again := l.TakeTouched(); again != nil {
		t.Errorf("touched again: %+v", again)
	}
}

func TestOpenSealedRefuses(t *testing.T) {
	batch := func(change func(*ledger.Batch)) *ledger.Sealed {
		b := &ledger.Batch{Branch: 2, FirstSequence: 1, Entries: []ledger.Entry{deposit(1, "a", 1), deposit(2, "a", 1)}}
		change(b)
		return ledger.NewSealed(b)
	}
	for _, test := range []struct {
		name   string
		change func(*ledger.Batch)
	}{
		{"no branch", func(b *ledger.Batch) { b.Branch = 0 }},
		{"no first sequence", func(b *ledger.Batch) { b.FirstSequence = 0 }},
		{"no entries", func(b *ledger.Batch) { b.Entries = nil }},
		{"another first sequence", func(b *ledger.Batch) { b.FirstSequence = 2 }},
		{"a gap", func(b *ledger.Batch) { b.Entries[1].Sequence = 3 }},
		{"sequences that overflow", func(b *ledger.Batch) {
			b.FirstSequence, b.Entries[0].Sequence, b.Entries[1].Sequence = 1<<64-1, 1<<64-1, 0
		}},
		{"a clock that stands", func(b *ledger.Batch) { b.Entries[1].Clock = b.Entries[0].Clock }},
		{"a clock of 0", func(b *ledger.Batch) { b.Entries[0].Clock = 0 }},
		{"an amount of 0", func(b *ledger.Batch) { b.Entries[0].Amount = 0 }},
		{"a negative amount", func(b *ledger.Batch) { b.Entries[0].Amount = -1 }},
		{"no account", func(b *ledger.Batch) { b.Entries[0].Account = "" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := batch(test.change)
			if _, err := ledger.OpenSealed(s.Bytes, s.Hash); !errors.Is(err, ledger.ErrBatchFormat) {
				t.Errorf("got %v, want %v", err, ledger.ErrBatchFormat)
			}
		})
	}
	s := batch(func(*ledger.Batch) {})
	if _, err := ledger.OpenSealed(s.Bytes, ledger.Hash{}); !errors.Is(err, ledger.ErrBatchHash) {
		t.Errorf("another hash: got %v, want %v", err, ledger.ErrBatchHash)
	}
	large := make([]byte, ledger.MaxBatchBytes+1)
	if _, err := ledger.OpenSealed(large, sha256.Sum256(large)); !errors.Is(err, ledger.ErrBatchSize) {
		t.Errorf("too many bytes: got %v, want %v", err, ledger.ErrBatchSize)
	}
	many := batch(func(b *ledger.Batch) {
		b.Entries = nil
		for i := range ledger.MaxBatchEntries + 1 {
			b.Entries = append(b.Entries, deposit(uint64(i+1), "a", 1))
		}
	})
	if _, err := ledger.OpenSealed(many.Bytes, many.Hash); !errors.Is(err, ledger.ErrBatchSize) {
		t.Errorf("too many entries: got %v, want %v", err, ledger.ErrBatchSize)
	}
	for _, tt := range []struct {
		bytes []byte
		hash  ledger.Hash
		want  error
	}{
		{s.Bytes, ledger.Hash{}, ledger.ErrBatchHash},
		{large, sha256.Sum256(large), ledger.ErrBatchSize},
		{many.Bytes, many.Hash, ledger.ErrBatchSize},
		{s.Bytes[:len(s.Bytes)-1], sha256.Sum256(s.Bytes[:len(s.Bytes)-1]), ledger.ErrBatchFormat},
	} {
		if _, err := ledger.ReadOutline(tt.bytes, tt.hash); !errors.Is(err, tt.want) {
			t.Errorf("outline of %d bytes: got %v, want %v", len(tt.bytes), err, tt.want)
		}
	}
}
