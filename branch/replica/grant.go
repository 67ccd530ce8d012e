package replica

import (
	"maps"
	"math/bits"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// This is the side of a claim that is asked.

// receiveClaim queues a peer's claim. A new claim of a peer replaces its old one for
// the account, which is answered with nothing.
//
// Nothing proves that the claim is the peer's. So no claim moves escrow out of
// reach, or away from a write that it covers (settleQueue). A branch that has got
// escrow without claiming it grants it back to the first branch that claims it.
func (es *escrow) receiveClaim(p *broadcast.Peer, c *protocol.Claim) {
	if lie, problem := es.checkClaim(p, c); lie != 0 {
		es.alarms.Reject(p, lie, false, "a claim: %s", problem)
		es.Send(p, protocol.Message{ClaimAnswer: &protocol.ClaimAnswer{ID: c.ID, Refused: problem}})
		return
	}
	if es.State != protocol.Serving {
		es.Send(p, protocol.Message{ClaimAnswer: &protocol.ClaimAnswer{ID: c.ID, Sequence: es.Head(es.Self)}})
		return
	}
	if !p.Greeted() {
		// Whoever asks, escrow granted to a branch that is away is locked there.
		es.answerClaim(p, c, 0)
		return
	}
	// Own tickets follow it, but never so far that the peers would refuse them.
	es.tickets = max(es.tickets, min(c.Ticket.Clock, es.Ledger.Clock()+ledger.MaxClockLead/2))
	es.claimed(p, c.Account, min(c.Amount, max(1, es.Ledger.Balance(c.Account))))
	q := es.queueOf(c.Account)
	for k := range q.claims {
		if old := q.claims[k]; old.peer == p {
			es.answerClaim(p, &old.claim, 0)
			q.claims = slices.Delete(q.claims, k, k+1)
			break
		}
	}
	k, _ := slices.BinarySearchFunc(q.claims, c.Ticket, func(a peerClaim, t protocol.Ticket) int { return compareTickets(a.claim.Ticket, t) })
	q.claims = slices.Insert(q.claims, k, peerClaim{peer: p, claim: *c})
}

// grant answers a claim with what is asked for, as far as this branch owns it and
// has not promised it to older bulks. If nothing waits here it grants half of the
// rest on top, so that a hot account is not claimed for each operation; where the
// demand of the account is known, it grants the peer's part of the rest instead.
func (es *escrow) grant(p *broadcast.Peer, c *protocol.Claim) {
	escrow := es.Ledger.Escrow(c.Account, es.Self)
	amount := min(c.Amount, max(0, escrow-es.promisedBefore(c.Account, c.Ticket)))
	if q := es.queues[c.Account]; q == nil || len(q.waiting) == 0 && len(q.claims) == 0 && len(q.promised) == 0 {
		if d := es.demands.of[c.Account]; d != nil && d.again {
			amount += es.onTop(c.Account, d, p.Index, amount)
		} else {
			amount += (escrow - amount) / 2
		}
	}
	if amount > 0 {
		es.own.Post(ledger.Entry{Kind: ledger.Grant, Account: c.Account, ToBranch: p.Branch, Amount: amount})
	}
	es.answerClaim(p, c, amount)
}

func (es *escrow) answerClaim(p *broadcast.Peer, c *protocol.Claim, granted ledger.Amount) {
	es.Send(p, protocol.Message{ClaimAnswer: &protocol.ClaimAnswer{
		ID: c.ID, Granted: granted, Sequence: es.Head(es.Self), Escrow: es.Ledger.Escrow(c.Account, es.Self),
	}})
}

// dropClaims forgets the claims of a peer that is gone: what was granted to it
// would only be stuck there.
func (es *escrow) dropClaims(b ledger.BranchID) {
	for _, name := range sorted(es.queues) {
		q := es.queues[name]
		q.claims = slices.DeleteFunc(q.claims, func(c peerClaim) bool {
			if c.peer.Branch == b {
				es.answerClaim(c.peer, &c.claim, 0)
			}
			return c.peer.Branch == b
		})
		if q.frozenFor == b {
			es.thaw(q)
		}
		es.touchAccount(name)
	}
}

// demands follow which branches spend the accounts that peers claim. From an
// account's second claim on, every batch that is made here anyway brings escrow to
// where it is spent. That saves the withdrawals there a claim, its answer, and a
// batch of its own. What was spent lately tells what will be: in the last window, which is
// as long as it takes to tell the branches' parts from chance, and in this one.
type demands struct {
	// of are the demands by account.
	of map[string]*demand
	// sweptAt is when it was last looked for windows that are over.
	sweptAt protocol.Millis
	// changed are the accounts that this Ready's own entries are about.
	changed []string
}

// demand is that of one account.
type demand struct {
	// spent is what the branches have spent of it since the window began, before
	// what they had spent in the window before, both by index.
	spent, before []ledger.Amount
	// began is when the window began, spends how often something was spent in it, usedAt
	// when that was last so.
	began, usedAt protocol.Millis
	spends        int
	// again says that there was more than one claim, changed that the account is
	// among those.
	again, changed bool
}

// claimed counts what a peer lacks of an account as spent there.
func (es *escrow) claimed(p *broadcast.Peer, account string, amount ledger.Amount) {
	d := es.demands.of[account]
	switch {
	case d != nil:
		d.again = true
	case len(es.demands.of) >= es.mostDemands():
		return // it claims again
	default:
		d = &demand{spent: make([]ledger.Amount, es.N), before: make([]ledger.Amount, es.N), began: es.Now}
		es.demands.of[account] = d
	}
	d.add(es.Now, p.Index, amount)
}

// mostDemands is how many accounts' demands are kept: each takes memory for all branches.
func (es *escrow) mostDemands() int { return min(maxDemands, maxDemandCells/es.N) }

// add counts what a branch has spent, or would have.
func (d *demand) add(now protocol.Millis, i int, amount ledger.Amount) {
	d.usedAt = now
	d.spends++
	most := ledger.MaxAmount / ledger.Amount(4*len(d.spent)) // so that the sum of all is an amount
	d.spent[i] += min(amount, most-d.spent[i])
}

// lately is what the i-th branch has spent in this window and the last.
func (d *demand) lately(i int) ledger.Amount { return d.spent[i] + d.before[i] }

// followSpent adds what an entry of the i-th branch spends of an account to its
// demand. What lists spend is known by their claims only.
func (es *escrow) followSpent(i int, e *ledger.Entry) {
	if len(es.demands.of) == 0 {
		return
	}
	if d := es.demands.of[e.Account]; d != nil && (e.Kind == ledger.Withdrawal || e.Kind == ledger.Transfer) {
		d.add(es.Now, i, e.Amount)
	}
	if i != es.Self {
		return
	}
	e.EachAccount(func(name string) {
		if d := es.demands.of[name]; d != nil && !d.changed {
			d.changed = true
			es.demands.changed = append(es.demands.changed, name)
		}
	})
}

// forgetDemands begins new windows where it is time, and forgets the accounts of which
// nothing was spent for long.
func (es *escrow) forgetDemands() {
	if es.Now-es.demands.sweptAt < demandWindow {
		return
	}
	es.demands.sweptAt = es.Now
	kept := demandKept
	if len(es.demands.of) >= es.mostDemands() {
		kept = 2 * demandWindow // there may be others that are used more
	}
	maps.DeleteFunc(es.demands.of, func(_ string, d *demand) bool {
		if d.spends >= demandSpends || es.Now-d.began >= demandKept {
			d.spent, d.before = d.before, d.spent
			clear(d.spent)
			d.began, d.spends = es.Now, 0
		}
		return es.Now-d.usedAt >= kept
	})
}

// shareOut adds to this Ready's batch, if there is one, grants that bring
// escrow to where it is spent. A branch that gets its own entries back makes no batch.
func (es *escrow) shareOut() {
	es.forgetDemands()
	changed := es.demands.changed
	for _, name := range changed {
		if d := es.demands.of[name]; d != nil && d.again && es.State == protocol.Serving {
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
// to the parts that they spend of it. The writes, claims and promises that wait
// here come first.
func (es *escrow) shareAccount(name string, d *demand) {
	if q := es.queues[name]; q != nil && len(q.waiting)+len(q.claims)+len(q.promised) > 0 || es.contests.isActive(name) {
		return
	}
	s := es.spread(name, d, 0)
	lacks := make([]ledger.Amount, es.N)
	lacking := ledger.Amount(0)
	for i := range es.Peers {
		if due := es.partDue(&s, d, i); due-es.Ledger.Escrow(name, i) > due/worthGranting {
			lacks[i] = due - es.Ledger.Escrow(name, i)
			lacking += lacks[i]
		}
	}
	for i, lack := range lacks {
		if lack = min(lack, part(s.surplus, lack, lacking)); lack > 0 {
			es.own.Post(ledger.Entry{Kind: ledger.Grant, Account: name, ToBranch: es.Peers[i].Branch, Amount: lack})
		}
	}
}

// onTop is what to grant on top of an amount, so that the claiming branch gets its
// part of the rest.
func (es *escrow) onTop(name string, d *demand, i int, amount ledger.Amount) ledger.Amount {
	s := es.spread(name, d, amount)
	return max(0, min(s.surplus, es.partDue(&s, d, i)-es.Ledger.Escrow(name, i)))
}

// spread is how much of an account the branches should own that spend it and can be
// reached.
type spread struct {
	// all is what they own together, spent what they have spent lately. surplus is
	// what this branch owns above its own part.
	all, spent, surplus ledger.Amount
}

// spread returns how to spread the escrow of an account, without an amount that this
// branch is about to grant.
func (es *escrow) spread(name string, d *demand, without ledger.Amount) spread {
	here := es.Ledger.Escrow(name, es.Self) - without
	s := spread{all: here}
	for i := range es.Peers {
		if es.spends(d, i) {
			s.all += es.Ledger.Escrow(name, i)
			s.spent += d.lately(i)
		}
	}
	own := max(d.lately(es.Self), s.spent/keptPart)
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

// spends reports whether a peer has spent lately, and can be reached, so that what
// it is granted is not stuck there.
func (es *escrow) spends(d *demand, i int) bool {
	return i != es.Self && d.lately(i) > 0 && es.Callable(es.Peers[i])
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
