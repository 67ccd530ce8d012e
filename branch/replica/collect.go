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
	members []waiter
}

type lookAnswer struct {
	CollectAnswer
	there bool
}

// maxMembers bounds the calls that one collect serves.
const maxMembers = 8192

// joinCollect has a call wait for the verdict of a double collect.
func (r *Replica) joinCollect(account string, w waiter) {
	c := r.collects[account]
	if c == nil {
		r.nextCall++
		c = &collect{account: account, id: r.nextCall}
		r.collects[account] = c
		c.members = append(c.members, w)
		r.startLook(c)
		return
	}
	if len(c.members) >= maxMembers {
		r.failMember(w, ErrQueueFull)
		return
	}
	w.setJoined(c.look)
	c.members = append(c.members, w)
	if w.query != nil && c.restsUntil != 0 {
		r.startLook(c) // the rest is for refusals
	}
}

func (w waiter) setJoined(look uint64) {
	if w.op != nil {
		w.op.joined = int(look)
	} else {
		w.query.joined = int(look)
	}
}

// amount is what a write takes of the account that is looked at; 0 for a
// query.
func (w waiter) amount() ledger.Amount {
	if w.op == nil {
		return 0
	}
	_, amount := w.op.needs()
	return amount
}

func (w waiter) joined() uint64 {
	if w.op != nil {
		return uint64(w.op.joined)
	}
	return uint64(w.query.joined)
}

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
		for _, w := range c.members {
			w.setJoined(1)
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
		exact, most, now := c.compare()
		members := c.members
		c.members = nil
		for _, w := range members {
			late, amount := w.joined() >= c.look, w.amount()
			switch {
			case late || !r.verdict(c, w, exact, most, now):
				c.unsettled = c.unsettled || !late
				c.members = append(c.members, w)
			case most < amount:
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
	return slices.ContainsFunc(c.members, func(w waiter) bool { return w.query != nil })
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

// compare returns whether the last two looks saw the same, and the most that
// the balance can have been between them: MaxAmount when that is not known.
// now is what the branches have paid by this look: the balance if exact, and a
// hint if not.
func (c *collect) compare() (exact bool, most, now ledger.Amount) {
	exact = true
	known := true
	for i := range c.answers {
		exact = exact && c.answers[i].Last == c.before[i].Last
		known = known && c.answers[i].Watched
		most += max(c.answers[i].Most, c.answers[i].Paid)
		now += c.answers[i].Paid
	}
	switch {
	case exact:
		most = now
	case !known:
		most = ledger.MaxAmount
	}
	return exact, most, now
}

// verdict serves a member, if the last two looks allow it.
func (r *Replica) verdict(c *collect, w waiter, exact bool, most, now ledger.Amount) bool {
	if w.query != nil {
		if exact {
			r.replyStrong(c, w.query, most)
		}
		return exact
	}
	_, amount := w.op.needs()
	switch {
	case most < amount:
		r.refuse(w.op, &InsufficientError{Account: c.account, Balance: most, Amount: amount})
	case now >= amount:
		// Enough after all: the view was behind. It catches up while the
		// write waits for escrow like any other.
		q := r.queueOf(c.account)
		q.insert(w.op)
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
	for _, w := range c.members {
		r.failMember(w, r.unavailable(c.account, w.amount(), reason))
	}
}

func (r *Replica) failMember(w waiter, err error) {
	if w.op != nil {
		r.refuse(w.op, err)
		return
	}
	r.reply(Reply{ID: w.query.query.ID, Err: err})
}

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
		c.members = slices.DeleteFunc(c.members, func(w waiter) bool {
			if r.now < w.deadline() {
				return false
			}
			r.failMember(w, r.unavailable(c.account, w.amount(), "the time was up while the account kept changing"))
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
