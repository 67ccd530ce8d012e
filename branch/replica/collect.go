package replica

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// A double collect finds out the balance of an account over all branches at
// one moment (Afek et al., Atomic Snapshots of Shared Memory, 1993). A look
// asks every branch for what its own entries have paid into the account; the
// next look starts when all have answered. At the moment between two looks,
// what a branch had paid lies between its two answers:
//
//   - if every branch names the same last entry twice, the sum is the balance
//     at that moment;
//   - the sum of the most that each had paid between its two answers is at
//     least the balance at that moment. Where even that is below an amount,
//     the amount could not be paid then.
//
// One collect an account runs at a time and serves all who joined it early
// enough: the moment must lie within the call.
//
// Customers who are refused together mostly ask again together. So a collect that
// has refused several rests for a moment before its next look. That look alone
// decides for all who have joined meanwhile: the moment is when it begins.
type collects struct {
	*core              // what all parts know
	alarms   *alarms   // what the operator is told
	recovery *recovery // the state of this branch
	desk     *desk     // answers to customers
	escrow   *escrow   // queues of accounts
	calls    *calls    // claims and looks under way
	// of are the double collects of this branch, by account.
	of map[string]*collect
	// tallies follow what this branch pays, for the branches that collect, by
	// account.
	tallies map[string][]*tally
	// tallied counts the tallies.
	tallied int
}

func newCollects(c *core) collects {
	return collects{core: c, of: map[string]*collect{}, tallies: map[string][]*tally{}}
}

// collect is a double collect of one account.
type collect struct {
	// account is whose balance is to be found.
	account string
	// id tells it from other collects of this branch.
	id uint64
	// look is the number of the look under way, from 1.
	look uint64
	// freeze says that it asks the branches to freeze the account, since the last two
	// looks did not settle all that they might: unsettled. The look after it thaws.
	freeze, unsettled bool
	// restsUntil is when the next look may start, once the last one has refused
	// several withdrawals; 0 while a look is under way.
	restsUntil Millis
	// answers are those of this look by branch, before those of the last.
	answers, before []lookAnswer
	// open are the calls of this look that are not answered.
	open int
	// members are the calls that wait for the verdict.
	members []member
}

// member is a call that waits for the verdict of a double collect.
type member struct {
	// call is the call itself.
	call judged
	// joined is the look at which it began to wait.
	joined uint64
}

// judged is a call that a double collect decides: a withdrawal that is more than
// the balance in this branch's view, or a strong query.
type judged interface {
	deadline() Millis
	// asks reports whether it is a query.
	asks() bool
	// amount is what it spends of the account; 0 for a query.
	amount() ledger.Amount
	// judge serves it, if the last two looks allow that.
	judge(cs *collects, c *collect, seen sums) bool
	// fail answers it with an error.
	fail(d *desk, err error)
}

// sums are what two looks have seen together.
type sums struct {
	// exact says that both have seen the same: now is the balance then, and a hint
	// otherwise. It is what the branches have paid by the second one.
	exact bool
	now   ledger.Amount
	// most is the most that the balance can have been between them; MaxAmount when
	// that is not known.
	most ledger.Amount
}

type lookAnswer struct {
	CollectAnswer      // as it came
	there         bool // whether it has come
}

// maxMembers bounds the calls that one collect serves.
const maxMembers = 8192

// join lets a call wait for the verdict of a double collect.
func (cs *collects) join(account string, w judged) {
	c := cs.of[account]
	if c == nil {
		c = &collect{account: account, id: cs.calls.nextID()}
		cs.of[account] = c
		c.members = append(c.members, member{call: w})
		cs.startLook(c)
		return
	}
	if len(c.members) >= maxMembers {
		w.fail(cs.desk, ErrQueueFull)
		return
	}
	c.members = append(c.members, member{call: w, joined: c.look})
	if w.asks() && c.restsUntil != 0 {
		cs.startLook(c) // the rest is for refusals
	}
}

func (p *pending) asks() bool { return false }
func (a *asking) asks() bool  { return true }

func (p *pending) amount() ledger.Amount {
	_, amount := p.needs()
	return amount
}

func (a *asking) amount() ledger.Amount { return 0 }

