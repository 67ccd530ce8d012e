//go:build !race

package branch_test

import "testing"

// A deposit costs the three branches together at most this many allocations beyond those
// of the bare echo, when batches form, as they do with 32 callers. It depends on how many
// deposits share a batch, which costs what a single deposit does: most of that is in
// Connect and package net/http, which carry four messages for it.
//
// The race detector allocates too, so it is counted without.
func TestAllocationsOfADepositAtABranch(t *testing.T) {
	for _, test := range []struct {
		callers, deposits int
		most              float64
	}{{32, 5000, 8}, {1, 500, 60}} {
		c := newCounted(t)
		got := c.beyondEcho(test.callers, test.deposits)
		t.Logf("%d callers: %.1f together; %.1f at the branch that takes a deposit, %.1f at each that applies it", test.callers, got.together, got.taking, got.applying)
		if got.together > test.most {
			t.Errorf("%d callers: %.1f allocations beyond the echo, want %.0f at most", test.callers, got.together, test.most)
		}
	}
}
