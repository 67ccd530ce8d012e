package broadcast

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// fetch says how a journal, or a part of one, is asked for from a branch that does
// not send it by itself. So the entries of a branch that is down spread, too.
type fetch struct {
	// from is the peer that was asked last, at is when. asked says that there was
	// one, or that the writer has begun to be late.
	from  *Peer
	at    protocol.Millis
	asked bool
	// again says that batches have come since: there may be more.
	again bool
	// need is the wait for what early batches of a peer depend on.
	need needWait
	// next is where the search for a peer goes on.
	next int
	// appliedAt is when a batch of the journal was last applied.
	appliedAt protocol.Millis
}

// step asks peers for the parts of journals that this branch lacks and their writers
// don't send: they are cut off or down, or the journal is this branch's own. A
// journal that its writer sends is not asked for while it grows, although others wait
// for it: a branch that comes back is sent several long journals at once, which wait
// for one another in turn.
func (in *intake) step() {
	if !in.founding.bank.Founded {
		return
	}
	in.askToFill()
	needs := in.earlyNeeds()
	for i := in.fetching.next(0); i >= 0; i = in.fetching.next(i + 1) {
		f := &in.fetches[i]
		closed := in.stopped[i] || i == in.Self && in.State != protocol.Recovering
		if closed || in.writesHere(i) && (needs == nil || !needs[i].late || in.Now-f.appliedAt < in.gap()) {
			f.asked, f.again = false, false
			in.fetching.remove(i)
			continue
		}
		var need *Peer
		if needs != nil {
			need = needs[i].from
		}
		if need != nil && f.need.of(need, in.Now, in.Head(i)) {
			in.needInVain(need, i)
			continue
		}
		if from := in.fetchFrom(i, need); from != nil {
			f.from, f.at, f.asked = from, in.Now, true
			if from.doubts[i] == nil { // a doubt asks for other batches of it
				in.want(from, i, in.Head(i))
			}
			in.awaitShown(from, i)
		}
	}
}

// nextTick returns when a doubt or a fetch goes on.
func (in *intake) nextTick() protocol.Millis {
	next := protocol.Never
	if len(in.pending.batches) > 0 && in.pending.askAgainAt > in.Now {
		next = in.pending.askAgainAt
	}
	if !in.gapped.empty() {
		next = min(next, in.Now+gapDelay) // or earlier than need be
	}
	for i := in.fetching.next(0); i >= 0; i = in.fetching.next(i + 1) {
		if f := &in.fetches[i]; f.asked {
			next = min(next, f.at+in.retry(f.from))
		}
	}
	for k := in.doubting.next(0); k >= 0; k = in.doubting.next(k + 1) {
		if p := in.Peers[k]; !p.closing { // else they end with its link
			for _, d := range p.doubts {
				next = min(next, d.askedAt+in.retry(p))
			}
		}
	}
	return next
}

// lostLink forgets the batches that came early on a link that is gone, and fetches
// the journal of its peer elsewhere.
func (in *intake) lostLink(p *Peer) {
	in.fetching.add(p.Index)
	in.doubting.remove(p.Index)
	in.dropEarly(p.Index)
	in.dropEarlyOf(p)
}

// mayFetch considers the i-th journal in the next step.
func (in *intake) mayFetch(i int) { in.fetching.add(i) }

// needWait is a wait for what a peer's early batches depend on.
type needWait struct {
	from *Peer
	wait
}

func (w *needWait) of(from *Peer, now protocol.Millis, head uint64) bool {
	if from != w.from {
		*w = needWait{from: from, wait: wait{at: now, head: head}}
	}
	return w.inVain(now, head)
}

// needInVain gives up the early batches of a peer that depend on more of the i-th
// journal than it has shown.
func (in *intake) needInVain(p *Peer, i int) {
	in.fetches[i].need = needWait{}
	in.dropEarlyOf(p)
	if !in.unappliable(i) {
		in.alarms.Reject(p, protocol.BadPosition, true, "it has sent a batch that waits for more of the journal of branch %d than entry %d, and shows none", in.Peers[i].Branch, in.Head(i))
	}
}