// startLook asks every branch, this one included.
func (cs *collects) startLook(c *collect) {
	switch {
	case cs.state != Serving:
		cs.fail(c, cs.recovery.stateReason())
		return
	case len(cs.uncallable()) > 0:
		cs.fail(c, "the balance over all branches needs branches that can't be reached")
		return
	}
	c.look++
	c.freeze, c.restsUntil = c.unsettled && !c.freeze, 0
	if c.look == 1 {
		for k := range c.members {
			c.members[k].joined = 1
		}
	}
	c.before, c.answers = c.answers, make([]lookAnswer, cs.n)
	ask := Collect{Account: c.account, Collect: c.id, Look: c.look, Freeze: c.freeze}
	c.answers[cs.self] = lookAnswer{CollectAnswer: cs.look(cs.cfg.ID, &ask), there: true}
	c.open = cs.n - 1
	for i, p := range cs.peers {
		if i != cs.self {
			cs.sendLook(c, p, ask)
		}
	}
}

func (cs *collects) sendLook(c *collect, p *peer, ask Collect) {
	call := cs.calls.begin(cs, p, c.account)
	call.collect, call.askAgainAt = c, cs.now+lookRetry
	ask.ID = call.id
	cs.send(p, Message{Collect: &ask})
}

// uncallable returns the peers that a look can't reach.
func (cs *collects) uncallable() []*peer {
	var out []*peer
	for i, p := range cs.peers {
		if i != cs.self && !cs.callable(p) {
			out = append(out, p)
		}
	}
	return out
}

func (cs *collects) receiveCollectAnswer(p *peer, a *CollectAnswer) {
	call := cs.calls.open[a.ID]
	if call == nil || call.peer != p || call.collect == nil {
		return
	}
	if problem := cs.checkCollectAnswer(p, a); problem != "" {
		cs.alarms.reject(p, BadAnswer, false, "an answer to a look: %s", problem)
		a = &CollectAnswer{ID: a.ID, Failed: true}
	}
	if a.Failed {
		cs.suspect(p)
		cs.calls.fail(call)
		return
	}
	cs.calls.end(call)
	c := call.collect
	if cs.of[c.account] != c || c.answers[p.index].there {
		return
	}
	c.answers[p.index] = lookAnswer{CollectAnswer: *a, there: true}
	c.open--
}

// step ends the looks that are answered, and starts the next ones.
func (cs *collects) step() {
	for _, name := range sortedKeys(cs.of) {
		c := cs.of[name]
		for c.open == 0 && cs.of[name] == c && cs.now >= c.restsUntil {
			cs.endLook(c)
		}
	}
}

// endLook serves those members who had joined before the look began, and
// starts the next look for those who are left.
func (cs *collects) endLook(c *collect) {
	refused := 0
	c.unsettled = false
	if c.look > 1 {
		seen := c.compare()
		members := c.members
		c.members = nil
		for _, m := range members {
			late, amount := m.joined >= c.look, m.call.amount()
			switch {
			case late || !m.call.judge(cs, c, seen):
				c.unsettled = c.unsettled || !late
				c.members = append(c.members, m)
			case seen.most < amount:
				refused++
			}
		}
	}
	switch {
	case refused > 1 && !c.unsettled && !c.freeze && !c.asked() && cs.n > 1:
		c.restsUntil = cs.now + lookPause
	case len(c.members) > 0:
		cs.startLook(c)
	default:
		cs.end(c)
	}
}

// asked reports whether a query is among the members.
func (c *collect) asked() bool {
	return slices.ContainsFunc(c.members, func(m member) bool { return m.call.asks() })
}

// end forgets a collect. If its last look has frozen the account, one more look, for
// which nobody waits, thaws it.
func (cs *collects) end(c *collect) {
	delete(cs.of, c.account)
	if !c.freeze {
		return
	}
	ask := Collect{Account: c.account, Collect: c.id, Look: c.look + 1}
	cs.look(cs.cfg.ID, &ask)
	for i, p := range cs.peers {
		if i != cs.self && cs.callable(p) {
			ask.ID = cs.calls.nextID()
			again := ask
			cs.send(p, Message{Collect: &again})
		}
	}
}

