package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// outgoing is a frame in one piece of memory with what most frames have: one batch, or
// an ack.
type outgoing struct {
	protocol.Frame
	outlines [1]*ledger.Outline // the memory of Outlines
	ack      protocol.Ack       // that of Ack
}

// frameRoom is how many frames share a piece of memory. Each is needed until it is sent.
const frameRoom = 8

// frameTo returns the frame that this Ready sends a peer.
func (pr *progress) frameTo(p *Peer) *outgoing {
	if p.frame == nil {
		if len(pr.room) == 0 {
			pr.room = make([]outgoing, frameRoom)
		}
		p.frame, pr.room = &pr.room[0], pr.room[1:]
		p.frame.Outlines = p.frame.outlines[:0]
		pr.due.add(p.Index)
	}
	return p.frame
}

// step sends every linked peer what it lacks of this branch's journal, what it
// asked for, and the acks that it is owed. A peer that is not due was sent all of
// that, or has to say something first.
func (pr *progress) step() {
	pr.readable, pr.fetched = pr.fetched, false
	for i := pr.due.next(0); i >= 0; i = pr.due.next(i + 1) {
		p := pr.Peers[i]
		if i != pr.Self {
			pr.propagateTo(p)
			pr.await(p)
		}
		if i == pr.Self || !pr.lacksOwn(p) {
			pr.due.remove(i)
		}
	}
}

func (pr *progress) propagateTo(p *Peer) {
	if p.heard {
		pr.sendOwn(p)
		pr.serveWants(p)
		pr.sendAck(p)
	}
	if f := p.frame; f != nil { // which only a peer with a link has
		p.frame = nil
		pr.Send(p, protocol.Message{Frame: &f.Frame})
	}
}

// sendOwn sends own batches as far as the window allows.
func (pr *progress) sendOwn(p *Peer) {
	for pr.lacksOwn(p) {
		batches := pr.own.batchesAfter(p.next - 1)
		if len(batches) == 0 {
			break
		}
		for _, s := range batches {
			if !p.isOpen() {
				p.filled = true
				break
			}
			p.send(pr.Now, s.Span.Last, len(s.Bytes))
			f := pr.frameTo(p)
			f.Outlines = append(f.Outlines, s)
		}
	}
	want := min(pr.acks.wantSync, p.next-1)
	if want > p.synced && want > p.syncAsked {
		p.syncAsked, p.syncAskedAt = want, pr.Now
		pr.frameTo(p).Sync = true
	}
}

// lacksOwn reports whether the window allows batches that a peer has not been sent.
// Those that were fetched back can be read only once this Ready's commit is done.
func (pr *progress) lacksOwn(p *Peer) bool {
	return p.heard && p.next <= pr.Head(pr.Self) && p.isOpen()
}

// outruns reports whether a reachable peer that is far can't be sent all that this branch
// has recorded. One that is near takes it before it could disturb anybody.
func (pr *progress) outruns() bool {
	for i, p := range pr.Peers {
		if i != pr.Self && p.reachable && p.heard && p.trip.isFar() && p.next <= pr.Head(pr.Self) && !p.isOpen() {
			return true
		}
	}
	return false
}

// serveWants sends batches of other journals to a peer that lacks them.
func (pr *progress) serveWants(p *Peer) {
	left := maxFetchBytes
	for _, w := range p.wants {
		if _, ok := pr.Ledger.Index(w.Branch); !ok || left <= 0 {
			continue // it asks again
		}
		batches, err := pr.Config.Storage.Batches(w.Branch, w.Sequence, left)
		if err != nil {
			pr.fail(fmt.Errorf("read journal of branch %d after entry %d: %w", w.Branch, w.Sequence, err))
			return
		}
		if w.Branch == p.Branch && len(batches) == 0 {
			batches = pr.intake.heldAfter(p.Index, w.Sequence, left)
		}
		if len(batches) > 0 {
			f := pr.frameTo(p)
			f.Outlines = append(f.Outlines, batches...)
		}
		for _, s := range batches {
			left -= len(s.Bytes)
		}
	}
	p.wants = nil
}

// oweAck makes the next step tell a peer how far its journal is applied and synced
// here.
func (pr *progress) oweAck(p *Peer) {
	p.ackDue = true
	pr.due.add(p.Index)
}

// sendAck tells a peer how far its journal is applied and synced here.
func (pr *progress) sendAck(p *Peer) {
	if !p.ackDue && !p.forkedDue {
		return
	}
	f := pr.frameTo(p)
	if p.forkedDue {
		pr.intake.accuse(p, &f.Frame)
	}
	f.ack = protocol.Ack{Applied: pr.Head(p.Index), Synced: pr.synced[p.Index], Forked: p.forkedDue}
	f.Ack = &f.ack
	p.ackDue, p.forkedDue = false, false
}

// sayHello tells a peer how far each journal is applied here. That must be
// synced first: a peer that has lost its own journal counts on getting back
// what it is told of.
func (pr *progress) sayHello(p *Peer) {
	hello := pr.founding.introduction(p.Branch)
	hello.Holds = pr.intake.holds(p.Index)
	p.helloAt, p.told = pr.Now, hello.Identity
	for k, q := range pr.Peers {
		if h := pr.Ledger.Head(k); h.Sequence > 0 {
			hello.Applied = append(hello.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: q.Branch, Sequence: h.Sequence}, Hash: h.Hash})
		}
	}
	pr.frameTo(p).Hello = hello
	pr.syncApplied()
}

