package replica

import (
	"cmp"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// callDone reports whether a claim of a round is answered and its answer shows
// in this branch's view.
func (es *escrow) callDone(q *queue, c *call) bool {
	if c.failed {
		return true
	}
	// An answer may name an entry that never comes.
	shown := es.Head(c.peer.Index) >= c.sequence || es.Now-c.sentAt >= patience*es.Timeout(c.peer)
	done := c.answered && shown
	if done && c.granted == 0 {
		// What the view promised had already moved on: let it arrive.
		q.pause = min(max(2*q.pause, claimPauseMin), claimPauseMax)
		q.pausedUntil = es.Now + q.pause
	}
	return done
}

// dropRound gives up the claims under way, because a write with an older
// ticket has come back from a double collect: under the younger ticket of the
// round they may wait for peers that wait for that write.
func (es *escrow) dropRound(q *queue) {
	for _, c := range q.round {
		es.calls.end(c)
	}
	q.round = nil
}

// startRound claims the shortfall of the whole queue: from the nearest peer that has enough
// alone, as this branch sees it; otherwise from the richest first, and from all if that is
// what it takes.
func (es *escrow) startRound(name string, q *queue) {
	k := slices.IndexFunc(q.waiting, func(p *pending) bool { return p.op.Entry.Kind != ledger.Deposit })
	if k < 0 {
		return // deposits wait for the account to thaw
	}
	first := q.waiting[k]
	_, amount := first.needs()
	escrow := es.Ledger.Escrow(name, es.Self)
	if escrow >= amount {
		return // it only waits for the account to thaw
	}
	if isChaired(first) && es.contests.serves(name) {
		return
	}
	if es.Ledger.Balance(name) < amount {
		// Too much even for all branches: find out whether that is so. A
		// doomed withdrawal moves no escrow.
		q.waiting = slices.Delete(q.waiting, k, k+1)
		es.collects.join(name, first)
		es.touchAccount(name)
		return
	}
	rich, within := es.richestPeers(name)
	if escrow+within < amount {
		q.waiting = slices.Delete(q.waiting, k, k+1)
		es.desk.refuse(first, es.Unavailable(name, amount, "the amount needs escrow of branches that can't be reached"))
		es.touchAccount(name)
		return
	}
	q.ticket = first.ticket
	lacking := es.shortfall(q, escrow, within)
	es.nearestFirst(name, rich, lacking)
	for _, p := range rich {
		if lacking <= 0 {
			break
		}
		ask := min(lacking, es.Ledger.Escrow(name, p.Index))
		lacking -= ask
		c := es.calls.begin(es, p, name)
		q.round = append(q.round, c)
		es.Send(p, protocol.Message{Claim: &protocol.Claim{ID: c.id, Account: name, Amount: ask, Ticket: first.ticket}})
	}
}

// shortfall is what the queue lacks, as far as the reachable peers have it.
func (es *escrow) shortfall(q *queue, escrow, within ledger.Amount) ledger.Amount {
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

// richestPeers returns the peers that can be asked and own some of an account in
// this view, the richest first, and what they own together.
func (es *escrow) richestPeers(name string) ([]*broadcast.Peer, ledger.Amount) {
	var rich []*broadcast.Peer
	var sum ledger.Amount
	for i, p := range es.Peers {
		if e := es.Ledger.Escrow(name, i); i != es.Self && e > 0 && es.Callable(p) {
			rich = append(rich, p)
			sum += e
		}
	}
	slices.SortStableFunc(rich, func(a, b *broadcast.Peer) int {
		return cmp.Or(
			cmp.Compare(es.Ledger.Escrow(name, b.Index), es.Ledger.Escrow(name, a.Index)),
			// Between equals the next branch: not all ask the same one.
			cmp.Compare((a.Index-es.Self+es.N)%es.N, (b.Index-es.Self+es.N)%es.N),
		)
	})
	return rich, sum
}

// nearestFirst puts the nearest of the peers that have an amount alone before the others.
func (es *escrow) nearestFirst(name string, rich []*broadcast.Peer, amount ledger.Amount) {
	enough := 0
	for enough < len(rich) && es.Ledger.Escrow(name, rich[enough].Index) >= amount {
		enough++
	}
	slices.SortStableFunc(rich[:enough], func(a, b *broadcast.Peer) int { return cmp.Compare(a.Distance(), b.Distance()) })
}

func (es *escrow) receiveClaimAnswer(p *broadcast.Peer, a *protocol.ClaimAnswer) {
	c := es.calls.open[a.ID]
	if c == nil || c.peer != p || c.asks != nil {
		return
	}
	if problem := es.checkClaimAnswer(a); problem != "" {
		es.alarms.Reject(p, protocol.BadAnswer, false, "an answer to a claim: %s", problem)
		a = &protocol.ClaimAnswer{ID: a.ID, Failed: true}
	}
	es.calls.end(c)
	c.answered, c.failed, c.granted, c.sequence = !a.Failed, a.Failed, a.Granted, a.Sequence
	if a.Failed {
		es.Suspect(p)
	}
	es.touchAccount(c.account)
}

// calls are the claims and looks under way.
type calls struct {
	*broadcast.Core // what all parts know
	// open are the calls that are not answered, by their ids.
	open map[uint64]*call
	// last is the last id used. It begins with the epoch, so that no call is taken
	// for one of another boot.
	last uint64
}

func newCalls(c *broadcast.Core) calls {
	return calls{Core: c, open: map[uint64]*call{}, last: c.Config.Epoch % (1 << 32) << 32}
}

// caller is a part that makes calls.
type caller interface {
	// lost tells that a call has failed: its peer is gone, or has not answered.
	lost(c *call)
}

// call is a claim or a look on its way to a peer and back.
type call struct {
	// id is what the answer names.
	id uint64
	// peer has to answer it.
	peer    *broadcast.Peer
	account string          // whose escrow or balance it is about
	sentAt  protocol.Millis // when it was sent
	// by is the part that makes the call.
	by caller
	// asks is set for a look or a mark, which is sent again at askAgainAt: it is of a
	// collect or of a snapshot. The other fields are for a claim.
	asks       *protocol.Collect
	askAgainAt protocol.Millis // of asks
	collect    *collect
	snapshot   *snapshot
	// answered and failed say how the call has ended, granted what it brought.
	answered, failed bool
	granted          ledger.Amount // by the answer
	// sequence is what must be applied of the peer's journal for its answer to
	// show in this branch's view.
	sequence uint64
}

func (t *calls) begin(by caller, p *broadcast.Peer, account string) *call {
	c := &call{id: t.nextID(), by: by, peer: p, account: account, sentAt: t.Now}
	t.open[c.id] = c
	return c
}

// ask asks a peer for a look, or marks it.
func (t *calls) ask(by caller, p *broadcast.Peer, what *protocol.Collect) *call {
	c := t.begin(by, p, what.Account)
	what.ID = c.id
	c.asks, c.askAgainAt = what, t.Now+max(lookRetry, 2*p.Distance())
	t.Send(p, protocol.Message{Collect: what})
	return c
}

// expire asks again, or gives up, where a look or a mark gets no answer.
func (t *calls) expire() {
	for _, id := range sorted(t.open) {
		c := t.open[id]
		switch {
		case c == nil || c.asks == nil:
		case t.tooLate(c):
			t.Suspect(c.peer)
			t.fail(c)
		case t.Now >= c.askAgainAt:
			c.askAgainAt = t.Now + t.Timeout(c.peer)
			again := *c.asks
			t.Send(c.peer, protocol.Message{Collect: &again})
		}
	}
}

// tooLate reports whether a call has gone unanswered, and nothing else has come
// from the peer, for longer than a busy peer may need. One that does not ack what it is
// sent either is not busy.
func (t *calls) tooLate(c *call) bool {
	if t.Silent(c.peer) && t.Now-c.sentAt >= t.Timeout(c.peer) {
		return true
	}
	return t.Now-max(c.sentAt, c.peer.HeardAt) >= patience*t.Timeout(c.peer)
}

// failAll gives up the calls to a peer that is gone.
func (t *calls) failAll(p *broadcast.Peer) {
	for _, id := range sorted(t.open) {
		// A look that fails ends the others of its collect.
		if c := t.open[id]; c != nil && c.peer == p {
			t.fail(c)
		}
	}
}

// failRounds gives up the claims to a peer that is gone, also those that it has
// answered: its grants may take long to arrive.
func (es *escrow) failRounds(p *broadcast.Peer) {
	for _, q := range es.queues { // in any order: this only marks
		for _, c := range q.round {
			c.failed = c.failed || c.peer == p
		}
	}
}

func (t *calls) fail(c *call) {
	t.end(c)
	c.failed = true
	c.by.lost(c)
}

// end forgets a call: it is answered, or nobody waits for its answer.
func (t *calls) end(c *call) { delete(t.open, c.id) }

// nextID returns the id of the next call.
func (t *calls) nextID() uint64 {
	t.last++
	return t.last
}

// lost implements caller for claims.
func (es *escrow) lost(c *call) { es.touchAccount(c.account) }

// nextTick returns when a call may have waited too long.
func (t *calls) nextTick() protocol.Millis {
	if len(t.open) > 0 {
		return t.Now + protocol.DeadlineGrain
	}
	return protocol.Never
}

// checkClaim reports what a claim may not say.
func (es *escrow) checkClaim(p *broadcast.Peer, c *protocol.Claim) (protocol.Lie, string) {
	switch view := es.Ledger.Clock(); {
	case c.Amount <= 0:
		return protocol.BadForm, fmt.Sprintf("amount %d: must be greater than 0", c.Amount)
	case c.Account == "":
		return protocol.BadForm, "it names no account"
	case c.Ticket.Branch != p.Branch:
		return protocol.BadForm, fmt.Sprintf("ticket: of branch %d, the claim is of branch %d", c.Ticket.Branch, p.Branch)
	case c.Ticket.Clock > view && c.Ticket.Clock-view > ledger.MaxClockLead:
		return protocol.BadClock, fmt.Sprintf("ticket: clock %d is more than %d ahead of this branch's, which is %d", c.Ticket.Clock, uint64(ledger.MaxClockLead), view)
	}
	return 0, ""
}

// checkClaimAnswer reports what the answer to a claim may not say.
func (es *escrow) checkClaimAnswer(a *protocol.ClaimAnswer) string {
	switch {
	case a.Granted < 0 || a.Escrow < 0:
		return fmt.Sprintf("granted %d, %d left", a.Granted, a.Escrow)
	case a.Sequence > ledger.MaxSequence:
		return fmt.Sprintf("entry %d", a.Sequence)
	}
	return ""
}
