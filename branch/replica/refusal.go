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
	// Peer is who the message says it is from.
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

// reject counts a message that is refused, and tells the operator of the first of
// its kind: by an alarm, unless it is only malformed, as a call by hand may be, or
// its link stays and misfit tells of it. The alarms have room for other things, too.
func (al *alarms) reject(p *peer, lie Lie, end bool, format string, args ...any) {
	count := &al.refused[p.index][lie]
	*count++
	first := *count == 1
	if !first && !end {
		return
	}
	f := Refusal{Peer: p.branch, Lie: lie, Text: fmt.Sprintf(format, args...), Close: end && p.linked && !p.closing, First: first}
	if first && lie != BadForm && (end || lie != BadBatch) && al.refusalAlarms < maxRefusalAlarms {
		al.refusalAlarms++
		al.raise(AlarmRefused, fmt.Sprintf("a message in the name of branch %d was refused (%s): %s; GetStatus counts them, and more are not told", p.branch, lie, f.Text))
	}
	if first || f.Close {
		al.out.Refusals = append(al.out.Refusals, f)
	}
	p.closing = p.closing || f.Close
}
