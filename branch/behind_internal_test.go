package branch

import (
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// Who opens a branch is told once when it begins to catch up, and once when it is
// stopped before it has.
func TestWhoOpensABranchIsToldThatItIsBehind(t *testing.T) {
	s := newOneStep(t)
	var told []bool
	s.loop.onBehind = func(behind bool) { told = append(told, behind) }
	s.loop.post(func() {
		h := helloOf2()
		h.Applied = []ledger.MarkedPosition{{Position: ledger.Position{Branch: 2, Sequence: 20_000}}}
		s.loop.replica.Receive(replica.Message{From: 2, To: 1, Frame: &replica.Frame{Hello: h}})
	})
	for range 2 {
		if err := s.loop.step(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []bool{true}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	s.loop.close()
	if want := []bool{true, false}; !slices.Equal(told, want) {
		t.Errorf("once it is stopped: told %v, want %v", told, want)
	}
}