// compare returns what the last two looks have seen together.
func (c *collect) compare() sums {
	s := sums{exact: true}
	known := true
	for i := range c.answers {
		s.exact = s.exact && c.answers[i].Last == c.before[i].Last
		known = known && c.answers[i].MostKnown
		s.most += max(c.answers[i].Most, c.answers[i].Paid)
		s.now += c.answers[i].Paid
	}
	switch {
	case s.exact:
		s.most = s.now
	case !known:
		s.most = ledger.MaxAmount
	}
	return s
}

func (a *asking) judge(cs *collects, c *collect, seen sums) bool {
	if seen.exact {
		cs.replyStrong(c, a, seen.now)
	}
	return seen.exact
}

func (p *pending) judge(cs *collects, c *collect, seen sums) bool {
	_, amount := p.needs()
	switch {
	case seen.most < amount:
		cs.desk.refuse(p, &InsufficientError{Account: c.account, Balance: seen.most, Amount: amount})
	case seen.now >= amount:
		// Enough after all: the view was behind. It catches up while the
		// write waits for escrow like any other.
		q := cs.escrow.queueOf(c.account)
		q.insert(p)
		q.pause = min(max(2*q.pause, claimPauseMin), claimPauseMax)
		q.pausedUntil = cs.now + q.pause
	default:
		return false
	}
	return true
}

// replyStrong answers a strong query. Its session covers the entries that made
// the balance, also those that are not applied here yet.
func (cs *collects) replyStrong(c *collect, a *asking, balance ledger.Amount) {
	session := slices.Clone(a.query.Session)
	for i, p := range cs.peers {
		if last := c.answers[i].Last; last > 0 {
			session = append(session, ledger.Position{Branch: p.branch, Sequence: last})
		}
	}
	cs.reply(Reply{ID: a.query.ID, Balance: balance, Available: cs.ledger.Escrow(c.account, cs.self), Session: cs.seen(session)})
}

// lost implements caller for looks: it ends a collect for which a branch could not
// be asked.
func (cs *collects) lost(call *call) {
	if c := call.collect; cs.of[c.account] == c && !c.answers[call.peer.index].there {
		cs.fail(c, fmt.Sprintf("the balance over all branches needs branch %d, which can't be reached", call.peer.branch))
	}
}

func (cs *collects) fail(c *collect, reason string) {
	cs.end(c)
	for _, call := range cs.calls.open { // in any order: they are only forgotten
		if call.collect == c {
			cs.calls.end(call)
		}
	}
	for _, m := range c.members {
		m.call.fail(cs.desk, cs.unavailable(c.account, m.call.amount(), reason))
	}
}

func (p *pending) fail(d *desk, err error) { d.refuse(p, err) }
func (a *asking) fail(d *desk, err error)  { d.reply(Reply{ID: a.query.ID, Err: err}) }

// expire gives up the members whose deadline has passed, and asks
// again, or gives up, where a look gets no answer.
func (cs *collects) expire() {
	for _, id := range sortedKeys(cs.calls.open) {
		call := cs.calls.open[id]
		if call == nil || call.collect == nil {
			continue
		}
		switch {
		case cs.calls.tooLate(call):
			cs.suspect(call.peer)
			cs.calls.fail(call)
		case cs.now >= call.askAgainAt:
			call.askAgainAt = cs.now + cs.cfg.PeerTimeout
			c := call.collect
			cs.send(call.peer, Message{Collect: &Collect{ID: call.id, Account: c.account, Collect: c.id, Look: c.look, Freeze: c.freeze}})
		}
	}
	for _, name := range sortedKeys(cs.of) {
		c := cs.of[name]
		c.members = slices.DeleteFunc(c.members, func(m member) bool {
			if cs.now < m.call.deadline() {
				return false
			}
			m.call.fail(cs.desk, cs.unavailable(c.account, m.call.amount(), "the time was up while the account kept changing"))
			return true
		})
	}
	cs.expireTallies()
}

// nextTick returns when a look begins or ends by itself, or a call may have waited
// too long.
func (cs *collects) nextTick() Millis {
	next := never
	if len(cs.of) > 0 || len(cs.tallies) > 0 {
		next = cs.now + deadlineGrain
	}
	for _, c := range cs.of {
		switch {
		case c.restsUntil != 0:
			next = min(next, c.restsUntil)
		case c.open == 0: // in a bank of one: there is no answer to wait for
			next = cs.now
		}
	}
	return next
}
