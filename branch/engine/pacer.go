package engine

import (
	"time"

	"passbook.example/passbook/branch/ledger"
)

// Bounds of what writes wait for before they are decided.
const (
	// maxLinger is how long a write waits for the batch before it to be applied
	// at the peers, maxLingering how many writes do.
	maxLinger    = 10 * time.Millisecond
	maxLingering = 1024
	// crowdPatience is how long a write waits for the customers that were just
	// answered: as many times what the last batch took to be applied at the
	// peers.
	crowdPatience = 4
	// crowdTrials times in a row as many as are waited for have come before more
	// are waited for.
	crowdTrials = 4
)

// pacer tells which writes wait for the batch before them, as small segments do
// in TCP (Nagle, RFC 896): a batch costs every branch about the same however many
// writes are in it, so under load it is worth having few. When that batch has
// arrived they wait a while longer for the customers that were just answered, who
// mostly ask for more: otherwise the first of them would have a batch of its own,
// for which all others then wait. How many do come is learned. A single customer
// never waits, nobody waits for a peer that is far, and nobody for longer than
// maxLinger.
//
// It is a value without a clock: each method is told the time.
type pacer struct {
	// committedAt is when the last own batch was committed, arrivedAt when it
	// was applied at the peers; zero while it is on its way.
	committedAt, arrivedAt time.Time
	// crowd is how many customers' writes are in that batch.
	crowd int
	// fullAt is how many writes are enough to stop waiting.
	fullAt int
	// returning is how many writes are expected of a crowd at most; filled counts
	// the times in a row that as many came.
	returning, filled int
}

func newPacer() pacer { return pacer{returning: maxLingering} }

// linger reports whether the writes that are queued wait. propagating tells
// whether the last own batch is on its way to a peer that is near.
func (p *pacer) linger(now time.Time, queued int, propagating bool) bool {
	switch {
	case queued >= maxLingering || now.Sub(p.committedAt) >= maxLinger:
		return false
	case propagating:
		p.arrivedAt, p.fullAt = time.Time{}, maxLingering
		return true
	case p.arrivedAt.IsZero():
		p.arrivedAt, p.fullAt = now, min(p.crowd+queued, p.returning)
	}
	return queued > 0 && queued < p.fullAt && now.Before(p.until())
}

// released learns, from how many writes have waited for a crowd, how many to wait
// for the next time. Where time ran out, it is no more than came now, since others
// may wait for something else. Where all came, it is now and then more.
func (p *pacer) released(now time.Time, writes int) {
	switch {
	case writes == 0 || p.arrivedAt.IsZero():
	case writes >= p.fullAt:
		if p.filled++; p.filled == crowdTrials {
			p.returning, p.filled = p.returning+p.returning/4+1, 0
		}
		p.returning = min(max(p.returning, writes), maxLingering)
	case !now.Before(p.until()):
		p.returning, p.filled = writes, 0
	}
}

// sent takes an own batch that was committed and goes to the peers now, with how
// many customers' writes are in it. If no peer that is near can be reached it is not
// propagating: it has arrived where that is worth waiting for.
func (p *pacer) sent(now time.Time, writes int, propagating bool) {
	p.committedAt, p.arrivedAt, p.crowd = now, time.Time{}, writes
	if !propagating {
		p.arrivedAt, p.fullAt = now, 0
	}
}

// until returns how long writes linger if nothing else happens.
func (p *pacer) until() time.Time {
	until := p.committedAt.Add(maxLinger)
	if p.arrivedAt.IsZero() {
		return until
	}
	if patient := p.arrivedAt.Add(crowdPatience * p.arrivedAt.Sub(p.committedAt)); patient.Before(until) {
		return patient
	}
	return until
}

// writesOf counts the customers' writes in a commit of a branch. A list is none,
// since it is large enough to be a batch of its own.
func writesOf(c *ledger.Commit, self ledger.BranchID) int {
	n := 0
	for _, b := range c.Batches {
		if b.Batch.Branch != self {
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
