package replica_test

import "testing"

// An entry is everywhere once the last peer has confirmed it, and not while
// one that is cut off has not.
func TestEverywhereIsWhatTheLastPeerHasConfirmed(t *testing.T) {
	b := quietBank(t, 3, 0)
	first := b.nodes[0]
	want := func(when string, sequence uint64) {
		t.Helper()
		if got := first.replica.Everywhere(); got != sequence {
			t.Errorf("%s: entry %d is everywhere, want %d", when, got, sequence)
		}
	}
	want("at first", 0)
	b.record(first, 1, 1)
	want("recorded", 0)
	b.stabilize()
	want("propagated", 1)
	first.replica.LinkDown(3)
	b.record(first, 2, 1)
	b.stabilize()
	want("one is away", 1)
}
