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
	// need is the wait for what early batches of a peer depend on.
	need needWait
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
	if !r.founding.bank.Founded {
		return
	}
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
		if need != nil && f.need.of(need, r.now, r.head(i)) {
			r.needInVain(need, i)
			continue
		}
		if from := r.fetchFrom(i, need); from != nil {
			f.from, f.at, f.asked = from, r.now, true
			if from.doubts[i] == nil { // which asks for other batches of it
				r.want(from, i, r.head(i))
			}
			r.noteAsked(from, i)
		}
	}
}

// needWait is a wait for what a peer's early batches depend on.
type needWait struct {
	from *peer
	wait
}

func (w *needWait) of(from *peer, now Millis, head uint64) bool {
	if from != w.from {
		*w = needWait{from: from, wait: wait{at: now, head: head}}
	}
	return w.inVain(now, head)
}

// needInVain gives up the early batches of a peer that depend on more of the i-th
// journal, which it has not shown.
func (r *Replica) needInVain(p *peer, i int) {
	r.fetches[i].need = needWait{}
	r.dropEarlyOf(p)
	if !r.unappliable(i) {
		r.reject(p, BadPosition, true, "it has sent a batch that waits for more of the journal of branch %d than entry %d, and shows none", r.peers[i].branch, r.head(i))
	}
}

// unappliable reports whether more of the i-th journal may have come and not be
// applied.
func (r *Replica) unappliable(i int) bool { return r.stopped[i] || r.misfits[i] != (ledger.Hash{}) }

// noteAsked waits for a peer to show something of a journal of which it has named
// more than is here.
func (r *Replica) noteAsked(p *peer, i int) {
	switch w := p.asked[i]; {
	case p.advertised[i] <= r.head(i):
		delete(p.asked, i)
	case w == nil:
		if p.asked == nil {
			p.asked = map[int]*wait{}
		}
		p.asked[i] = &wait{at: r.now, head: r.head(i)}
	case w.inVain(r.now, r.head(i)) && i != r.self && !r.unappliable(i):
		r.reject(p, BadPosition, true, "it has entry %d of the journal of branch %d, which ends at %d here: it shows no batch that proves it", p.advertised[i], r.peers[i].branch, r.head(i))
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
	for k := range r.peers { // by turns: one that shows nothing keeps nobody else from it
		k = (f.next + 1 + k) % r.n
		if p := r.peers[k]; p.usable() && p.advertised[i] > r.head(i) {
			f.next = k
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

func (p *peer) usable() bool { return p != nil && p.linked && p.heard && !p.closing }

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
