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

// step asks peers for what this branch lacks of journals whose writers don't send
// it: they are cut off or down, or the journal is its own. As long as a journal
// grows, nothing is asked for that waits for it: a branch that comes back is sent
// several long journals at once, which wait for each other by turns.
func (in *intake) step() {
	if !in.founding.bank.Founded {
		return
	}
	needs := in.earlyNeeds()
	for i := in.fetching.next(0); i >= 0; i = in.fetching.next(i + 1) {
		f := &in.fetches[i]
		closed := in.stopped[i] || i == in.self && in.state != Recovering
		if closed || in.writesHere(i) && (needs == nil || !needs[i].late || in.now-f.appliedAt < gapDelay) {
			f.asked, f.again = false, false
			in.fetching.remove(i)
			continue
		}
		var need *peer
		if needs != nil {
			need = needs[i].from
		}
		if need != nil && f.need.of(need, in.now, in.head(i)) {
			in.needInVain(need, i)
			continue
		}
		if from := in.fetchFrom(i, need); from != nil {
			f.from, f.at, f.asked = from, in.now, true
			if from.doubts[i] == nil { // which asks for other batches of it
				in.want(from, i, in.head(i))
			}
			in.awaitShown(from, i)
		}
	}
}

// nextTick returns when a search in what a peer has, or a fetch, goes on.
func (in *intake) nextTick() Millis {
	next := never
	if !in.gapped.empty() {
		next = in.now + gapDelay
	}
	for i := in.fetching.next(0); i >= 0; i = in.fetching.next(i + 1) {
		if f := &in.fetches[i]; f.asked {
			next = min(next, f.at+fetchRetry)
		}
	}
	for k := in.doubting.next(0); k >= 0; k = in.doubting.next(k + 1) {
		if p := in.peers[k]; !p.closing { // else they end with its link
			for _, d := range p.doubts {
				next = min(next, d.askedAt+fetchRetry)
			}
		}
	}
	return next
}

// lostLink forgets what came early on a link that is gone, and fetches the journal
// of its peer elsewhere.
func (in *intake) lostLink(p *peer) {
	in.fetching.add(p.index)
	in.doubting.remove(p.index)
	in.dropEarly(p.index)
	in.dropEarlyOf(p)
}

// mayFetch considers the i-th journal in the next step.
func (in *intake) mayFetch(i int) { in.fetching.add(i) }

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
func (in *intake) needInVain(p *peer, i int) {
	in.fetches[i].need = needWait{}
	in.dropEarlyOf(p)
	if !in.unappliable(i) {
		in.alarms.reject(p, BadPosition, true, "it has sent a batch that waits for more of the journal of branch %d than entry %d, and shows none", in.peers[i].branch, in.head(i))
	}
}

// unappliable reports whether more of the i-th journal may have come and not be
// applied.
func (in *intake) unappliable(i int) bool { return in.stopped[i] || in.misfits[i] != (ledger.Hash{}) }

// awaitShown waits for a peer to show something of a journal of which it has named
// more than is here.
func (in *intake) awaitShown(p *peer, i int) {
	switch w := p.asked[i]; {
	case p.advertised[i] <= in.head(i):
		delete(p.asked, i)
	case w == nil:
		if p.asked == nil {
			p.asked = map[int]*wait{}
		}
		p.asked[i] = &wait{at: in.now, head: in.head(i)}
	case w.inVain(in.now, in.head(i)) && i != in.self && !in.unappliable(i):
		in.alarms.reject(p, BadPosition, true, "it has entry %d of the journal of branch %d, which ends at %d here: it shows no batch that proves it", p.advertised[i], in.peers[i].branch, in.head(i))
	}
}

// fetchFrom returns the peer to ask for the i-th journal now, or nil. need is
// one that sent a batch which depends on more of it.
func (in *intake) fetchFrom(i int, need *peer) *peer {
	f := &in.fetches[i]
	if f.again {
		f.again = false
		if f.from.usable() {
			return f.from
		}
	}
	if f.asked && in.now-f.at < fetchRetry {
		return nil
	}
	for k := range in.peers { // by turns: a peer that shows nothing does not keep others from being asked
		k = (f.next + 1 + k) % in.n
		if p := in.peers[k]; p.usable() && p.advertised[i] > in.head(i) {
			f.next = k
			return p
		}
	}
	if need != nil {
		return need
	}
	if i == in.self {
		f.asked = false
		return nil
	}
	asked := f.asked // or give the writer a moment first
	f.asked, f.at = true, in.now
	if !asked {
		return nil
	}
	return in.nextUsable(f)
}

// earlyNeed is the need of a batch that waits for more of a journal.
type earlyNeed struct {
	// from is the peer that sent the batch.
	from *peer
	// late says that it has waited so long that the writer is not waited for.
	late bool
}

// earlyNeeds returns by journal what early batches wait for, or nil when there
// are none.
func (in *intake) earlyNeeds() []earlyNeed {
	var needs []earlyNeed
	for k := in.gapped.next(0); k >= 0; k = in.gapped.next(k + 1) {
		q := &in.early[k]
		if !q.from.usable() {
			continue
		}
		if needs == nil {
			needs = make([]earlyNeed, in.n)
		}
		late := in.now-q.since >= gapDelay
		need := func(i int) {
			needs[i] = earlyNeed{from: q.from, late: needs[i].late || late}
			in.fetching.add(i)
		}
		s := q.batches[0]
		if s.Batch.FirstSequence > in.head(k)+1 {
			need(k)
		}
		for _, a := range s.Batch.After {
			if i, ok := in.ledger.Index(a.Branch); ok && a.Sequence > in.head(i) {
				need(i)
			}
		}
	}
	return needs
}

// writesHere reports whether the writer of the i-th journal sends it itself.
func (in *intake) writesHere(i int) bool { return i != in.self && in.peers[i].usable() }

// nextUsable returns the linked peers in turn.
func (in *intake) nextUsable(f *fetch) *peer {
	for range in.n {
		f.next = (f.next + 1) % in.n
		if p := in.peers[f.next]; f.next != in.self && p.usable() {
			return p
		}
	}
	return nil
}
