package simulation

import (
	"errors"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

var errLost = errors.New("connection lost")

func isInsufficient(err error) bool {
	var e *protocol.InsufficientError
	return errors.As(err, &e)
}

func kindOf(r *request) string {
	switch {
	case r.misuse:
		return "misuse of a request id"
	case r.write():
		return r.entry.Kind.String()
	case r.strong:
		return "strong query"
	}
	return "query"
}

// judge checks answers against the promises.
type judge struct{ *world }

// verify checks an answer against the promises.
func (w judge) verify(c *call, reply *protocol.Reply) {
	r := c.req
	outcome := "success"
	var (
		insufficient  *protocol.InsufficientError
		unavailable   *protocol.UnavailableError
		notReplicated *protocol.NotReplicatedError
		request       *protocol.RequestError
	)
	switch err := reply.Err; {
	case reply.Forward != 0:
		outcome = "forwarded"
	case err == nil && r.write():
		if reply.Replay {
			outcome = "replayed"
		} else if reply.Receipt.Sequence == 0 {
			outcome = "insufficient funds, or unavailable"
		}
		w.verifyWrite(c, reply)
	case err == nil:
		w.verifyRead(c, reply)
	case errors.As(err, &insufficient):
		outcome = "insufficient funds"
		w.verifyInsufficient(c, insufficient)
	case errors.As(err, &notReplicated):
		outcome = "not replicated"
		w.verifyRecorded(c, notReplicated.Receipt)
	case errors.As(err, &unavailable):
		outcome = "unavailable"
		w.verifyUnavailable(c, unavailable)
	case errors.As(err, &request):
		outcome = "other content"
		if !r.misuse {
			w.fail("a request id is refused only for other content", "%+v: %v", r.entry, err)
		}
	case errors.Is(err, protocol.ErrQueueFull):
		outcome = "queue full"
	default:
		w.fail("errors are this package's", "%+v: %v", r.entry, err)
	}
	w.report.Operations[kindOf(r)+": "+outcome]++
	if o := r.entry.Operations; o != nil && o.Refused() > 0 {
		w.fail("a list is not changed by being carried out", "%+v", o)
	}
	if took := (w.now - c.began) / 1000; w.opts.Calm && w.peerTimeout == 1000 && w.faults.latency <= 1000 && took > 450 {
		w.fail("without a fault no call waits for a time-out", "call %d took %d ms: %v", c.id, took, replyText{reply})
	}
	if late := c.at.now() - c.deadline; late > 500 && !c.retry && (c.at.jumpedAt == 0 || c.at.jumpedAt < c.began) {
		w.fail("a call is answered in time", "call %d is %d ms late: %v", c.id, late, reply.Err)
	}
}

// verifyRecorded checks that the entry of a receipt is what was asked for, and
// on its writer's disk.
func (w judge) verifyRecorded(c *call, at ledger.Position) {
	o, r := w.oracle, c.req
	writer := w.processOf(at.Branch)
	if at.Sequence == 0 || at.Sequence > uint64(len(o.journals[writer.index])) {
		w.fail("a receipt is of a recorded entry", "%+v: %+v", r.entry, at)
		return
	}
	e := &o.journals[writer.index][at.Sequence-1]
	if identify(e) != identify(&r.entry) || !e.SameRequest(&r.entry) {
		w.fail("a receipt is of what was asked for", "%+v: %+v is %+v", r.entry, at, e)
	}
	if writer.wiped {
		return
	}
	if writer.disk.Synced(writer.index) < at.Sequence {
		w.fail("LOCAL is synced at its writer", "%+v", at)
	}
	o.local[writer.index] = max(o.local[writer.index], at.Sequence)
}

func (w judge) verifyWrite(c *call, reply *protocol.Reply) {
	o, r, at := w.oracle, c.req, reply.Receipt
	if r.entry.Kind == ledger.Bulk && at.Sequence == 0 {
		w.verifyBulk(c, reply)
		return
	}
	w.verifyRecorded(c, at)
	if r.misuse && o.requests[identify(&r.entry)] != (ledger.Position{}) && slices.Max(o.wipes) == 0 {
		w.fail("a request id stands for one thing", "%+v", r.entry)
	}
	if w.failure != nil {
		return
	}
	if r.entry.Kind == ledger.Bulk {
		w.verifyBulk(c, reply)
	}
	i := w.processOf(at.Branch).index
	w.verifyLevel(r.level, i, reply)
	if !covers(reply.Session, []ledger.Position{at}) || !covers(reply.Session, c.session) {
		w.fail("a session covers what was seen", "%+v after %+v, receipt %+v", reply.Session, c.session, at)
	}
	switch {
	case r.receipt == (ledger.Position{}):
		r.receipt, r.balance, r.by = at, reply.Balance, c.at.id
	case r.misuse || slices.Max(o.wipes) > 0:
	case r.receipt != at || r.by == c.at.id && r.by == at.Branch && r.balance != reply.Balance:
		w.fail("a replay repeats the answer", "%+v with balance %d, then %+v with %d", r.receipt, r.balance, at, reply.Balance)
	}
}

// verifyLevel checks that a write has reached the branches that its level promises.
func (w judge) verifyLevel(level protocol.Level, i int, reply *protocol.Reply) {
	o, at := w.oracle, reply.Receipt
	synced := 0
	for k, p := range w.processes {
		if o.synced[k][i] >= at.Sequence {
			synced++
		}
		if (level == protocol.Reachable || level == protocol.All) && o.applied[k][i] < at.Sequence && !slices.Contains(reply.Unreachable, p.id) {
			w.fail("REACHABLE is applied at all reachable branches", "%+v is not at branch %d, unreachable are %v", at, p.id, reply.Unreachable)
		}
	}
	if level == protocol.Nearest && synced < min(2, len(w.processes)) {
		w.fail("NEAREST is synced at two", "%+v is synced at %d of %d branches", at, synced, len(w.processes))
	}
	if level == protocol.Majority || level == protocol.All {
		o.wide[i] = max(o.wide[i], at.Sequence)
		if synced <= len(w.processes)/2 || level == protocol.All && synced < len(w.processes) {
			w.fail("MAJORITY and ALL are synced at as many", "%+v is synced at %d of %d branches, level %d", at, synced, len(w.processes), level)
		}
	}
}

func (w judge) verifyRead(c *call, reply *protocol.Reply) {
	o, l := w.oracle, c.at.replica.Ledger()
	if !covers(reply.Session, c.session) {
		w.fail("a session never goes back", "%+v after %+v", reply.Session, c.session)
	}
	if reply.Balance < 0 || reply.Available < 0 {
		w.fail("no negative balance is shown", "%+v", reply)
	}
	for _, s := range c.session {
		if i, _ := l.Index(s.Branch); l.Head(i).Sequence < s.Sequence {
			w.fail("a session sees what it has seen", "branch %d answers at entry %d of branch %d, the session has %d", c.at.id, l.Head(i).Sequence, s.Branch, s.Sequence)
		}
	}
	account := o.index[c.req.entry.Account]
	if reply.Snapshot > 0 {
		w.verifySnapshot(c, reply)
		w.report.Paths["snapshot"]++
	} else if seen := o.histories[account][c.moments[account]:]; c.req.strong && !slices.Contains(seen, reply.Balance) {
		w.fail("a strong query is exact at one moment", "account %q: %d, in that time it was %v", c.req.entry.Account, reply.Balance, seen)
	}
}

func (w judge) verifyInsufficient(c *call, err *protocol.InsufficientError) {
	o, r := w.oracle, c.req
	least, amount := o.least(err.Account, c.moments, o.moments()), r.entry.Amount
	if r.entry.Kind == ledger.Bulk {
		amount = needed(r.entry.Operations, err.Account, -1)
	}
	if least >= amount || least > err.Balance || err.Balance >= amount {
		w.fail("insufficient funds only if so at one moment", "%+v %+v: %v, the least in that time was %d", r.entry, r.entry.Operations, err, least)
	}
	o.noteRefused(c, err)
	if at, ok := o.requests[identify(&r.entry)]; ok && !r.misuse {
		w.fail("what is refused is not recorded", "%+v: %+v", r.entry, at)
	}
	if r.entry.Kind != ledger.Bulk && err.Account != r.entry.Account || r.entry.Kind == ledger.Bulk && !r.entry.Operations.AllOrNone {
		w.fail("a refusal is of the account that was asked for", "%+v: %v", r.entry, err)
	}
}

func (w judge) verifyUnavailable(c *call, err *protocol.UnavailableError) {
	if at, ok := w.oracle.requests[identify(&c.req.entry)]; ok && c.req.tries == 1 && !c.req.misuse {
		w.fail("what is unavailable is not recorded", "%+v: %+v", c.req.entry, at)
	}
	if w.opts.Calm {
		w.fail("nothing is unavailable without a fault", "%+v: %v", c.req.entry, err)
	}
}

// covers reports whether a session has seen all of another.
func covers(session, other []ledger.Position) bool {
	for _, o := range other {
		if !slices.ContainsFunc(session, func(s ledger.Position) bool { return s.Branch == o.Branch && s.Sequence >= o.Sequence }) {
			return false
		}
	}
	return true
}

// messageText and replyText become text only when a run fails.
type messageText struct{ m *protocol.Message }

// String implements fmt.Stringer.
func (t messageText) String() string {
	m := t.m
	switch {
	case m.Claim != nil:
		return fmt.Sprintf("from %d: claim %+v", m.From, *m.Claim)
	case m.ClaimAnswer != nil:
		return fmt.Sprintf("from %d: claim answer %+v", m.From, *m.ClaimAnswer)
	case m.Collect != nil:
		return fmt.Sprintf("from %d: look %+v", m.From, *m.Collect)
	case m.CollectAnswer != nil:
		return fmt.Sprintf("from %d: look answer %+v", m.From, *m.CollectAnswer)
	}
	s := fmt.Sprintf("from %d:", m.From)
	f := m.Frame
	if f.Hello != nil {
		s += fmt.Sprintf(" hello of %v", f.Hello.Identity)
		for _, a := range f.Hello.Applied {
			s += fmt.Sprintf(" %d/%d", a.Branch, a.Sequence)
		}
	}
	for _, b := range f.Batches {
		s += fmt.Sprintf(" batch %d/%d-%d after %v", b.Batch.Branch, b.Batch.FirstSequence, b.Batch.LastSequence(), b.Batch.After)
	}
	if f.Ack != nil {
		s += fmt.Sprintf(" ack %+v", *f.Ack)
	}
	if f.Contest != nil {
		s += fmt.Sprintf(" contest %+v", *f.Contest)
	}
	if len(f.Wants) > 0 {
		s += fmt.Sprintf(" wants %v", f.Wants)
	}
	if f.Sync {
		s += " sync"
	}
	return s
}

type replyText struct{ r *protocol.Reply }

// String implements fmt.Stringer.
func (t replyText) String() string {
	if t.r.Err != nil {
		return t.r.Err.Error()
	}
	return fmt.Sprintf("%+v %+v", *t.r, t.r.Operations)
}
