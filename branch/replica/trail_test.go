package replica_test

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A branch that was marked and has written since answers for the times of its latest
// entries, and for no time long ago.
func TestTrailsAreBounded(t *testing.T) {
	const mark, maxTrail, entries = 1 << 16, 4096, 6000
	b := quietBank(t, 3, 90)
	second := b.nodes[1]
	look := func(by ledger.BranchID, at uint64) *protocol.CollectAnswer {
		return b.asks(second, by, protocol.Collect{ID: at, Account: ledger.SharedAccount, Collect: at, Look: 1, Mark: at})
	}
	if a := look(1, mark); !a.Marked || a.Paid != 30 {
		t.Fatalf("it answers %+v, want that it is marked, with 30", a)
	}
	b.record(second, entries/100, 100) // the first of them at mark+1
	for _, test := range []struct {
		at     uint64
		marked bool
	}{{mark + 10, false}, {mark + entries - maxTrail/2, true}, {mark + entries, true}, {mark + entries + 1, true}} {
		a := look(3, test.at)
		if want := 30 + ledger.Amount(test.at-mark-1); a.Marked != test.marked || a.Marked && a.Paid != want {
			t.Errorf("at %d after the mark it answers %+v, want marked: %v, with %d", test.at-mark, a, test.marked, want)
		}
	}
}

// A trail is forgotten a while after the last mark.
func TestTrailsExpire(t *testing.T) {
	const mark = 1 << 16
	b := quietBank(t, 3, 90)
	second := b.nodes[1]
	look := func(at uint64) *protocol.CollectAnswer {
		return b.asks(second, 3, protocol.Collect{ID: at, Account: ledger.SharedAccount, Collect: at, Look: 1, Mark: at})
	}
	look(mark)
	b.record(second, 2, 1)
	b.stabilize()
	if a := look(mark + 1); !a.Marked || a.Paid != 30 {
		t.Errorf("it answers %+v, want that it is marked, with 30", a)
	}
	b.tick(4 * peerTimeout)
	if a := look(mark + 2); a.Marked {
		t.Errorf("it answers %+v for a time long ago", a)
	}
	if next, ok := second.replica.NextTick(); ok && next <= b.now+protocol.DeadlineGrain {
		t.Errorf("it wants to be told the time at %d though nothing waits", next)
	}
}
