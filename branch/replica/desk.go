package replica

import (
	"errors"
	"fmt"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// desk decides the calls of customers.
type desk struct {
	*broadcast.Core                     // what all parts know
	recovery        *broadcast.Recovery // the state of this branch
	own             *broadcast.OwnBatch // entries of this branch
	acks            *broadcast.Acks     // writes that wait for peers
	journals        *broadcast.Journals // what peers have
	escrow          *escrow             // queues of accounts
	collects        *collects           // double collects
	snapshots       *snapshots          // strong queries
	// submitted and asked are the writes and the queries that no Ready has seen.
	submitted []*pending
	asked     []*asking // the queries
	// decided is memory for submitted, room for the writes themselves.
	decided []*pending
	room    []pending
	// deferred are the calls that wait until the branch serves, or has seen what their
	// session has.
	deferred []waiter
	// lists are the bulks that wait until peers have more of what this branch has
	// written, the oldest first.
	lists []*pending
	// listBytes is about the size of the bulks that this Ready decides.
	listBytes int
	// byRequest are the writes that wait, by what their requests are known by.
	byRequest map[ledger.RequestKey]*pending
}

// pending is a write that is not answered yet.
type pending struct {
	// op is what the customer asks for.
	op protocol.Operation
	// ticket is its age, once it waits for escrow.
	ticket protocol.Ticket
	// followers are the same request, sent again while this one waits.
	followers []*pending
	// overtaken says that another branch has recorded the request while this one
	// waited.
	overtaken bool
	// account is the one that a bulk waits for, need how much the bulk spends of it.
	account string
	need    ledger.Amount // of the account
	// chain is the chain of looks at its account that it takes part in, from the step
	// chainFrom on.
	chain, chainFrom uint64
	// chainSince is when it first took part in one.
	chainSince protocol.Millis
	// heldUntil is until when a bulk waits among the lists of the desk.
	heldUntil protocol.Millis
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

// asking is a query that is not answered yet.
type asking struct {
	// query is what the customer asks.
	query protocol.Query
}

// submit adds a write for the next step.
func (d *desk) submit(op protocol.Operation) {
	if len(d.room) == 0 {
		d.room = make([]pending, writeRoom)
	}
	p := &d.room[0]
	d.room = d.room[1:]
	p.op = op
	d.submitted = append(d.submitted, p)
}

// writeRoom is how many writes share a piece of memory, which is needed until all of them
// are answered.
const writeRoom = 8

// ask adds a query for the next step.
func (d *desk) ask(a *asking) { d.asked = append(d.asked, a) }

// await makes a write that waits known by its request.
func (d *desk) await(p *pending) {
	if key := p.op.Entry.RequestKey(); key != "" {
		d.byRequest[key] = p
	}
}

// overtake marks the write of a request that waits, if there is one: another branch has
// recorded the request.
func (d *desk) overtake(key ledger.RequestKey) {
	if p := d.byRequest[key]; p != nil {
		p.overtaken = true
	}
}

// step decides the calls that had to wait, and then those that came in.
func (d *desk) step() {
	d.decideDeferred()
	d.decideLists()
	d.decideSubmitted()
}

// decideSubmitted decides the calls that came in since the last Ready.
func (d *desk) decideSubmitted() {
	asked, submitted := d.asked, d.submitted
	d.asked, d.submitted = nil, d.decided
	for _, a := range asked {
		a.admit(d)
	}
	for _, p := range submitted {
		p.admit(d)
	}
	clear(submitted)
	if d.decided = submitted[:0]; cap(submitted) > maxDecided {
		d.decided = nil
	}
}

// maxDecided bounds the memory for writes that is used again, in writes.
const maxDecided = 256

// answer answers a query that may be answered now.
func (d *desk) answer(a *asking) {
	switch {
	case a.query.Strong && d.N > 1:
		d.snapshots.join(a)
		return
	case a.query.Strong:
		d.collects.join(a.query.Account, a)
		return
	}
	d.replyBalance(a, d.Ledger.Balance(a.query.Account))
}

func (d *desk) replyBalance(a *asking, balance ledger.Amount) {
	d.Reply(protocol.Reply{
		ID: a.query.ID, Balance: balance, Available: d.Ledger.Escrow(a.query.Account, d.Self),
		Session: d.Seen(a.query.Session),
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
	err := d.Ledger.CanPay(d.Self, e)
	switch {
	case err == nil && !d.escrow.mustQueue(e):
		d.record(p)
	case err == nil, lacksEscrow(err):
		d.escrow.wait(p)
	default:
		d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
	}
}

// lacksEscrow reports whether a write can be paid once there is more escrow here.
func lacksEscrow(err error) bool {
	var escrow *ledger.EscrowError
	return errors.As(err, &escrow)
}

// decidedBefore handles a write whose request is known here, or belongs to another
// branch.
func (d *desk) decidedBefore(p *pending) bool {
	key := p.op.Entry.RequestKey()
	if key == "" {
		return false
	}
	rec, ok := d.own.Recorded(key)
	if ok {
		d.replay(p, rec)
		return true
	}
	if first := d.byRequest[key]; first != nil {
		if !first.op.Entry.SameRequest(&p.op.Entry) {
			d.Reply(protocol.Reply{ID: p.op.ID, Err: &protocol.RequestError{RequestID: p.op.Entry.RequestID}})
		} else if len(first.followers) >= maxFollowers {
			d.Reply(protocol.Reply{ID: p.op.ID, Err: protocol.ErrQueueFull})
		} else {
			first.followers = append(first.followers, p)
		}
		return true
	}
	if home := p.op.Home; home != 0 && home != d.Config.ID {
		if _, ok := d.Ledger.Index(home); !ok {
			d.Reply(protocol.Reply{ID: p.op.ID, Err: fmt.Errorf("home branch %d: %w", home, protocol.ErrUnknownBranch)})
		} else {
			d.Reply(protocol.Reply{ID: p.op.ID, Forward: home})
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
		d.snapshots.spoil(&rec.Entry)
		d.Reply(protocol.Reply{ID: p.op.ID, Err: &protocol.RequestError{RequestID: rec.Entry.RequestID, At: rec.At}})
	case rec.At.Branch == d.Config.ID:
		d.acks.Acknowledge(&p.op, protocol.Reply{ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true}, d.isHeld(p, &rec.Entry))
	default:
		d.replayElsewhere(p, rec)
	}
}

// replayElsewhere answers a request that another branch has recorded. Only the
// writer knows which branches have applied and synced it; without the writer the
// answer says what is known here.
func (d *desk) replayElsewhere(p *pending, rec ledger.Recorded) {
	reply := protocol.Reply{
		ID: p.op.ID, Balance: rec.Balance, Receipt: rec.At, Operations: rec.Entry.Operations, Replay: true, Session: d.Seen(p.op.Session),
	}
	d.snapshots.spoil(&rec.Entry)
	level := p.op.Acknowledge
	if level == protocol.Local {
		d.Reply(reply)
		return
	}
	i, _ := d.Ledger.Index(rec.At.Branch)
	reply.Unreachable = d.unknowing(i, rec.At.Sequence, level)
	if level.Syncs() {
		reply.Err = protocol.NotReplicated(&p.op, &reply, reply.Unreachable, true)
	}
	if d.Callable(d.Peers[i]) {
		d.Reply(protocol.Reply{ID: p.op.ID, Forward: rec.At.Branch, Otherwise: &reply})
		return
	}
	d.Reply(reply)
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
	e, posted := d.own.Post(p.op.Entry)
	at := ledger.Position{Branch: d.Config.ID, Sequence: e.Sequence}
	delete(d.byRequest, e.RequestKey())
	held := d.isHeld(p, e)
	d.acks.Acknowledge(&p.op, protocol.Reply{ID: p.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations}, held)
	for _, f := range p.followers {
		held := d.isHeld(f, e)
		d.acks.Acknowledge(&f.op, protocol.Reply{ID: f.op.ID, Balance: posted.Balance, Receipt: at, Operations: e.Operations, Replay: true}, held)
	}
}

// isHeld reports whether a write that is recorded must be applied at all branches before
// it is acknowledged, whatever its level.
func (d *desk) isHeld(p *pending, e *ledger.Entry) bool {
	held := d.snapshots.isMarked(e)
	if !held && !isSafe(p.op.Acknowledge) {
		d.snapshots.unsafe(e)
	}
	return held
}

// replayOvertaken answers a write that has waited, and its retries, with what
// another branch has recorded meanwhile under the same request id.
func (d *desk) replayOvertaken(p *pending) {
	key := p.op.Entry.RequestKey()
	delete(d.byRequest, key)
	rec, ok := d.own.Recorded(key)
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
	delete(d.byRequest, p.op.Entry.RequestKey())
	if p.op.Entry.Kind == ledger.Bulk && d.refusePart(p, err) {
		return
	}
	d.Reply(protocol.Reply{ID: p.op.ID, Err: err})
	var insufficient *protocol.InsufficientError
	if errors.As(err, &insufficient) {
		// The moment of the verdict may lie before a retry began: each is
		// decided afresh.
		d.submitted = append(d.submitted, p.followers...)
		p.followers = nil
	}
	for _, f := range p.followers {
		d.Reply(protocol.Reply{ID: f.op.ID, Err: err})
	}
}

// nextTick returns when a call is decided again, or may have waited too long.
func (d *desk) nextTick() protocol.Millis {
	next := protocol.Never
	if len(d.deferred) > 0 {
		next = d.Now + protocol.DeadlineGrain
	}
	switch {
	case len(d.submitted) > 0, len(d.lists) > 0 && !d.journals.Outruns():
		return d.Now
	case len(d.lists) > 0:
		next = min(next, d.lists[0].heldUntil)
	}
	return next
}

// mayOpen refuses a write that would open an account too many. The accounts that
// this Ready has opened count. It is not asked about entries of peers, which are
// always recorded.
func (d *desk) mayOpen(e *ledger.Entry) error {
	most := d.Config.MaxAccounts
	if most == 0 || d.Ledger.Count()+2*ledger.MaxOperations <= most {
		return nil
	}
	opens, first := d.Ledger.Opens(e)
	if opens == 0 || d.Ledger.Count()+opens <= most {
		return nil
	}
	return &protocol.AccountsError{Account: first, Opens: opens, Accounts: d.Ledger.Count(), Limit: most}
}

// unknowing returns the branches that may not have an entry of the i-th journal as a
// level asks for it: all but its writer, and but this one if it has the entry.
func (d *desk) unknowing(i int, sequence uint64, level protocol.Level) []ledger.BranchID {
	var out []ledger.BranchID
	for k, p := range d.Peers {
		here := k == d.Self && (!level.Syncs() || d.IsSynced(i, sequence))
		if k != i && !here {
			out = append(out, p.Branch)
		}
	}
	return out
}
