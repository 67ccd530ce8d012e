package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Nothing that comes from a peer is a fact before it is checked. A message with a
// value that is not possible is refused: it changes nothing and is counted, and the
// operator is told of the first.

// refusals counts, for one peer, the messages refused, by what was wrong.
type refusals [protocol.Lies]uint64

func (c *refusals) sum() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}

// count counts a refused message of a peer, and returns how many were refused for the
// same reason.
func (al *Alarms) count(p *Peer, lie protocol.Lie) uint64 {
	n := &al.refused[p.Index][lie]
	*n++
	return *n
}

// raiseRefusal raises an alarm about a message that was refused, and reports
// whether there was room for it.
func (al *Alarms) raiseRefusal(kind protocol.AlarmKind, format string, args ...any) bool {
	if al.refusalAlarms >= maxRefusalAlarms {
		return false
	}
	al.refusalAlarms++
	al.raise(kind, fmt.Sprintf(format, args...))
	return true
}

// Reject counts a message that is refused, and tells the operator of the first of
// its kind. It raises an alarm, unless the message is only malformed, as a call by
// hand may be, or its link stays and misfit raises one. That leaves room for other
// alarms.
func (al *Alarms) Reject(p *Peer, lie protocol.Lie, end bool, format string, args ...any) {
	first := al.count(p, lie) == 1
	if !first && !end {
		return
	}
	f := protocol.Refusal{Peer: p.Branch, Lie: lie, Text: fmt.Sprintf(format, args...), Close: end && p.linked && !p.closing, First: first}
	if first && lie != protocol.BadForm && (end || lie != protocol.BadBatch) {
		al.raiseRefusal(protocol.AlarmRefused, "a message in the name of branch %d was refused (%s): %s; GetStatus counts them, and more are not told", p.Branch, lie, f.Text)
	}
	if first || f.Close {
		al.out.Refusals = append(al.out.Refusals, f)
	}
	p.closing = p.closing || f.Close
}

// A message is checked before any of it is used.

// checkFrame reports what is wrong with a frame, its batches apart.
func (pr *progress) checkFrame(p *Peer, f *protocol.Frame) (protocol.Lie, string) {
	if f.Hello != nil {
		if lie, problem := pr.checkHello(p, f.Hello); lie != 0 {
			return lie, "a hello: " + problem
		}
	}
	if a := f.Ack; a != nil && (a.Synced > a.Applied || a.Applied > ledger.MaxSequence) {
		return protocol.BadPosition, fmt.Sprintf("an ack: entry %d applied, entry %d synced", a.Applied, a.Synced)
	}
	if len(f.Wants) > pr.N {
		return protocol.BadForm, fmt.Sprintf("it wants %d journals, this bank has %d", len(f.Wants), pr.N)
	}
	for _, w := range f.Wants {
		if _, ok := pr.Ledger.Index(w.Branch); !ok {
			return protocol.BadForm, fmt.Sprintf("it wants the journal of branch %d, which this bank does not have", w.Branch)
		}
		if w.Sequence > ledger.MaxSequence {
			return protocol.BadPosition, fmt.Sprintf("it wants what comes after entry %d", w.Sequence)
		}
	}
	return 0, ""
}

// checkHello reports what is wrong with a hello of a peer of this bank.
func (pr *progress) checkHello(p *Peer, h *protocol.Hello) (protocol.Lie, string) {
	if pr.founding.problem(p.Branch, pr.founding.charter, h) != "" {
		return 0, "" // stranger refuses it
	}
	known := pr.Ledger.Head(p.Index).Epoch
	switch {
	case h.Branch != p.Branch || h.To != pr.Config.ID:
		return protocol.BadForm, fmt.Sprintf("of branch %d to branch %d, on the link between branch %d and branch %d", h.Branch, h.To, p.Branch, pr.Config.ID)
	case h.Epoch > ledger.MaxEpoch || h.Epoch > known && h.Epoch-known > ledger.MaxEpochLead:
		return protocol.BadEpoch, fmt.Sprintf("its boot %d is more than %d after the last one known, which is %d", h.Epoch, uint64(ledger.MaxEpochLead), known)
	case h.Holds > ledger.MaxSequence:
		return protocol.BadPosition, fmt.Sprintf("it holds entry %d of this branch's journal", h.Holds)
	case len(h.Applied) > pr.N:
		return protocol.BadForm, fmt.Sprintf("it names %d positions, this bank has %d journals", len(h.Applied), pr.N)
	}
	for _, m := range h.Applied {
		if _, ok := pr.Ledger.Index(m.Branch); !ok {
			return protocol.BadForm, fmt.Sprintf("it names branch %d, which this bank does not have", m.Branch)
		}
		if m.Sequence > ledger.MaxSequence {
			return protocol.BadPosition, fmt.Sprintf("it names entry %d of branch %d", m.Sequence, m.Branch)
		}
	}
	return 0, ""
}

// checkBatch reports a branch that a batch names and this bank does not have.
func (in *intake) checkBatch(b *ledger.Batch) string {
	if _, ok := in.Ledger.Index(b.Branch); !ok {
		return "this bank does not have that branch"
	}
	for _, a := range b.After {
		if _, ok := in.Ledger.Index(a.Branch); !ok {
			return fmt.Sprintf("it comes after entry %d of branch %d, which this bank does not have", a.Sequence, a.Branch)
		}
	}
	return ""
}
