package replica

import (
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
		if q.heldBy == b {
			es.release(q)
		}
		es.touchAccount(name)
	}
}
