package lamport

import (
	"cmp"
	"slices"
)

// complete makes the parts that the files don't have from the one that they have: what
// happened in a process is in part 3, too.
func (t *Trace) complete() {
	if !t.read.events || t.Edition == Edition2020 {
		return
	}
	if !t.read.customers {
		t.Customers = t.read.histories(Customer)
	}
	if !t.read.branches {
		t.Branches = t.read.histories(Branch)
	}
}

// histories returns the processes of a kind that part 3 tells of, by id, each with its
// events by clock.
func (r *reading) histories(kind Kind) []History {
	places := make(map[int64]int)
	var all []History
	for _, e := range r.flat {
		if e.Kind != kind {
			continue
		}
		at, ok := places[e.ID]
		if !ok {
			at = len(all)
			places[e.ID] = at
			all = append(all, History{Process: e.Process})
		}
		all[at].Events = append(all[at].Events, e.Event)
	}
	for _, h := range all {
		slices.SortStableFunc(h.Events, func(a, b Event) int { return cmp.Compare(a.Clock, b.Clock) })
	}
	slices.SortFunc(all, func(a, b History) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
