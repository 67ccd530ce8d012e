package ledger

import (
	"fmt"

	"passbook.example/passbook/branch/code"
)

// Bounds of the numbers in a batch. If a branch accepted any number from a peer, a
// lie could be so large that the branch's own journal can't go on after it.
const (
	// MaxClock bounds Lamport times.
	MaxClock = 1 << 62
	// MaxEpoch bounds the numbers of boots.
	MaxEpoch = 1 << 62
	// MaxSequence bounds the sequences of entries.
	MaxSequence = 1 << 62
	// MaxSequenceLead is how far the entries that a customer has seen elsewhere may
	// be ahead of those that are applied here: how much a branch can lack.
	MaxSequenceLead = 1 << 32
	// MaxClockLead is how far the clock of a batch may run ahead of all that was
	// applied before it. A writer counts on by one, or from the time of a snapshot, so an
	// honest one never does.
	MaxClockLead = 1 << 32
	// MaxEpochLead is how far the boot of a batch may be from that of the batch
	// before it: how often a branch may have started without writing.
	MaxEpochLead = 1 << 32
)

// LeadError says that a batch runs ahead of the entries before it by more than
// a writer can.
type LeadError struct {
	// Branch and Sequence name the batch by its last entry.
	Branch   BranchID
	Sequence uint64
	// What is "clock" or "epoch". Got is its value in the batch, Before the value
	// that it follows, and Lead how far it may be ahead.
	What              string
	Got, Before, Lead uint64
}

// Error implements error.
func (e *LeadError) Error() string {
	return fmt.Sprintf("the %s of entry %d of branch %d is %d, after %d: it may be at most %d ahead", e.What, e.Sequence, e.Branch, e.Got, e.Before, e.Lead)
}

// Code returns invalid_argument.
func (e *LeadError) Code() code.Code { return code.InvalidArgument }

// Field names the field of a message that is at fault.
func (e *LeadError) Field() string { return e.What }

// CheckLead returns a *LeadError if a batch that is next in the i-th journal runs
// ahead of what is applied by more than a writer can.
func (l *Ledger) CheckLead(i int, b *Batch) *LeadError {
	return CheckLead(b, l.heads[i].Epoch, l.clock)
}

// CheckLead is [Ledger.CheckLead] for a batch that follows a given epoch of its
// journal and a given clock of all applied entries.
func CheckLead(b *Batch, epoch, clock uint64) *LeadError {
	last := b.Entries[len(b.Entries)-1].Clock
	switch {
	case last > clock && last-clock > MaxClockLead:
		return &LeadError{Branch: b.Branch, Sequence: b.LastSequence(), What: "clock", Got: last, Before: clock, Lead: MaxClockLead}
	case b.Epoch > epoch && b.Epoch-epoch > MaxEpochLead:
		return &LeadError{Branch: b.Branch, Sequence: b.LastSequence(), What: "epoch", Got: b.Epoch, Before: epoch, Lead: MaxEpochLead}
	}
	return nil
}

// checkNumbers reports numbers that no batch can have, whatever came before it.
func (b *Batch) checkNumbers() error {
	switch {
	case b.Epoch > MaxEpoch:
		return fmt.Errorf("its epoch %d is over %d", b.Epoch, uint64(MaxEpoch))
	case b.FirstSequence > MaxSequence:
		return fmt.Errorf("its first sequence %d is over %d", b.FirstSequence, uint64(MaxSequence))
	}
	var before BranchID
	for _, a := range b.After {
		switch {
		case a.Branch <= before:
			return fmt.Errorf("it names branch %d after branch %d: they must ascend", a.Branch, before)
		case a.Branch == b.Branch:
			return fmt.Errorf("it comes after its own branch %d", a.Branch)
		case a.Sequence == 0 || a.Sequence > MaxSequence:
			return fmt.Errorf("it comes after entry %d of branch %d: there is none", a.Sequence, a.Branch)
		}
		before = a.Branch
	}
	return nil
}
