package replica_test

import "testing"

// A branch is behind from the hello that tells it how much it lacks until it has
// that, if that is much.
func TestABranchIsBehindUntilItHasCaughtUp(t *testing.T) {
	for _, test := range []struct {
		name    string
		entries int
		want    bool
	}{
		{"less than counts", 9_999, false},
		{"as much as counts", 10_000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := quietBank(t, 2, 0)
			first, second := b.nodes[0], b.nodes[1]
			b.cut(first, second)
			b.record(first, 9, 1000)
			b.record(first, 1, test.entries-9000)
			b.stabilize()
			if second.replica.Behind() {
				t.Error("behind before it has heard of it")
			}
			b.heal(first, second)
			behind := false
			for len(b.transit) > 0 {
				m := b.transit[0]
				b.transit = b.transit[1:]
				b.receive(m)
				behind = behind || second.replica.Behind()
			}
			b.stabilize()
			if behind != test.want {
				t.Errorf("behind: %t, want %t", behind, test.want)
			}
			if has := second.replica.Ledger().Head(0).Sequence; second.replica.Behind() || first.replica.Behind() || has != uint64(test.entries) {
				t.Errorf("still behind: %t, with %d of %d entries; the other: %t", second.replica.Behind(), has, test.entries, first.replica.Behind())
			}
		})
	}
}
