package replica

import (
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// seat is a branch's place in the chain of looks of a chair.
type seat struct {
	// chair is the one whose looks it answers.
	chair *broadcast.Peer
	// chain and step are those of the last look that has come.
	chain, step uint64
	// look is that look until it is answered, answer what was answered last.
	look   *protocol.ContestLook
	answer protocol.ContestAnswer
	// repeated says that the chain's first look here may be a repetition: what waits then
	// takes part from the next step on.
	repeated bool
	// before is the last entry that had changed the balance when the look came, mostBefore
	// the most that was paid from the answer before to it, if mostKnown says so.
	before     uint64
	mostBefore ledger.Amount
	mostKnown  bool
	// most is the most that was paid since the last answer.
	most ledger.Amount
	// want and oldest are those of the look that was answered last.
	want   ledger.Amount
	oldest protocol.Ticket
	// frozen says that nothing may change the balance until the next look, since frozenAt;
	// firm that no write may that also changes another contested account.
	frozen, firm bool
	frozenAt     protocol.Millis
	// metered says that the freeze counts as one of the account (freezes), and ends at
	// meltAt.
	metered bool
	meltAt  protocol.Millis
	// until is when the seat is given up.
	until protocol.Millis
}

// receiveLook handles a look. It is answered by the next step.
func (cs *contests) receiveLook(p *broadcast.Peer, l *protocol.ContestLook) {
	c := cs.get(l.Account)
	if c == nil || cs.State != protocol.Serving || cs.Now < c.barredUntil {
		cs.answer(p, &protocol.ContestAnswer{Account: l.Account, Chain: l.Chain, Step: l.Step, Failed: true})
		return
	}
	s := c.seat
	first := l.Step == 1 && l.Chain > cs.seen[p.Index]
	again := s != nil && s.repeated // what the answer before was, only the chair knows
	cs.seen[p.Index] = max(cs.seen[p.Index], l.Chain)
	switch {
	case s != nil && l.Chain < s.chain:
		return // it has overstayed its chain
	case s != nil && l.Chain == s.chain && l.Step <= s.step:
		if l.Step == s.step && s.look == nil {
			cs.answer(p, &s.answer) // it was lost
		}
		return
	case s == nil && l.Chain == c.leftChain && l.Step <= c.leftStep:
		return // it was answered before this branch left
	case s == nil || l.Chain != s.chain:
		cs.melt(c)
		s = &seat{chair: p, chain: l.Chain, repeated: !first}
		c.seat = s
	default:
		s.repeated = false
	}
	s.mostBefore, s.mostKnown = s.most, !again && l.Chain == s.answer.Chain && l.Step == s.answer.Step+1
	s.look, s.step, s.until = l, l.Step, cs.Now+cs.Config.PeerTimeout/2
	s.before = cs.Ledger.Last(l.Account, cs.Self)
	c.came()
	c.until, c.barredUntil = cs.Now+contestedFor, 0
	cs.wake(c)
	cs.follow(l.Oldest.Clock)
}

// receiveEnd handles the end of a chain.
func (cs *contests) receiveEnd(e *protocol.ContestEnd) {
	c := cs.of[e.Account]
	switch {
	case c == nil:
	case c.seat != nil && c.seat.chain == e.Chain:
		cs.leave(c, e.Failed)
	case c.seat == nil && e.Failed:
		cs.bar(c)
	}
}

// leave ends this branch's part in a chain.
func (cs *contests) leave(c *contest, failed bool) {
	cs.melt(c)
	if q := cs.escrow.queues[c.account]; q != nil && failed {
		q.takeNoPart()
	}
	c.leftChain, c.leftStep = c.seat.chain, c.seat.step
	c.seat = nil
	c.came()
	if failed {
		cs.bar(c)
	}
	cs.Recheck = true // what waits for the account may be in any queue
}

// answer sends an answer to a chair.
func (cs *contests) answer(chair *broadcast.Peer, a *protocol.ContestAnswer) {
	if chair.Usable() {
		out := cs.journals.ContestTo(chair)
		out.Answers = append(out.Answers, *a)
	}
}

// open lets the accounts of looks that have come change, until the step answers them.
func (cs *contests) open() {
	for _, c := range cs.opened() {
		cs.melt(c)
		cs.Recheck = true // what waits for the account may be in any queue
	}
}

// waitsForOlder reports whether a write must leave the escrow that is here to an older
// one, for which the chair lacks it.
func (cs *contests) waitsForOlder(account string, t protocol.Ticket, amount ledger.Amount) bool {
	c := cs.of[account]
	if c == nil || c.seat == nil {
		return false
	}
	want, oldest := c.seat.want, c.seat.oldest
	if look := c.seat.look; look != nil {
		want, oldest = look.Want, look.Oldest
	}
	switch {
	case want == 0 || t != (protocol.Ticket{}) && !oldest.Older(t):
		return false
	case oldest.Branch == cs.Config.ID:
		return cs.waitsHere(account, oldest)
	}
	return cs.Ledger.Escrow(account, cs.Self)-amount < want
}

// waitsHere reports whether a write that is as old as a ticket waits here.
func (cs *contests) waitsHere(account string, t protocol.Ticket) bool {
	q := cs.escrow.queues[account]
	return q != nil && slices.ContainsFunc(q.waiting, func(p *pending) bool { return isChaired(p) && p.ticket == t })
}

// answerLooks answers the looks that have come. Before that it serves what waits for their
// accounts, while all of them are open.
func (cs *contests) answerLooks() {
	open := cs.opened()
	for _, c := range open {
		if q := cs.escrow.queues[c.account]; q != nil && cs.State == protocol.Serving {
			cs.escrow.serveCovered(c.account, q)
		}
	}
	for _, c := range open {
		if cs.State != protocol.Serving {
			s := c.seat
			cs.answer(s.chair, &protocol.ContestAnswer{Account: c.account, Chain: s.chain, Step: s.step, Failed: true})
			cs.leave(c, true)
			continue
		}
		cs.answerLook(c)
	}
}

// opened returns the contests whose look has come and is not answered, by their names.
func (cs *contests) opened() []*contest {
	var open []*contest
	for _, c := range cs.live {
		if c.seat != nil && c.seat.look != nil {
			open = append(open, c)
		}
	}
	return open
}

// answerLook does what a look asks for, in one commit: what it opens, this closes.
func (cs *contests) answerLook(c *contest) {
	s := c.seat
	q := cs.escrow.queueOf(c.account)
	from := s.step
	if s.repeated {
		from++
	}
	q.takePart(s.chain, from, cs.Now)
	if s.look.Proven > 0 {
		cs.escrow.refuseProven(c.account, q, s.look.Proven, s.look.Balance)
	}
	cs.give(c, s.look)
	s.answer = protocol.ContestAnswer{
		Account: c.account, Chain: s.chain, Step: s.step, Before: s.before,
		Last: cs.Ledger.Last(c.account, cs.Self), Paid: cs.Ledger.Paid(c.account, cs.Self),
		Most: s.mostBefore, MostKnown: s.mostKnown,
	}
	s.most = s.answer.Paid
	for _, p := range q.waiting {
		if len(s.answer.Waiting) < maxContestWaits && isChaired(p) {
			s.answer.Waiting = append(s.answer.Waiting, protocol.ContestWait{Clock: p.ticket.Clock, Amount: p.op.Entry.Amount})
		}
	}
	cs.answer(s.chair, &s.answer)
	cs.freeze(s)
	s.look = nil
}

// give grants a chair what it wants out of what is left here. If the oldest write that lacks
// something waits here, the chair counts on what is left for that.
func (cs *contests) give(c *contest, look *protocol.ContestLook) {
	s := c.seat
	s.want, s.oldest = look.Want, look.Oldest
	left := cs.Ledger.Escrow(c.account, cs.Self) - cs.escrow.promisedBefore(c.account, look.Oldest)
	if look.Want == 0 || left <= 0 || look.Oldest.Branch == cs.Config.ID {
		return
	}
	amount := min(left, look.Want)
	cs.journals.Own.Post(ledger.Entry{Kind: ledger.Grant, Account: c.account, ToBranch: s.chair.Branch, Amount: amount})
	s.want -= amount
}

// tallyPaid adds what an own entry has paid to what the seats of its accounts follow.
func (cs *contests) tallyPaid(e *ledger.Entry) {
	if len(cs.live) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		if c := cs.of[name]; c != nil && c.seat != nil {
			c.seat.most = max(c.seat.most, cs.Ledger.Paid(name, cs.Self))
		}
	})
}

