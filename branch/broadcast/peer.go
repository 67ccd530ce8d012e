package broadcast

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// progress is what each peer has of this branch's journal, and what it is to be
// sent: that journal as far as the window allows, what it asked for, and acks.
type progress struct {
	*Core              // what all parts know
	alarms   *Alarms   // what the operator is told
	founding *founding // the bank
	recovery *Recovery // the state of this branch
	intake   *intake   // what is applied here
	own      *OwnBatch // entries of this branch
	acks     *Acks     // writes that wait for peers
	// due are the peers that this Ready considers: something has come from them, or
	// there may be something to send. awaited are those with a deadline.
	due, awaited indexes
	// checkAt is when the awaited are due: never later than the first deadline.
	checkAt protocol.Millis
	// everyone is the least that the peers have confirmed of this branch's journal,
	// reached the least of those that are reachable, near of those of them that are not
	// far.
	everyone, reached, near least
	// everywhere is how far that journal is known to be applied at every branch.
	everywhere uint64
	// fetched says that own batches were fetched back and peers may lack them, readable that
	// they were before the last step: once that is committed they can be read and sent.
	fetched, readable bool
	// room is memory for the next frames.
	room []outgoing
}

func newProgress(c *Core) progress {
	pr := progress{Core: c, due: newIndexes(c.N), awaited: newIndexes(c.N), checkAt: protocol.Never}
	pr.due.addAll(c.N)
	return pr
}

// Peer is another branch, seen from this one.
type Peer struct {
	Branch ledger.BranchID // its id
	Index  int             // among all branches
	// reachable says that the peer counts for [protocol.Reachable]: it was never
	// tried, or is linked, has caught up and acks in time. since is when that
	// changed.
	reachable bool
	since     protocol.Millis
	// acked and synced are how far the peer has confirmed to have applied and
	// synced this branch's journal. Invariant: synced <= acked on one link.
	acked, synced uint64
	// trip is how far it is.
	trip trip
	// link ends with the link to the peer.
	link
}

// link is what is known of a peer, and owed to it, since the last link to it was
// lost. Losing a link replaces all of it.
type link struct {
	// linked says that there is a link, heard that its hello has come.
	linked, heard bool
	// closing says that this link is to be ended: what still comes on it is ignored.
	closing bool
	// suspected says that it is not called: a call to it failed, and nothing has come from it
	// since. probeAt is when it is next told hello, which it answers if it can.
	suspected bool
	probeAt   protocol.Millis
	// HeardAt is when anything last came from it.
	HeardAt protocol.Millis
	// helloAt is when the last hello was sent on this link, told is the bank that it
	// named.
	helloAt protocol.Millis
	told    ledger.Bank
	// window is what is on its way to the peer of this branch's own journal.
	window
	// syncAsked is how far the peer was asked to sync, syncAskedAt when.
	syncAsked   uint64
	syncAskedAt protocol.Millis
	// syncUpTo is how far it has asked to sync those of its own batches that wait
	// here for others.
	syncUpTo uint64
	// advertised is how far it has applied each journal, according to its hello.
	advertised []uint64
	// holds is how far it has this branch's journal with batches that it can't post,
	// according to its hello; 0 if that is no further.
	holds uint64
	// has is how far it has applied this branch's journal, according to its hello.
	has ledger.MarkedPosition
	// agreed says that this is the same here: its acks name positions of one journal.
	agreed bool
	// ackDue says that it should be told how far its journal is applied here,
	// forkedDue that its journal has forked.
	ackDue, forkedDue bool
	// doubts are the searches in its copies of journals, by index.
	doubts map[int]*doubt
	// aside are the journals, by index, of which it has a batch that does not count.
	aside map[int]bool
	// asked are the waits for journals that it is asked for because it has named more
	// of them than is here, by index.
	asked map[int]*wait
	// wants are the journals it has asked for, to be served by this Ready.
	wants []ledger.Position
	// frame gathers what this Ready sends it.
	frame *outgoing
}

// expire finds the peers that no longer answer, and those that have caught
// up.
func (pr *progress) expire() {
	if pr.Now >= pr.checkAt {
		pr.due.merge(pr.awaited)
		pr.checkAt = protocol.Never
	}
	for i := pr.due.next(0); i >= 0; i = pr.due.next(i + 1) {
		if i != pr.Self {
			pr.checkPeer(pr.Peers[i])
		}
	}
	pr.probe()
}

// probe tells the peers that are suspected hello, which those that are there answer.
func (pr *progress) probe() {
	for i := pr.suspects.next(0); i >= 0; i = pr.suspects.next(i + 1) {
		switch p := pr.Peers[i]; {
		case !p.suspected || !p.Usable():
			pr.suspects.remove(i)
		case pr.Now >= p.probeAt:
			p.probeAt = pr.Now + pr.Timeout(p)
			pr.sayHello(p)
		}
	}
}

