package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A branch that has got its own journal back is at the time of the last entry in it, and
// can't be marked with an earlier one.
func TestABranchThatHasLostItsDiskIsNotMarkedBelowItsEntries(t *testing.T) {
	b := quietBank(t, 3, 30)
	second := b.node(2)
	b.asks(second, 1, protocol.Collect{Account: "a", Collect: 1, Look: 1, Mark: 1 << 20}) // later than others
	b.deposits(second, protocol.Local)
	b.stabilize()
	b.crash(second)
	second.disk.Wipe()
	b.restart(second, false)
	b.stabilize()
	if got := second.replica.Ledger().Head(1).Sequence; got != 1 {
		t.Fatalf("it has %d entries of its own", got)
	}
	last := second.replica.Ledger().Clock()
	mark := protocol.Collect{Account: ledger.SharedAccount, Collect: 2, Look: 1, Mark: last}
	if a := b.asks(second, 1, mark); a.Marked || a.Clock < last {
		t.Errorf("marked at %d, with an entry at that time: %+v", last, a)
	}
	mark.Mark = last + 1
	if a := b.asks(second, 1, mark); !a.Marked || a.Paid != 11 {
		t.Errorf("not marked after its last entry: %+v", a)
	}
}

// An own entry that a peer shows is in no mark and in no trail.
func TestAnOwnEntryThatComesBackSpoilsMarks(t *testing.T) {
	b := quietBank(t, 2, 30)
	first := b.node(1)
	mark := protocol.Collect{Account: ledger.SharedAccount, Collect: 1, Look: 1, Mark: 1 << 20}
	if a := b.asks(first, 2, mark); !a.Marked {
		t.Fatalf("it answers %+v, want that it is marked", a)
	}
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: b.depositBatches(1, 1, 1)}})
	b.turn(first)
	if got := first.replica.Ledger().Head(0).Sequence; got != 1 {
		t.Fatalf("%d own entries are here, want the one that has come back", got)
	}
	earlier := mark
	earlier.Collect, earlier.Mark = 2, 1
	if a := b.asks(first, 2, earlier); a.Marked {
		t.Errorf("marked at the time of the entry: %+v", a)
	}
	mark.Look = 2
	if a := b.asks(first, 2, mark); a.Intact {
		t.Error("the mark is intact, and the entry not in it")
	}
}

// A mark has held only as long as the branch remembers it, and is confirmed once.
func TestAMarkThatIsLostHasNotHeld(t *testing.T) {
	const at = 1 << 20
	tests := map[string]struct {
		change func(b *bank, n *node)
		look   protocol.Collect
		intact bool
	}{
		"kept":                 {func(*bank, *node) {}, protocol.Collect{Collect: 1, Mark: at}, true},
		"of another snapshot":  {func(*bank, *node) {}, protocol.Collect{Collect: 2, Mark: at}, false},
		"of another time":      {func(*bank, *node) {}, protocol.Collect{Collect: 1, Mark: at + 1}, false},
		"forgotten after long": {func(b *bank, _ *node) { b.pass(4*peerTimeout, 100) }, protocol.Collect{Collect: 1, Mark: at}, false},
		"lost in a crash": {func(b *bank, n *node) {
			b.crash(n)
			b.restart(n, false)
			b.stabilize()
		}, protocol.Collect{Collect: 1, Mark: at}, false},
		"confirmed before": {func(b *bank, n *node) {
			b.asks(n, 1, protocol.Collect{Account: "a", Collect: 1, Look: 2, Mark: at})
		}, protocol.Collect{Collect: 1, Mark: at}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 3, 30)
			second := b.node(2)
			if a := b.asks(second, 1, protocol.Collect{Account: "a", Collect: 1, Look: 1, Mark: at}); !a.Marked {
				t.Fatalf("not marked: %+v", a)
			}
			test.change(b, second)
			test.look.Account, test.look.Look = "a", 2
			if a := b.asks(second, 1, test.look); a.Intact != test.intact {
				t.Errorf("%+v, want intact: %t", a, test.intact)
			}
		})
	}
}

