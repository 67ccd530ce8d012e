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
func (r *Replica) receiveCollect(p *peer, c *Collect) {
	if c.Account == "" || c.Look == 0 || c.Look > maxLook {
		problem := fmt.Sprintf("look %d: must be 1 to %d", c.Look, uint64(maxLook))
		r.reject(p, BadForm, false, "a look: %s", problem)
		r.send(p, Message{CollectAnswer: &CollectAnswer{ID: c.ID, Failed: true, Refused: problem}})
		return
	}
	if r.recovery.state != Serving {
		r.send(p, Message{CollectAnswer: &CollectAnswer{ID: c.ID, Failed: true}})
		return
	}
	a := r.look(p.branch, c)
	r.send(p, Message{CollectAnswer: &a})
}

// look answers one look, and watches from now on what this branch pays. A
// look may come again, and late: whichever answer the asker took, the watch
// covers the time from then on.
func (r *Replica) look(by ledger.BranchID, c *Collect) CollectAnswer {
	paid := r.ledger.Paid(c.Account, r.self)
	a := CollectAnswer{ID: c.ID, Last: r.ledger.Last(c.Account, r.self), Paid: paid}
	w := r.watchOf(by, c.Account)
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
	w.collect, w.look, w.most, w.until = c.Collect, c.Look, paid, r.now+4*r.cfg.PeerTimeout
	r.hold(by, c)
	return a
}

// hold keeps this branch from changing the account's balance until the next
// look of the branch that asked, as far as still.go allows. Only one branch at
// a time can hold an account.
func (r *Replica) hold(by ledger.BranchID, c *Collect) {
	q := r.queues[c.Account]
	if q != nil && r.now >= q.heldUntil {
		r.release(q) // its time has passed since the last Ready
	}
	held := q != nil && q.heldUntil > 0
	switch {
	case held && q.heldBy != by:
	case held:
		r.release(q) // the look after a held one ends the hold
	case c.Hold:
		r.holdStill(c.Account, by)
	}
}

// watchOf returns the watch of a branch on an account, or nil when there are
// too many to make one.
func (r *Replica) watchOf(by ledger.BranchID, account string) *watch {
	for _, w := range r.watches[account] {
		if w.by == by {
			return w
		}
	}
	if r.watching >= maxWatches {
		return nil
	}
	r.watching++
	w := &watch{by: by}
	r.watches[account] = append(r.watches[account], w)
	return w
}

// watchPaid lets the watches see what an own entry has paid.
func (r *Replica) watchPaid(e *ledger.Entry) {
	if len(r.watches) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		for _, w := range r.watches[name] {
			w.most = max(w.most, r.ledger.Paid(name, r.self))
		}
	})
}
