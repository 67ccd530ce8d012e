package journal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/ledger"
)

func branchIDs(n int) []ledger.BranchID {
	var ids []ledger.BranchID
	for i := range n {
		ids = append(ids, ledger.BranchID(2*i+1))
	}
	return ids
}

// fill writes a deposit of every branch.
func fill(t *testing.T, j *Journal, l *ledger.Ledger) {
	t.Helper()
	c := &ledger.Commit{Sync: true}
	for i, b := range l.Branches() {
		e := ledger.Entry{Sequence: l.Head(i).Sequence + 1, Clock: l.Clock() + 1, Kind: ledger.Deposit, Account: fmt.Sprint("account", i), Amount: 1, RequestID: fmt.Sprint(b, l.Clock())}
		s := ledger.NewSealed(&ledger.Batch{Branch: b, Epoch: 1, FirstSequence: e.Sequence, Entries: []ledger.Entry{e}, PrevHash: l.Head(i).Hash})
		posted, err := l.PostBatch(s)
		if err != nil {
			t.Fatal(err)
		}
		c.Batches = append(c.Batches, ledger.StoredBatch{Sealed: s, Posted: posted})
		c.Heads = append(c.Heads, ledger.BranchHead{Branch: b, Head: l.Head(i)})
	}
	c.Accounts, c.Clock = l.TakeTouched(), l.Clock()
	if err := j.Commit(c); err != nil {
		t.Fatal(err)
	}
}

// Keys that grow at their end and keys that lie anywhere are in different tables, and
// so are the batches of different groups of branches.
func TestTablesOfAFlushAreApart(t *testing.T) {
	for _, tt := range []struct{ branches, groups int }{{1, 1}, {3, 3}, {8, 8}, {9, 5}, {50, 8}} {
		id := Identity{Branch: 1, Branches: branchIDs(tt.branches)}
		j, s, err := Open("data", id, Options{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, j, s.Ledger)
		if err := j.db.Flush(); err != nil {
			t.Fatal(err)
		}
		levels, err := j.db.SSTables()
		if err != nil {
			t.Fatal(err)
		}
		batches, others := 0, 0
		for _, table := range slices.Concat(levels...) {
			first, last := table.Smallest.UserKey, table.Largest.UserKey
			switch {
			case first[0] == batchTable && last[0] == batchTable:
				batches++
			case first[0] == last[0], first[0] >= headTable && last[0] <= metaTable:
				others++
			default:
				t.Errorf("%d branches: a table has keys from %q to %q", tt.branches, first, last)
			}
		}
		// Opening has flushed the identity before.
		if batches != tt.groups || others < 4 {
			t.Errorf("%d branches: %d tables of batches and %d others, want %d and at least 4", tt.branches, batches, others, tt.groups)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A table always has room for the key that it begins with, whatever that is.
func TestTablesEndAfterTheyBegin(t *testing.T) {
	for _, n := range []int{0, 1, 3, 50, 1000} {
		ids := branchIDs(n)
		s := splitter{groups: groupsOf(ids)}
		keys := [][]byte{{}, {0}, {batchTable}, {batchTable, 0, 0}, {batchTable, 0xff, 0xff, 0xff, 0xff, 0xff}, identityKey, stateKey, {headTable}, {requestTable}, {statementTable, 1}, {0xff}}
		for _, b := range ids {
			keys = append(keys, appendBatchKey(nil, b, 1), appendBatchKey(nil, b+1, 1<<63))
		}
		for _, key := range keys {
			if end := s.end(key); end != nil && bytes.Compare(end, key) <= 0 {
				t.Errorf("%d branches: a table that begins with %q ends before %q", n, key, end)
			}
		}
	}
}
