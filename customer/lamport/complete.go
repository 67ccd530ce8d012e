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

// Missing returns the parts that are not there, in a trace that was read. What they would
// have said was not checked.
func (t *Trace) Missing() []string {
	if t.read == nil {
		return nil
	}
	var missing []string
	for _, part := range []struct {
		there bool
		name  string
	}{
		{t.read.customers || t.Edition == Edition2020, "the customers (part 1)"},
		{t.read.branches, "the branches (part 2)"},
		{t.read.events, "the list of all events (part 3)"},
	} {
		if !part.there {
			missing = append(missing, part.name)
		}
	}
	return missing
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
