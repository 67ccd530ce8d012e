package replica

import (
	"fmt"
	"math"

	"passbook.example/passbook/branch/ledger"
)

// peer is another branch, seen from this one.
type peer struct {
	branch ledger.BranchID
	index  int
	// reachable says that the peer counts for [Reachable]: it was never tried,
	// or is linked, has caught up and acks in time. since is when that changed.
	reachable bool
	since     Millis
	// acked and synced are how far the peer has confirmed to have applied and
	// synced this branch's journal. Invariant: synced <= acked on one link.
	acked, synced uint64
	// link ends with the link to the peer.
	link
}

// link is what is known of a peer, and owed to it, since the last link to it was
// lost. Losing one replaces it as a whole.
type link struct {
	// linked says that there is a link, heard that its hello has come.
	linked, heard bool
	// closing says that this link is to be ended: nothing more of it is taken.
	closing bool
	// suspectUntil is until when it is not called: a call to it failed, and
	// nothing has come from it since.
	suspectUntil Millis
	// heardAt is when anything last came from it.
	heardAt Millis
	// helloAt is when it was last told hello on this link, told which bank it was
	// told then.
	helloAt Millis
	told    ledger.Bank
	// window is what is on its way to the peer of this branch's own journal.
	window
	// syncAsked is how far the peer was asked to sync, syncAskedAt when.
	syncAsked   uint64
	syncAskedAt Millis
	// syncUpTo is how far it has asked to have its own batches synced here that
	// wait for others.
	syncUpTo uint64
	// advertised is how far it said, at hello, to have applied each journal.
	advertised []uint64
	// has is how far it said, at hello, to have applied this branch's journal.
	has ledger.MarkedPosition
	// ackDue says that it should hear how far its journal is applied here,
	// forkedDue that it has forked.
	ackDue, forkedDue bool
	// doubts are searches in what it has of journals, by their index.
	doubts map[int]*doubt
	// asked are the waits for journals that it has been asked for since it named more
	// of them than is here, by their index.
	asked map[int]*wait
	// wants are the journals it has asked for, to be served by this Ready.
	wants []ledger.Position
	// frame gathers what this Ready sends it.
	frame *Frame
}

// window is what has been sent to a peer of this branch's journal, and when the
// peer must have confirmed it.
type window struct {
	// next is the own sequence to send next. Invariant: next > acked.
	next uint64
	// inflight are the own batches sent and not acked.
	inflight      []sentBatch
	inflightBytes int
	// probing says that it has not acked in time: one batch at a time, then.
	probing bool
	// target is what it must ack to count as reachable again.
	target uint64
	// progressAt is when acked last rose, or the first batch was sent after
	// everything was acked.
	progressAt Millis
}

type sentBatch struct {
	last  uint64
	bytes int
}

func (r *Replica) setReachable(p *peer, reachable bool) {
	if p.reachable != reachable {
		p.reachable, p.since = reachable, r.now
		r.reached = least{}
	}
}

// confirmed is how far the peer holds this branch's journal for sure. What one
// that is gone had applied and not synced may be gone with it.
func (p *peer) confirmed() uint64 {
	if p.linked {
		return p.acked
	}
	return p.synced
}

// frameTo returns the frame that this Ready sends a peer.
func (r *Replica) frameTo(p *peer) *Frame {
	if p.frame == nil {
		p.frame = &Frame{}
		r.due.add(p.index)
	}
	return p.frame
}

// LinkUp tells that a link to a peer is there: frames can be sent, and arrive
// in order unless they are lost. A link that was there before is gone.
func (r *Replica) LinkUp(b ledger.BranchID) {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return
	}
	if r.peers[i].linked {
		r.LinkDown(b)
	}
	p := r.peers[i]
	p.linked, p.suspectUntil = true, 0
	r.dropEarly(i) // it sends them again, or others if it lost them
	r.sayHello(p)
}

// syncApplied has this Ready's commit sync all that is applied.
func (r *Replica) syncApplied() {
	for i := range r.synced {
		if r.head(i) > r.synced[i] {
			r.commit.Sync = true
		}
	}
}

// LinkDown tells that the link to a peer is gone, or could not be made.
func (r *Replica) LinkDown(b ledger.BranchID) {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return
	}
	p := r.peers[i]
	if r.recovery.heard[i] || !r.waits() {
		r.setReachable(p, false)
	} // else both may just have started
	p.link = link{}
	r.due.add(i)
	r.fetching.add(i)
	r.doubting.remove(i)
	r.dropEarly(i)
	r.dropEarlyOf(p)
	r.recheck = true // what waits for it may be decided now
	r.dropClaims(b)
	r.failCalls(p)
}

