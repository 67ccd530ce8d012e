package replica

import (
	"cmp"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A chain of looks is a double collect (see collects) without an end: each look is the
// second one of a pair and the first one of the next. Take the moment at which the chair
// has committed what follows from the answers to look k. Each seat had paid then no more
// than the most that it had paid between its answer to look k and look k+1, which its
// answer to that says. So once all answers to look k+1 are in, it is proven what the
// balance was at most at that moment; and whatever waited by then and is more may be
// refused. That may settle too little where money keeps coming in. Then the seats freeze
// the account, which makes it likely that nothing changes. The proof does not need it.

// chain is a chain of looks, of which this branch is the chair.
type chain struct {
	account string
	// id names it; step is the look under way, or the last one during a rest.
	id, step uint64
	// look is that look.
	look protocol.ContestLook
	// answers are those to it by branch, before those to the look before it.
	answers, before []protocol.ContestAnswer
	// there says which have come, open how many have not.
	there []bool
	open  int
	// sentAt is when the look was sent, askAgainAt when it is sent again.
	sentAt, askAgainAt protocol.Millis
	// patience is how long a look may take.
	patience protocol.Millis
	// own is what this branch had paid once the answers to the look before were in.
	own ledger.Amount
	// proven is the step of whose moment something is proven, and balance the most that
	// there was then; 0 for none.
	proven  uint64
	balance ledger.Amount
	// broken says that something has changed although the last look froze the account.
	broken bool
	// freeze says that the next look freezes it: something waits that is neither covered nor
	// sure to be refused. hopeless says that all that waits is sure to be refused.
	freeze, hopeless bool
	// want is the escrow that this branch lacks for what waits, oldest the age of the
	// oldest write that lacks it.
	want   ledger.Amount
	oldest protocol.Ticket
	// stepping says that the chair does what follows from the answers to a look.
	stepping bool
	// waiting is how many waited after the last look.
	waiting int
	// restsUntil is when the next look starts, after a rest; 0 when there is none. rest is
	// how long the last one was.
	restsUntil, rest protocol.Millis
}

// begin begins a chain, unless a branch can't be reached. Its first look goes out in step
// with those of other chains.
func (cs *contests) begin(c *contest) bool {
	if cs.State != protocol.Serving || !cs.allUsable() {
		return false
	}
	c.chain = &chain{account: c.account, id: cs.calls.nextID(), patience: cs.Config.PeerTimeout / 2, answers: make([]protocol.ContestAnswer, cs.N)}
	c.came()
	c.flow /= 2 // what was once need not be any more
	cs.wake(c)
	return true
}

// allUsable reports whether a look can reach every branch.
func (cs *contests) allUsable() bool {
	for i, p := range cs.Peers {
		if i != cs.Self && (!cs.Callable(p) || !p.Usable()) {
			return false
		}
	}
	return true
}

// receiveSummons begins a chain for a peer.
func (cs *contests) receiveSummons(p *broadcast.Peer, account string) {
	c := cs.get(account)
	switch {
	case c != nil && c.chain != nil: // its next look reaches the peer, too
	case c == nil || cs.Now < c.barredUntil || !cs.begin(c):
		out := cs.journals.ContestTo(p)
		out.Ends = append(out.Ends, protocol.ContestEnd{Account: account, Failed: true})
	}
}

// sendLook sends the next look.
func (cs *contests) sendLook(ch *chain) {
	if ch.step++; ch.step >= maxLook {
		cs.failChain(cs.of[ch.account]) // the next one begins at 1
		return
	}
	ch.look = protocol.ContestLook{
		Account: ch.account, Chain: ch.id, Step: ch.step, Proven: ch.proven, Balance: ch.balance,
		Want: ch.want, Oldest: ch.oldest, Freeze: ch.freeze, Firm: ch.freeze && ch.broken,
	}
	ch.before, ch.answers, ch.there = ch.answers, make([]protocol.ContestAnswer, cs.N), make([]bool, cs.N)
	ch.there[cs.Self], ch.open = true, cs.N-1
	ch.sentAt, ch.askAgainAt, ch.restsUntil = cs.Now, cs.Now+lookRetry, 0
	cs.sendLookAgain(ch)
}

// sendLookAgain sends the look to the peers that have not answered it.
func (cs *contests) sendLookAgain(ch *chain) {
	for i, p := range cs.Peers {
		if !ch.there[i] && p.Usable() {
			out := cs.journals.ContestTo(p)
			out.Looks = append(out.Looks, ch.look)
		}
	}
}

// receiveAnswer handles a seat's answer.
func (cs *contests) receiveAnswer(p *broadcast.Peer, a *protocol.ContestAnswer) {
	c := cs.of[a.Account]
	if c == nil || c.chain == nil || c.chain.id != a.Chain || c.chain.step != a.Step || c.chain.there[p.Index] {
		return
	}
	ch := c.chain
	if a.Failed {
		cs.failChain(c)
		return
	}
	for _, w := range a.Waiting {
		cs.follow(w.Clock)
	}
	ch.answers[p.Index], ch.there[p.Index] = *a, true
	ch.open--
}

// expireChain gives up a chain that a branch does not answer. Before that it asks again:
// a message may be lost.
func (cs *contests) expireChain(c *contest) {
	ch := c.chain
	switch {
	case cs.waitsInVain(c.account):
		cs.failChain(c)
	case ch.open == 0:
	case cs.Now >= ch.sentAt+ch.patience:
		cs.failChain(c)
	case cs.Now >= ch.askAgainAt:
		ch.askAgainAt = cs.Now + lookRetry
		cs.sendLookAgain(ch)
	}
}

// nextTick returns when the chain goes on by itself, or has taken too long. Until a time it
// waits for the answers to others' looks.
func (ch *chain) nextTick(open protocol.Millis) protocol.Millis {
	if ch.open > 0 {
		return min(ch.askAgainAt, ch.sentAt+ch.patience)
	}
	return max(ch.restsUntil, open)
}

// failChain ends a chain for which a branch can't be asked: each helps itself.
func (cs *contests) failChain(c *contest) {
	cs.endChain(c, true)
	if q := cs.escrow.queues[c.account]; q != nil {
		q.takeNoPart()
	}
	cs.bar(c)
}

// endChain ends a chain at all branches.
func (cs *contests) endChain(c *contest, failed bool) {
	for i, p := range cs.Peers {
		if i != cs.Self && p.Usable() {
			out := cs.journals.ContestTo(p)
			out.Ends = append(out.Ends, protocol.ContestEnd{Account: c.account, Chain: c.chain.id, Failed: failed})
		}
	}
	c.chain = nil
	cs.escrow.touchAccount(c.account)
}

// stepChains goes on with the chains whose look all have answered, or that have rested.
// All chains of a chair go in step, so that their looks share frames, and what follows
// from the answers shares commits.
func (cs *contests) stepChains() {
	if cs.Now < cs.openUntil() {
		return
	}
	for _, c := range cs.live {
		ch := c.chain
		switch {
		case ch == nil || ch.open > 0 || cs.Now < ch.restsUntil:
		case cs.State != protocol.Serving || !cs.allUsable():
			cs.failChain(c)
		case ch.step == 0, ch.restsUntil != 0:
			cs.sendLook(ch)
		default:
			cs.stepChain(c)
		}
	}
}

// openUntil returns until when the chains wait for the answers to a look of one of them; 0
// when none is open. One that takes long is not waited for.
func (cs *contests) openUntil() (until protocol.Millis) {
	for _, c := range cs.live {
		if ch := c.chain; ch != nil && ch.open > 0 && cs.Now < ch.sentAt+lookTogether {
			until = max(until, ch.sentAt+lookTogether)
		}
	}
	return until
}

// stepChain does what follows from the answers to a look, in one commit.
func (cs *contests) stepChain(c *contest) {
	ch, q := c.chain, cs.escrow.queueOf(c.account)
	ch.stepping = true
	defer func() { ch.stepping = false }()
	c.until = cs.Now + contestedFor
	// First: what has begun to wait since the moment before takes no part in that.
	q.takePart(ch.id, ch.step, cs.Now)
	c.flow = max(c.flow, ch.prove(cs.Ledger.Limit()))
	if ch.proven > 0 {
		cs.escrow.refuseProven(c.account, q, ch.proven, ch.balance)
	}
	wishes := cs.wishes(ch, q)
	granted := cs.fulfil(c, q, wishes)
	ch.own = cs.Ledger.Paid(c.account, cs.Self)
	if len(wishes) == 0 {
		cs.endChain(c, false)
		return
	}
	moved := granted || len(wishes) != ch.waiting || ch.step <= 2
	for i := range ch.answers {
		moved = moved || ch.answers[i].Last != ch.before[i].Last
	}
	ch.waiting = len(wishes)
	if moved {
		ch.rest = 0
	} else {
		ch.rest = min(max(2*ch.rest, chainRestMin), chainRestMax)
	}
	// A look costs a message to each branch and back.
	rest := max(ch.rest, protocol.Millis(cs.N/branchesARest))
	switch {
	case ch.hopeless && c.flow > 0:
		rest = max(rest, busyRefusalRest)
	case ch.hopeless:
		rest = max(rest, refusalRest)
	}
	if rest > 0 {
		ch.restsUntil = cs.Now + rest
		return
	}
	cs.sendLook(ch)
}

// prove finds out what is proven of the moment of the look before this one. It returns how
// much may have come in at the seats between the two, each of which can have no more than
// a limit.
func (ch *chain) prove(limit ledger.Amount) (flow ledger.Amount) {
	ch.proven, ch.balance, ch.broken = 0, 0, false
	if ch.step < 2 {
		return 0
	}
	known, most := true, ch.own
	for i := range ch.answers { // the chair's own are empty
		a, before := &ch.answers[i], &ch.before[i]
		switch {
		case a.Before == before.Last:
			most = plus(most, before.Paid)
		case a.MostKnown:
			most = plus(most, max(a.Most, before.Paid))
			flow = plus(flow, min(limit, max(0, a.Most-before.Paid)))
			ch.broken = ch.look.Freeze
		default:
			known = false
		}
	}
	if known && most >= 0 { // else somebody lies
		ch.proven, ch.balance = ch.step-1, most
	}
	return flow
}

// plus adds two amounts that a peer may have made up.
func plus(a, b ledger.Amount) ledger.Amount {
	switch {
	case b > 0 && a > ledger.MaxAmount-b:
		return ledger.MaxAmount
	case b < 0 && a < -ledger.MaxAmount-b:
		return -ledger.MaxAmount
	}
	return a + b
}

// paid is what all branches have paid: the seats by their answers, this one by now.
func (cs *contests) paid(ch *chain) ledger.Amount {
	sum := cs.Ledger.Paid(ch.account, cs.Self)
	for i := range ch.answers {
		sum = plus(sum, ch.answers[i].Paid)
	}
	return sum
}

// wish is a withdrawal that waits for escrow of a contested account.
type wish struct {
	ticket protocol.Ticket
	amount ledger.Amount
	// own is the write itself if it waits here.
	own *pending
	// peer is the index of the branch where it waits.
	peer int
}

// wishes returns what waits at all branches, the oldest first.
func (cs *contests) wishes(ch *chain, q *queue) []wish {
	var all []wish
	latest := cs.Ledger.Clock() + ledger.MaxClockLead/2 // or others might refuse it
	for i := range ch.answers {
		for _, w := range ch.answers[i].Waiting {
			t := protocol.Ticket{Clock: min(w.Clock, latest), Branch: cs.Peers[i].Branch}
			all = append(all, wish{ticket: t, amount: w.Amount, peer: i})
		}
	}
	for _, p := range q.waiting {
		if isChaired(p) {
			all = append(all, wish{ticket: p.ticket, amount: p.op.Entry.Amount, own: p, peer: cs.Self})
		}
	}
	slices.SortStableFunc(all, func(a, b wish) int {
		return cmp.Or(compareTickets(a.ticket, b.ticket), cmp.Compare(a.peer, b.peer))
	})
	return all
}

// fulfil serves wishes out of the escrow that is here, in their order: it records those of
// this branch, and grants the others what they lack. It reports whether it has granted
// anything. What exceeds the balance gets nothing. Once one lacks something, those that
// are younger wait, too; all that lacks is what the next look wants from the seats.
func (cs *contests) fulfil(c *contest, q *queue, wishes []wish) (granted bool) {
	ch := c.chain
	left := cs.paid(ch)
	// What is more than this is sure to be refused, whatever comes in.
	refusable := left + min(2*min(c.flow, ledger.MaxAmount/2), ledger.MaxAmount-max(0, left))
	ch.freeze, ch.hopeless = false, true
	grants, theirs := make([]ledger.Amount, cs.N), make([]ledger.Amount, cs.N)
	for i := range theirs {
		theirs[i] = cs.Ledger.Escrow(ch.account, i)
	}
	here, lacking := theirs[cs.Self], ledger.Amount(0)
	ch.oldest = protocol.Ticket{}
	for _, w := range wishes {
		ch.hopeless = ch.hopeless && w.amount > refusable
		if w.amount > left {
			ch.freeze = ch.freeze || w.amount <= refusable
			continue
		}
		left -= w.amount
		need := w.amount
		if w.own == nil {
			covered := min(need, theirs[w.peer])
			theirs[w.peer] -= covered
			need -= covered
		}
		switch {
		case lacking > 0 || need > here-cs.escrow.promisedBefore(ch.account, w.ticket):
			if lacking == 0 {
				ch.oldest = w.ticket
			}
			lacking += max(need, 1)
		case w.own == nil:
			grants[w.peer] += need
			here -= need
		case cs.escrow.serveOne(ch.account, q, w.own):
			here -= need
		}
	}
	for i, amount := range grants {
		if amount > 0 && cs.Peers[i].Greeted() {
			cs.journals.Own.Post(ledger.Entry{Kind: ledger.Grant, Account: ch.account, ToBranch: cs.Peers[i].Branch, Amount: amount})
			granted = true
		}
	}
	ch.want = 0
	if lacking > 0 {
		ch.want = max(1, lacking-max(0, here-cs.escrow.promisedBefore(ch.account, ch.oldest)))
	}
	return granted
}
