package branch

import (
	"time"

	"passbook.example/passbook/branch/ledger"
)

// Bounds of what writes wait for before they are decided.
const (
	// maxHold is how long a write waits for the batch before it to be applied
	// at the peers, maxHeldWrites how many writes do.
	maxHold       = 10 * time.Millisecond
	maxHeldWrites = 1024
	// crowdPatience is how long a write waits for the customers that were just
	// answered: as many times what the last batch took to be applied at the
	// peers.
	crowdPatience = 4
	// crowdTrials times in a row as many as are waited for have come before more
	// are waited for.
	crowdTrials = 4
)

// mustHold reports whether writes wait for the batch before them, as small
// segments do in TCP (Nagle, RFC 896): a batch costs every branch about the
// same however many writes are in it, so under load it is worth having few.
// When that batch has arrived they wait a while longer for the customers that
// were just answered, who mostly ask for more: else the first of them would
// have a batch of its own, which all others then wait for. How many do come is
// learned. A single customer never waits, and nobody for longer than maxHold.
func (l *loop) mustHold() bool {
	switch {
	case time.Since(l.committedAt) >= maxHold:
		return false
	case l.replica.Propagating():
		l.arrivedAt, l.fullAt = time.Time{}, maxHeldWrites
		return true
	case l.arrivedAt.IsZero():
		l.arrivedAt, l.fullAt = time.Now(), min(l.crowd+len(l.writes), l.returning)
	}
	return len(l.writes) > 0 && len(l.writes) < l.fullAt && time.Now().Before(l.heldUntil())
}

// noteReleased learns, from the writes that have waited for a crowd, how many to
// wait for the next time: no more than came now, where time ran out, since others
// may wait for something else; and now and then for more, where all came.
func (l *loop) noteReleased(writes int) {
	switch {
	case writes == 0 || l.arrivedAt.IsZero():
	case writes >= l.fullAt:
		if l.filled++; l.filled == crowdTrials {
			l.returning, l.filled = l.returning+l.returning/4+1, 0
		}
		l.returning = min(max(l.returning, writes), maxHeldWrites)
	case !time.Now().Before(l.heldUntil()):
		l.returning, l.filled = writes, 0
	}
}

// noteSent remembers a synced commit, whose own batch goes to the peers now. If
// none can be reached it has arrived where it can.
func (l *loop) noteSent(c *ledger.Commit) {
	l.committedAt, l.arrivedAt, l.crowd = time.Now(), time.Time{}, l.writesIn(c)
	if !l.replica.Propagating() {
		l.arrivedAt, l.fullAt = l.committedAt, 0
	}
}

// heldUntil is until when writes are held if nothing else happens.
func (l *loop) heldUntil() time.Time {
	until := l.committedAt.Add(maxHold)
	if l.arrivedAt.IsZero() {
		return until
	}
	if patient := l.arrivedAt.Add(crowdPatience * l.arrivedAt.Sub(l.committedAt)); patient.Before(until) {
		return patient
	}
	return until
}

// writesIn counts the customers' writes of a commit. A list is none, since it is
// large enough to be a batch of its own.
func (l *loop) writesIn(c *ledger.Commit) int {
	n := 0
	for _, b := range c.Batches {
		if b.Batch.Branch != l.replica.ID() {
			continue
		}
		for i := range b.Batch.Entries {
			if kind := b.Batch.Entries[i].Kind; kind != ledger.Grant && kind != ledger.Bulk {
				n++
			}
		}
	}
	return n
}
