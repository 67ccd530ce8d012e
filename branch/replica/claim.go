package replica

import (
	"cmp"
	"errors"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// queue holds what waits for escrow of one account at this branch: its own
// writes, and the claims of peers. Both go by their tickets, oldest first:
// waiting only ever points at older tickets, so there is no deadlock, and the
// oldest gets whatever is claimed for it, so there is no livelock.
type queue struct {
	// waiting are this branch's own writes, oldest first.
	waiting []*pending
	// claims are those of peers that came while an older write waits here.
	claims []peerClaim
	// promised is what of the account goes to bulks that wait for another one,
	// oldest first.
	promised []promise
	// round are the calls of the claim round under way, ticket is its age.
	round  []*call
	ticket Ticket
	// pausedUntil is when the next round may start, pause how long the last
	// pause was.
	pausedUntil, pause Millis
	// heldUntil is until when nothing may change the balance, since a peer
	// takes a look; heldBy is that peer.
	heldUntil Millis
	heldBy    ledger.BranchID
	touched   bool
}

// peerClaim is a claim that has not been answered.
type peerClaim struct {
	peer  *peer
	claim Claim
}

// call is a claim or a look on its way to a peer and back.
type call struct {
	id      uint64
	peer    *peer
	account string
	sentAt  Millis
	// collect is set for a look, which is sent again at askAgainAt; what
	// follows is for a claim.
	collect    *collect
	askAgainAt Millis
	answered   bool
	failed     bool
	granted    ledger.Amount
	// sequence is what must be applied of the peer's journal for its answer to
	// show in this branch's view.
	sequence uint64
}

// mustQueue reports whether a write has to wait its turn although the escrow
// is here: older ones wait, the escrow is promised, or the balance is being
// looked at.
func (r *Replica) mustQueue(e *ledger.Entry) bool {
	if e.Kind != ledger.Deposit && r.promisedAway(e.Account, e.Amount, Ticket{}) {
		return true
	}
	if q := r.queues[e.Account]; q != nil && (len(q.waiting) > 0 || r.now < q.heldUntil) {
		return true
	}
	if e.Kind != ledger.Transfer {
		return false
	}
	q := r.queues[e.ToAccount]
	return q != nil && r.now < q.heldUntil
}

// queueOf returns the queue of an account, and has it looked at.
func (r *Replica) queueOf(account string) *queue {
	q := r.queues[account]
	if q == nil {
		q = &queue{}
		r.queues[account] = q
	}
	r.touchAccount(account)
	return q
}

// wait gives a write its ticket and queues it. It reports false when the queue
// is full, or the write would open an account too many: it is refused then.
func (r *Replica) wait(p *pending) bool {
	account, _ := p.needs()
	if err := r.mayOpen(&p.op.Entry); err != nil {
		r.refuse(p, err)
		return false
	}
	q := r.queueOf(account)
	if len(q.waiting) >= maxWaiting {
		r.refuse(p, ErrQueueFull)
		return false
	}
	if p.ticket == (Ticket{}) { // a bulk may have waited before
		r.tickets = max(r.tickets, r.ledger.Clock()) + 1
		p.ticket = Ticket{Clock: r.tickets, Branch: r.cfg.ID}
	}
	if id := p.op.Entry.RequestID; id != "" {
		r.byRequest[id] = p
	}
	q.insert(p)
	return true
}

// insert queues a write by its ticket.
func (q *queue) insert(p *pending) {
	k, _ := slices.BinarySearchFunc(q.waiting, p, func(a, b *pending) int { return compareTickets(a.ticket, b.ticket) })
	q.waiting = slices.Insert(q.waiting, k, p)
}

func compareTickets(a, b Ticket) int {
	if c := cmp.Compare(a.Clock, b.Clock); c != 0 {
		return c
	}
	return cmp.Compare(a.Branch, b.Branch)
}

// settleQueues serves the queues that something has happened to.
func (r *Replica) settleQueues() {
	if r.recheck {
		// Any batch may end a round, and any link may open one.
		for _, name := range sortedKeys(r.queues) {
			r.touchAccount(name)
		}
	}
	for len(r.settle) > 0 {
		name := r.settle[0]
		r.settle = r.settle[1:]
		q := r.queues[name]
		if q == nil {
			continue
		}
		q.touched = false
		r.settleQueue(name, q)
		if len(q.waiting) == 0 && len(q.claims) == 0 && len(q.promised) == 0 && len(q.round) == 0 && r.now >= q.heldUntil {
			delete(r.queues, name)
		}
	}
	r.settle = nil
}

// settleQueue serves one account's waiting writes and claims, oldest ticket
// first but for those that are covered, and claims what is still lacking.
func (r *Replica) settleQueue(name string, q *queue) {
	if r.recovery.state != Serving {
		r.dropQueue(q)
		return
	}
	for {
		// What covers a write came for it: not even an older claim takes that.
		if len(q.waiting) > 0 && r.now >= q.heldUntil && r.serveWaiting(q) {
			continue
		}
		if len(q.claims) > 0 && (len(q.waiting) == 0 || q.claims[0].claim.Ticket.Older(q.waiting[0].ticket)) {
			c := q.claims[0]
			if r.promisedAway(name, 1, c.claim.Ticket) && r.ledger.Escrow(name, r.self) > 0 {
				break // it all goes to older bulks
			}
			q.claims = q.claims[1:]
			r.grant(c.peer, &c.claim)
			continue
		}
		if len(q.waiting) == 0 || r.now < q.heldUntil || !r.serveDeposit(q) {
			break
		}
	}
	if len(q.waiting) > 0 && q.waiting[0].ticket.Older(q.ticket) {
		r.dropRound(q)
	}
	q.round = slices.DeleteFunc(q.round, func(c *call) bool { return r.callDone(q, c) })
	if len(q.waiting) > 0 && len(q.round) == 0 && r.now >= q.pausedUntil && r.now >= q.heldUntil {
		r.startRound(name, q)
	}
}

// dropQueue refuses what waits: this branch may not write any more.
func (r *Replica) dropQueue(q *queue) {
	for _, p := range q.waiting {
		r.refuse(p, r.notServing())
	}
	for _, c := range q.claims {
		r.answerClaim(c.peer, &c.claim, 0)
	}
	q.waiting, q.claims, q.round = nil, nil, nil
}

// serveWaiting records or refuses the oldest waiting write, if it can.
func (r *Replica) serveWaiting(q *queue) bool {
	p := q.waiting[0]
	if p.op.Entry.Kind == ledger.Bulk {
		return r.serveBulk(q, p)
	}
	if p.op.Entry.Kind == ledger.Transfer && r.heldAccount(p.op.Entry.ToAccount) {
		return false
	}
	err := r.ledger.CanPay(r.self, &p.op.Entry)
	var escrow *ledger.EscrowError
	if errors.As(err, &escrow) || p.op.Entry.Kind != ledger.Deposit && r.promisedAway(p.op.Entry.Account, p.op.Entry.Amount, p.ticket) {
		return false
	}
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.pause = 0
	if err != nil {
		r.refuse(p, err)
	} else {
		r.record(p)
	}
	return true
}

// serveDeposit records the oldest deposit that waits. It does not wait for what
// is older: it takes no escrow, and may be what that lacks.
func (r *Replica) serveDeposit(q *queue) bool {
	k := slices.IndexFunc(q.waiting, func(p *pending) bool { return p.op.Entry.Kind == ledger.Deposit })
	if k < 0 {
		return false
	}
	p := q.waiting[k]
	q.waiting = slices.Delete(q.waiting, k, k+1)
	if err := r.ledger.CanPay(r.self, &p.op.Entry); err != nil {
		r.refuse(p, err)
	} else {
		r.record(p)
	}
	return true
}

func (r *Replica) heldAccount(name string) bool {
	q := r.queues[name]
	return q != nil && r.now < q.heldUntil
}

// callDone reports whether a claim of a round is answered and its answer shows
// in this branch's view.
func (r *Replica) callDone(q *queue, c *call) bool {
	if c.failed {
		return true
	}
	// An answer that names an entry which does not come is not waited for for ever.
	shown := r.head(c.peer.index) >= c.sequence || r.now-c.sentAt >= patience*r.cfg.PeerTimeout
	done := c.answered && shown
	if done && c.granted == 0 {
		// What the view promised had already moved on: let it arrive.
		q.pause = min(max(2*q.pause, claimPauseMin), claimPauseMax)
		q.pausedUntil = r.now + q.pause
	}
	return done
}

// dropRound gives up the claims under way, because a write with an older
// ticket has come back from a double collect: under the younger ticket of the
// round they may wait for peers that wait for that write.
func (r *Replica) dropRound(q *queue) {
	for _, c := range q.round {
		delete(r.calls, c.id)
	}
	q.round = nil
}

// startRound claims the shortfall of the whole queue: from the richest peers
// first, as this branch sees them, and from all if that is what it takes.
func (r *Replica) startRound(name string, q *queue) {
	first := q.waiting[0]
	_, amount := first.needs()
	escrow := r.ledger.Escrow(name, r.self)
	if escrow >= amount {
		return // it only waits for a look to end
	}
	if r.ledger.Balance(name) < amount {
		// Too much even for all branches: find out whether that is so. A
		// doomed withdrawal moves no escrow.
		q.waiting = slices.Delete(q.waiting, 0, 1)
		r.joinCollect(name, first)
		r.touchAccount(name)
		return
	}
	rich, within := r.richestPeers(name)
	if escrow+within < amount {
		q.waiting = slices.Delete(q.waiting, 0, 1)
		r.refuse(first, r.unavailable(name, amount, "the amount needs escrow of branches that can't be reached"))
		r.touchAccount(name)
		return
	}
	q.ticket = first.ticket
	lacking := r.shortfall(q, escrow, within)
	for _, p := range rich {
		if lacking <= 0 {
			break
		}
		ask := min(lacking, r.ledger.Escrow(name, p.index))
		lacking -= ask
		c := r.newCall(p, name)
		q.round = append(q.round, c)
		r.send(p, Message{Claim: &Claim{ID: c.id, Account: name, Amount: ask, Ticket: first.ticket}})
	}
}

// shortfall is what the queue lacks, as far as the reachable peers have it.
func (r *Replica) shortfall(q *queue, escrow, within ledger.Amount) ledger.Amount {
	lacking := -escrow
	for _, p := range q.waiting {
		if p.op.Entry.Kind == ledger.Deposit {
			continue
		}
		_, amount := p.needs()
		if amount >= within-lacking {
			return within
		}
		lacking += amount
	}
	return lacking
}

// richestPeers returns the peers that can be asked and hold escrow of an
// account in this view, most first, and what they hold together.
func (r *Replica) richestPeers(name string) ([]*peer, ledger.Amount) {
	var rich []*peer
	var sum ledger.Amount
	for i, p := range r.peers {
		if e := r.ledger.Escrow(name, i); i != r.self && e > 0 && r.callable(p) {
			rich = append(rich, p)
			sum += e
		}
	}
	slices.SortStableFunc(rich, func(a, b *peer) int {
		return cmp.Or(
			cmp.Compare(r.ledger.Escrow(name, b.index), r.ledger.Escrow(name, a.index)),
			// Between equals the next branch: not all ask the same one.
			cmp.Compare((a.index-r.self+r.n)%r.n, (b.index-r.self+r.n)%r.n),
		)
	})
	return rich, sum
}

// callable reports whether a call to a peer has a chance.
func (r *Replica) callable(p *peer) bool { return p.linked && p.heard && r.now >= p.suspectUntil }

// tooLate reports whether a call has gone unanswered, and nothing else has come
// from the peer, for longer than a peer may take that only has much to do.
func (r *Replica) tooLate(c *call) bool {
	return r.now-max(c.sentAt, c.peer.heardAt) >= patience*r.cfg.PeerTimeout
}

// suspect has a peer not be called for a while, unless it is heard from.
func (r *Replica) suspect(p *peer) { p.suspectUntil = r.now + r.cfg.PeerTimeout }

func (r *Replica) newCall(p *peer, account string) *call {
	r.nextCall++
	c := &call{id: r.nextCall, peer: p, account: account, sentAt: r.now}
	r.calls[c.id] = c
	return c
}

func (r *Replica) receiveClaimAnswer(p *peer, a *ClaimAnswer) {
	c := r.calls[a.ID]
	if c == nil || c.peer != p || c.collect != nil {
		return
	}
	if problem := r.checkClaimAnswer(a); problem != "" {
		r.reject(p, BadAnswer, false, "an answer to a claim: %s", problem)
		a = &ClaimAnswer{ID: a.ID, Failed: true}
	}
	delete(r.calls, c.id)
	c.answered, c.failed, c.granted, c.sequence = !a.Failed, a.Failed, a.Granted, a.Sequence
	if a.Failed {
		r.suspect(p)
	}
	r.touchAccount(c.account)
}

// failCalls gives up the calls to a peer that is gone.
func (r *Replica) failCalls(p *peer) {
	for _, id := range sortedKeys(r.calls) {
		// A look that fails takes the others of its collect along.
		if c := r.calls[id]; c != nil && c.peer == p {
			r.failCall(c)
		}
	}
	for _, q := range r.queues { // in any order: this only marks
		for _, c := range q.round {
			// What it granted may not come for a long time.
			c.failed = c.failed || c.peer == p
		}
	}
}

func (r *Replica) failCall(c *call) {
	delete(r.calls, c.id)
	c.failed = true
	if c.collect != nil {
		r.failLook(c)
	} else {
		r.touchAccount(c.account)
	}
}

// expireWaiting gives up the writes and calls that have waited too long.
func (r *Replica) expireWaiting() {
	for _, id := range sortedKeys(r.calls) {
		if c := r.calls[id]; c.collect == nil && r.now-c.sentAt >= patience*r.cfg.PeerTimeout {
			if r.tooLate(c) {
				r.suspect(c.peer) // else it only serves its own, older writes first
			}
			r.failCall(c)
		}
	}
	for _, name := range sortedKeys(r.queues) {
		q := r.queues[name]
		if q.heldUntil > 0 && r.now >= q.heldUntil {
			r.release(q)
		}
		if q.pausedUntil > 0 && r.now >= q.pausedUntil {
			q.pausedUntil = 0
			r.touchAccount(name)
		}
		expired := slices.ContainsFunc(q.waiting, func(p *pending) bool { return r.now >= p.op.Deadline })
		if !expired {
			continue
		}
		for _, p := range slices.Clone(q.waiting) {
			if r.now >= p.op.Deadline {
				q.waiting = slices.DeleteFunc(q.waiting, func(o *pending) bool { return o == p })
				_, amount := p.needs()
				r.refuse(p, r.unavailable(name, amount, "the time was up before enough escrow had come from other branches"))
			}
		}
		r.touchAccount(name)
	}
}

// unavailable describes what an answer lacks: the unreachable branches, and
// what they hold in this view.
func (r *Replica) unavailable(account string, amount ledger.Amount, reason string) error {
	err := &UnavailableError{Branch: r.cfg.ID, Account: account, Amount: amount, Available: r.ledger.Escrow(account, r.self), Reason: reason}
	for i, p := range r.peers {
		if i != r.self && !r.callable(p) {
			err.Held = append(err.Held, Held{Branch: p.branch, Escrow: r.ledger.Escrow(account, i)})
		}
	}
	return err
}
