package replica

import (
	"errors"
	"fmt"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// desk decides the calls of customers.
type desk struct {
	*core              // what all parts know
	recovery *recovery // the state of this branch
	own      *ownBatch // entries of this branch
	acks     *acks     // writes that wait for peers
	escrow   *escrow   // queues of accounts
	collects *collects // double collects
	// submitted and asked are the writes and the queries that no Ready has seen.
	submitted []*pending
	asked     []*asking // the queries
	// deferred are the calls that wait until the branch serves, or has seen what their
	// session has.
	deferred []waiter
	// byRequest are the writes that wait, by their request ids.
	byRequest map[string]*pending
}

// pending is a write that is not answered yet.
type pending struct {
	// op is what the customer asks for.
	op Operation
	// ticket is its age, once it waits for escrow.
	ticket Ticket
	// followers are the same request, sent again while this one waits.
	followers []*pending
	// overtaken says that another branch has recorded the request while this one
	// waited.
	overtaken bool
	// account is the one that a bulk waits for, need how much the bulk spends of it.
	account string
	need    ledger.Amount // of the account
	// promised are the other accounts of which a bulk that waits has been promised
	// something.
	promised []string
}

// needs returns the account whose escrow a write waits for, and how much of it the
// write spends.
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
	// query is what the customer asks.
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
	// admit decides the call or defers it.
	admit(d *desk)
}

// submit adds a write for the next step, ask a query.
func (d *desk) submit(p *pending) { d.submitted = append(d.submitted, p) }
func (d *desk) ask(a *asking)     { d.asked = append(d.asked, a) }

// await makes a write that waits known by its request id.
func (d *desk) await(p *pending) {
	if id := p.op.Entry.RequestID; id != "" {
		d.byRequest[id] = p
	}
}

// overtake marks the write that waits under a request id, if there is one: another
// branch has recorded the request.
func (d *desk) overtake(id string) {
	if p := d.byRequest[id]; p != nil {
		p.overtaken = true
	}
}

// step decides the calls that had to wait, and then those that came in.
func (d *desk) step() {
	d.decideDeferred()
	d.decideSubmitted()
}

// decideSubmitted decides the calls that came in since the last Ready.
func (d *desk) decideSubmitted() {
	asked, submitted := d.asked, d.submitted
	d.asked, d.submitted = nil, nil
	for _, a := range asked {
		a.admit(d)
	}
	for _, p := range submitted {
		p.admit(d)
	}
}

// decideDeferred decides the calls that had to wait, if they no longer do.
func (d *desk) decideDeferred() {
	if !d.recheck || len(d.deferred) == 0 {
		return
	}
	deferred := d.deferred
	d.deferred = nil
	for _, w := range deferred {
		w.admit(d)
	}
}

func (p *pending) admit(d *desk) {
	now, err := d.mayDecide(p.op.Session)
	switch {
	case err != nil:
		d.reply(Reply{ID: p.op.ID, Err: err})
	case d.state == Halted:
		d.reply(Reply{ID: p.op.ID, Err: d.recovery.notServing()})
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
		d.reply(Reply{ID: a.query.ID, Err: err})
	case now:
		d.answer(a)
	default:
		d.deferCall(a)
	}
}

// mayDecide reports whether a call may be decided now. It has to wait while the
// branch recovers, or has seen less than the customer's session has; the error
// says why it must not.
func (d *desk) mayDecide(session []ledger.Position) (bool, error) {
	missing, err := d.unseen(session)
	recovering := d.state == Recovering
	if err == nil && recovering && d.now-d.booted >= d.cfg.StartWait+d.cfg.PeerTimeout {
		err = d.recovery.notServing()
	}
	return !recovering && missing.Branch == 0, err
}

// deferCall keeps a call until it may be decided.
func (d *desk) deferCall(w waiter) {
	if len(d.deferred) >= maxDeferred {
		d.reply(Reply{ID: w.id(), Err: ErrQueueFull})
		return
	}
	d.deferred = append(d.deferred, w)
}

// ErrQueueFull refuses a call because too many wait already.
var ErrQueueFull = code.New(code.ResourceExhausted, "too many calls wait at this branch; back off and try again")

