package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// happening is what checkReach goes through in order of time; one of its
// fields is set.
type happening struct {
	// at is when.
	at time.Duration
	// write and ack are an acknowledgement.
	write *history.Write
	ack   *history.Attempt
	// read is a query, death the end of a process.
	read  *history.Read
	death *history.Death
}

// reached is what must be visible at one branch.
type reached struct {
	// least is how far each journal must be seen, and by the write whose
	// acknowledgement says so.
	least history.Positions
	by    map[uint32]*history.Write
	// born is when the process began at the earliest. What an earlier one had
	// confirmed may have been in its memory only, and is fetched again.
	born time.Duration
}

// checkReach checks that a write that was acknowledged as applied at every
// branch within reach is visible to whoever asks any of those afterwards.
func checkReach(h *history.History) error {
	branches := map[uint32]*reached{}
	for _, id := range history.BranchIDs {
		branches[id] = &reached{least: history.Positions{}, by: map[uint32]*history.Write{}}
	}
	for _, x := range happenings(h) {
		switch {
		case x.death != nil:
			branches[x.death.Branch] = &reached{least: history.Positions{}, by: map[uint32]*history.Write{}, born: x.at}
		case x.ack != nil:
			for _, id := range x.ack.Reaches() {
				branches[id].note(x.write, x.ack)
			}
		default:
			if err := branches[x.read.Asked].shown(x.read); err != nil {
				return err
			}
		}
	}
	return nil
}

// happenings returns acknowledgements at their end, queries at their beginning,
// and deaths.
func happenings(h *history.History) []happening {
	var all []happening
	for _, w := range h.Writes {
		for _, a := range w.Attempts {
			if a.Outcome == history.Success {
				all = append(all, happening{at: a.Ended, write: w, ack: a})
			}
		}
	}
	for _, r := range h.Reads {
		if r.Outcome == history.Success {
			all = append(all, happening{at: r.Began, read: r})
		}
	}
	for i := range h.Deaths {
		all = append(all, happening{at: h.Deaths[i].At, death: &h.Deaths[i]})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	return all
}

func (v *reached) note(w *history.Write, a *history.Attempt) {
	if w.Began() > v.born && a.Receipt.Sequence > v.least[a.Receipt.Branch] {
		v.least[a.Receipt.Branch], v.by[a.Receipt.Branch] = a.Receipt.Sequence, w
	}
}

// shown checks what a query was shown.
func (v *reached) shown(r *history.Read) error {
	for branch, sequence := range v.least {
		if r.After[branch] < sequence {
			return fmt.Errorf("not visible: customer %d's %s at branch %d (%v to %v) was shown %d entries of branch %d, and entry %d, %s %s, had been acknowledged as applied there before (%s)",
				r.Customer, r.Kind, r.Asked, r.Began, r.Ended, r.After[branch], branch, sequence, v.by[branch].Kind, v.by[branch].ID, v.by[branch].Answers())
		}
	}
	return nil
}
