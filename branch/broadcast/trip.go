package broadcast

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// How far a peer is, and what follows: how long it is waited for, and whether a batch
// that is on its way is worth waiting for. The owner measures round trips on the links.

const (
	// farTrip is the round trip from which on a peer is far: more than the disk and the
	// work of a batch take.
	farTrip protocol.Micros = 5_000
	// tripSpan is how long the least round trip counts, and then as long again: a busy
	// machine answers late now and then, but not for that long.
	tripSpan protocol.Millis = 120_000
	// tripsAllowed is how many round trips a peer may take for anything, if that is longer
	// than the peer time-out; mostTrip bounds what one counts for that, in peer time-outs:
	// a peer that answers late on purpose is not waited for longer.
	tripsAllowed = 3
	mostTrip     = 2
	// tripWeight is how much a round trip counts beside those before it: one part in so
	// many (RFC 6298).
	tripWeight = 8
)

// trip is what is known of the round trips to a peer.
type trip struct {
	// usual is about how long one takes; 0 before the first.
	usual protocol.Micros
	// least is the shortest one of this span and of the one before; 0 for none.
	least, leastBefore protocol.Micros
	// spanAt is when this span began.
	spanAt protocol.Millis
}

// add takes one more round trip.
func (t *trip) add(now protocol.Millis, took protocol.Micros) {
	took = max(took, 1)
	if now-t.spanAt >= tripSpan {
		t.leastBefore, t.least, t.spanAt = t.least, 0, now
	}
	if t.least == 0 || took < t.least {
		t.least = took
	}
	if t.usual == 0 || took < t.usual/2 { // what came before was busy, not far: no message outruns the road
		t.usual = took
	}
	t.usual += (took - t.usual) / tripWeight
}

// isFar reports whether the peer is far. One of which nothing is known is not.
func (t *trip) isFar() bool {
	least := t.least
	if t.leastBefore > 0 {
		least = min(least, t.leastBefore)
	}
	return least >= farTrip
}

// millis is about how long one takes, in milliseconds.
func (t *trip) millis() protocol.Millis { return protocol.Millis(t.usual / 1000) }

// Measured takes a round trip to a peer, as the owner has measured it.
func (j *Journals) Measured(b ledger.BranchID, took protocol.Micros) {
	if p := j.PeerOf(b); p != nil {
		far := p.trip.isFar()
		p.trip.add(j.Now, took)
		if p.trip.isFar() != far {
			j.progress.near = least{}
		}
	}
}

// Trip returns about how long a round trip to the peer takes; 0 if that is not known.
func (p *Peer) Trip() protocol.Micros { return p.trip.usual }

// Distance returns how far a peer is, in milliseconds: those that are near are all at 0.
func (p *Peer) Distance() protocol.Millis {
	if !p.trip.isFar() {
		return 0
	}
	return p.trip.millis()
}

// bounded is about how long a round trip to a peer takes, as far as that is believed.
func (c *Core) bounded(p *Peer) protocol.Millis {
	return min(p.trip.millis(), mostTrip*c.Config.PeerTimeout)
}

// retry returns how long a peer, if there is one, may take to show what it was asked for
// before it, or another one, is asked again.
func (c *Core) retry(p *Peer) protocol.Millis {
	if p == nil {
		return fetchRetry
	}
	return max(fetchRetry, 2*c.bounded(p))
}

// gap returns how much later than a batch that depends on it another one may come on the
// direct way.
func (c *Core) gap() protocol.Millis {
	longest := protocol.Millis(0)
	for i, p := range c.Peers {
		if i != c.Self {
			longest = max(longest, c.bounded(p))
		}
	}
	return gapDelay + longest/2
}

// Timeout returns how long a peer may take: the peer time-out, or a few round trips.
func (c *Core) Timeout(p *Peer) protocol.Millis {
	return max(c.Config.PeerTimeout, tripsAllowed*c.bounded(p))
}