// receiveHello learns how far the peer has applied every journal, and compares
// the hashes.
func (pr *progress) receiveHello(p *Peer, h *protocol.Hello) {
	if h.Branch != p.Branch || h.To != pr.Config.ID || !p.linked {
		return
	}
	if pr.founding.stranger(p, h, true) != "" {
		return
	}
	pr.founding.hearBank(p, h.Identity)
	p.aside, p.has, p.agreed = nil, ledger.MarkedPosition{}, false
	if p.advertised == nil {
		p.advertised = make([]uint64, pr.N)
	}
	for _, m := range h.Applied {
		i, ok := pr.Ledger.Index(m.Branch)
		if !ok {
			continue
		}
		p.advertised[i] = max(p.advertised[i], m.Sequence)
		if i == pr.Self {
			p.has = m
		}
	}
	pr.agree(p)
	p.forkedDue = pr.intake.forks.open[p.Index] != nil
	own := p.advertised[pr.Self]
	p.holds = h.Holds
	pr.recovery.hear(p, max(own, p.holds))
	defer pr.compare(p, h.Applied)
	if p.heard {
		if pr.Now-p.helloAt >= pr.Timeout(p) {
			pr.sayHello(p) // it may not have heard the first
		}
		return
	}
	pr.confirm(p, 0)
	p.heard, p.synced = true, 0
	p.next, p.target, p.inflight, p.inflightBytes = own+1, pr.Head(pr.Self), nil, 0
	p.progressAt, p.probing, p.syncAsked = pr.Now, false, 0
	pr.Recheck = true
	pr.confirmHello(p)
}

// confirmHello counts as confirmed what a peer has named of this branch's journal in
// its hello, once that is here, and the same.
func (pr *progress) confirmHello(p *Peer) {
	own := p.has.Sequence
	if !p.heard || !pr.agree(p) {
		return
	}
	p.synced = max(p.synced, own)
	pr.confirm(p, max(p.acked, own))
	if own > 0 {
		p.ack(pr.Now, p.acked) // some of it may have been on its way
	}
	p.next = min(max(p.next, p.acked+1), pr.Head(pr.Self)+1)
}

// agree reports whether what a peer has named of this branch's journal in its hello is
// here, and the same, and it has shown nothing since that does not count. Its acks count
// only then.
func (pr *progress) agree(p *Peer) bool {
	own := p.has.Sequence
	p.agreed = !p.aside[pr.Self] && (own == 0 || own <= pr.Head(pr.Self) && pr.intake.has(pr.Self, own, p.has.Hash))
	return p.agreed
}

// compare compares the hashes of a hello with what is here.
func (pr *progress) compare(p *Peer, applied []ledger.MarkedPosition) {
	for _, m := range applied {
		i, _ := pr.Ledger.Index(m.Branch)
		if m.Sequence == 0 || m.Sequence > pr.Head(i) || pr.intake.stopped[i] || p.aside[i] || i == pr.Self && pr.State == protocol.Halted {
			continue
		}
		if !pr.intake.has(i, m.Sequence, m.Hash) {
			pr.intake.doubt(p, i, m.Sequence, protocol.BadPosition, "it has another entry %d of branch %d than is here", m.Sequence, m.Branch)
		}
	}
	if own := p.advertised[pr.Self]; own > pr.Head(pr.Self) && pr.State == protocol.Serving {
		pr.intake.doubtEnd(p, own)
	}
}

// doubtEnd makes a peer show the entries of this branch's own journal that it names
// and that are not here.
func (in *intake) doubtEnd(p *Peer, end uint64) {
	head := in.Head(in.Self)
	in.doubt(p, in.Self, head+1, protocol.BadPosition, "it has entry %d of this branch's journal, which ends at %d here", end, head)
}

func (pr *progress) receiveFrame(p *Peer, f *protocol.Frame) {
	if p.closing {
		return
	}
	if lie, problem := pr.checkFrame(p, f); lie != 0 {
		pr.alarms.Reject(p, lie, true, "%s", problem)
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
		if early := pr.intake.early[p.Index].batches; len(early) > 0 {
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
		pr.intake.fillUp(f.Wants)
		pr.syncApplied() // what is relayed must not be lost here
	}
}

func (pr *progress) receiveAck(p *Peer, a *protocol.Ack) {
	if !p.heard {
		return
	}
	if a.Forked {
		pr.intake.receiveAccusation(p)
		return
	}
	if a.Applied > pr.Head(pr.Self) {
		if pr.State == protocol.Serving {
			pr.intake.doubtEnd(p, a.Applied)
		}
		return
	}
	if !p.agreed {
		return // it may speak of other entries
	}
	p.synced = max(p.synced, min(a.Synced, a.Applied))
	if a.Applied <= p.acked {
		return
	}
	pr.confirm(p, a.Applied)
	took := p.ack(pr.Now, p.acked)
	if p.trip.isFar() {
		p.fit(pr.Now, took, p.trip.millis())
	}
}