func (v *recovery) notServing() error {
	return &UnavailableError{Reason: v.stateReason()}
}

// unseen returns the first position of a session that is not applied here, or why
// no branch can have given it out.
func (d *desk) unseen(session []ledger.Position) (ledger.Position, error) {
	for _, s := range session {
		i, ok := d.ledger.Index(s.Branch)
		if !ok {
			return ledger.Position{}, fmt.Errorf("session names branch %d: %w", s.Branch, ErrUnknownBranch)
		}
		if d.tooFarAhead(i, s.Sequence, ledger.MaxSequenceLead) {
			return ledger.Position{}, fmt.Errorf("session names entry %d of branch %d, this branch has %d: %w", s.Sequence, s.Branch, d.head(i), ErrSessionAhead)
		}
		if d.head(i) < s.Sequence {
			return s, nil
		}
	}
	return ledger.Position{}, nil
}

// answer answers a query that may be answered now.
func (d *desk) answer(a *asking) {
	if a.query.Strong {
		d.collects.join(a.query.Account, a)
		return
	}
	d.replyBalance(a, d.ledger.Balance(a.query.Account))
}

func (d *desk) replyBalance(a *asking, balance ledger.Amount) {
	d.reply(Reply{
		ID: a.query.ID, Balance: balance, Available: d.ledger.Escrow(a.query.Account, d.self),
		Session: d.seen(a.query.Session),
	})
}

// decide carries out a write, lets it wait for escrow, or refuses it.
func (d *desk) decide(p *pending) {
	if d.decidedBefore(p) {
		return
	}
	e := &p.op.Entry
	if e.Kind == ledger.Bulk {
		d.decideBulk(p)
		return
	}
	err := d.ledger.CanPay(d.self, e)
	var escrow *ledger.EscrowError
	switch {
	case err == nil && !d.escrow.mustQueue(e):
		d.record(p)
	case err == nil, errors.As(err, &escrow):
		d.escrow.wait(p)
	default:
		d.reply(Reply{ID: p.op.ID, Err: err})
	}
}

// decidedBefore handles a write whose request id is known here, or belongs to
// another branch.
func (d *desk) decidedBefore(p *pending) bool {
	id := p.op.Entry.RequestID
	if id == "" {
		return false
	}
	rec, ok := d.own.recorded(id)
	if ok {
		d.replay(p, rec)
		return true
	}
	if first := d.byRequest[id]; first != nil {
		if !first.op.Entry.SameRequest(&p.op.Entry) {
			d.reply(Reply{ID: p.op.ID, Err: &RequestError{RequestID: id}})
		} else if len(first.followers) >= maxFollowers {
			d.reply(Reply{ID: p.op.ID, Err: ErrQueueFull})
		} else {
			first.followers = append(first.followers, p)
		}
		return true
	}
	if home := p.op.Home; home != 0 && home != d.cfg.ID {
		if _, ok := d.ledger.Index(home); !ok {
			d.reply(Reply{ID: p.op.ID, Err: fmt.Errorf("home branch %d: %w", home, ErrUnknownBranch)})
		} else {
			d.reply(Reply{ID: p.op.ID, Forward: home})
		}
		return true
	}
	return false
}

// maxFollowers bounds the retries of one request that wait with it.
const maxFollowers = 64

// replay answers a request that was recorded before with its first answer.
func (d *desk) replay(p *pending, rec ledger.Recorded) {
	switch {
	case !rec.Entry.SameRequest(&p.op.Entry):
		d.reply(Reply{ID: p.op.ID, Err: &RequestError{RequestID: rec.Entry.RequestID, At: rec.At}})
	case rec.At.Branch == d.cfg.ID:
		d.acks.acknowledge(&p.op, Reply{ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true})
	default:
		d.replayElsewhere(p, rec)
	}
}

// replayElsewhere answers a request that another branch has recorded. Only the
// writer knows which branches have applied and synced it; without the writer the
// answer says what is known here.
func (d *desk) replayElsewhere(p *pending, rec ledger.Recorded) {
	reply := Reply{
		ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true, Session: d.seen(p.op.Session),
	}
	level := p.op.Acknowledge
	if level == Local {
		d.reply(reply)
		return
	}
	i, _ := d.ledger.Index(rec.At.Branch)
	reply.Unreachable = d.unknowing(i, rec.At.Sequence, level)
	if level >= Majority {
		reply.Err = notReplicated(&p.op, &reply, reply.Unreachable, true)
	}
	if d.callable(d.peers[i]) {
		d.reply(Reply{ID: p.op.ID, Forward: rec.At.Branch, Otherwise: &reply})
		return
	}
	d.reply(reply)
}

