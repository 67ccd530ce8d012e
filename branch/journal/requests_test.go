package journal_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

// Many request ids are found at once, whether they are in a table, in memory
// or gathered to be written; others are not.
func TestPositions(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.write(1, withID("b", deposit("x", 1)), deposit("x", 1), withID("a", deposit("x", 1)))
	b.close() // which puts them in a table
	b = open(t, fs)
	b.write(2, withID("d", deposit("x", 1)))
	b.writeUnsynced(1, withID("c", deposit("x", 1)))
	b.writeUnsynced(3, withID("b", deposit("x", 1))) // again: the first one counts
	got, err := b.Positions([]ledger.RequestKey{"d", "none", "a", "c", "b", "a", "aa"})
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Position{{Branch: 2, Sequence: 1}, {}, {Branch: 1, Sequence: 3}, {Branch: 1, Sequence: 4}, {Branch: 1, Sequence: 1}, {Branch: 1, Sequence: 3}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each customer has request ids of its own, in one batch and over batches, and verifying
// finds nothing wrong with that.
func TestRequestIDsOfCustomers(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.write(1, of("ann", withID("x", deposit("a", 1))), of("bob", withID("x", deposit("a", 2))))
	b.write(2, withID("x", deposit("a", 3)), of("ann", deposit("a", 4)))
	b.close()
	if found, _, _ := verify(t, fs, dir); len(found) != 0 {
		t.Errorf("findings: %v", found)
	}
	b = open(t, fs)
	for customer, want := range map[string]ledger.Position{"ann": {Branch: 1, Sequence: 1}, "bob": {Branch: 1, Sequence: 2}, "": {Branch: 2, Sequence: 1}, "eve": {}} {
		rec, ok, err := b.Request(ledger.NewRequestKey(customer, "x"))
		if err != nil || ok != (want.Branch != 0) || rec.At != want || ok && rec.Entry.Customer != customer {
			t.Errorf("customer %q: got %+v, %t, %v, want %v", customer, rec, ok, err, want)
		}
	}
}

// A commit is found even while the timer writes it.
func TestReadsWaitForWhatIsBeingWritten(t *testing.T) {
	b := open(t, vfs.NewMem())
	for round := range 20 {
		var entries []ledger.Entry
		for i := range 1000 {
			entries = append(entries, withID(fmt.Sprintf("%d-%d", round, i), deposit(fmt.Sprintf("account-%d", i), 1)))
		}
		b.writeUnsynced(1, entries...)
		last := b.Ledger.Head(0).Sequence
		for b.IsGathering() {
		}
		if _, ok, err := b.HashAt(1, last); !ok || err != nil {
			t.Fatalf("round %d: the batch that ends at %d: got %t, %v", round, last, ok, err)
		}
		at, err := b.Positions([]ledger.RequestKey{entries[len(entries)-1].RequestKey()})
		if err != nil || len(at) != 1 || at[0].Sequence != last {
			t.Fatalf("round %d: the last request id: got %v, %v, want %d", round, at, err, last)
		}
	}
}