// asking asks a branch for the strong balance of an account.
func (b *bank) asking(n *node, account string) {
	b.calls++
	n.calls[b.calls] = pendingCall{name: fmt.Sprint("query ", b.calls)}
	n.replica.Ask(protocol.Query{ID: b.calls, Account: account, Strong: true, Deadline: b.now + 100_000})
}

// marksOf returns the times with which a branch has been marked.
func (b *bank) marksOf(to ledger.BranchID) (times []uint64) {
	for _, m := range b.transit {
		if m.To == to && m.Collect != nil && m.Collect.Mark > 0 && m.Collect.Look == 1 {
			times = append(times, m.Collect.Mark)
		}
	}
	return times
}

// Queries that come soon after the one for which a snapshot has begun share the next one.
func TestQueriesShareASnapshot(t *testing.T) {
	const pause, queries = 3, 10
	b := quietBank(t, 2, 20)
	first := b.nodes[0]
	for range queries {
		b.asking(first, "a")
	}
	b.turn(first)
	if got := b.marksOf(2); len(got) != 1 {
		t.Fatalf("%d queries at once: marks at %d", queries, got)
	}
	for range pause - 1 {
		b.now++
		b.asking(first, "a")
		b.turn(first)
	}
	if got := b.marksOf(2); len(got) != 1 {
		t.Fatalf("before the pause is over: marks at %d", got)
	}
	b.now++
	b.turn(first)
	if got := b.marksOf(2); len(got) != 2 || got[1] <= got[0] {
		t.Fatalf("after it: marks at %d", got)
	}
	b.asking(first, "b") // has nothing to do with that
	b.turn(first)
	if got := b.marksOf(2); len(got) != 3 {
		t.Errorf("another account: marks at %d", got)
	}
	b.stabilize()
	if got := strings.Count(b.out.String(), "balance 0"); got != queries+pause {
		t.Errorf("%d queries are answered, want %d: %s", got, queries+pause, b.out)
	}
}

// The snapshots that a branch takes at once are bounded.
func TestSnapshotsAreBounded(t *testing.T) {
	const bound, over = 1024, 6
	b := quietBank(t, 2, 20)
	first := b.nodes[0]
	for i := range bound + over {
		b.asking(first, fmt.Sprint("account ", i))
	}
	b.turn(first)
	if got := strings.Count(b.out.String(), protocol.ErrQueueFull.Error()); got != over {
		t.Errorf("%d queries were refused for the bound, want %d", got, over)
	}
	b.stabilize()
	if got := strings.Count(b.out.String(), "balance 0"); got != bound {
		t.Errorf("%d queries were answered, want %d", got, bound)
	}
}

// A peer that always says to be at the time of a mark already makes a snapshot begin again
// only so often. Then the branch looks at the account.
func TestASnapshotBeginsAgainAFewTimes(t *testing.T) {
	const tries = 4
	b := quietBank(t, 2, 20)
	first := b.nodes[0]
	b.strong(first)
	var marks []uint64
	var last *protocol.Collect
	for {
		c := b.asked(1, 2)
		b.transit = nil
		if last = c; c == nil || c.Mark == 0 {
			break
		}
		if c.Look == 1 {
			marks = append(marks, c.Mark)
		}
		b.receive(protocol.Message{From: 2, To: 1, CollectAnswer: &protocol.CollectAnswer{ID: c.ID, Clock: c.Mark + 10}})
	}
	if len(marks) != tries || !slices.IsSorted(marks) {
		t.Errorf("marks at %d, want %d, each later than the one before", marks, tries)
	}
	if last == nil || last.Look != 1 {
		t.Errorf("it goes on with %+v, want a look", last)
	}
}