// record posts a write, which is acknowledged at its level. It refuses one that
// would open an account too many.
func (d *desk) record(p *pending) {
	if err := d.mayOpen(&p.op.Entry); err != nil {
		d.refuse(p, err)
		return
	}
	d.escrow.breakPromises(p)
	if p.overtaken {
		d.replayOvertaken(p)
		return
	}
	e, posted := d.own.post(p.op.Entry)
	at := ledger.Position{Branch: d.cfg.ID, Sequence: e.Sequence}
	delete(d.byRequest, e.RequestID)
	d.acks.acknowledge(&p.op, Reply{ID: p.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations})
	for _, f := range p.followers {
		d.acks.acknowledge(&f.op, Reply{ID: f.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations, Replay: true})
	}
}

// replayOvertaken answers a write that has waited, and its retries, with what
// another branch has recorded meanwhile under the same request id.
func (d *desk) replayOvertaken(p *pending) {
	delete(d.byRequest, p.op.Entry.RequestID)
	rec, ok := d.own.recorded(p.op.Entry.RequestID)
	if !ok {
		return // the disk failed, and the branch stops
	}
	for _, q := range append([]*pending{p}, p.followers...) {
		d.replay(q, rec)
	}
	p.followers = nil
}

// refuse answers a write, and its retries, with an error. Nothing is recorded.
func (d *desk) refuse(p *pending, err error) {
	d.escrow.breakPromises(p)
	if p.overtaken {
		d.replayOvertaken(p)
		return
	}
	delete(d.byRequest, p.op.Entry.RequestID)
	if p.op.Entry.Kind == ledger.Bulk && d.refusePart(p, err) {
		return
	}
	d.reply(Reply{ID: p.op.ID, Err: err})
	var insufficient *InsufficientError
	if errors.As(err, &insufficient) {
		// The moment of the verdict may lie before a retry began: each is
		// decided afresh.
		d.submitted = append(d.submitted, p.followers...)
		p.followers = nil
	}
	for _, f := range p.followers {
		d.reply(Reply{ID: f.op.ID, Err: err})
	}
}

// expire gives up the calls whose deadline has passed.
func (d *desk) expire() {
	kept := d.deferred[:0]
	for _, w := range d.deferred {
		if d.now < w.deadline() {
			kept = append(kept, w)
			continue
		}
		d.reply(Reply{ID: w.id(), Err: d.deferredTooLong(w)})
	}
	clear(d.deferred[len(kept):])
	d.deferred = kept
}

func (d *desk) deferredTooLong(w waiter) error {
	if d.state != Serving {
		return d.recovery.notServing()
	}
	s, _ := d.unseen(w.session())
	i, _ := d.ledger.Index(s.Branch)
	return &UnavailableError{Reason: fmt.Sprintf("the session has seen branch %d up to entry %d, this branch only up to %d", s.Branch, s.Sequence, d.head(i))}
}

// nextTick returns when a call is decided again, or may have waited too long.
func (d *desk) nextTick() Millis {
	switch {
	case len(d.submitted) > 0:
		return d.now
	case len(d.deferred) > 0:
		return d.now + deadlineGrain
	}
	return never
}

// mayOpen refuses a write that would open an account too many. The accounts that
// this Ready has opened count. It is not asked about entries of peers, which are
// always recorded.
func (d *desk) mayOpen(e *ledger.Entry) error {
	most := d.cfg.MaxAccounts
	if most == 0 || d.ledger.Count()+2*ledger.MaxOperations <= most {
		return nil
	}
	opens, first := d.ledger.Opens(e)
	if opens == 0 || d.ledger.Count()+opens <= most {
		return nil
	}
	return &AccountsError{Account: first, Opens: opens, Accounts: d.ledger.Count(), Limit: most}
}
