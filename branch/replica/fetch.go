package replica

import (
	"passbook.example/passbook/branch/ledger"
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
	// appliedAt is when a batch of the journal was last applied.
	appliedAt Millis
}

// fetchMissing asks peers for what this branch lacks of journals whose writers
// don't send it: they are cut off or down, or the journal is its own. As long
// as a journal goes on, what waits for it is not asked for: a branch that comes
// back is sent several long ones at once, which wait for each other by turns.
func (r *Replica) fetchMissing() {
	needs := r.earlyNeeds()
	for i := r.fetching.next(0); i >= 0; i = r.fetching.next(i + 1) {
		f := &r.fetches[i]
		closed := r.stopped[i] || i == r.self && r.recovery.state != Recovering
		if closed || r.writesHere(i) && (needs == nil || !needs[i].late || r.now-f.appliedAt < gapDelay) {
			f.asked, f.again = false, false
			r.fetching.remove(i)
			continue
		}
		var need *peer
		if needs != nil {
			need = needs[i].from
		}
		if from := r.fetchFrom(i, need); from != nil {
			f.from, f.at, f.asked = from, r.now, true
			frame := r.frameTo(from)
			frame.Wants = append(frame.Wants, ledger.Position{Branch: r.peers[i].branch, Sequence: r.head(i)})
		}
	}
}

// fetchFrom returns the peer to ask for the i-th journal now, or nil. need is
// one that sent a batch which depends on more of it.
func (r *Replica) fetchFrom(i int, need *peer) *peer {
	f := &r.fetches[i]
	if f.again {
		f.again = false
		if f.from.usable() {
			return f.from
		}
	}
	if f.asked && r.now-f.at < fetchRetry {
		return nil
	}
	for _, p := range r.peers {
		if p.usable() && p.advertised[i] > r.head(i) {
			return p
		}
	}
	if need != nil {
		return need
	}
	if i == r.self {
		f.asked = false
		return nil
	}
	asked := f.asked // or give the writer a moment first
	f.asked, f.at = true, r.now
	if !asked {
		return nil
	}
	return r.nextUsable(f)
}

// earlyNeed is who sent a batch that waits for more of a journal.
type earlyNeed struct {
	from *peer
	// late says that it has waited so long that the writer is not waited for.
	late bool
}

// earlyNeeds returns by journal what early batches wait for, or nil when there
// are none.
func (r *Replica) earlyNeeds() []earlyNeed {
	var needs []earlyNeed
	for k := r.gapped.next(0); k >= 0; k = r.gapped.next(k + 1) {
		q := &r.early[k]
		if !q.from.usable() {
			continue
		}
		if needs == nil {
			needs = make([]earlyNeed, r.n)
		}
		late := r.now-q.since >= gapDelay
		need := func(i int) {
			needs[i] = earlyNeed{from: q.from, late: needs[i].late || late}
			r.fetching.add(i)
		}
		s := q.batches[0]
		if s.Batch.FirstSequence > r.head(k)+1 {
			need(k)
		}
		for _, a := range s.Batch.After {
			if i, ok := r.ledger.Index(a.Branch); ok && a.Sequence > r.head(i) {
				need(i)
			}
		}
	}
	return needs
}

// writesHere reports whether the writer of the i-th journal sends it itself.
func (r *Replica) writesHere(i int) bool { return i != r.self && r.peers[i].usable() }

func (p *peer) usable() bool { return p != nil && p.linked && p.heard }

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
