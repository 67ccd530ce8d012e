package replica

import (
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
		if d := es.demands.of[c.Account]; d != nil && es.isHot(d) {
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

// shareOut brings escrow to where it is spent. For an account that is hot it adds grants to
// this Ready's batch, if there is one about it: a branch that gets its own entries back
// makes no batch. For another one it grants ahead.
func (es *escrow) shareOut() {
	es.forgetDemands()
	changed := es.demands.changed
	for _, d := range changed {
		switch {
		case es.State != protocol.Serving:
		case d.made && es.isHot(d):
			es.shareAccount(d)
		case d.moved && !es.isHot(d):
			es.grantAhead(d)
		}
	}
	for _, d := range changed {
		d.made, d.moved = false, false
	}
	es.demands.changed = changed[:0]
}

// mayGive reports whether escrow of an account may go where nobody waits for it: the writes,
// claims and promises that wait here come first, and so do looks.
func (es *escrow) mayGive(name string) bool {
	q := es.queues[name]
	waits := q != nil && len(q.waiting)+len(q.claims)+len(q.promised) > 0
	return !waits && !es.contests.isActive(name)
}

// shareAccount brings the escrow of the branches that spend an account closer
// to the parts that they spend of it.
func (es *escrow) shareAccount(d *demand) {
	name := d.account
	if !es.mayGive(name) {
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
			s.spent += d.spent[i]
		}
	}
	own := max(d.spent[es.Self], s.spent/keptPart)
	s.spent += own
	s.surplus = max(0, here-part(s.all, own, s.spent))
	return s
}

// partDue is what the i-th branch should have.
func (es *escrow) partDue(s *spread, d *demand, i int) ledger.Amount {
	if !es.spends(d, i) {
		return 0
	}
	return part(s.all, d.spent[i], s.spent)
}

// spends reports whether a peer has spent lately, and can be reached, so that what
// it is granted is not stuck there.
func (es *escrow) spends(d *demand, i int) bool {
	return i != es.Self && d.spent[i] > 0 && es.Callable(es.Peers[i])
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