// checkPeers finds the peers that no longer answer, and those that have caught
// up.
func (r *Replica) checkPeers() {
	if r.now >= r.checkAt {
		r.due.merge(r.awaited)
		r.checkAt = never
	}
	for i := r.due.next(0); i >= 0; i = r.due.next(i + 1) {
		if i != r.self {
			r.checkPeer(r.peers[i])
		}
	}
}

// never is later than any moment.
const never Millis = math.MaxInt64

// await has a peer looked at again when its deadline passes. That only moves
// while the peer is due.
func (r *Replica) await(p *peer) {
	at := p.deadline(r.cfg.PeerTimeout)
	if p.syncAsked > p.synced {
		at = min(at, p.syncAskedAt+r.cfg.PeerTimeout)
	}
	if at == never {
		r.awaited.remove(p.index)
		return
	}
	r.awaited.add(p.index)
	r.checkAt = min(r.checkAt, at)
}

// deadline is when checkPeer finds something that time alone has changed, but
// for a sync that was asked for: the writes that need it have deadlines.
func (p *peer) deadline(timeout Millis) Millis {
	at := never
	switch {
	case p.heard && len(p.inflight) > 0:
		at = p.progressAt + timeout
	case !p.heard && p.reachable:
		at = p.since + timeout
	}
	if p.linked && !p.heard {
		at = min(at, p.helloAt+timeout)
	}
	return at
}

func (r *Replica) checkPeer(p *peer) {
	late := p.linked && p.heard && len(p.inflight) > 0 && r.now-p.progressAt >= r.cfg.PeerTimeout
	switch {
	case late:
		r.setReachable(p, false)
		p.target, p.next, p.probing, p.progressAt = r.head(r.self), p.acked+1, true, r.now
		p.inflight, p.inflightBytes = nil, 0
	case !p.heard && p.reachable && r.now-p.since >= r.cfg.PeerTimeout:
		r.setReachable(p, false)
		r.recheck = true
	case p.heard && !p.reachable && p.acked >= p.target:
		r.setReachable(p, true)
	}
	if p.syncAsked > p.synced && r.now-p.syncAskedAt >= r.cfg.PeerTimeout {
		p.syncAsked = 0
	}
	if p.linked && !p.heard && r.now-p.helloAt >= r.cfg.PeerTimeout {
		r.sayHello(p) // and it says its own again
	}
}

func (r *Replica) receiveFrame(p *peer, f *Frame) {
	if p.closing {
		return
	}
	if lie, problem := r.checkFrame(p, f); lie != 0 {
		r.reject(p, lie, true, "%s", problem)
		return
	}
	if f.Hello != nil {
		r.receiveHello(p, f.Hello)
	}
	if p.linked && !p.heard || p.closing {
		return // it may belong to another bank, or does
	}
	for _, s := range f.Batches {
		if r.receiveBatch(p, s); p.closing {
			return
		}
	}
	if f.Sync {
		r.commit.Sync = true
		r.oweAck(p)
		if early := r.early[p.index].batches; len(early) > 0 {
			p.syncUpTo = max(p.syncUpTo, early[len(early)-1].Batch.LastSequence())
		}
	}
	if f.Ack != nil {
		r.receiveAck(p, f.Ack)
	}
	if len(p.doubts) > 0 && len(f.Batches) > 0 {
		r.askFurther(p)
	}
	if len(f.Wants) > 0 {
		p.wants = f.Wants
		r.syncApplied() // what is relayed must not be lost here
	}
}

func (r *Replica) receiveAck(p *peer, a *Ack) {
	if !p.heard {
		return
	}
	if a.Forked {
		r.receiveAccusation(p)
		return
	}
	if a.Applied > r.head(r.self) {
		if r.recovery.state == Serving {
			r.doubtEnd(p, a.Applied)
		}
		return
	}
	p.synced = max(p.synced, min(a.Synced, a.Applied))
	if a.Applied <= p.acked {
		return
	}
	r.confirm(p, a.Applied)
	p.progressAt, p.probing = r.now, false
	p.next = max(p.next, p.acked+1)
	k := 0
	for k < len(p.inflight) && p.inflight[k].last <= p.acked {
		p.inflightBytes -= p.inflight[k].bytes
		k++
	}
	p.inflight = p.inflight[k:]
}

