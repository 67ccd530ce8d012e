package replica

import (
	"slices"

	"passbook/branch/ledger"
)

// fetch is how a journal, or a part of one, is asked for from a branch that
// does not send it by itself: a branch that is down does not keep its entries
// from spreading.
type fetch struct {
	// from is the peer asked last, at when; asked says that there was one, or
	// that the time for one has begun.
	from  *peer
	at    Millis
	asked bool
	// again says that what was asked for has come: there may be more.
	again bool
	// next is where the search for a peer goes on.
	next int
}

// fetchMissing asks peers for what this branch lacks of journals whose writers
// don't send it: they are cut off or down, or the journal is its own.
func (r *Replica) fetchMissing() {
	early := slices.ContainsFunc(r.early, func(q earlyBatches) bool { return len(q.batches) > 0 })
	for i := range r.peers {
		if r.forked[i] || i == r.self && r.recovery.state != Recovering || !early && r.writesHere(i) {
			continue
		}
		if from := r.fetchFrom(i); from != nil {
			f := &r.fetches[i]
			f.from, f.at, f.asked = from, r.now, true
			frame := from.out()
			frame.Wants = append(frame.Wants, ledger.Position{Branch: r.peers[i].branch, Sequence: r.head(i)})
		}
	}
}

// fetchFrom returns the peer to ask for the i-th journal now, or nil.
func (r *Replica) fetchFrom(i int) *peer {
	f := &r.fetches[i]
	writes := r.writesHere(i)
	if f.again {
		f.again = false
		if !writes && f.from.usable() {
			return f.from
		}
	}
	if f.asked && r.now-f.at < fetchRetry {
		return nil
	}
	if from := r.holder(i, writes); from != nil {
		return from
	}
	if writes || i == r.self {
		f.asked = false
		return nil
	}
	if !f.asked { // give the writer a moment first
		f.asked, f.at = true, r.now
		return nil
	}
	return r.nextUsable(f)
}

// writesHere reports whether the writer of the i-th journal sends it itself.
func (r *Replica) writesHere(i int) bool { return i != r.self && r.peers[i].usable() }

func (p *peer) usable() bool { return p != nil && p.linked && p.heard }

// holder returns a peer that is known to have more of the i-th journal: it
// said so at hello, or it sent a batch that depends on more.
func (r *Replica) holder(i int, writes bool) *peer {
	for _, p := range r.peers {
		if !writes && p.usable() && p.advertised[i] > r.head(i) {
			return p
		}
	}
	for k := range r.early {
		q := &r.early[k]
		if len(q.batches) == 0 || !q.from.usable() || writes && r.now-q.since < gapDelay {
			continue
		}
		if s := q.batches[0]; k == i && s.Batch.FirstSequence > r.head(i)+1 || r.dependsOn(s, i) {
			return q.from
		}
	}
	return nil
}

// dependsOn reports whether a batch waits for more of the i-th journal.
func (r *Replica) dependsOn(s *ledger.Sealed, i int) bool {
	for _, a := range s.Batch.After {
		if a.Branch == r.peers[i].branch && a.Sequence > r.head(i) {
			return true
		}
	}
	return false
}

// nextUsable returns the linked peers in turn.
func (r *Replica) nextUsable(f *fetch) *peer {
	for range r.n {
		f.next = (f.next + 1) % r.n
		if p := r.peers[f.next]; f.next != r.self && p.usable() {
			return p
		}
	}
	return nil
}
