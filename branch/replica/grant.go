package replica

import (
	"maps"
	"math/bits"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// This is the side of a claim that is asked.

// receiveClaim queues a peer's claim. A new claim of a peer replaces its old
// one for the account, which is answered with nothing. Nothing proves whose claim
// it is: it takes no escrow to where that would be out of reach, and from no write
// that is covered (settleQueue). A branch that did not claim it and does not spend
// it grants it back to the first claim of one that does.
func (es *escrow) receiveClaim(p *peer, c *Claim) {
	if lie, problem := es.checkClaim(p, c); lie != 0 {
		es.alarms.reject(p, lie, false, "a claim: %s", problem)
		es.send(p, Message{ClaimAnswer: &ClaimAnswer{ID: c.ID, Refused: problem}})
		return
	}
	if es.state != Serving {
		es.send(p, Message{ClaimAnswer: &ClaimAnswer{ID: c.ID, Sequence: es.head(es.self)}})
		return
	}
	if !p.linked || !p.heard {
		// Whoever this is, what is granted to a branch that is away is locked there.
		es.answerClaim(p, c, 0)
		return
	}
	// Own tickets follow it, but never so far that the peers would refuse them.
	es.tickets = max(es.tickets, min(c.Ticket.Clock, es.ledger.Clock()+ledger.MaxClockLead/2))
	es.claimed(p, c.Account, min(c.Amount, max(1, es.ledger.Balance(c.Account))))
	q := es.queueOf(c.Account)
	for k := range q.claims {
		if old := q.claims[k]; old.peer == p {
			es.answerClaim(p, &old.claim, 0)
			q.claims = slices.Delete(q.claims, k, k+1)
			break
		}
	}
	k, _ := slices.BinarySearchFunc(q.claims, c.Ticket, func(a peerClaim, t Ticket) int { return compareTickets(a.claim.Ticket, t) })
	q.claims = slices.Insert(q.claims, k, peerClaim{peer: p, claim: *c})
}

// grant answers a claim with what is asked for, as far as it is here and not
// promised to older bulks, and half of what remains on top if nobody waits
// here, so that a hot account is not claimed for each operation; or a part of it
// where it is known who spends how much.
func (es *escrow) grant(p *peer, c *Claim) {
	escrow := es.ledger.Escrow(c.Account, es.self)
	amount := min(c.Amount, max(0, escrow-es.promisedBefore(c.Account, c.Ticket)))
	if q := es.queues[c.Account]; q == nil || len(q.waiting) == 0 && len(q.claims) == 0 && len(q.promised) == 0 {
		if d := es.demands.of[c.Account]; d != nil && d.again {
			amount += es.onTop(c.Account, d, p.index, amount)
		} else {
			amount += (escrow - amount) / 2
		}
	}
	if amount > 0 {
		es.own.post(ledger.Entry{Kind: ledger.Grant, Account: c.Account, ToBranch: p.branch, Amount: amount})
	}
	es.answerClaim(p, c, amount)
}

func (es *escrow) answerClaim(p *peer, c *Claim, granted ledger.Amount) {
	es.send(p, Message{ClaimAnswer: &ClaimAnswer{
		ID: c.ID, Granted: granted, Sequence: es.head(es.self), Escrow: es.ledger.Escrow(c.Account, es.self),
	}})
}

// dropClaims forgets the claims of a peer that is gone: what was granted to it
// would only be stuck there.
func (es *escrow) dropClaims(b ledger.BranchID) {
	for _, name := range sortedKeys(es.queues) {
		q := es.queues[name]
		q.claims = slices.DeleteFunc(q.claims, func(c peerClaim) bool {
			if c.peer.branch == b {
				es.answerClaim(c.peer, &c.claim, 0)
			}
			return c.peer.branch == b
		})
		if q.frozenFor == b {
			es.thaw(q)
		}
		es.touchAccount(name)
	}
}

// demands follow where accounts are spent that peers claim. From an account's
// second claim on, its escrow goes where it is spent with every batch that is
// made here anyway: that takes a claim, its answer, and a batch of its own off
// the way of the withdrawals there.
type demands struct {
	of map[string]*demand
	// began is when the window began.
	began Millis
	// changed are the accounts that this Ready's own entries are about.
	changed []string
}

// demand is that of one account.
type demand struct {
	// spent is what the branches have taken out of it since the window began,
	// before what they had taken in the one before, both by index.
	spent, before []ledger.Amount
	// again says that there was more than one claim, changed that the account is
	// among those.
	again, changed bool
}

// claimed notes that a peer lacks escrow of an account.
func (es *escrow) claimed(p *peer, account string, amount ledger.Amount) {
	d := es.demands.of[account]
	switch {
	case d != nil:
		d.again = true
	case len(es.demands.of) >= maxDemands:
		return // it claims again
	default:
		d = &demand{spent: make([]ledger.Amount, es.n), before: make([]ledger.Amount, es.n)}
		es.demands.of[account] = d
	}
	d.add(p.index, amount)
}

// add notes what a branch has taken, or would have.
func (d *demand) add(i int, amount ledger.Amount) {
	most := ledger.MaxAmount / ledger.Amount(4*len(d.spent)) // so that the sum of all is an amount
	d.spent[i] += min(amount, most-d.spent[i])
}

// lately is what the i-th branch has taken in this window and the last.
func (d *demand) lately(i int) ledger.Amount { return d.spent[i] + d.before[i] }

// followSpent has the demand of an account follow what an entry of the i-th
// branch takes out of it. What lists take is known by their claims only.
func (es *escrow) followSpent(i int, e *ledger.Entry) {
	if len(es.demands.of) == 0 {
		return
	}
	if d := es.demands.of[e.Account]; d != nil && (e.Kind == ledger.Withdrawal || e.Kind == ledger.Transfer) {
		d.add(i, e.Amount)
	}
	if i != es.self {
		return
	}
	e.EachAccount(func(name string) {
		if d := es.demands.of[name]; d != nil && !d.changed {
			d.changed = true
			es.demands.changed = append(es.demands.changed, name)
		}
	})
}

// forgetDemands begins a new window when it is time, and forgets the accounts of
// which nothing was spent for long.
func (es *escrow) forgetDemands() {
	passed := es.now - es.demands.began
	if passed < demandWindow {
		return
	}
	es.demands.began = es.now
	maps.DeleteFunc(es.demands.of, func(_ string, d *demand) bool {
		d.spent, d.before = d.before, d.spent
		clear(d.spent)
		return passed >= 2*demandWindow || slices.Max(d.before) == 0
	})
}

// shareOut adds to this Ready's batch, if there is one, grants that bring
// escrow to where it is spent. A branch that gets its own entries back makes no batch.
func (es *escrow) shareOut() {
	es.forgetDemands()
	changed := es.demands.changed
	for _, name := range changed {
		if d := es.demands.of[name]; d != nil && d.again && es.state == Serving {
			es.shareAccount(name, d)
		}
	}
	for _, name := range changed {
		if d := es.demands.of[name]; d != nil {
			d.changed = false
		}
	}
	es.demands.changed = nil
}

// shareAccount brings the escrow of the branches that spend an account closer
// to the parts that they spend of it. Nothing is taken from the writes, claims
// and promises that wait here.
func (es *escrow) shareAccount(name string, d *demand) {
	if q := es.queues[name]; q != nil && len(q.waiting)+len(q.claims)+len(q.promised) > 0 {
		return
	}
	s := es.spread(name, d, 0)
	lacks := make([]ledger.Amount, es.n)
	lacking := ledger.Amount(0)
	for i := range es.peers {
		if due := es.partDue(&s, d, i); due-es.ledger.Escrow(name, i) > due/worthGranting {
			lacks[i] = due - es.ledger.Escrow(name, i)
			lacking += lacks[i]
		}
	}
	for i, lack := range lacks {
		if lack = min(lack, part(s.surplus, lack, lacking)); lack > 0 {
			es.own.post(ledger.Entry{Kind: ledger.Grant, Account: name, ToBranch: es.peers[i].branch, Amount: lack})
		}
	}
}

// onTop is what a claim is granted on top of an amount, so that its branch gets
// the part of the rest that it spends.
func (es *escrow) onTop(name string, d *demand, i int, amount ledger.Amount) ledger.Amount {
	s := es.spread(name, d, amount)
	return max(0, min(s.surplus, es.partDue(&s, d, i)-es.ledger.Escrow(name, i)))
}

// spread is how the escrow of an account should be spread over the branches that
// spend it and can be reached.
type spread struct {
	// all is that escrow, and spent what goes to them by parts. surplus is what
	// this branch has above its own.
	all, spent, surplus ledger.Amount
}

// spread returns how to spread the escrow of an account but for an amount of
// this branch's.
func (es *escrow) spread(name string, d *demand, without ledger.Amount) spread {
	here := es.ledger.Escrow(name, es.self) - without
	s := spread{all: here}
	for i := range es.peers {
		if es.spends(d, i) {
			s.all += es.ledger.Escrow(name, i)
			s.spent += d.lately(i)
		}
	}
	own := max(d.lately(es.self), s.spent/keptPart)
	s.spent += own
	s.surplus = max(0, here-part(s.all, own, s.spent))
	return s
}

// partDue is what the i-th branch should have.
func (es *escrow) partDue(s *spread, d *demand, i int) ledger.Amount {
	if !es.spends(d, i) {
		return 0
	}
	return part(s.all, d.lately(i), s.spent)
}

// spends reports whether a peer has spent lately, and what it is given is not
// stuck there.
func (es *escrow) spends(d *demand, i int) bool {
	return i != es.self && d.lately(i) > 0 && es.callable(es.peers[i])
}

// part is amount × share / of, rounded down; the amount if of is no more than
// the share.
func part(amount, share, of ledger.Amount) ledger.Amount {
	if share >= of {
		return amount
	}
	hi, lo := bits.Mul64(uint64(amount), uint64(share))
	q, _ := bits.Div64(hi, lo, uint64(of))
	return ledger.Amount(q)
}
