package replica

import (
	"fmt"

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
