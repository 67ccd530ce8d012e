package replica

// pace is how fast a peer is sent what it has missed. One that comes back takes
// what it is sent as fast as it can, of the network, of the disks, and of the
// processors where branches share a machine. So while customers write here, a
// peer that lacks more than what is in memory is sent one window at a time, and
// between two of them there is a rest, as long as it took to take the last one: a
// machine that is slower by then gets longer rests. In a quiet bank there is
// none. Nor is there any once the peer has what there was when it came back: it
// is reachable then, and everybody waits for it.
type pace struct {
	// filledAt is when the first batch of the last window was sent, or what the
	// peer asked for of other journals, if asked is set.
	filledAt Millis
	asked    bool
	// restsUntil is when the next one may be.
	restsUntil Millis
}

// mayFill reports whether a peer may be sent own batches now, as far as its window
// allows.
func (r *Replica) mayFill(p *peer) bool {
	return !r.isPaced(p) || r.inMemory(p.next) || len(p.inflight) == 0 && r.now >= p.pace.restsUntil
}

// mayServe reports whether a peer may be sent now what it has asked for.
func (r *Replica) mayServe(p *peer) bool { return !r.isPaced(p) || r.now >= p.pace.restsUntil }

// isPaced reports whether a peer has to rest at times: nobody waits for it, and
// customers write here.
func (r *Replica) isPaced(p *peer) bool { return !p.reachable && r.isBusy() }

// inMemory reports whether an own batch is there without a look at the disk.
func (r *Replica) inMemory(sequence uint64) bool {
	recent := r.own.recent
	return len(recent) > 0 && recent[0].Span.First <= sequence
}

// isBusy reports whether this branch has written lately.
func (r *Replica) isBusy() bool { return r.own.wrote && r.now-r.own.wroteAt < busyFor }

// rest has a peer rest that has taken what it was sent.
func (r *Replica) rest(p *peer) {
	p.pace.restsUntil = max(p.pace.restsUntil, r.now+min(r.now-p.pace.filledAt, maxRest))
	p.pace.asked = false
}

// rests reports whether something waits until a peer has rested.
func (r *Replica) rests(p *peer) bool {
	waits := len(p.wants) > 0 || p.next <= r.head(r.self) && len(p.inflight) == 0
	return waits && r.isPaced(p) && r.now < p.pace.restsUntil
}

// wake returns when a peer that rests may be sent more.
func (r *Replica) wake(p *peer) Millis { return min(p.pace.restsUntil, r.own.wroteAt+busyFor) }
