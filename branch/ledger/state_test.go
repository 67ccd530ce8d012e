package ledger_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

// kept gives the states of accounts in the same memory, as a disk may.
func kept(accounts ...ledger.AccountState) iter.Seq2[*ledger.AccountState, error] {
	return func(yield func(*ledger.AccountState, error) bool) {
		var one ledger.AccountState
		for _, a := range accounts {
			one.Name = a.Name
			one.Escrow, one.Paid, one.Last = append(one.Escrow[:0], a.Escrow...), append(one.Paid[:0], a.Paid...), append(one.Last[:0], a.Last...)
			if !yield(&one, nil) {
				return
			}
		}
	}
}

// A ledger restored from what its commits held goes on as the first one.
func TestRestore(t *testing.T) {
	first := newLedger(t, 20, 1, 2)
	opening := ledger.AccountState{Name: "shared", Escrow: []ledger.Amount{10, 10}, Paid: []ledger.Amount{10, 10}, Last: []uint64{0, 0}}
	disk := map[string]ledger.AccountState{"shared": opening}
	for _, s := range []*ledger.Sealed{
		seal(1, transfer(1, "shared", "a", 7)), seal(2, deposit(1, "b", 2)), seal(1, grant(2, "a", 2, 3), withdrawal(3, "a", 4)),
	} {
		if _, err := first.PostBatch(s); err != nil {
			t.Fatal(err)
		}
		for _, a := range first.TakeTouched() {
			// What is taken lasts until more is.
			disk[a.Name] = ledger.AccountState{Name: a.Name, Escrow: slices.Clone(a.Escrow), Paid: slices.Clone(a.Paid), Last: slices.Clone(a.Last)}
		}
	}
	second := newLedger(t, 20, 1, 2)
	accounts := kept(disk["b"], disk["shared"], disk["a"])
	if err := second.Restore([]ledger.Head{first.Head(0), first.Head(1)}, accounts, first.Clock()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(viewOf(first), viewOf(second)); diff != "" {
		t.Error(diff)
	}
	for _, l := range []*ledger.Ledger{first, second} {
		if _, err := l.PostBatch(seal(2, withdrawal(2, "a", 3))); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(viewOf(first), viewOf(second)); diff != "" {
		t.Error(diff)
	}
}

// A state that is damaged is refused, and changes nothing.
func TestRestoreRefuses(t *testing.T) {
	good := func() ledger.AccountState {
		return ledger.AccountState{Name: "a", Escrow: []ledger.Amount{1, 2}, Paid: []ledger.Amount{3, 0}, Last: []uint64{1, 0}}
	}
	for _, test := range []struct {
		name   string
		heads  int
		change func(*ledger.AccountState)
	}{
		{"a missing journal", 1, func(*ledger.AccountState) {}},
		{"a missing escrow", 2, func(a *ledger.AccountState) { a.Escrow = a.Escrow[:1] }},
		{"a missing payment", 2, func(a *ledger.AccountState) { a.Paid = nil }},
		{"a missing last entry", 2, func(a *ledger.AccountState) { a.Last = a.Last[:1] }},
		{"a negative escrow", 2, func(a *ledger.AccountState) { a.Escrow = []ledger.Amount{-1, 4} }},
		{"sums that differ", 2, func(a *ledger.AccountState) { a.Paid[0]++ }},
		{"an overflow", 2, func(a *ledger.AccountState) { a.Escrow = []ledger.Amount{ledger.MaxAmount, ledger.MaxAmount} }},
		{"an account twice", 2, func(a *ledger.AccountState) { a.Name = "b" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, 20, 1, 2)
			before := viewOf(l)
			a, b := good(), good()
			b.Name = "b"
			test.change(&a)
			if err := l.Restore(make([]ledger.Head, test.heads), kept(b, a), 9); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff(before, viewOf(l)); diff != "" {
				t.Errorf("the ledger changed: %s", diff)
			}
		})
	}
}

// An account that can't be read ends the restoring, and changes nothing.
func TestRestoreStopsAtAnError(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	before := viewOf(l)
	rotten := errors.New("rotten")
	err := l.Restore(make([]ledger.Head, 2), func(yield func(*ledger.AccountState, error) bool) {
		_ = yield(&ledger.AccountState{Name: "a", Escrow: []ledger.Amount{1, 2}, Paid: []ledger.Amount{3, 0}, Last: []uint64{1, 0}}, nil) && yield(nil, rotten)
	}, 9)
	if !errors.Is(err, rotten) {
		t.Errorf("got error %v, want %v", err, rotten)
	}
	if diff := cmp.Diff(before, viewOf(l)); diff != "" {
		t.Errorf("the ledger changed: %s", diff)
	}
}

// The memory of the states is used again, and nothing of what was there before
// shows.
func TestTakeTouchedUsesItsMemoryAgain(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	post := func(s *ledger.Sealed) []ledger.AccountState {
		t.Helper()
		if _, err := l.PostBatch(s); err != nil {
			t.Fatal(err)
		}
		return l.TakeTouched()
	}
	first := post(seal(2, deposit(1, "a", 1), deposit(2, "b", 1)))
	second := post(seal(1, deposit(1, "c", 4)))
	want := []ledger.AccountState{{Name: "c", Escrow: []ledger.Amount{4, 0}, Paid: []ledger.Amount{4, 0}, Last: []uint64{1, 0}}}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
	if &first[0] != &second[0] {
		t.Error("the memory is not used again")
	}
}