// nextTick returns when the first peer is late, or can be sent what was fetched back.
func (pr *progress) nextTick() protocol.Millis {
	next := protocol.Never
	if pr.fetched || pr.readable {
		next = pr.Now + 1
	}
	for i := pr.awaited.next(0); i >= 0; i = pr.awaited.next(i + 1) {
		next = min(next, pr.Peers[i].deadline(pr.Timeout(pr.Peers[i])))
	}
	for i := pr.suspects.next(0); i >= 0; i = pr.suspects.next(i + 1) {
		if p := pr.Peers[i]; p.suspected && p.Usable() {
			next = min(next, p.probeAt)
		}
	}
	return next
}

// await makes a peer due when its deadline passes. The deadline only moves while the
// peer is due.
func (pr *progress) await(p *Peer) {
	timeout := pr.Timeout(p)
	at := p.deadline(timeout)
	if p.syncAsked > p.synced {
		at = min(at, p.syncAskedAt+timeout)
	}
	if at == protocol.Never {
		pr.awaited.remove(p.Index)
		return
	}
	pr.awaited.add(p.Index)
	pr.checkAt = min(pr.checkAt, at)
}

func (pr *progress) checkPeer(p *Peer) {
	timeout := pr.Timeout(p)
	late := p.linked && p.heard && len(p.inflight) > 0 && pr.Now-p.progressAt >= timeout
	switch {
	case late:
		pr.setReachable(p, false)
		p.target, p.next, p.probing, p.progressAt = pr.Head(pr.Self), p.acked+1, true, pr.Now
		p.inflight, p.inflightBytes = nil, 0
	case !p.heard && p.reachable && pr.Now-p.since >= timeout:
		pr.setReachable(p, false)
		pr.Recheck = true
	case p.heard && !p.reachable && p.acked >= p.target:
		pr.catchUp(p)
	}
	if p.syncAsked > p.synced && pr.Now-p.syncAskedAt >= timeout {
		p.syncAsked = 0
	}
	if p.linked && !p.heard && pr.Now-p.helloAt >= timeout {
		pr.sayHello(p) // and it says its own again
	}
}

// catchUp counts a peer as reachable that has acked what it had to, once it has been sent
// everything. Otherwise writes would wait for the rest of what it has missed.
func (pr *progress) catchUp(p *Peer) {
	if p.next <= pr.Head(pr.Self) {
		p.target = pr.Head(pr.Self)
		return
	}
	pr.setReachable(p, true)
}

func (pr *progress) setReachable(p *Peer, reachable bool) {
	if p.reachable != reachable {
		p.reachable, p.since = reachable, pr.Now
		if !reachable {
			pr.early++
		}
		pr.reached, pr.near = least{}, least{}
	}
}

// confirmed returns how far the peer has this branch's journal for sure. Entries that
// a peer without a link had not synced may be lost.
func (p *Peer) confirmed() uint64 {
	if p.linked {
		return p.acked
	}
	return p.synced
}

// deadline returns when time alone makes a difference to checkPeer. It leaves out a
// sync that was asked for: the writes that need it have deadlines of their own.
func (p *Peer) deadline(timeout protocol.Millis) protocol.Millis {
	at := protocol.Never
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

// Linked reports whether there is a link to the peer.
func (p *Peer) Linked() bool { return p.linked }

// Greeted reports whether there is a link to the peer, on which its hello has come.
func (p *Peer) Greeted() bool { return p.linked && p.heard }

// Usable reports whether frames may be exchanged with the peer. It may be nil.
func (p *Peer) Usable() bool { return p != nil && p.Greeted() && !p.closing }

// reachableApplied returns how far this branch's journal is applied at every branch
// that is reachable now.
func (pr *progress) reachableApplied() uint64 {
	return min(pr.Head(pr.Self), pr.reached.of(pr.Peers, pr.Self, func(p *Peer) bool { return p.reachable }))
}

// nearApplied is reachableApplied of the branches that are not far.
func (pr *progress) nearApplied() uint64 {
	return min(pr.Head(pr.Self), pr.near.of(pr.Peers, pr.Self, func(p *Peer) bool { return p.reachable && !p.trip.isFar() }))
}

// confirm records how far a peer has applied this branch's journal.
func (pr *progress) confirm(p *Peer, acked uint64) {
	pr.everyone.moved(p.acked, acked)
	if p.reachable {
		pr.reached.moved(p.acked, acked)
	}
	if p.reachable && !p.trip.isFar() {
		pr.near.moved(p.acked, acked)
	}
	p.acked = acked
}

// atEveryBranch returns how far every branch has confirmed to have applied this
// branch's journal, since this branch started.
func (pr *progress) atEveryBranch() uint64 {
	all := pr.everyone.of(pr.Peers, pr.Self, func(*Peer) bool { return true })
	pr.everywhere = max(pr.everywhere, min(pr.Head(pr.Self), all))
	return pr.everywhere
}

// wake makes the next step consider a peer: something has come from it, or there may
// be something to send.
func (pr *progress) wake(i int) { pr.due.add(i) }

func (pr *progress) wakeAll() { pr.due.addAll(pr.N) }
