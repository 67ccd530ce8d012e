package replica

import (
	"fmt"
	"math/bits"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// This is the side of a double collect that is looked at.

// watch follows what this branch has paid into an account, for one branch
// that collects.
type watch struct {
	by      ledger.BranchID
	collect uint64
	look    uint64
	// most is the most paid since the look was first answered, mostBefore that
	// between the look before and the look, if that is known.
	most, mostBefore ledger.Amount
	known            bool
	until            Millis
}

// receiveCollect answers one look of a peer. A branch that does not know its
// own journal yet can't.
func (cs *collects) receiveCollect(p *peer, c *Collect) {
	if c.Account == "" || c.Look == 0 || c.Look > maxLook {
		problem := fmt.Sprintf("look %d: must be 1 to %d", c.Look, uint64(maxLook))
		cs.alarms.reject(p, BadForm, false, "a look: %s", problem)
		cs.send(p, Message{CollectAnswer: &CollectAnswer{ID: c.ID, Failed: true, Refused: problem}})
		return
	}
	if cs.state != Serving {
		cs.send(p, Message{CollectAnswer: &CollectAnswer{ID: c.ID, Failed: true}})
		return
	}
	a := cs.look(p.branch, c)
	cs.send(p, Message{CollectAnswer: &a})
}

// look answers one look, and watches from now on what this branch pays. A
// look may come again, and late: whichever answer the asker took, the watch
// covers the time from then on.
func (cs *collects) look(by ledger.BranchID, c *Collect) CollectAnswer {
	paid := cs.ledger.Paid(c.Account, cs.self)
	a := CollectAnswer{ID: c.ID, Last: cs.ledger.Last(c.Account, cs.self), Paid: paid}
	w := cs.watchOf(by, c.Account)
	switch {
	case w == nil:
		return a // too many looks at once: this one proves only what it shows
	case w.collect == c.Collect && w.look > c.Look:
		return a
	case w.collect == c.Collect && w.look == c.Look:
		a.Most, a.Watched = max(w.mostBefore, w.most), w.known
		return a
	}
	w.known = w.collect == c.Collect && w.look+1 == c.Look
	w.mostBefore = w.most
	if w.known {
		a.Most, a.Watched = w.most, true
	}
	w.collect, w.look, w.most, w.until = c.Collect, c.Look, paid, cs.now+4*cs.cfg.PeerTimeout
	cs.hold(by, c)
	return a
}

// hold keeps this branch from changing the account's balance until the next
// look of the branch that asked, as far as still.go allows. Only one branch at
// a time can hold an account.
func (cs *collects) hold(by ledger.BranchID, c *Collect) {
	q := cs.escrow.queues[c.Account]
	if q != nil && cs.now >= q.heldUntil {
		cs.escrow.release(q) // its time has passed since the last Ready
	}
	held := q != nil && q.heldUntil > 0
	switch {
	case held && q.heldBy != by:
	case held:
		cs.escrow.release(q) // the look after a held one ends the hold
	case c.Hold:
		cs.escrow.holdStill(c.Account, by)
	}
}

// watchOf returns the watch of a branch on an account, or nil when there are
// too many to make one.
func (cs *collects) watchOf(by ledger.BranchID, account string) *watch {
	for _, w := range cs.watches[account] {
		if w.by == by {
			return w
		}
	}
	if cs.watching >= maxWatches {
		return nil
	}
	cs.watching++
	w := &watch{by: by}
	cs.watches[account] = append(cs.watches[account], w)
	return w
}

// watchPaid lets the watches see what an own entry has paid.
func (cs *collects) watchPaid(e *ledger.Entry) {
	if len(cs.watches) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		for _, w := range cs.watches[name] {
			w.most = max(w.most, cs.ledger.Paid(name, cs.self))
		}
	})
}

// A look may hold an account still, and nothing proves who asks for it. So this
// branch lets its accounts be held for maxStill of any stillWindow at most, all
// accounts and all who ask taken together: a list, or a transfer, may need any of
// them. A look that comes when that is used up is answered without a hold; a
// collect that gets none goes on, and ends by its deadline at the latest.
const (
	// stillWindow is a little more than a second, as a ring of whole words.
	stillWindow Millis = 1024
	maxStill    Millis = 250
	// leastStill is what must be left for a hold to be worth it: with less, it
	// would end before the look that it is for.
	leastStill Millis = 50
)

// still follows when anything was held.
type still struct {
	// passed has a bit for each of the last stillWindow milliseconds, by the time
	// modulo that: whether anything was held in a part of it.
	passed [stillWindow / 64]uint64
	// at is up to when, and including which, passed is right.
	at Millis
	// accounts counts those that are held; until is when the last of them is free.
	accounts int
	until    Millis
}

// pass has time go on. It must be called before anything is begun or ended.
func (s *still) pass(now Millis) {
	if now-s.at > stillWindow {
		s.at = now - stillWindow // what was before is forgotten anyway
		if s.accounts == 0 || s.until < s.at {
			clear(s.passed[:])
			s.at = now
			return
		}
	}
	for s.at < now {
		s.at++
		s.mark(s.at, s.accounts > 0 && s.at <= s.until)
	}
}

func (s *still) mark(at Millis, held bool) {
	k := at & (stillWindow - 1)
	if held {
		s.passed[k/64] |= 1 << (k % 64)
	} else {
		s.passed[k/64] &^= 1 << (k % 64)
	}
}

// left is how long anything may still be held from now on.
func (s *still) left() Millis {
	used := 0
	for _, w := range s.passed {
		used += bits.OnesCount64(w)
	}
	return max(0, maxStill-Millis(used))
}

func (s *still) begin(until Millis) {
	s.accounts++
	s.until = max(s.until, until)
	s.mark(s.at, true)
}

func (s *still) end() {
	if s.accounts--; s.accounts == 0 {
		s.until = 0
	}
}

// holdStill lets nothing change an account's balance until a branch's next look,
// for half the peer time-out or what is left of maxStill at most.
func (es *escrow) holdStill(account string, by ledger.BranchID) {
	left := es.still.left()
	if left < leastStill {
		return
	}
	q := es.queueOf(account)
	q.heldBy, q.heldUntil = by, es.now+min(es.cfg.PeerTimeout/2, left)
	es.still.begin(q.heldUntil)
}

// release lets an account's balance change again.
func (es *escrow) release(q *queue) {
	if q.heldUntil > 0 {
		q.heldUntil = 0
		es.still.end()
		es.recheck = true // transfers into the account may wait in any queue
	}
}

// expireWatches forgets the watches of branches that have stopped looking.
func (cs *collects) expireWatches() {
	for _, name := range sortedKeys(cs.watches) {
		all := cs.watches[name]
		kept := slices.DeleteFunc(all, func(w *watch) bool { return cs.now >= w.until })
		cs.watching -= len(all) - len(kept)
		if len(kept) == 0 {
			delete(cs.watches, name)
		} else {
			cs.watches[name] = kept
		}
	}
}
