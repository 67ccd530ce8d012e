package main

import (
	"slices"
	"testing"
)

// A process takes all processors as long as any of its branches is behind.
func TestAProcessThatIsBehindTakesAllProcessors(t *testing.T) {
	var set []int
	p := &processors{share: 2, all: 8, behind: map[uint32]bool{}, set: func(n int) { set = append(set, n) }}
	for i, step := range []struct {
		id     uint32
		behind bool
		want   []int
	}{
		{1, false, nil},
		{1, true, []int{8}},
		{1, true, []int{8}},
		{2, true, []int{8}},
		{1, false, []int{8}},
		{1, false, []int{8}},
		{2, false, []int{8, 2}},
		{2, true, []int{8, 2, 8}},
	} {
		if p.note(step.id, step.behind); !slices.Equal(set, step.want) {
			t.Errorf("step %d: set to %v, want %v", i, set, step.want)
		}
	}
}
