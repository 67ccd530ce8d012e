package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// happening is what checkReach goes through in order of time; one of its
// fields is set.
type happening struct {
	at    time.Duration
	write *write
	ack   *attempt
	read  *read
	death *death
}

// reached is what must be visible at one branch.
type reached struct {
	// least is how far each journal must be seen, and by the write whose
	// acknowledgement says so.
	least positions
	by    map[uint32]*write
	// born is when the process began at the earliest. What an earlier one had
	// confirmed may have been in its memory only, and is fetched again.
	born time.Duration
}

// checkReach checks that a write that was acknowledged as applied at every
// branch within reach is visible to whoever asks any of those afterwards.
func checkReach(h *history) error {
	branches := map[uint32]*reached{}
	for _, id := range branchIDs {
		branches[id] = &reached{least: positions{}, by: map[uint32]*write{}}
	}
	for _, x := range happenings(h) {
		switch {
		case x.death != nil:
			branches[x.death.Branch] = &reached{least: positions{}, by: map[uint32]*write{}, born: x.at}
		case x.ack != nil:
			for _, id := range x.ack.reaches() {
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
func happenings(h *history) []happening {
	var all []happening
	for _, w := range h.writes {
		for _, a := range w.Attempts {
			if a.Outcome == success {
				all = append(all, happening{at: a.Ended, write: w, ack: a})
			}
		}
	}
	for _, r := range h.reads {
		if r.Outcome == success {
			all = append(all, happening{at: r.Began, read: r})
		}
	}
	for i := range h.deaths {
		all = append(all, happening{at: h.deaths[i].At, death: &h.deaths[i]})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	return all
}

// reaches returns the branches where the acknowledged write is applied.
func (a *attempt) reaches() []uint32 {
	switch a.Level {
	case bankv1.Acknowledge_ACKNOWLEDGE_ALL:
		return branchIDs
	case bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED:
		return slices.DeleteFunc(slices.Clone(branchIDs), func(id uint32) bool { return slices.Contains(a.Unreachable, id) })
	}
	return []uint32{a.Receipt.Branch}
}

func (v *reached) note(w *write, a *attempt) {
	if w.began() > v.born && a.Receipt.Sequence > v.least[a.Receipt.Branch] {
		v.least[a.Receipt.Branch], v.by[a.Receipt.Branch] = a.Receipt.Sequence, w
	}
}

// shown checks what a query was shown.
func (v *reached) shown(r *read) error {
	for branch, sequence := range v.least {
		if r.After[branch] < sequence {
			return fmt.Errorf("not visible: customer %d's %s at branch %d (%v to %v) was shown %d entries of branch %d, and entry %d, %s %s, had been acknowledged as applied there before (%s)",
				r.Customer, r.Kind, r.Asked, r.Began, r.Ended, r.After[branch], branch, sequence, v.by[branch].Kind, v.by[branch].ID, v.by[branch].answers())
		}
	}
	return nil
}
