package replica

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// What a message may say, checked before any of it is used.

// checkClaim reports what a claim may not say.
func (es *escrow) checkClaim(p *peer, c *Claim) (Lie, string) {
	switch view := es.ledger.Clock(); {
	case c.Amount <= 0:
		return BadForm, fmt.Sprintf("amount %d: must be greater than 0", c.Amount)
	case c.Account == "":
		return BadForm, "it names no account"
	case c.Ticket.Branch != p.branch:
		return BadForm, fmt.Sprintf("ticket: of branch %d, the claim is of branch %d", c.Ticket.Branch, p.branch)
	case c.Ticket.Clock > view && c.Ticket.Clock-view > ledger.MaxClockLead:
		return BadClock, fmt.Sprintf("ticket: clock %d is more than %d ahead of this branch's, which is %d", c.Ticket.Clock, uint64(ledger.MaxClockLead), view)
	}
	return 0, ""
}

// checkFrame reports what a frame may not say, its batches apart.
func (pr *progress) checkFrame(p *peer, f *Frame) (Lie, string) {
	if f.Hello != nil {
		if lie, problem := pr.checkHello(p, f.Hello); lie != 0 {
			return lie, "a hello: " + problem
		}
	}
	if a := f.Ack; a != nil && (a.Synced > a.Applied || a.Applied > ledger.MaxSequence) {
		return BadPosition, fmt.Sprintf("an ack: entry %d applied, entry %d synced", a.Applied, a.Synced)
	}
	if len(f.Wants) > pr.n {
		return BadForm, fmt.Sprintf("it wants %d journals, this bank has %d", len(f.Wants), pr.n)
	}
	for _, w := range f.Wants {
		if _, ok := pr.ledger.Index(w.Branch); !ok {
			return BadForm, fmt.Sprintf("it wants the journal of branch %d, which this bank does not have", w.Branch)
		}
		if w.Sequence > ledger.MaxSequence {
			return BadPosition, fmt.Sprintf("it wants what comes after entry %d", w.Sequence)
		}
	}
	return 0, ""
}

// checkHello reports what a hello of a peer of this bank may not say.
func (pr *progress) checkHello(p *peer, h *Hello) (Lie, string) {
	if pr.founding.problem(p.branch, pr.founding.charter, h) != "" {
		return 0, "" // which is told elsewhere
	}
	known := pr.ledger.Head(p.index).Epoch
	switch {
	case h.Branch != p.branch || h.To != pr.cfg.ID:
		return BadForm, fmt.Sprintf("of branch %d to branch %d, on the link between branch %d and branch %d", h.Branch, h.To, p.branch, pr.cfg.ID)
	case h.Epoch > ledger.MaxEpoch || h.Epoch > known && h.Epoch-known > ledger.MaxEpochLead:
		return BadEpoch, fmt.Sprintf("its boot %d is more than %d after the last one known, which is %d", h.Epoch, uint64(ledger.MaxEpochLead), known)
	case len(h.Applied) > pr.n:
		return BadForm, fmt.Sprintf("it names %d positions, this bank has %d journals", len(h.Applied), pr.n)
	}
	for _, m := range h.Applied {
		if _, ok := pr.ledger.Index(m.Branch); !ok {
			return BadForm, fmt.Sprintf("it names branch %d, which this bank does not have", m.Branch)
		}
		if m.Sequence > ledger.MaxSequence {
			return BadPosition, fmt.Sprintf("it names entry %d of branch %d", m.Sequence, m.Branch)
		}
	}
	return 0, ""
}

// checkBatch reports what a batch names that this bank does not have.
func (in *intake) checkBatch(b *ledger.Batch) string {
	if _, ok := in.ledger.Index(b.Branch); !ok {
		return "this bank does not have that branch"
	}
	for _, a := range b.After {
		if _, ok := in.ledger.Index(a.Branch); !ok {
			return fmt.Sprintf("it comes after entry %d of branch %d, which this bank does not have", a.Sequence, a.Branch)
		}
	}
	return ""
}

// LeadLie says which rule a batch breaks that is too far ahead.
func LeadLie(err *ledger.LeadError) Lie {
	if err.What == "epoch" {
		return BadEpoch
	}
	return BadClock
}

// checkClaimAnswer reports what the answer to a claim may not say.
func (es *escrow) checkClaimAnswer(a *ClaimAnswer) string {
	switch {
	case a.Granted < 0 || a.Escrow < 0:
		return fmt.Sprintf("granted %d, %d left", a.Granted, a.Escrow)
	case a.Sequence > ledger.MaxSequence:
		return fmt.Sprintf("entry %d", a.Sequence)
	}
	return ""
}

// checkCollectAnswer reports what the answer to a look may not say: no branch pays
// in more than its limit, or takes out more than the others together may pay in. The
// entry it names goes into sessions, which no branch may have to refuse.
func (cs *collects) checkCollectAnswer(p *peer, a *CollectAnswer) string {
	most := cs.ledger.Limit() + 1 // the remainder of the opening balance
	switch least := -most * ledger.Amount(cs.n-1); {
	case cs.tooFarAhead(p.index, a.Last, ledger.MaxSequenceLead/2):
		return fmt.Sprintf("last entry %d", a.Last)
	case a.Paid > most || a.Most > most || a.Paid < least || a.Most < least:
		return fmt.Sprintf("paid %d, at most %d since: a branch pays in %d at most", a.Paid, a.Most, most)
	}
	return ""
}
