package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

// first returns at most n of names.
func first(names []string, n int) []string { return names[:min(n, len(names))] }

// The accounts that come first are the same as if all were sorted, however
// accounts were opened since they were first asked for.
func TestFirstAccounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := newLedger(t, 0, 1, 2)
	for sequence := range uint64(500) {
		if _, err := l.PostBatch(seal(1, deposit(sequence+1, fmt.Sprint(random.IntN(1000)), 1))); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{3, 1, 20} {
			if diff := cmp.Diff(first(l.Accounts(), n), l.FirstAccounts(n)); diff != "" {
				t.Fatalf("%d accounts, the first %d: %s", len(l.Accounts()), n, diff)
			}
		}
	}
	states := kept(ledger.AccountState{Name: "only", Escrow: []ledger.Amount{1, 0}, Paid: []ledger.Amount{1, 0}, Last: []uint64{1, 0}})
	if err := l.Restore([]ledger.Head{{Sequence: 1}, {}}, states, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"only"}, l.FirstAccounts(20)); diff != "" {
		t.Error(diff)
	}
}

// A batch that is refused leaves no account behind that it opened, and the
// others where they are, though they share the memory with those.
func TestRefusedBatchesLeaveNoAccounts(t *testing.T) {
	l := newLedger(t, 0, 1, 2)
	const accounts = 300
	for i := range accounts {
		if _, err := l.PostBatch(seal(1, deposit(uint64(i+1), fmt.Sprintf("account %d", i), ledger.Amount(i+1)))); err != nil {
			t.Fatal(err)
		}
		before := viewOf(l)
		l.FirstAccounts(3)
		bad := seal(2,
			deposit(1, fmt.Sprintf("new %d", i), 5), transfer(2, fmt.Sprintf("new %d", i), fmt.Sprintf("a newer %d", i), 3),
			transfer(3, fmt.Sprintf("new %d", i), fmt.Sprintf("newest %d", i), 1), withdrawal(4, "account 0", 1))
		if _, err := l.PostBatch(bad); err == nil {
			t.Fatal("branch 2 paid what it does not have")
		}
		if diff := cmp.Diff(before, viewOf(l)); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(first(l.Accounts(), 3), l.FirstAccounts(3)); diff != "" {
			t.Fatal(diff)
		}
	}
	if err := l.CheckInvariants(); err != nil {
		t.Error(err)
	}
}
