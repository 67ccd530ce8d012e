package replica

import (
	"errors"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A bulk is decided as a whole, in its place among the other writes. All that it
// spends of an account is claimed at once, however many of its operations spend it.
// If that can't be had, a bulk that need not be carried out whole refuses
// operations, and goes on with the rest.

// decideBulk carries out a bulk, lets it wait for the first account of which it
// lacks something, or refuses it.
func (d *desk) decideBulk(p *pending) {
	e := &p.op.Entry
	if err := e.Check(); err != nil {
		d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
		return
	}
	if p.ticket == (protocol.Ticket{}) { // no other copy of the request may see what this one refuses
		o := *e.Operations
		e.Operations = &o
	}
	account, need, err := d.escrow.lacks(p)
	switch {
	case err != nil:
		d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
	case account == "":
		d.record(p)
	case d.Now >= p.op.Deadline && !e.Operations.AllOrNone:
		// Its time was up before: it must not wait again and again.
		d.refuseUncovered(p)
		d.conclude(p)
	default:
		d.escrow.waitFor(p, account, need)
	}
}

// holdList lets a bulk wait if this branch writes more than a reachable peer that is far
// acks: what it writes one by one, and what others wait for, would go the same way behind
// it. No bulk waits for longer than a peer time-out for that.
func (d *desk) holdList(p *pending) bool {
	switch {
	case p.op.Entry.Kind != ledger.Bulk:
		return false
	case p.heldUntil == 0 && (len(d.lists) > 0 || d.listBytes >= maxListsAtOnce || d.journals.Outruns()):
		p.heldUntil = min(d.Now+d.Config.PeerTimeout, p.op.Deadline)
		d.lists = append(d.lists, p)
		return true
	}
	d.listBytes += p.op.Entry.MaxBytes()
	return false
}

// decideLists decides the bulks that need not wait any more.
func (d *desk) decideLists() {
	d.listBytes = 0
	for len(d.lists) > 0 && (d.Now >= d.lists[0].heldUntil || d.listBytes < maxListsAtOnce && !d.journals.Outruns()) {
		p := d.lists[0]
		d.lists[0], d.lists = nil, d.lists[1:]
		p.admit(d)
	}
}

// lacks returns the first account that a bulk has to wait for, and how much it
// spends of it; none when the bulk can be carried out.
func (es *escrow) lacks(p *pending) (account string, need ledger.Amount, err error) {
	o := p.op.Entry.Operations
	short, err := es.Ledger.Plan(es.Self, o)
	if err != nil {
		return "", 0, err
	}
	if len(short) > 0 {
		return short[0].Account, short[0].Need, nil
	}
	if len(es.queues) == 0 && len(es.contests.live) == 0 {
		return "", 0, nil
	}
	needs, err := es.Ledger.Needs(es.Self, o)
	if err != nil {
		return "", 0, err
	}
	touched := o.Touched()
	var all []string
	for k, name := range o.Accounts {
		if touched[k] {
			all = append(all, name)
		}
	}
	together := es.contests.frozenTogether(all...)
	for k, name := range o.Accounts {
		if touched[k] && (es.isLookedAt(name) || together && es.contests.isSeatFrozen(name)) || needs[k] > 0 && (es.olderWaits(name, p) || es.promisedAway(name, needs[k], p.ticket)) {
			return name, needs[k], nil
		}
	}
	return "", 0, nil
}

// olderWaits reports whether a write that is older than a bulk waits for an account.
// Only older ones count, so that two queues don't pass a bulk to and fro.
func (es *escrow) olderWaits(account string, p *pending) bool {
	q := es.queues[account]
	if q == nil || len(q.waiting) == 0 {
		return false
	}
	return p.ticket == (protocol.Ticket{}) || q.waiting[0].ticket.Older(p.ticket)
}

// promise is what a bulk will spend of an account, while it waits for another.
type promise struct {
	bulk *pending      // the bulk that waits
	need ledger.Amount // what it will spend
}

// waitFor lets a bulk wait for an account. What it spends of the others is promised
// to it: peers and younger writes get only what is left. So the oldest keeps what
// it has got, and two bulks don't swap their accounts for ever.
func (es *escrow) waitFor(p *pending, account string, need ledger.Amount) {
	es.breakPromises(p)
	p.account, p.need = account, need
	if !es.wait(p) {
		return
	}
	o := p.op.Entry.Operations
	needs, err := es.Ledger.Needs(es.Self, o)
	if err != nil {
		return // lacks finds the same
	}
	for k, name := range o.Accounts {
		if needs[k] > 0 && name != account {
			q := es.queueOf(name)
			at, _ := slices.BinarySearchFunc(q.promised, p, func(a promise, b *pending) int { return compareTickets(a.bulk.ticket, b.ticket) })
			q.promised = slices.Insert(q.promised, at, promise{p, needs[k]})
			p.promised = append(p.promised, name)
		}
	}
}

// breakPromises gives up what is promised to a bulk: it is decided, or waits
// for something else.
func (es *escrow) breakPromises(p *pending) {
	for _, name := range p.promised {
		q := es.queues[name]
		q.promised = slices.DeleteFunc(q.promised, func(m promise) bool { return m.bulk == p })
		es.touchAccount(name)
	}
	p.promised = nil
}

// promisedBefore returns how much of an account is for bulks that are older than a
// ticket, or for any bulk if there is no ticket: what is promised to them, and what they
// wait for.
func (es *escrow) promisedBefore(account string, t protocol.Ticket) ledger.Amount {
	q := es.queues[account]
	if q == nil {
		return 0
	}
	var sum ledger.Amount
	for _, m := range q.promised {
		if t != (protocol.Ticket{}) && !m.bulk.ticket.Older(t) {
			break
		}
		sum += min(m.need, ledger.MaxAmount-sum)
	}
	for _, p := range q.waiting {
		if t != (protocol.Ticket{}) && !p.ticket.Older(t) {
			break
		}
		if p.op.Entry.Kind == ledger.Bulk {
			sum += min(p.need, ledger.MaxAmount-sum)
		}
	}
	return sum
}

// promisedAway reports whether this branch, once it has spent an amount of an
// account, owns less of it than older bulks will spend.
func (es *escrow) promisedAway(account string, amount ledger.Amount, t protocol.Ticket) bool {
	promised := es.promisedBefore(account, t)
	return promised > 0 && es.Ledger.Escrow(account, es.Self)-amount < promised
}

// serveBulk records the bulk whose turn it is in a queue, or moves it to the queue of
// another account. It reports false when the bulk has to stay in this one.
func (es *escrow) serveBulk(q *queue, p *pending) bool {
	account, need, err := es.lacks(p)
	if err == nil && account == p.account {
		p.need = need
		return false
	}
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.pause = 0
	switch {
	case err != nil:
		es.desk.refuse(p, err)
	case account == "":
		es.desk.record(p)
	default:
		es.waitFor(p, account, need)
	}
	return true
}

// refusePart refuses the operations of a bulk that an error is about, if the bulk
// need not be carried out whole, and goes on with the rest. It reports false when
// the error is about all.
func (d *desk) refusePart(p *pending, err error) bool {
	o := p.op.Entry.Operations
	var insufficient *protocol.InsufficientError
	var unavailable *protocol.UnavailableError
	switch {
	case o.AllOrNone:
		return false
	case errors.As(err, &insufficient):
		if !o.RefuseBelow(p.account, insufficient.Balance) {
			return false
		}
	case errors.As(err, &unavailable) && d.State == protocol.Serving:
		d.refuseUncovered(p)
	default:
		return false
	}
	if o.Refused() == o.Len() {
		d.refuseAll(p)
		return true
	}
	d.again(p)
	return true
}

// refuseUncovered refuses as unavailable the operations of a bulk that can't be
// carried out at once.
func (d *desk) refuseUncovered(p *pending) {
	d.Ledger.RefuseUncovered(d.Self, p.op.Entry.Operations, func(name string, pays bool) bool {
		return d.escrow.isFrozen(name) || pays && d.escrow.olderWaits(name, p)
	})
}

// conclude records the operations of a bulk that are not refused.
func (d *desk) conclude(p *pending) {
	o := p.op.Entry.Operations
	if o.Refused() == o.Len() {
		d.refuseAll(p)
		return
	}
	if _, err := d.Ledger.Plan(d.Self, o); err != nil {
		d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
		return
	}
	d.record(p)
}

// refuseAll answers a bulk whose operations are all refused. Nothing is recorded;
// the same request, sent again meanwhile, is decided afresh.
func (d *desk) refuseAll(p *pending) {
	if p.overtaken {
		d.replayOvertaken(p)
		return
	}
	d.Reply(protocol.Reply{ID: p.op.ID, Operations: p.op.Entry.Operations, Session: d.Seen(p.op.Session)})
	d.submitted = append(d.submitted, p.followers...)
	p.followers = nil
}

// again decides a bulk afresh, and after it the copies that wait with it.
func (d *desk) again(p *pending) {
	d.submitted = append(append(d.submitted, p), p.followers...)
	p.followers = nil
}
