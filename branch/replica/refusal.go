package replica

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// Everything that comes from a peer is a claim to be checked, not a fact. A
// message with a value that can't be is refused: it changes nothing, is counted,
// and is told to the operator the first time.

// Lie says which rule a message of a peer breaks.
type Lie uint8

// The rules that a message may break.
const (
	// BadForm: it is malformed, or names what this bank does not have.
	BadForm Lie = iota + 1
	// BadClock: a Lamport time runs ahead of this branch's by more than
	// [ledger.MaxClockLead].
	BadClock
	// BadEpoch: a boot runs ahead of the last one known by more than
	// [ledger.MaxEpochLead].
	BadEpoch
	// BadPosition: it names entries that its sender does not show, or can't.
	BadPosition
	// BadBatch: a batch does not follow the one before it, or breaks a rule of
	// the ledger.
	BadBatch
	// BadAccusation: it says that a journal has forked, and does not prove it.
	BadAccusation
	// BadAnswer: an answer to a call can't be.
	BadAnswer
	// BadBank: a hello is of another bank, or in another version; see founding.go.
	BadBank
	lies
)

// String says what a message has wrong.
func (l Lie) String() string {
	switch l {
	case BadForm:
		return "form"
	case BadClock:
		return "clock"
	case BadEpoch:
		return "epoch"
	case BadPosition:
		return "position"
	case BadBatch:
		return "batch"
	case BadAccusation:
		return "accusation"
	case BadAnswer:
		return "answer"
	case BadBank:
		return "bank"
	}
	return fmt.Sprintf("lie(%d)", uint8(l))
}

// Refusal tells the owner of a message that was refused.
type Refusal struct {
	// Peer is the sender that the message names.
	Peer ledger.BranchID
	Lie  Lie
	// Text says what was wrong.
	Text string
	// Close says that the link to the peer is to be ended.
	Close bool
	// First says that it is the first of its kind from this peer.
	First bool
}

// refusals counts, for one peer, the messages refused, by what was wrong.
type refusals [lies]uint64

func (c *refusals) sum() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}

// Refuse counts a message of a peer that the owner has refused.
func (r *Replica) Refuse(b ledger.BranchID, lie Lie, text string) {
	if i, ok := r.ledger.Index(b); ok && i != r.self {
		r.alarms.reject(r.peers[i], lie, false, "%s", text)
	}
}

// count counts a message of a peer that was refused, and returns how many were for
// the same reason.
func (al *alarms) count(p *peer, lie Lie) uint64 {
	n := &al.refused[p.index][lie]
	*n++
	return *n
}

// raiseRefusal raises an alarm about a message that was refused, and reports
// whether there was room for it.
func (al *alarms) raiseRefusal(kind AlarmKind, format string, args ...any) bool {
	if al.refusalAlarms >= maxRefusalAlarms {
		return false
	}
	al.refusalAlarms++
	al.raise(kind, fmt.Sprintf(format, args...))
	return true
}

// reject counts a message that is refused, and tells the operator of the first of
// its kind: by an alarm, unless it is only malformed, as a call by hand may be, or
// its link stays and misfit tells of it. The alarms have room for other things, too.
func (al *alarms) reject(p *peer, lie Lie, end bool, format string, args ...any) {
	first := al.count(p, lie) == 1
	if !first && !end {
		return
	}
	f := Refusal{Peer: p.branch, Lie: lie, Text: fmt.Sprintf(format, args...), Close: end && p.linked && !p.closing, First: first}
	if first && lie != BadForm && (end || lie != BadBatch) {
		al.raiseRefusal(AlarmRefused, "a message in the name of branch %d was refused (%s): %s; GetStatus counts them, and more are not told", p.branch, lie, f.Text)
	}
	if first || f.Close {
		al.out.Refusals = append(al.out.Refusals, f)
	}
	p.closing = p.closing || f.Close
}

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