// propagate hands every linked peer what it lacks of this branch's journal,
// what it asked for, and the acks it is owed. A peer for which nothing is due
// was handed all of that, or has to say something first.
func (r *Replica) propagate() {
	for i := r.due.next(0); i >= 0; i = r.due.next(i + 1) {
		p := r.peers[i]
		if i != r.self {
			r.propagateTo(p)
			r.await(p)
		}
		if i == r.self || !r.lacksOwn(p) {
			r.due.remove(i)
		}
	}
}

func (r *Replica) propagateTo(p *peer) {
	if p.heard {
		r.sendOwn(p)
		r.serveWants(p)
		r.sendAck(p)
	}
	if f := p.frame; f != nil { // which only a peer with a link has
		p.frame = nil
		r.send(p, Message{Frame: f})
	}
}

// sendOwn sends own batches as far as the window allows.
func (r *Replica) sendOwn(p *peer) {
	for r.lacksOwn(p) {
		batches := r.ownBatches(p.next - 1)
		if len(batches) == 0 {
			break
		}
		for _, s := range batches {
			if !r.windowOpen(p) {
				break
			}
			if len(p.inflight) == 0 {
				p.progressAt = r.now
			}
			p.inflight = append(p.inflight, sentBatch{last: s.Span.Last, bytes: len(s.Bytes)})
			p.inflightBytes += len(s.Bytes)
			p.next = s.Span.Last + 1
			f := r.frameTo(p)
			f.Batches = append(f.Batches, s)
		}
	}
	want := min(r.own.wantSync, p.next-1)
	if want > p.synced && want > p.syncAsked {
		p.syncAsked, p.syncAskedAt = want, r.now
		r.frameTo(p).Sync = true
	}
}

// lacksOwn reports whether a peer has yet to be sent some of what the window
// allows: what was fetched back can be read once this Ready's commit is done.
func (r *Replica) lacksOwn(p *peer) bool {
	return p.heard && p.next <= r.head(r.self) && r.windowOpen(p)
}

func (r *Replica) windowOpen(p *peer) bool {
	if p.probing {
		return len(p.inflight) == 0
	}
	return p.inflightBytes < maxWindowBytes && len(p.inflight) < maxWindowBatches
}

// ownBatches returns own batches after sequence, from memory when they are
// there.
func (r *Replica) ownBatches(after uint64) []*ledger.Sealed {
	if recent := r.own.recent; len(recent) > 0 && recent[0].Span.First <= after+1 {
		lo, hi := 0, len(recent)
		for lo < hi {
			if mid := (lo + hi) / 2; recent[mid].Span.First <= after {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return recent[lo:]
	}
	batches, err := r.cfg.Storage.Batches(r.cfg.ID, after, maxWindowBytes)
	if err != nil {
		r.fail(fmt.Errorf("read own journal after entry %d: %w", after, err))
	}
	return batches
}

// trimRecent lets go of own batches that can be read from disk by now.
func (r *Replica) trimRecent() {
	for r.own.recentBytes > maxRecentBytes && len(r.own.recent) > 1 {
		r.own.recentBytes -= len(r.own.recent[0].Bytes)
		r.own.recent[0] = nil
		r.own.recent = r.own.recent[1:]
	}
}

// serveWants sends batches of other journals to a peer that lacks them.
func (r *Replica) serveWants(p *peer) {
	left := maxFetchBytes
	for _, w := range p.wants {
		if _, ok := r.ledger.Index(w.Branch); !ok || left <= 0 {
			continue // it asks again
		}
		batches, err := r.cfg.Storage.Batches(w.Branch, w.Sequence, left)
		if err != nil {
			r.fail(fmt.Errorf("read journal of branch %d after entry %d: %w", w.Branch, w.Sequence, err))
			return
		}
		if len(batches) > 0 {
			f := r.frameTo(p)
			f.Batches = append(f.Batches, batches...)
		}
		for _, s := range batches {
			left -= len(s.Bytes)
		}
	}
	p.wants = nil
}

// oweAck has a peer hear how far its journal is applied and synced here.
func (r *Replica) oweAck(p *peer) {
	p.ackDue = true
	r.due.add(p.index)
}

// sendAck tells a peer how far its journal is applied and synced here.
func (r *Replica) sendAck(p *peer) {
	if !p.ackDue && !p.forkedDue {
		return
	}
	f := r.frameTo(p)
	if p.forkedDue {
		r.accuse(p, f)
	}
	f.Ack = &Ack{Applied: r.head(p.index), Synced: r.synced[p.index], Forked: p.forkedDue}
	p.ackDue, p.forkedDue = false, false
}
