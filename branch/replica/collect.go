package replica

import (
	"fmt"
	"maps"
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
// Customers who are refused together mostly ask again together. So a collect
// that has refused several rests for a moment before its next look. That look
// alone settles what all have joined for meanwhile: the moment is when it begins.
type collect struct {
	account string
	id      uint64
	// look is the number of the look under way, from 1.
	look uint64
	// hold says that it asks the branches to hold the account, since the last two
	// looks did not settle all that they might. The look after it ends that.
	hold, unsettled bool
	// restsUntil is when the next look may start, once the last one has refused
	// several withdrawals; 0 while a look is under way.
	restsUntil Millis
	// answers are those of this look by branch, before those of the last.
	answers, before []lookAnswer
	// open are the calls of this look that are not answered.
	open    int
	members []member
}

// member is a call that waits for the verdict of a double collect.
type member struct {
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
	// amount is what it takes of the account that is looked at; 0 for a query.
	amount() ledger.Amount
	// judge serves it, if the last two looks allow that.
	judge(r *Replica, c *collect, seen sums) bool
	// fail answers it with an error.
	fail(r *Replica, err error)
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
	CollectAnswer
	there bool
}

// maxMembers bounds the calls that one collect serves.
const maxMembers = 8192

// joinCollect has a call wait for the verdict of a double collect.
func (r *Replica) joinCollect(account string, w judged) {
	c := r.collects[account]
	if c == nil {
		r.nextCall++
		c = &collect{account: account, id: r.nextCall}
		r.collects[account] = c
		c.members = append(c.members, member{call: w})
		r.startLook(c)
		return
	}
	if len(c.members) >= maxMembers {
		w.fail(r, ErrQueueFull)
		return
	}
	c.members = append(c.members, member{call: w, joined: c.look})
	if w.asks() && c.restsUntil != 0 {
		r.startLook(c) // the rest is for refusals
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
func (r *Replica) startLook(c *collect) {
	switch {
	case r.recovery.state != Serving:
		r.failCollect(c, r.stateReason())
		return
	case len(r.uncallable()) > 0:
		r.failCollect(c, "the balance over all branches needs branches that can't be reached")
		return
	}
	c.look++
	c.hold, c.restsUntil = c.unsettled && !c.hold, 0
	if c.look == 1 {
		for k := range c.members {
			c.members[k].joined = 1
		}
	}
	c.before, c.answers = c.answers, make([]lookAnswer, r.n)
	ask := Collect{Account: c.account, Collect: c.id, Look: c.look, Hold: c.hold}
	c.answers[r.self] = lookAnswer{CollectAnswer: r.look(r.cfg.ID, &ask), there: true}
	c.open = r.n - 1
	for i, p := range r.peers {
		if i != r.self {
			r.sendLook(c, p, ask)
		}
	}
}

func (r *Replica) sendLook(c *collect, p *peer, ask Collect) {
	call := r.newCall(p, c.account)
	call.collect, call.askAgainAt = c, r.now+lookRetry
	ask.ID = call.id
	r.send(p, Message{Collect: &ask})
}

// uncallable returns the peers that a look can't reach.
func (r *Replica) uncallable() []*peer {
	var out []*peer
	for i, p := range r.peers {
		if i != r.self && !r.callable(p) {
			out = append(out, p)
		}
	}
	return out
}

func (r *Replica) receiveCollectAnswer(p *peer, a *CollectAnswer) {
	call := r.calls[a.ID]
	if call == nil || call.peer != p || call.collect == nil {
		return
	}
	if problem := r.checkCollectAnswer(p, a); problem != "" {
		r.reject(p, BadAnswer, false, "an answer to a look: %s", problem)
		a = &CollectAnswer{ID: a.ID, Failed: true}
	}
	if a.Failed {
		r.suspect(p)
		r.failCall(call)
		return
	}
	delete(r.calls, call.id)
	c := call.collect
	if r.collects[c.account] != c || c.answers[p.index].there {
		return
	}
	c.answers[p.index] = lookAnswer{CollectAnswer: *a, there: true}
	c.open--
}

// stepCollects ends the looks that are answered, and starts the next ones.
func (r *Replica) stepCollects() {
	for _, name := range sortedKeys(r.collects) {
		c := r.collects[name]
		for c.open == 0 && r.collects[name] == c && r.now >= c.restsUntil {
			r.endLook(c)
		}
	}
}

// endLook serves those members who had joined before the look began, and
// starts the next look for those who are left.
func (r *Replica) endLook(c *collect) {
	refused := 0
	c.unsettled = false
	if c.look > 1 {
		seen := c.compare()
		members := c.members
		c.members = nil
		for _, m := range members {
			late, amount := m.joined >= c.look, m.call.amount()
			switch {
			case late || !m.call.judge(r, c, seen):
				c.unsettled = c.unsettled || !late
				c.members = append(c.members, m)
			case seen.most < amount:
				refused++
			}
		}
	}
	switch {
	case refused > 1 && !c.unsettled && !c.hold && !c.asked() && r.n > 1:
		c.restsUntil = r.now + lookPause
	case len(c.members) > 0:
		r.startLook(c)
	default:
		r.endCollect(c)
	}
}

// asked reports whether a query is among the members.
func (c *collect) asked() bool {
	return slices.ContainsFunc(c.members, func(m member) bool { return m.call.asks() })
}

// endCollect forgets a collect. Where its last look holds the account, one
// more look that nobody waits for ends that.
func (r *Replica) endCollect(c *collect) {
	delete(r.collects, c.account)
	if !c.hold {
		return
	}
	ask := Collect{Account: c.account, Collect: c.id, Look: c.look + 1}
	r.look(r.cfg.ID, &ask)
	for i, p := range r.peers {
		if i != r.self && r.callable(p) {
			r.nextCall++
			ask.ID = r.nextCall
			again := ask
			r.send(p, Message{Collect: &again})
		}
	}
}

// compare returns what the last two looks have seen together.
func (c *collect) compare() sums {
	s := sums{exact: true}
	known := true
	for i := range c.answers {
		s.exact = s.exact && c.answers[i].Last == c.before[i].Last
		known = known && c.answers[i].Watched
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

func (a *asking) judge(r *Replica, c *collect, seen sums) bool {
	if seen.exact {
		r.replyStrong(c, a, seen.now)
	}
	return seen.exact
}

func (p *pending) judge(r *Replica, c *collect, seen sums) bool {
	_, amount := p.needs()
	switch {
	case seen.most < amount:
		r.refuse(p, &InsufficientError{Account: c.account, Balance: seen.most, Amount: amount})
	case seen.now >= amount:
		// Enough after all: the view was behind. It catches up while the
		// write waits for escrow like any other.
		q := r.queueOf(c.account)
		q.insert(p)
		q.pause = min(max(2*q.pause, claimPauseMin), claimPauseMax)
		q.pausedUntil = r.now + q.pause
	default:
		return false
	}
	return true
}

// replyStrong answers a strong query. Its session covers the entries that made
// the balance, also those that are not applied here yet.
func (r *Replica) replyStrong(c *collect, a *asking, balance ledger.Amount) {
	session := slices.Clone(a.query.Session)
	for i, p := range r.peers {
		if last := c.answers[i].Last; last > 0 {
			session = append(session, ledger.Position{Branch: p.branch, Sequence: last})
		}
	}
	r.reply(Reply{ID: a.query.ID, Balance: balance, Available: r.ledger.Escrow(c.account, r.self), Session: r.seen(session)})
}

// failLook ends a collect that a branch could not be asked for.
func (r *Replica) failLook(call *call) {
	if c := call.collect; r.collects[c.account] == c && !c.answers[call.peer.index].there {
		r.failCollect(c, fmt.Sprintf("the balance over all branches needs branch %d, which can't be reached", call.peer.branch))
	}
}

func (r *Replica) failCollect(c *collect, reason string) {
	r.endCollect(c)
	for _, id := range sortedKeys(r.calls) {
		if r.calls[id].collect == c {
			delete(r.calls, id)
		}
	}
	for _, m := range c.members {
		m.call.fail(r, r.unavailable(c.account, m.call.amount(), reason))
	}
}

func (p *pending) fail(r *Replica, err error) { r.refuse(p, err) }
func (a *asking) fail(r *Replica, err error)  { r.reply(Reply{ID: a.query.ID, Err: err}) }

// expireCollects gives up the members whose deadline has passed, and asks
// again, or gives up, where a look gets no answer.
func (r *Replica) expireCollects() {
	for _, id := range sortedKeys(r.calls) {
		call := r.calls[id]
		if call == nil || call.collect == nil {
			continue
		}
		switch {
		case r.tooLate(call):
			r.suspect(call.peer)
			r.failCall(call)
		case r.now >= call.askAgainAt:
			call.askAgainAt = r.now + r.cfg.PeerTimeout
			c := call.collect
			r.send(call.peer, Message{Collect: &Collect{ID: call.id, Account: c.account, Collect: c.id, Look: c.look, Hold: c.hold}})
		}
	}
	for _, name := range sortedKeys(r.collects) {
		c := r.collects[name]
		c.members = slices.DeleteFunc(c.members, func(m member) bool {
			if r.now < m.call.deadline() {
				return false
			}
			m.call.fail(r, r.unavailable(c.account, m.call.amount(), "the time was up while the account kept changing"))
			return true
		})
	}
	for _, name := range sortedKeys(r.watches) {
		all := r.watches[name]
		kept := slices.DeleteFunc(all, func(w *watch) bool { return r.now >= w.until })
		r.watching -= len(all) - len(kept)
		if len(kept) == 0 {
			delete(r.watches, name)
		} else {
			r.watches[name] = kept
		}
	}
}

func sortedKeys[K interface{ ~string | ~int | ~uint64 }, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
