package replica

import (
	"cmp"
	"errors"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// escrow is what waits for this branch to own enough of an account, or keeps it
// from spending: writes, claims of peers, promises to bulks, and freezes.
type escrow struct {
	*broadcast.Core                     // what all parts know
	alarms          *broadcast.Alarms   // what the operator is told
	recovery        *broadcast.Recovery // the state of this branch
	own             *broadcast.OwnBatch // entries of this branch
	desk            *desk               // answers to customers
	collects        *collects           // double collects
	calls           *calls              // claims and looks under way
	contests        *contests           // contested accounts
	// queues are what waits, by account.
	queues map[string]*queue
	// touched are the accounts to whose queues something has happened.
	touched []string
	// tickets is the Lamport time of tickets, which no entry ever has.
	tickets uint64
	// demands tell which branches spend the accounts that peers claim.
	demands demands
	// freezes count how long accounts were frozen lately.
	freezes freezes
	// cover is what this branch's own journal lacks.
	cover cover
}

func newEscrow(c *broadcast.Core) escrow {
	return escrow{Core: c, queues: map[string]*queue{}, demands: demands{of: map[string]*demand{}, sweptAt: c.Now}, freezes: freezes{at: c.Now}, cover: cover{at: protocol.Never}}
}

// queue is what waits for escrow of one account at this branch: its own
// writes, and the claims of peers. Both go by their tickets, oldest first:
// waiting only ever points at older tickets, so there is no deadlock, and the
// oldest gets whatever is claimed for it, so there is no livelock.
type queue struct {
	// waiting are this branch's own writes, oldest first.
	waiting []*pending
	// claims are those of peers that came while an older write waits here.
	claims []peerClaim
	// promised is how much of the account goes to bulks that wait for another one,
	// oldest first.
	promised []promise
	// round are the calls of the claim round under way, ticket is its age.
	round  []*call
	ticket protocol.Ticket // of the round
	// pausedUntil is when the next round may start, pause how long the last
	// pause was.
	pausedUntil, pause protocol.Millis
	// frozenUntil is until when nothing may change the balance, frozenFor the branch
	// whose next look that is for.
	frozenUntil protocol.Millis
	frozenFor   ledger.BranchID // the branch that looks
	// touched says that the next step serves the queue.
	touched bool
}

// peerClaim is a claim that has not been answered.
type peerClaim struct {
	peer  *broadcast.Peer // that claims
	claim protocol.Claim  // as it came
}

// expire gives up the writes and calls that have waited too long.
func (es *escrow) expire() {
	for _, id := range sorted(es.calls.open) {
		c := es.calls.open[id]
		late := c.asks == nil && es.calls.tooLate(c)
		if late {
			es.Suspect(c.peer) // a peer that is heard from serves its own, older writes first
		}
		if late || c.asks == nil && es.Now-c.sentAt >= patience*es.Timeout(c.peer) {
			es.calls.fail(c)
		}
	}
	for _, name := range sorted(es.queues) {
		q := es.queues[name]
		if q.frozenUntil > 0 && es.Now >= q.frozenUntil {
			es.thaw(q)
		}
		if q.pausedUntil > 0 && es.Now >= q.pausedUntil {
			q.pausedUntil = 0
			es.touchAccount(name)
		}
		expired := slices.ContainsFunc(q.waiting, func(p *pending) bool { return es.Now >= p.op.Deadline })
		if !expired {
			continue
		}
		for _, p := range slices.Clone(q.waiting) {
			if es.Now >= p.op.Deadline {
				q.waiting = slices.DeleteFunc(q.waiting, func(o *pending) bool { return o == p })
				_, amount := p.needs()
				es.desk.refuse(p, es.Unavailable(name, amount, "the time was up before enough escrow had come from other branches"))
			}
		}
		es.touchAccount(name)
	}
}

// nextTick returns when a queue goes on, or a write may have waited too long.
func (es *escrow) nextTick() protocol.Millis {
	next := es.cover.at
	for _, q := range es.queues {
		if q.frozenUntil > 0 {
			next = min(next, q.frozenUntil)
		}
		if len(q.waiting) > 0 {
			next = min(next, es.Now+protocol.DeadlineGrain)
			if q.pausedUntil > es.Now {
				next = min(next, q.pausedUntil)
			}
		}
	}
	return next
}

// covered reports whether the oldest write of a touched queue can go on.
func (es *escrow) covered() bool {
	for _, name := range es.touched {
		if q := es.queues[name]; q != nil && len(q.waiting) > 0 {
			if _, amount := q.waiting[0].needs(); es.Ledger.Escrow(name, es.Self) >= amount {
				return true
			}
		}
	}
	return false
}

// mustQueue reports whether a write has to wait its turn although this branch owns
// enough: older ones wait, the escrow is promised, or the account is frozen.
func (es *escrow) mustQueue(e *ledger.Entry) bool {
	if e.Kind != ledger.Deposit && es.promisedAway(e.Account, e.Amount, protocol.Ticket{}) {
		return true
	}
	if q := es.queues[e.Account]; q != nil && len(q.waiting) > 0 {
		return true
	}
	if e.Kind != ledger.Deposit && (es.contests.chairs(e.Account) || es.contests.waitsForOlder(e.Account, protocol.Ticket{}, e.Amount)) {
		return true
	}
	return es.isFrozenFor(e)
}

// isFrozenFor reports whether a write must not change its accounts now.
func (es *escrow) isFrozenFor(e *ledger.Entry) bool {
	if e.Kind != ledger.Transfer {
		return es.isFrozen(e.Account)
	}
	return es.isLookedAt(e.Account) || es.isLookedAt(e.ToAccount) || es.contests.frozenTogether(e.Account, e.ToAccount)
}

// queueOf returns the queue of an account, and marks it as touched.
func (es *escrow) queueOf(account string) *queue {
	q := es.queues[account]
	if q == nil {
		q = &queue{}
		es.queues[account] = q
	}
	es.touchAccount(account)
	return q
}

// wait gives a write its ticket and queues it. It refuses the write and reports
// false when the queue is full, or the write would open an account too many.
func (es *escrow) wait(p *pending) bool {
	account, _ := p.needs()
	if err := es.desk.mayOpen(&p.op.Entry); err != nil {
		es.desk.refuse(p, err)
		return false
	}
	q := es.queueOf(account)
	if len(q.waiting) >= maxWaiting {
		es.desk.refuse(p, protocol.ErrQueueFull)
		return false
	}
	if p.ticket == (protocol.Ticket{}) { // a bulk may have waited before
		es.tickets = max(es.tickets, es.Ledger.Clock()) + 1
		p.ticket = protocol.Ticket{Clock: es.tickets, Branch: es.Config.ID}
	}
	es.desk.await(p)
	q.insert(p)
	return true
}

// insert queues a write by its ticket.
func (q *queue) insert(p *pending) {
	k, _ := slices.BinarySearchFunc(q.waiting, p, func(a, b *pending) int { return compareTickets(a.ticket, b.ticket) })
	q.waiting = slices.Insert(q.waiting, k, p)
}

func compareTickets(a, b protocol.Ticket) int {
	if c := cmp.Compare(a.Clock, b.Clock); c != 0 {
		return c
	}
	return cmp.Compare(a.Branch, b.Branch)
}

// settleQueues serves the queues that were touched.
func (es *escrow) settleQueues() {
	if es.Recheck {
		// Any batch may end a round, and any link may open one.
		for _, name := range sorted(es.queues) {
			es.touchAccount(name)
		}
	}
	for len(es.touched) > 0 {
		name := es.touched[0]
		es.touched = es.touched[1:]
		q := es.queues[name]
		if q == nil {
			continue
		}
		q.touched = false
		es.settleQueue(name, q)
		if len(q.waiting) == 0 && len(q.claims) == 0 && len(q.promised) == 0 && len(q.round) == 0 && es.Now >= q.frozenUntil {
			delete(es.queues, name)
		}
	}
	es.touched = nil
}

// settleQueue serves one account's waiting writes and claims, oldest ticket
// first but for those that are covered, and claims what is still lacking.
func (es *escrow) settleQueue(name string, q *queue) {
	if es.State != protocol.Serving {
		es.dropQueue(q)
		return
	}
	for {
		// What covers a write came for it: not even an older claim gets that.
		if len(q.waiting) > 0 && es.serveWaiting(q) {
			continue
		}
		if len(q.claims) > 0 && (len(q.waiting) == 0 || q.claims[0].claim.Ticket.Older(q.waiting[0].ticket)) {
			c := q.claims[0]
			if es.promisedAway(name, 1, c.claim.Ticket) && es.Ledger.Escrow(name, es.Self) > 0 {
				break // it all goes to older bulks
			}
			q.claims = q.claims[1:]
			es.grant(c.peer, &c.claim)
			continue
		}
		if len(q.waiting) == 0 || es.isFrozen(name) || !es.serveDeposit(q) {
			break
		}
	}
	if len(q.waiting) > 0 && q.waiting[0].ticket.Older(q.ticket) {
		es.dropRound(q)
	}
	q.round = slices.DeleteFunc(q.round, func(c *call) bool { return es.callDone(q, c) })
	if len(q.waiting) > 0 && len(q.round) == 0 && es.Now >= q.pausedUntil && !es.isLookedAt(name) {
		es.startRound(name, q)
	}
}

// dropQueue refuses what waits: this branch may not write any more.
func (es *escrow) dropQueue(q *queue) {
	for _, p := range q.waiting {
		es.desk.refuse(p, es.recovery.NotServing())
	}
	for _, c := range q.claims {
		es.answerClaim(c.peer, &c.claim, 0)
	}
	q.waiting, q.claims, q.round = nil, nil, nil
}

// serveWaiting records or refuses the oldest waiting write, if it can.
func (es *escrow) serveWaiting(q *queue) bool {
	p := q.waiting[0]
	if p.op.Entry.Kind == ledger.Bulk {
		return es.serveBulk(q, p)
	}
	if isChaired(p) && (es.contests.chairs(p.op.Entry.Account) || es.contests.waitsForOlder(p.op.Entry.Account, p.ticket, p.op.Entry.Amount)) || es.isFrozenFor(&p.op.Entry) {
		return false
	}
	err := es.Ledger.CanPay(es.Self, &p.op.Entry)
	var escrow *ledger.EscrowError
	if errors.As(err, &escrow) || p.op.Entry.Kind != ledger.Deposit && es.promisedAway(p.op.Entry.Account, p.op.Entry.Amount, p.ticket) {
		return false
	}
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.pause = 0
	if err != nil {
		es.desk.refuse(p, err)
	} else {
		es.desk.record(p)
	}
	return true
}

// serveCovered records the withdrawals and transfers that wait for an account and are
// covered, also those behind one that is not.
func (es *escrow) serveCovered(name string, q *queue) {
	for _, p := range slices.Clone(q.waiting) {
		if isChaired(p) && !es.contests.waitsForOlder(name, p.ticket, p.op.Entry.Amount) {
			es.serveOne(name, q, p)
		}
	}
}

// serveOne records a withdrawal or a transfer that waits, or refuses it, if it is covered.
func (es *escrow) serveOne(name string, q *queue, p *pending) bool {
	e := &p.op.Entry
	if es.Ledger.Escrow(name, es.Self) < e.Amount || es.promisedAway(name, e.Amount, p.ticket) || es.isFrozenFor(e) {
		return false
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(o *pending) bool { return o == p })
	if err := es.Ledger.CanPay(es.Self, e); err != nil {
		es.desk.refuse(p, err)
	} else {
		es.desk.record(p)
	}
	return true
}

// refuseProven refuses the withdrawals and transfers that took part in a step of a chain of
// looks, at whose moment there was too little for them.
func (es *escrow) refuseProven(name string, q *queue, step uint64, balance ledger.Amount) {
	var refused []*pending
	q.waiting = slices.DeleteFunc(q.waiting, func(p *pending) bool {
		short := isChaired(p) && p.chainFrom <= step && p.op.Entry.Amount > balance
		if short {
			refused = append(refused, p)
		}
		return short
	})
	for _, p := range refused {
		es.desk.refuse(p, &protocol.InsufficientError{Account: name, Balance: balance, Amount: p.op.Entry.Amount})
	}
}

// serveDeposit records the oldest deposit that waits. It does not wait for what
// is older: it takes no escrow, and may be what that lacks.
func (es *escrow) serveDeposit(q *queue) bool {
	k := slices.IndexFunc(q.waiting, func(p *pending) bool { return p.op.Entry.Kind == ledger.Deposit })
	if k < 0 {
		return false
	}
	p := q.waiting[k]
	q.waiting = slices.Delete(q.waiting, k, k+1)
	if err := es.Ledger.CanPay(es.Self, &p.op.Entry); err != nil {
		es.desk.refuse(p, err)
	} else {
		es.desk.record(p)
	}
	return true
}

// isFrozen reports whether nothing may change an account's balance now.
func (es *escrow) isFrozen(name string) bool {
	return es.isLookedAt(name) || es.contests.isSeatFrozen(name)
}

// isLookedAt reports whether an account is frozen for a double collect.
func (es *escrow) isLookedAt(name string) bool {
	q := es.queues[name]
	return q != nil && es.Now < q.frozenUntil
}

// touchAccount marks an account's queue: this Ready serves it.
func (es *escrow) touchAccount(name string) {
	q := es.queues[name]
	if q != nil && !q.touched {
		q.touched = true
		es.touched = append(es.touched, name)
	}
}
