package replica

import (
	"errors"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// A bulk is decided as a whole, in its place among the other writes: what it
// takes of an account's escrow is claimed at once, however many operations
// take it. If that can't be had, a bulk that need not be carried out whole
// refuses operations, and goes on with the rest.

// decideBulk carries out a bulk, lets it wait for the first account that
// something is lacking of, or refuses it.
func (r *Replica) decideBulk(p *pending) {
	e := &p.op.Entry
	if err := e.Check(); err != nil {
		r.reply(Reply{ID: p.op.ID, Err: err})
		return
	}
	if p.ticket == (Ticket{}) { // what it refuses, no other copy of the request must see
		o := *e.Operations
		e.Operations = &o
	}
	account, need, err := r.lacks(p)
	switch {
	case err != nil:
		r.reply(Reply{ID: p.op.ID, Err: err})
	case account == "":
		r.record(p)
	case r.now >= p.op.Deadline && !e.Operations.AllOrNone:
		// Its time was up before: it must not be put off again and again.
		r.refuseUncovered(p)
		r.conclude(p)
	default:
		r.waitFor(p, account, need)
	}
}

// lacks returns the first account that a bulk has to wait for, and what it
// takes of its escrow; none when it can be carried out.
func (r *Replica) lacks(p *pending) (account string, need ledger.Amount, err error) {
	o := p.op.Entry.Operations
	short, err := r.ledger.Plan(r.self, o)
	if err != nil {
		return "", 0, err
	}
	if len(short) > 0 {
		return short[0].Account, short[0].Need, nil
	}
	if len(r.queues) == 0 {
		return "", 0, nil
	}
	needs, err := r.ledger.Needs(r.self, o)
	if err != nil {
		return "", 0, err
	}
	touched := o.Touched()
	for k, name := range o.Accounts {
		if touched[k] && r.heldAccount(name) || needs[k] > 0 && (r.olderWaits(name, p) || r.promisedAway(name, needs[k], p.ticket)) {
			return name, needs[k], nil
		}
	}
	return "", 0, nil
}

// olderWaits reports whether a write waits for an account that is older than a
// bulk. Only older ones count, so that two queues don't pass a bulk to and fro.
func (r *Replica) olderWaits(account string, p *pending) bool {
	q := r.queues[account]
	if q == nil || len(q.waiting) == 0 {
		return false
	}
	return p.ticket == (Ticket{}) || q.waiting[0].ticket.Older(p.ticket)
}

// promise is what a bulk will take of an account, while it waits for another.
type promise struct {
	bulk *pending
	need ledger.Amount
}

// waitFor has a bulk wait for an account. What it takes of the others is
// promised to it: peers and younger writes get only what is left. So the oldest
// keeps what it has got, and two bulks don't swap their accounts for ever.
func (r *Replica) waitFor(p *pending, account string, need ledger.Amount) {
	r.breakPromises(p)
	p.account, p.need = account, need
	if !r.wait(p) {
		return
	}
	o := p.op.Entry.Operations
	needs, err := r.ledger.Needs(r.self, o)
	if err != nil {
		return // lacks finds the same
	}
	for k, name := range o.Accounts {
		if needs[k] > 0 && name != account {
			q := r.queueOf(name)
			at, _ := slices.BinarySearchFunc(q.promised, p, func(a promise, b *pending) int { return compareTickets(a.bulk.ticket, b.ticket) })
			q.promised = slices.Insert(q.promised, at, promise{p, needs[k]})
			p.promised = append(p.promised, name)
		}
	}
}

// breakPromises gives up what is promised to a bulk: it is decided, or waits
// for something else.
func (r *Replica) breakPromises(p *pending) {
	for _, name := range p.promised {
		q := r.queues[name]
		q.promised = slices.DeleteFunc(q.promised, func(m promise) bool { return m.bulk == p })
		r.touchAccount(name)
	}
	p.promised = nil
}

// promisedBefore returns what of an account is promised to bulks that are
// older than a ticket, or to any if that is none.
func (r *Replica) promisedBefore(account string, t Ticket) ledger.Amount {
	q := r.queues[account]
	if q == nil {
		return 0
	}
	var sum ledger.Amount
	for _, m := range q.promised {
		if t != (Ticket{}) && !m.bulk.ticket.Older(t) {
			break
		}
		sum += min(m.need, ledger.MaxAmount-sum)
	}
	return sum
}

// promisedAway reports whether this branch's escrow of an account, with an
// amount taken from it, is less than what older bulks will take.
func (r *Replica) promisedAway(account string, amount ledger.Amount, t Ticket) bool {
	promised := r.promisedBefore(account, t)
	return promised > 0 && r.ledger.Escrow(account, r.self)-amount < promised
}

// serveBulk records the bulk whose turn it is in a queue, or has it wait in
// that of another account. It reports false when it has to wait on in this
// one.
func (r *Replica) serveBulk(q *queue, p *pending) bool {
	account, need, err := r.lacks(p)
	if err == nil && account == p.account {
		p.need = need
		return false
	}
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.pause = 0
	switch {
	case err != nil:
		r.refuse(p, err)
	case account == "":
		r.record(p)
	default:
		r.waitFor(p, account, need)
	}
	return true
}

// refusePart has a bulk that need not be carried out whole refuse the
// operations that an error is about, and go on with the rest. It reports false
// when the error is about all.
func (r *Replica) refusePart(p *pending, err error) bool {
	o := p.op.Entry.Operations
	var insufficient *InsufficientError
	var unavailable *UnavailableError
	switch {
	case o.AllOrNone:
		return false
	case errors.As(err, &insufficient):
		if !o.RefuseBelow(p.account, insufficient.Balance) {
			return false
		}
	case errors.As(err, &unavailable) && r.recovery.state == Serving:
		r.refuseUncovered(p)
	default:
		return false
	}
	if o.Refused() == o.Len() {
		r.refuseAll(p)
		return true
	}
	r.again(p)
	return true
}

// refuseUncovered has a bulk refuse as unavailable what can't be done at once.
func (r *Replica) refuseUncovered(p *pending) {
	r.ledger.RefuseUncovered(r.self, p.op.Entry.Operations, func(name string, pays bool) bool {
		return r.heldAccount(name) || pays && r.olderWaits(name, p)
	})
}

// conclude records what of a bulk is not refused.
func (r *Replica) conclude(p *pending) {
	o := p.op.Entry.Operations
	if o.Refused() == o.Len() {
		r.refuseAll(p)
		return
	}
	if _, err := r.ledger.Plan(r.self, o); err != nil {
		r.reply(Reply{ID: p.op.ID, Err: err})
		return
	}
	r.record(p)
}

// refuseAll answers a bulk of which nothing is left to carry out. Nothing is
// recorded; the same request, sent again meanwhile, is decided afresh.
func (r *Replica) refuseAll(p *pending) {
	if p.overtaken {
		r.replayOvertaken(p)
		return
	}
	r.reply(Reply{ID: p.op.ID, Operations: p.op.Entry.Operations, Session: r.seen(p.op.Session)})
	r.submitted = append(r.submitted, p.followers...)
	p.followers = nil
}

// again has a bulk decided afresh, and after it the copies that wait with it.
func (r *Replica) again(p *pending) {
	r.submitted = append(append(r.submitted, p), p.followers...)
	p.followers = nil
}
