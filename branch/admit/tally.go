package admit

import (
	"sync/atomic"

	"connectrpc.com/connect"
)

// Tally counts refusals by their codes. Its zero value is ready, and several goroutines may
// use it.
type Tally struct {
	// of has a count for each code, which is its index.
	of [connect.CodeUnauthenticated + 1]atomic.Uint64
}

// Add counts one more. What is no code is not counted.
func (t *Tally) Add(c connect.Code) {
	if int(c) < len(t.of) {
		t.of[c].Add(1)
	}
}

// Of returns the counts of some codes by their names, or those of all.
func (t *Tally) Of(codes ...connect.Code) map[string]uint64 {
	if len(codes) == 0 {
		for c := connect.CodeCanceled; int(c) < len(t.of); c++ {
			codes = append(codes, c)
		}
	}
	counts := make(map[string]uint64, len(codes))
	for _, c := range codes {
		counts[c.String()] = t.of[c].Load()
	}
	return counts
}
