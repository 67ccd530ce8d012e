package replica

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// waiter is a call that waits until it may be decided: a write or a query.
type waiter interface {
	id() uint64
	deadline() protocol.Millis
	session() []ledger.Position
	// admit decides the call or defers it.
	admit(d *desk)
}

func (p *pending) id() uint64 { return p.op.ID }

func (p *pending) deadline() protocol.Millis { return p.op.Deadline }

func (p *pending) session() []ledger.Position { return p.op.Session }

func (a *asking) id() uint64 { return a.query.ID }

func (a *asking) deadline() protocol.Millis { return a.query.Deadline }

func (a *asking) session() []ledger.Position { return a.query.Session }

func (p *pending) admit(d *desk) {
	now, err := d.mayDecide(p.op.Session)
	switch {
	case err != nil:
		d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
	case d.State == protocol.Halted:
		d.Reply(protocol.Reply{ID: p.op.ID, Err: d.recovery.NotServing()})
	case now && d.holdList(p):
	case now:
		d.decide(p)
	default:
		d.deferCall(p)
	}
}

func (a *asking) admit(d *desk) {
	now, err := d.mayDecide(a.query.Session)
	switch {
	case err != nil:
		d.Reply(protocol.Reply{ID: a.query.ID, Err: err})
	case now:
		d.answer(a)
	default:
		d.deferCall(a)
	}
}

// decideDeferred decides the calls that had to wait, if they no longer do.
func (d *desk) decideDeferred() {
	if !d.Recheck || len(d.deferred) == 0 {
		return
	}
	deferred := d.deferred
	d.deferred = nil
	for _, w := range deferred {
		w.admit(d)
	}
}

// mayDecide reports whether a call may be decided now. It has to wait while the
// branch recovers, or has seen less than the customer's session has; the error
// says why it must not.
func (d *desk) mayDecide(session []ledger.Position) (bool, error) {
	missing, err := d.unseen(session)
	recovering := d.State == protocol.Recovering
	if err == nil && recovering && d.StartIsOver() {
		err = d.recovery.NotServing()
	}
	return !recovering && missing.Branch == 0, err
}

// deferCall keeps a call until it may be decided.
func (d *desk) deferCall(w waiter) {
	if len(d.deferred) >= maxDeferred {
		d.Reply(protocol.Reply{ID: w.id(), Err: protocol.ErrQueueFull})
		return
	}
	d.deferred = append(d.deferred, w)
}

// unseen returns the first position of a session that is not applied here, or why
// no branch can have given it out.
func (d *desk) unseen(session []ledger.Position) (ledger.Position, error) {
	for _, s := range session {
		i, ok := d.Ledger.Index(s.Branch)
		if !ok {
			return ledger.Position{}, fmt.Errorf("session names branch %d: %w", s.Branch, protocol.ErrUnknownBranch)
		}
		if d.TooFarAhead(i, s.Sequence, ledger.MaxSequenceLead) {
			return ledger.Position{}, fmt.Errorf("session names entry %d of branch %d, this branch has %d: %w", s.Sequence, s.Branch, d.Head(i), protocol.ErrSessionAhead)
		}
		if d.Head(i) < s.Sequence {
			return s, nil
		}
	}
	return ledger.Position{}, nil
}

// expire gives up the calls whose deadline has passed.
func (d *desk) expire() {
	kept := d.deferred[:0]
	for _, w := range d.deferred {
		if d.Now < w.deadline() {
			kept = append(kept, w)
			continue
		}
		d.Reply(protocol.Reply{ID: w.id(), Err: d.deferredTooLong(w)})
	}
	clear(d.deferred[len(kept):])
	d.deferred = kept
}

func (d *desk) deferredTooLong(w waiter) error {
	if d.State != protocol.Serving {
		return d.recovery.NotServing()
	}
	s, _ := d.unseen(w.session())
	i, _ := d.Ledger.Index(s.Branch)
	return &protocol.UnavailableError{Reason: fmt.Sprintf("the session has seen branch %d up to entry %d, this branch only up to %d", s.Branch, s.Sequence, d.Head(i))}
}
