package broadcast

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// What a Ready returns lasts until the next one, and then its memory is used again.
// There are two of each: more messages and batches may come while the owner still works
// with what it was given.

// maxHandedOut bounds the memory that is used again, in messages, in replies and in
// batches.
const maxHandedOut = 256

// handOut returns what was gathered for the owner.
func (c *Core) handOut() protocol.Ready {
	last := c.lastOut
	c.lastOut = c.out
	c.out = protocol.Ready{Messages: emptied(last.Messages), Replies: emptied(last.Replies)}
	return c.lastOut
}

// handOutCommit returns what was gathered for the disk.
func (c *Core) handOutCommit() *ledger.Commit {
	last := c.lastCommit
	c.lastCommit = c.commit
	c.commit = ledger.Commit{Batches: emptied(last.Batches), Heads: emptied(last.Heads)}
	return &c.lastCommit
}

// emptied returns the memory of a slice that nobody uses any more, with nothing in it.
func emptied[T any](used []T) []T {
	if cap(used) > maxHandedOut {
		return nil
	}
	clear(used)
	return used[:0]
}

// roomFor returns a slice with room for as many as there were the last time: a batch is
// mostly as large as the one before.
func roomFor[T any](last int) []T { return slices.Grow([]T(nil), min(max(last, 1), maxHandedOut)) }