// takePart marks the writes that wait with the first step of a chain whose moment is
// after they began to.
func (q *queue) takePart(chain, step uint64, now protocol.Millis) {
	for _, p := range q.waiting {
		if p.chain == 0 {
			p.chainSince = now
		}
		if p.chain != chain {
			p.chain, p.chainFrom = chain, step
		}
	}
}

// takeNoPart lets what waits help itself.
func (q *queue) takeNoPart() {
	for _, p := range q.waiting {
		p.chain, p.chainFrom = 0, 0
	}
}

// freeze lets nothing change the account of a seat until the next look, as far as
// freezes allow.
func (cs *contests) freeze(s *seat) {
	if !s.look.Freeze || cs.escrow.freezes.left() < leastFreeze {
		return
	}
	s.frozen, s.firm, s.frozenAt = true, s.look.Firm, cs.Now
	if s.firm {
		cs.meter(s) // two chairs in turn could stop a write that changes both accounts
	}
}

// meter makes a freeze count as one of the account.
func (cs *contests) meter(s *seat) {
	s.metered, s.meltAt = true, cs.Now+cs.escrow.freezes.left()
	cs.escrow.freezes.begin(s.meltAt)
}

// melt ends the freeze of a seat.
func (cs *contests) melt(c *contest) {
	if s := c.seat; s != nil && s.frozen {
		s.frozen = false
		if s.metered {
			s.metered = false
			cs.escrow.freezes.end()
		}
		cs.Recheck = true // what waits for the account may be in any queue
	}
}

// expireSeat gives up a seat whose chair has said nothing for too long, or for whose looks
// something waits in vain. A freeze that lasts counts: accounts are frozen for a part of
// any second only, whoever asks for it.
func (cs *contests) expireSeat(c *contest) {
	s := c.seat
	switch {
	case s.look != nil:
	case cs.Now >= s.until, cs.waitsInVain(c.account):
		cs.leave(c, true)
	case s.metered && cs.Now >= s.meltAt:
		cs.melt(c)
	case s.frozen && !s.metered && cs.Now >= s.frozenAt+freezeGrace:
		cs.meter(s)
	}
}

// nextTick returns when the seat has lasted too long, or its freeze counts or ends.
func (s *seat) nextTick() protocol.Millis {
	switch {
	case s.metered:
		return min(s.until, s.meltAt)
	case s.frozen:
		return min(s.until, s.frozenAt+freezeGrace)
	}
	return s.until
}
