package replica

import (
	"errors"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// pending is a write that is not answered yet.
type pending struct {
	op Operation
	// ticket is its age, once it waits for escrow.
	ticket Ticket
	// followers are the same request, sent again while this one waits.
	followers []*pending
	// overtaken says that another branch has recorded the request while this one
	// waited.
	overtaken bool
	// account is the one that a bulk waits for, need what it takes of that.
	account string
	need    ledger.Amount
	// promised are the other accounts that something is promised of to a bulk
	// that waits.
	promised []string
}

// needs returns the account whose escrow a write waits for, and how much it
// takes of it.
func (p *pending) needs() (string, ledger.Amount) {
	if p.op.Entry.Kind == ledger.Bulk {
		return p.account, p.need
	}
	return p.op.Entry.Account, p.op.Entry.Amount
}

func (p *pending) id() uint64                 { return p.op.ID }
func (p *pending) deadline() Millis           { return p.op.Deadline }
func (p *pending) session() []ledger.Position { return p.op.Session }

// asking is a query that is not answered yet.
type asking struct {
	query Query
}

func (a *asking) id() uint64                 { return a.query.ID }
func (a *asking) deadline() Millis           { return a.query.Deadline }
func (a *asking) session() []ledger.Position { return a.query.Session }

// waiter is a call that waits until it may be decided: a write or a query.
type waiter interface {
	id() uint64
	deadline() Millis
	session() []ledger.Position
	// admit decides the call, or has it wait on.
	admit(r *Replica)
}

// decideSubmitted decides the calls that came in since the last Ready.
func (r *Replica) decideSubmitted() {
	asked, submitted := r.asked, r.submitted
	r.asked, r.submitted = nil, nil
	for _, a := range asked {
		a.admit(r)
	}
	for _, p := range submitted {
		p.admit(r)
	}
}

// decideHeld decides the calls that had to wait, if they no longer do.
func (r *Replica) decideHeld() {
	if !r.recheck || len(r.held) == 0 {
		return
	}
	held := r.held
	r.held = nil
	for _, w := range held {
		w.admit(r)
	}
}

func (p *pending) admit(r *Replica) {
	now, err := r.mayDecide(p.op.Session)
	switch {
	case err != nil:
		r.reply(Reply{ID: p.op.ID, Err: err})
	case r.recovery.state == Halted:
		r.reply(Reply{ID: p.op.ID, Err: r.notServing()})
	case now:
		r.decide(p)
	default:
		r.putOff(p)
	}
}

func (a *asking) admit(r *Replica) {
	now, err := r.mayDecide(a.query.Session)
	switch {
	case err != nil:
		r.reply(Reply{ID: a.query.ID, Err: err})
	case now:
		r.answer(a)
	default:
		r.putOff(a)
	}
}

// mayDecide reports whether a call may be decided now. It has to wait while the
// branch recovers, or has seen less than the customer's session has; the error
// says why it must not.
func (r *Replica) mayDecide(session []ledger.Position) (bool, error) {
	missing, err := r.unseen(session)
	recovering := r.recovery.state == Recovering
	if err == nil && recovering && r.now-r.booted >= r.cfg.StartWait+r.cfg.PeerTimeout {
		err = r.notServing()
	}
	return !recovering && missing.Branch == 0, err
}

// putOff has a call wait until it may be decided.
func (r *Replica) putOff(w waiter) {
	if len(r.held) >= maxHeld {
		r.reply(Reply{ID: w.id(), Err: ErrQueueFull})
		return
	}
	r.held = append(r.held, w)
}

// ErrQueueFull refuses a call because too many wait already.
var ErrQueueFull = code.New(code.ResourceExhausted, "too many calls wait at this branch; back off and try again")

func (r *Replica) notServing() error {
	return &UnavailableError{Reason: r.stateReason()}
}

// unseen returns the first position of a session that is not applied here, or why
// no branch can have given it out.
func (r *Replica) unseen(session []ledger.Position) (ledger.Position, error) {
	for _, s := range session {
		i, ok := r.ledger.Index(s.Branch)
		if !ok {
			return ledger.Position{}, fmt.Errorf("session names branch %d: %w", s.Branch, ErrUnknownBranch)
		}
		if r.tooFarAhead(i, s.Sequence, ledger.MaxSequenceLead) {
			return ledger.Position{}, fmt.Errorf("session names entry %d of branch %d, this branch has %d: %w", s.Sequence, s.Branch, r.head(i), ErrSessionAhead)
		}
		if r.head(i) < s.Sequence {
			return s, nil
		}
	}
	return ledger.Position{}, nil
}

// answer answers a query that may be answered now.
func (r *Replica) answer(a *asking) {
	if a.query.Strong {
		r.joinCollect(a.query.Account, a)
		return
	}
	r.replyBalance(a, r.ledger.Balance(a.query.Account))
}

func (r *Replica) replyBalance(a *asking, balance ledger.Amount) {
	r.reply(Reply{
		ID: a.query.ID, Balance: balance, Available: r.ledger.Escrow(a.query.Account, r.self),
		Session: r.seen(a.query.Session),
	})
}

// decide carries out a write, lets it wait for escrow, or refuses it.
func (r *Replica) decide(p *pending) {
	if r.decidedBefore(p) {
		return
	}
	e := &p.op.Entry
	if e.Kind == ledger.Bulk {
		r.decideBulk(p)
		return
	}
	err := r.ledger.CanPay(r.self, e)
	var escrow *ledger.EscrowError
	switch {
	case err == nil && !r.mustQueue(e):
		r.record(p)
	case err == nil, errors.As(err, &escrow):
		r.wait(p)
	default:
		r.reply(Reply{ID: p.op.ID, Err: err})
	}
}

// decidedBefore handles a write whose request id is known here, or belongs to
// another branch.
func (r *Replica) decidedBefore(p *pending) bool {
	id := p.op.Entry.RequestID
	if id == "" {
		return false
	}
	rec, ok := r.recorded(id)
	if ok {
		r.replay(p, rec)
		return true
	}
	if first := r.byRequest[id]; first != nil {
		if !first.op.Entry.SameRequest(&p.op.Entry) {
			r.reply(Reply{ID: p.op.ID, Err: &RequestError{RequestID: id}})
		} else if len(first.followers) >= maxFollowers {
			r.reply(Reply{ID: p.op.ID, Err: ErrQueueFull})
		} else {
			first.followers = append(first.followers, p)
		}
		return true
	}
	if home := p.op.Home; home != 0 && home != r.cfg.ID {
		if _, ok := r.ledger.Index(home); !ok {
			r.reply(Reply{ID: p.op.ID, Err: fmt.Errorf("home branch %d: %w", home, ErrUnknownBranch)})
		} else {
			r.reply(Reply{ID: p.op.ID, Forward: home})
		}
		return true
	}
	return false
}

// maxFollowers bounds the retries of one request that wait with it.
const maxFollowers = 64

// recorded finds a request id among what this branch has applied.
func (r *Replica) recorded(id string) (ledger.Recorded, bool) {
	if rec, ok := r.fresh[id]; ok {
		return ledger.Recorded{At: rec.at, Entry: *rec.entry, Balance: rec.balance}, true
	}
	rec, ok, err := r.cfg.Storage.Request(id)
	if err != nil {
		r.fail(fmt.Errorf("look up request id %q: %w", id, err))
	}
	return rec, ok
}

// replay answers a request that was recorded before with its first answer.
func (r *Replica) replay(p *pending, rec ledger.Recorded) {
	switch {
	case !rec.Entry.SameRequest(&p.op.Entry):
		r.reply(Reply{ID: p.op.ID, Err: &RequestError{RequestID: rec.Entry.RequestID, At: rec.At}})
	case rec.At.Branch == r.cfg.ID:
		r.acknowledge(&p.op, Reply{ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true})
	default:
		r.replayElsewhere(p, rec)
	}
}

// replayElsewhere answers a request that another branch has recorded. Only the
// writer knows who has applied and synced it; without the writer the answer says
// what is known here.
func (r *Replica) replayElsewhere(p *pending, rec ledger.Recorded) {
	reply := Reply{
		ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true, Session: r.seen(p.op.Session),
	}
	level := p.op.Acknowledge
	if level == Local {
		r.reply(reply)
		return
	}
	i, _ := r.ledger.Index(rec.At.Branch)
	reply.Unreachable = r.unknowing(i, rec.At.Sequence, level)
	if level >= Majority {
		reply.Err = notReplicated(&p.op, &reply, reply.Unreachable, true)
	}
	if r.callable(r.peers[i]) {
		r.reply(Reply{ID: p.op.ID, Forward: rec.At.Branch, Otherwise: &reply})
		return
	}
	r.reply(reply)
}

// unknowing returns the branches that are not known to have an entry of the i-th
// journal as a level asks for it: all but its writer, and this one where it has.
func (r *Replica) unknowing(i int, sequence uint64, level Level) []ledger.BranchID {
	var out []ledger.BranchID
	for k, p := range r.peers {
		here := k == r.self && (level < Majority || r.synced[i] >= sequence)
		if k != i && !here {
			out = append(out, p.branch)
		}
	}
	return out
}

// record posts a write and has it acknowledged, or refuses it if it would open an
// account too many.
func (r *Replica) record(p *pending) {
	if err := r.mayOpen(&p.op.Entry); err != nil {
		r.refuse(p, err)
		return
	}
	r.breakPromises(p)
	if p.overtaken {
		r.replayOvertaken(p)
		return
	}
	e, posted := r.post(p.op.Entry)
	at := ledger.Position{Branch: r.cfg.ID, Sequence: e.Sequence}
	delete(r.byRequest, e.RequestID)
	r.acknowledge(&p.op, Reply{ID: p.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations})
	for _, f := range p.followers {
		r.acknowledge(&f.op, Reply{ID: f.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations, Replay: true})
	}
}

// replayOvertaken answers a write that has waited, and its retries, with what
// another branch has recorded meanwhile under the same request id.
func (r *Replica) replayOvertaken(p *pending) {
	delete(r.byRequest, p.op.Entry.RequestID)
	rec, ok := r.recorded(p.op.Entry.RequestID)
	if !ok {
		return // the disk failed, and the branch stops
	}
	for _, q := range append([]*pending{p}, p.followers...) {
		r.replay(q, rec)
	}
	p.followers = nil
}

// refuse answers a write, and its retries, with an error. Nothing is recorded.
func (r *Replica) refuse(p *pending, err error) {
	r.breakPromises(p)
	if p.overtaken {
		r.replayOvertaken(p)
		return
	}
	delete(r.byRequest, p.op.Entry.RequestID)
	if p.op.Entry.Kind == ledger.Bulk && r.refusePart(p, err) {
		return
	}
	r.reply(Reply{ID: p.op.ID, Err: err})
	var insufficient *InsufficientError
	if errors.As(err, &insufficient) {
		// The moment of the verdict may lie before a retry began: each is
		// decided afresh.
		r.submitted = append(r.submitted, p.followers...)
		p.followers = nil
	}
	for _, f := range p.followers {
		r.reply(Reply{ID: f.op.ID, Err: err})
	}
}

// seen returns a session merged with this branch's view.
func (r *Replica) seen(session []ledger.Position) []ledger.Position {
	if r.session == nil {
		r.session = make([]ledger.Position, 0, r.n)
		for i, p := range r.peers {
			if s := r.head(i); s > 0 {
				r.session = append(r.session, ledger.Position{Branch: p.branch, Sequence: s})
			}
		}
	}
	return mergeSessions(session, r.session)
}

// mergeSessions returns the larger position of each branch. It returns view
// itself when there is no session.
func mergeSessions(session, view []ledger.Position) []ledger.Position {
	if len(session) == 0 {
		return view
	}
	merged := slices.Clone(view)
	at := make(map[ledger.BranchID]int, len(view))
	for i, v := range view {
		at[v.Branch] = i
	}
	for _, s := range session {
		if i, ok := at[s.Branch]; ok {
			merged[i].Sequence = max(merged[i].Sequence, s.Sequence)
		} else {
			at[s.Branch] = len(merged)
			merged = append(merged, s)
		}
	}
	return merged
}

// expire gives up the calls whose deadline has passed.
func (r *Replica) expire() {
	if r.now == r.expired {
		return
	}
	r.expired = r.now
	kept := r.held[:0]
	for _, w := range r.held {
		if r.now < w.deadline() {
			kept = append(kept, w)
			continue
		}
		r.reply(Reply{ID: w.id(), Err: r.heldTooLong(w)})
	}
	clear(r.held[len(kept):])
	r.held = kept
	r.expireWaiting()
	r.expireCollects()
	r.expireAcks()
}

func (r *Replica) heldTooLong(w waiter) error {
	if r.recovery.state != Serving {
		return r.notServing()
	}
	s, _ := r.unseen(w.session())
	i, _ := r.ledger.Index(s.Branch)
	return &UnavailableError{Reason: fmt.Sprintf("the session has seen branch %d up to entry %d, this branch only up to %d", s.Branch, s.Sequence, r.head(i))}
}
