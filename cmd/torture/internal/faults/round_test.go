package faults

import (
	"testing"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/history"
)

// TestPlanRepeats checks that a seed gives the same faults again, and that all
// kinds come up.
func TestPlanRepeats(t *testing.T) {
	b := &bank.Bank{Nodes: map[uint32]*bank.Node{}}
	for _, id := range history.BranchIDs {
		b.Nodes[id] = &bank.Node{ID: id}
	}
	seen := map[string]bool{}
	for n := range 200 {
		first, again := Plan(b, 5, n), Plan(b, 5, n)
		if first.String() != again.String() || len(first.acts) == 0 {
			t.Fatalf("round %d: %q, and again %q", n, first, again)
		}
		if first.Alone && len(first.Faults) != 1 {
			t.Errorf("round %d: %q do not strike alone", n, first)
		}
		for _, k := range first.Faults {
			seen[k.Name] = true
		}
	}
	for _, k := range Kinds {
		if !seen[k.Name] {
			t.Errorf("200 rounds without %s", k.Name)
		}
	}
}
