package replica

import (
	"fmt"
	"math"

	"passbook.example/passbook/branch/ledger"
)

// progress is what each peer has of this branch's journal, and what it is to be
// sent: that journal as far as the window allows, what it asked for, and acks.
type progress struct {
	*core
	alarms   *alarms
	founding *founding
	recovery *recovery
	intake   *intake
	own      *ownBatch
	acks     *acks
	// due are the peers that this Ready looks at: something has come from them,
	// or there may be something to send. awaited are those with a deadline, and
	// checkAt is when they are due: never later than the first of the deadlines.
	due, awaited indexes
	checkAt      Millis
	// everyone is the least that the peers have confirmed of this branch's journal,
	// reached the least of those that are reachable.
	everyone, reached least
	// everywhere is how far it was applied at every branch.
	everywhere uint64
}

func newProgress(c *core) progress {
	pr := progress{core: c, due: newIndexes(c.n), awaited: newIndexes(c.n), checkAt: never}
	pr.due.addAll(c.n)
	return pr
}

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

func (pr *progress) setReachable(p *peer, reachable bool) {
	if p.reachable != reachable {
		p.reachable, p.since = reachable, pr.now
		pr.reached = least{}
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
func (pr *progress) frameTo(p *peer) *Frame {
	if p.frame == nil {
		p.frame = &Frame{}
		pr.due.add(p.index)
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
	r.intake.dropEarly(i) // it sends them again, or others if it lost them
	r.progress.sayHello(p)
}

// LinkDown tells that the link to a peer is gone, or could not be made.
func (r *Replica) LinkDown(b ledger.BranchID) {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return
	}
	p := r.peers[i]
	if r.recovery.heard[i] || !r.waits() {
		r.progress.setReachable(p, false)
	} // else both may just have started
	p.link = link{}
	r.progress.due.add(i)
	r.intake.fetching.add(i)
	r.intake.doubting.remove(i)
	r.intake.dropEarly(i)
	r.intake.dropEarlyOf(p)
	r.recheck = true // what waits for it may be decided now
	r.escrow.dropClaims(b)
	r.calls.failAll(p)
}

// expire finds the peers that no longer answer, and those that have caught
// up.
func (pr *progress) expire() {
	if pr.now >= pr.checkAt {
		pr.due.merge(pr.awaited)
		pr.checkAt = never
	}
	for i := pr.due.next(0); i >= 0; i = pr.due.next(i + 1) {
		if i != pr.self {
			pr.checkPeer(pr.peers[i])
		}
	}
}

// never is later than any moment.
const never Millis = math.MaxInt64

// await has a peer looked at again when its deadline passes. That only moves
// while the peer is due.
func (pr *progress) await(p *peer) {
	at := p.deadline(pr.cfg.PeerTimeout)
	if p.syncAsked > p.synced {
		at = min(at, p.syncAskedAt+pr.cfg.PeerTimeout)
	}
	if at == never {
		pr.awaited.remove(p.index)
		return
	}
	pr.awaited.add(p.index)
	pr.checkAt = min(pr.checkAt, at)
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

func (pr *progress) checkPeer(p *peer) {
	late := p.linked && p.heard && len(p.inflight) > 0 && pr.now-p.progressAt >= pr.cfg.PeerTimeout
	switch {
	case late:
		pr.setReachable(p, false)
		p.target, p.next, p.probing, p.progressAt = pr.head(pr.self), p.acked+1, true, pr.now
		p.inflight, p.inflightBytes = nil, 0
	case !p.heard && p.reachable && pr.now-p.since >= pr.cfg.PeerTimeout:
		pr.setReachable(p, false)
		pr.recheck = true
	case p.heard && !p.reachable && p.acked >= p.target:
		pr.setReachable(p, true)
	}
	if p.syncAsked > p.synced && pr.now-p.syncAskedAt >= pr.cfg.PeerTimeout {
		p.syncAsked = 0
	}
	if p.linked && !p.heard && pr.now-p.helloAt >= pr.cfg.PeerTimeout {
		pr.sayHello(p) // and it says its own again
	}
}

func (pr *progress) receiveFrame(p *peer, f *Frame) {
	if p.closing {
		return
	}
	if lie, problem := pr.checkFrame(p, f); lie != 0 {
		pr.alarms.reject(p, lie, true, "%s", problem)
		return
	}
	if f.Hello != nil {
		pr.receiveHello(p, f.Hello)
	}
	if p.linked && !p.heard || p.closing {
		return // it may belong to another bank, or does
	}
	for _, s := range f.Batches {
		if pr.intake.receiveBatch(p, s); p.closing {
			return
		}
	}
	if f.Sync {
		pr.commit.Sync = true
		pr.oweAck(p)
		if early := pr.intake.early[p.index].batches; len(early) > 0 {
			p.syncUpTo = max(p.syncUpTo, early[len(early)-1].Batch.LastSequence())
		}
	}
	if f.Ack != nil {
		pr.receiveAck(p, f.Ack)
	}
	if len(p.doubts) > 0 && len(f.Batches) > 0 {
		pr.intake.askFurther(p)
	}
	if len(f.Wants) > 0 {
		p.wants = f.Wants
		pr.syncApplied() // what is relayed must not be lost here
	}
}

func (pr *progress) receiveAck(p *peer, a *Ack) {
	if !p.heard {
		return
	}
	if a.Forked {
		pr.intake.receiveAccusation(p)
		return
	}
	if a.Applied > pr.head(pr.self) {
		if pr.state == Serving {
			pr.intake.doubtEnd(p, a.Applied)
		}
		return
	}
	p.synced = max(p.synced, min(a.Synced, a.Applied))
	if a.Applied <= p.acked {
		return
	}
	pr.confirm(p, a.Applied)
	p.progressAt, p.probing = pr.now, false
	p.next = max(p.next, p.acked+1)
	k := 0
	for k < len(p.inflight) && p.inflight[k].last <= p.acked {
		p.inflightBytes -= p.inflight[k].bytes
		k++
	}
	p.inflight = p.inflight[k:]
}

// step hands every linked peer what it lacks of this branch's journal,
// what it asked for, and the acks it is owed. A peer for which nothing is due
// was handed all of that, or has to say something first.
func (pr *progress) step() {
	for i := pr.due.next(0); i >= 0; i = pr.due.next(i + 1) {
		p := pr.peers[i]
		if i != pr.self {
			pr.propagateTo(p)
			pr.await(p)
		}
		if i == pr.self || !pr.lacksOwn(p) {
			pr.due.remove(i)
		}
	}
}

func (pr *progress) propagateTo(p *peer) {
	if p.heard {
		pr.sendOwn(p)
		pr.serveWants(p)
		pr.sendAck(p)
	}
	if f := p.frame; f != nil { // which only a peer with a link has
		p.frame = nil
		pr.send(p, Message{Frame: f})
	}
}

// sendOwn sends own batches as far as the window allows.
func (pr *progress) sendOwn(p *peer) {
	for pr.lacksOwn(p) {
		batches := pr.own.batchesAfter(p.next - 1)
		if len(batches) == 0 {
			break
		}
		for _, s := range batches {
			if !pr.windowOpen(p) {
				break
			}
			if len(p.inflight) == 0 {
				p.progressAt = pr.now
			}
			p.inflight = append(p.inflight, sentBatch{last: s.Span.Last, bytes: len(s.Bytes)})
			p.inflightBytes += len(s.Bytes)
			p.next = s.Span.Last + 1
			f := pr.frameTo(p)
			f.Batches = append(f.Batches, s)
		}
	}
	want := min(pr.acks.wantSync, p.next-1)
	if want > p.synced && want > p.syncAsked {
		p.syncAsked, p.syncAskedAt = want, pr.now
		pr.frameTo(p).Sync = true
	}
}

// lacksOwn reports whether a peer has yet to be sent some of what the window
// allows: what was fetched back can be read once this Ready's commit is done.
func (pr *progress) lacksOwn(p *peer) bool {
	return p.heard && p.next <= pr.head(pr.self) && pr.windowOpen(p)
}

func (pr *progress) windowOpen(p *peer) bool {
	if p.probing {
		return len(p.inflight) == 0
	}
	return p.inflightBytes < maxWindowBytes && len(p.inflight) < maxWindowBatches
}

// serveWants sends batches of other journals to a peer that lacks them.
func (pr *progress) serveWants(p *peer) {
	left := maxFetchBytes
	for _, w := range p.wants {
		if _, ok := pr.ledger.Index(w.Branch); !ok || left <= 0 {
			continue // it asks again
		}
		batches, err := pr.cfg.Storage.Batches(w.Branch, w.Sequence, left)
		if err != nil {
			pr.fail(fmt.Errorf("read journal of branch %d after entry %d: %w", w.Branch, w.Sequence, err))
			return
		}
		if len(batches) > 0 {
			f := pr.frameTo(p)
			f.Batches = append(f.Batches, batches...)
		}
		for _, s := range batches {
			left -= len(s.Bytes)
		}
	}
	p.wants = nil
}

// oweAck has a peer hear how far its journal is applied and synced here.
func (pr *progress) oweAck(p *peer) {
	p.ackDue = true
	pr.due.add(p.index)
}

// sendAck tells a peer how far its journal is applied and synced here.
func (pr *progress) sendAck(p *peer) {
	if !p.ackDue && !p.forkedDue {
		return
	}
	f := pr.frameTo(p)
	if p.forkedDue {
		pr.intake.accuse(p, f)
	}
	f.Ack = &Ack{Applied: pr.head(p.index), Synced: pr.synced[p.index], Forked: p.forkedDue}
	p.ackDue, p.forkedDue = false, false
}

// nextTick returns when the first peer is late.
func (pr *progress) nextTick() Millis {
	next := never
	for i := pr.awaited.next(0); i >= 0; i = pr.awaited.next(i + 1) {
		next = min(next, pr.peers[i].deadline(pr.cfg.PeerTimeout))
	}
	return next
}
