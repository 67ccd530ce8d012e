package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Counters count things by name.
type Counters map[string]int

// Report says what happened in a run.
type Report struct {
	// Seed decided the run. The bank had so many Branches, the run so many Steps.
	Seed     uint64 `json:"-"`
	Branches int    `json:"-"`
	Steps    int    `json:"steps"`
	// Millis is how much virtual time passed.
	Millis int64 `json:"virtualMs"`
	// Operations are the customers' calls by kind and outcome, Faults the
	// faults by kind, Paths what the protocol had to do.
	Operations Counters `json:"operations"`
	Faults     Counters `json:"faults"`
	Paths      Counters `json:"paths"`
}

// Calls returns how many calls customers made.
func (r *Report) Calls() int {
	n := 0
	for _, c := range r.Operations {
		n += c
	}
	return n
}

// Add adds the counters of another run.
func (r *Report) Add(o *Report) {
	r.Steps += o.Steps
	r.Millis += o.Millis
	for _, c := range []struct{ to, from Counters }{{r.Operations, o.Operations}, {r.Faults, o.Faults}, {r.Paths, o.Paths}} {
		for name, n := range c.from {
			c.to[name] += n
		}
	}
}

// NewReport returns a report of nothing, to add to.
func NewReport() *Report {
	return &Report{Operations: Counters{}, Faults: Counters{}, Paths: Counters{}}
}

// String implements fmt.Stringer.
func (r *Report) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d calls in %d steps and %.1f virtual seconds\n", r.Calls(), r.Steps, float64(r.Millis)/1000)
	for _, c := range []struct {
		name string
		of   Counters
	}{{"operations", r.Operations}, {"faults", r.Faults}, {"paths", r.Paths}} {
		fmt.Fprintf(&s, "%s:\n", c.name)
		for _, name := range slices.Sorted(maps.Keys(c.of)) {
			fmt.Fprintf(&s, "  %-48s %8d\n", name, c.of[name])
		}
	}
	return s.String()
}
