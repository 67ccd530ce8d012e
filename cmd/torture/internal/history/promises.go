package history

import (
	"fmt"
	"slices"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Promised says whether an attempt's answer promises that the write survives
// the loss of the disk of the branch that recorded it.
func (a *Attempt) Promised() bool {
	if a.Outcome != Success {
		return false
	}
	switch a.Level {
	case bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
		return false
	case bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY, bankv1.Acknowledge_ACKNOWLEDGE_ALL, bankv1.Acknowledge_ACKNOWLEDGE_NEAREST:
		return true
	}
	for _, id := range BranchIDs {
		if id != a.Receipt.Branch && !slices.Contains(a.Unreachable, id) {
			return true
		}
	}
	return false
}

// Reaches returns the branches where the acknowledged write is applied.
func (a *Attempt) Reaches() []uint32 {
	switch a.Level {
	case bankv1.Acknowledge_ACKNOWLEDGE_ALL:
		return BranchIDs
	case bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED:
		return slices.DeleteFunc(slices.Clone(BranchIDs), func(id uint32) bool { return slices.Contains(a.Unreachable, id) })
	}
	return []uint32{a.Receipt.Branch}
}

// Answers lists what the attempts of a write were answered.
func (w *Write) Answers() string {
	s := ""
	for i, a := range w.Attempts {
		if i > 0 {
			s += "; "
		}
		s += fmt.Sprintf("%s at branch %d (%v to %v) %s", a.Outcome, a.Asked, a.Began, a.Ended, a.Text)
	}
	return s
}