// unappliable reports whether more of the i-th journal may have come that could not
// be applied, or may not count any more: perhaps that is not decided yet at the peer.
func (in *intake) unappliable(i int) bool {
	return in.stopped[i] || in.misfits[i] != (ledger.Hash{}) || in.forks.of(in.Peers[i].Branch)
}

// awaitShown waits for a peer to show something of a journal of which it has named
// more than is here.
func (in *intake) awaitShown(p *Peer, i int) {
	switch w := p.asked[i]; {
	case p.advertised[i] <= in.Head(i):
		delete(p.asked, i)
	case w == nil:
		if p.asked == nil {
			p.asked = map[int]*wait{}
		}
		p.asked[i] = &wait{at: in.Now, head: in.Head(i)}
	case w.inVain(in.Now, in.Head(i)) && i != in.Self && !in.unappliable(i):
		in.alarms.Reject(p, protocol.BadPosition, true, "it has entry %d of the journal of branch %d, which ends at %d here: it shows no batch that proves it", p.advertised[i], in.Peers[i].Branch, in.Head(i))
	}
}

// fetchFrom returns the peer to ask for the i-th journal now, or nil. need is
// a peer that sent a batch that depends on more of it.
func (in *intake) fetchFrom(i int, need *Peer) *Peer {
	f := &in.fetches[i]
	if f.again {
		f.again = false
		if f.from.Usable() {
			return f.from
		}
	}
	if f.asked && in.Now-f.at < in.retry(f.from) {
		return nil
	}
	for k := range in.Peers { // in turn: a peer that shows nothing does not keep others from being asked
		k = (f.next + 1 + k) % in.N
		if p := in.Peers[k]; p.Usable() && p.advertised[i] > in.Head(i) {
			f.next = k
			return p
		}
	}
	if need != nil {
		return need
	}
	if i == in.Self {
		f.asked = false
		return nil
	}
	asked := f.asked // or give the writer a moment first
	f.asked, f.at = true, in.Now
	if !asked {
		return nil
	}
	return in.nextUsable(f)
}

// earlyNeed is the need of a batch that waits for more of a journal.
type earlyNeed struct {
	// from is the peer that sent the batch.
	from *Peer
	// late says that the batch has waited too long to wait for the writer.
	late bool
}

// earlyNeeds returns, by journal, what early batches wait for; nil when there are
// none.
func (in *intake) earlyNeeds() []earlyNeed {
	var needs []earlyNeed
	for k := in.gapped.next(0); k >= 0; k = in.gapped.next(k + 1) {
		q := &in.early[k]
		if !q.from.Usable() {
			continue
		}
		if needs == nil {
			needs = make([]earlyNeed, in.N)
		}
		late := in.Now-q.since >= in.gap()
		need := func(i int) {
			needs[i] = earlyNeed{from: q.from, late: needs[i].late || late}
			in.fetching.add(i)
		}
		s := q.batches[0]
		if s.Batch.FirstSequence > in.Head(k)+1 {
			need(k)
		}
		for _, a := range s.Batch.After {
			if i, ok := in.Ledger.Index(a.Branch); ok && a.Sequence > in.Head(i) {
				need(i)
			}
		}
	}
	return needs
}

// writesHere reports whether the writer of the i-th journal sends it itself.
func (in *intake) writesHere(i int) bool { return i != in.Self && in.Peers[i].Usable() }

// nextUsable returns the linked peers in turn.
func (in *intake) nextUsable(f *fetch) *Peer {
	for range in.N {
		f.next = (f.next + 1) % in.N
		if p := in.Peers[f.next]; f.next != in.Self && p.Usable() {
			return p
		}
	}
	return nil
}
