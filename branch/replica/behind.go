package replica

// behind is what this branch lacks of the journals as its peers had them when
// they said hello.
type behind struct {
	// ends are where each journal ends at the peer that has most of it.
	ends []uint64
	// far is whether behindFrom entries of one were missing, and some still are.
	far bool
}

// hear learns how far a peer has applied the i-th journal.
func (b *behind) hear(i int, sequence, head uint64) {
	b.ends[i] = max(b.ends[i], sequence)
	b.far = b.far || sequence >= head+behindFrom
}

// forget learns anew what the peers that are linked have said.
func (b *behind) forget(r *Replica) {
	if !b.far {
		return
	}
	clear(b.ends)
	for _, p := range r.peers {
		for i, end := range p.advertised {
			b.ends[i] = max(b.ends[i], end)
		}
	}
}

// Behind reports whether this branch catches up with what its peers have written
// while it was away, and has so much of it to apply that this is most of what it
// does.
func (r *Replica) Behind() bool {
	if !r.behind.far {
		return false
	}
	for i, end := range r.behind.ends {
		if !r.stopped[i] && r.head(i) < end {
			return true
		}
	}
	r.behind.far = false
	return false
}
