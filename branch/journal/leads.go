package journal

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// A journal with a number that no writer can have reached was written by a branch
// that believed a message that lied. It can't go on: its next clock or epoch would
// wrap, or be refused by everybody. So the branch does not start.

// checkLeads reports the first batch whose clock or epoch is further ahead of
// what was applied before it than a writer can be. If no number is that large, it
// reads no batch.
func (j *Journal) checkLeads(heads []ledger.Head, clock uint64) error {
	far := clock > ledger.MaxClockLead
	for _, h := range heads {
		far = far || h.Epoch > ledger.MaxEpochLead
	}
	if !far {
		return nil
	}
	epochs, reached := make([]uint64, len(heads)), uint64(0)
	return j.inOrder(func(c *cursor) error {
		b := c.sealed.Batch
		if err := ledger.CheckLead(b, epochs[c.index], reached); err != nil {
			return j.damaged(batchName(b.Branch, b.LastSequence()), "%v; some message lied, and the branch believed it: passbook verify shows all such places", err)
		}
		epochs[c.index], reached = b.Epoch, max(reached, b.Entries[len(b.Entries)-1].Clock)
		return nil
	}, func(_ *cursor, err error) error { return err })
}

// checkBoot reports a count of boots that no next boot can follow: the peers
// would not believe its batches.
func checkBoot(boots, head uint64) error {
	if boots > head && boots-head > ledger.MaxEpochLead {
		return fmt.Errorf("it counts %d boots, and the journal ends with one of boot %d: they may be at most %d apart", boots, head, uint64(ledger.MaxEpochLead))
	}
	if boots >= ledger.MaxEpoch {
		return fmt.Errorf("it counts %d boots, and the highest possible number is %d", boots, uint64(ledger.MaxEpoch))
	}
	return nil
}
