package journal

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// cursor is at the next batch of one journal.
type cursor struct {
	iter   *pebble.Iterator // over the journal's batches
	branch ledger.BranchID  // the journal's writer
	index  int              // of branch in Journal.branches
	stored storedBatch      // in the memory of iter, as sealed is: both last until it moves
	sealed *ledger.Sealed   // what stored says
	done   bool             // there is no further batch
}

// read decodes the batch that the iterator was moved to, if there is one.
func (c *cursor) read(ok bool) (err error) {
	if !ok {
		c.done = true
		return c.iter.Error()
	}
	c.stored, c.sealed, err = current(c.iter)
	return err
}

// inOrder visits all batches of all journals in the order in which the branch
// has applied them, until visit errs. unreadable returns the error for a batch
// that can't be read, after the one that its cursor was at.
func (j *Journal) inOrder(visit func(*cursor) error, unreadable func(*cursor, error) error) (err error) {
	cursors := make([]*cursor, len(j.branches))
	defer func() {
		for _, c := range cursors {
			if c != nil {
				err = errors.Join(err, c.iter.Close())
			}
		}
	}()
	for i, b := range j.branches {
		iter, err := j.batches(b, 0, 1<<64-1)
		if err != nil {
			return err
		}
		cursors[i] = &cursor{iter: iter, branch: b, index: i}
		if err := cursors[i].read(iter.First()); err != nil {
			return unreadable(cursors[i], err)
		}
	}
	for {
		var first *cursor
		for _, c := range cursors {
			if !c.done && (first == nil || c.stored.order < first.stored.order) {
				first = c
			}
		}
		if first == nil {
			return nil
		}
		if err := visit(first); err != nil {
			return err
		}
		if err := first.read(first.iter.Next()); err != nil {
			return unreadable(first, err)
		}
	}
}
