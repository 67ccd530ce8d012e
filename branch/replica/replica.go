package replica

import (
	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Replica is one branch's part of the protocol. One goroutine owns it.
//
// Its state belongs to its parts, each of which changes only its own: Replica says
// in which order they go on. A part gives up in expire what the time has ended, goes
// on in step, and tells in nextTick when it wants to be told the time.
type Replica struct {
	// journals are those of all branches: what is applied here, and what peers get.
	journals *broadcast.Journals
	// desk decides customers' calls; escrow and collects are where those wait that
	// need other branches, calls what these are asked.
	desk     desk
	escrow   escrow
	collects collects
	calls    calls
	// snapshots answer strong queries.
	snapshots snapshots
	// contests are the accounts that more is asked of than there is.
	contests contests
	// expired is when deadlines were checked last.
	expired protocol.Millis
}

// New returns the replica of a branch that has just started. It errs when the
// ledger does not have the branch, or its bank is neither founded nor has a proposal.
func New(cfg protocol.Config) (*Replica, error) {
	r := &Replica{}
	j, err := broadcast.New(cfg, (*hearing)(r))
	if err != nil {
		return nil, err
	}
	r.journals = j
	r.assemble()
	return r, nil
}

// assemble makes the parts, and tells each which others it uses.
func (r *Replica) assemble() {
	j, c := r.journals, &r.journals.Core
	r.desk = desk{Core: c, recovery: &j.Recovery, own: &j.Own, acks: &j.Acks, journals: j, escrow: &r.escrow, collects: &r.collects, snapshots: &r.snapshots, byRequest: map[ledger.RequestKey]*pending{}}
	r.escrow = newEscrow(c)
	r.escrow.alarms, r.escrow.recovery, r.escrow.own = &j.Alarms, &j.Recovery, &j.Own
	r.escrow.desk, r.escrow.collects, r.escrow.calls, r.escrow.contests = &r.desk, &r.collects, &r.calls, &r.contests
	r.collects = newCollects(c)
	r.collects.alarms, r.collects.recovery, r.collects.desk = &j.Alarms, &j.Recovery, &r.desk
	r.collects.escrow, r.collects.calls, r.collects.contests, r.collects.snapshots = &r.escrow, &r.calls, &r.contests, &r.snapshots
	r.calls = newCalls(c)
	r.snapshots = newSnapshots(c)
	r.snapshots.recovery, r.snapshots.desk, r.snapshots.calls, r.snapshots.collects = &j.Recovery, &r.desk, &r.calls, &r.collects
	r.contests = newContests(j)
	r.contests.desk, r.contests.escrow, r.contests.calls, r.contests.collects = &r.desk, &r.escrow, &r.calls, &r.collects
}

// hearing is how the parts that decide on accounts hear of entries.
type hearing Replica

// Made implements broadcast.Listener.
func (h *hearing) Made(e *ledger.Entry) {
	h.collects.tallyPaid(e)
	h.contests.tallyPaid(e)
	h.snapshots.made(e)
	h.escrow.followSpent(h.journals.Self, e)
	e.EachAccount(h.escrow.touchAccount)
}

// Applied implements broadcast.Listener.
func (h *hearing) Applied(i int, e *ledger.Entry) {
	if key := e.RequestKey(); key != "" {
		h.desk.overtake(key)
	}
	if i == h.journals.Self {
		h.snapshots.cameBack(e)
	}
	h.escrow.followSpent(i, e)
	e.EachAccount(h.escrow.touchAccount)
}

// Submit adds a write. Its reply comes out of a later Ready.
func (r *Replica) Submit(op protocol.Operation) {
	r.desk.submit(op)
}

// Ask adds a read. Its reply comes out of a later Ready.
func (r *Replica) Ask(q protocol.Query) { r.desk.ask(&asking{query: q}) }

// Tick tells the time, which never goes back.
func (r *Replica) Tick(now protocol.Millis) {
	r.journals.Now = max(r.journals.Now, now)
	r.escrow.tick()
}

// Receive handles a message from a peer. Messages may be lost, repeated and out
// of order.
func (r *Replica) Receive(m protocol.Message) {
	p := r.journals.PeerOf(m.From)
	if p == nil || m.To != r.ID() {
		return
	}
	r.journals.HearFrom(p)
	switch {
	case m.Frame != nil:
		r.journals.Receive(p, m.Frame)
		if m.Frame.Contest != nil && p.Usable() {
			r.contests.receive(p, m.Frame.Contest)
		}
	case m.Claim != nil:
		r.escrow.receiveClaim(p, m.Claim)
	case m.ClaimAnswer != nil:
		r.escrow.receiveClaimAnswer(p, m.ClaimAnswer)
	case m.Collect != nil:
		r.collects.receiveCollect(p, m.Collect)
	case m.CollectAnswer != nil:
		r.collects.receiveCollectAnswer(p, m.CollectAnswer)
	}
}

// Take handles a batch that a peer has sent alone, by hand.
func (r *Replica) Take(from ledger.BranchID, s *ledger.Sealed) { r.journals.Take(from, s) }

// Meet checks the hello that comes first on a link that a peer has opened. It
// returns a *protocol.StrangerError when there must be no link, and
// protocol.ErrUnknownBranch when the bank has no such peer.
func (r *Replica) Meet(b ledger.BranchID, h *protocol.Hello) error { return r.journals.Meet(b, h) }

// Introduction is the hello for a peer that gets no link: it says which bank
// this branch belongs to, and nothing about its journals.
func (r *Replica) Introduction(to ledger.BranchID) *protocol.Hello {
	return r.journals.Introduction(to)
}

// Refuse counts a message of a peer that the owner has refused.
func (r *Replica) Refuse(b ledger.BranchID, lie protocol.Lie, text string) {
	r.journals.Refuse(b, lie, text)
}

// Ready decides what has queued up and returns what has to happen. The owner
// commits first; only when that has succeeded may the rest leave, and Advance
// be called. Until then it must call nothing else. When Err is not nil the
// owner must stop the branch instead.
func (r *Replica) Ready() protocol.Ready {
	r.journals.Begin()
	r.desk.step()
	r.expire()
	r.snapshots.step()
	r.collects.step()
	r.contests.open()
	r.escrow.settleQueues()
	r.escrow.coverJournal(r.journals)
	r.contests.stepChains()
	r.contests.answerLooks()
	r.escrow.shareOut()
	return r.journals.Finish()
}

// expire gives up what has waited too long, when the time has moved.
func (r *Replica) expire() {
	if r.journals.Now == r.expired {
		return
	}
	r.expired = r.journals.Now
	r.desk.expire()
	r.escrow.expire()
	r.calls.expire()
	r.collects.expire()
	r.snapshots.expire()
	r.contests.expire()
	r.journals.Acks.Expire()
}

// Advance tells that the last Ready's commit has succeeded.
func (r *Replica) Advance() { r.journals.Committed() }

// Err returns the error of a read from disk, after which the branch must stop:
// nothing of the last Ready may be used.
func (r *Replica) Err() error { return r.journals.Err() }

// LinkUp tells that a link to a peer is there: frames can be sent, and arrive
// in order unless they are lost. A link that was there before is gone.
func (r *Replica) LinkUp(b ledger.BranchID) {
	p := r.journals.PeerOf(b)
	if p == nil {
		return
	}
	if p.Linked() {
		r.LinkDown(b)
	}
	r.journals.LinkUp(p)
}

// LinkDown tells that the link to a peer is gone, or could not be made.
func (r *Replica) LinkDown(b ledger.BranchID) {
	p := r.journals.PeerOf(b)
	if p == nil {
		return
	}
	r.journals.LinkDown(p)
	r.escrow.dropClaims(b)
	r.calls.failAll(p)
	r.escrow.failRounds(p)
	r.contests.lostLink(p)
}

// Status returns how this branch sees itself and its peers.
func (r *Replica) Status() protocol.Status { return r.journals.Status() }

// Alarms returns what needs an operator: what is on disk first.
func (r *Replica) Alarms() []protocol.Alarm { return r.journals.AllAlarms() }

// ResolveAlarm forgets an alarm, with the next commit, and reports whether there
// was such a one. It returns [protocol.ErrAlarmHolds] for one that is not resolved by
// saying so.
func (r *Replica) ResolveAlarm(id string) (bool, error) { return r.journals.ResolveAlarm(id) }

// ResolveFork records, with the next commit, which batch of a fork counts, and why. It
// reports whether there is a fork whose alarm has that id, and returns [protocol.ErrNoSide]
// if the batch is none of the two. If this branch has applied the other one, or the journal
// is its own, the decision takes effect when it next starts; otherwise at once.
func (r *Replica) ResolveFork(id string, keep ledger.Hash, why ledger.Decision) (bool, error) {
	return r.journals.ResolveFork(id, keep, why)
}

// Fork returns a fork by the id of its alarm, also one that is resolved, and whether it
// stops the journal here; nil if there is no such one.
func (r *Replica) Fork(id string) (f *ledger.Fork, open bool) { return r.journals.Fork(id) }

// Lacks returns the escrow without which this branch can't apply the rest of its own
// journal, since a fork of another one was mended; nil for none.
func (r *Replica) Lacks() *ledger.EscrowError { return r.journals.Lacks() }

// Bank returns the bank that this branch belongs to.
func (r *Replica) Bank() ledger.Bank { return r.journals.Bank() }

// Ledger returns the branch's view, for reading between two calls only.
func (r *Replica) Ledger() *ledger.Ledger { return r.journals.Ledger }

// State returns whether the branch takes writes.
func (r *Replica) State() protocol.State { return r.journals.State }

// ID returns the branch that this is the replica of.
func (r *Replica) ID() ledger.BranchID { return r.journals.Config.ID }

// Measured takes a round trip to a peer, as the owner has measured it on the link. It
// makes nothing happen: what follows from it is for later.
func (r *Replica) Measured(b ledger.BranchID, took protocol.Micros) { r.journals.Measured(b, took) }

// Propagating reports whether own batches are on their way to a reachable peer that is
// not far: then it pays to let writes wait for that.
func (r *Replica) Propagating() bool { return r.journals.Propagating() }

// NextTick returns when the replica wants to be told the time, at the latest;
// false when nothing waits for it. So a bank where nothing happens costs
// nothing.
func (r *Replica) NextTick() (protocol.Millis, bool) {
	next := min(r.journals.NextTick(), r.desk.nextTick(), r.calls.nextTick(), r.collects.nextTick(), r.snapshots.nextTick(), r.contests.nextTick(), r.escrow.nextTick())
	if next == protocol.Never {
		return 0, false
	}
	return next, true
}

// Due reports whether a write that waits here for escrow can go on, or other branches
// wait for a look of this one or its answer, so that the next Ready makes a batch
// whatever else it is given.
func (r *Replica) Due() bool { return r.escrow.covered() || r.contests.isDue() }

// FrozenUntil returns until when some account is frozen; 0 for none. It is for
// tests.
func (r *Replica) FrozenUntil() protocol.Millis { return r.escrow.freezes.until }

// SeatFreeze returns how an account is frozen for a chair; nil when it is not. It is for
// tests.
func (r *Replica) SeatFreeze(account string) *SeatFreeze {
	c := r.contests.of[account]
	if c == nil || c.seat == nil || !c.seat.frozen {
		return nil
	}
	s := c.seat
	return &SeatFreeze{Chain: s.chain, Step: s.step, Firm: s.firm, Since: s.frozenAt, Answered: s.answer.Last}
}

// SeatFreeze is how an account is frozen between two looks of a chair.
type SeatFreeze struct {
	// Chain and Step are those of the look that was answered last.
	Chain, Step uint64
	// Firm says that nothing at all may change the account.
	Firm bool
	// Since is when the freeze began.
	Since protocol.Millis
	// Answered is the last entry that the answer names.
	Answered uint64
}

// Everywhere returns the last entry of this branch's journal that every branch
// has confirmed to have applied, since this branch started.
func (r *Replica) Everywhere() uint64 { return r.journals.Everywhere() }

// Confirmed returns the last entry of this branch's journal that a peer has confirmed to
// have applied, and the last that it has confirmed to have synced.
func (r *Replica) Confirmed(peer ledger.BranchID) (applied, synced uint64) {
	return r.journals.Confirmed(peer)
}

// SyncedHere returns the last entry of a branch's journal that is synced on this disk.
func (r *Replica) SyncedHere(of ledger.BranchID) uint64 { return r.journals.SyncedHere(of) }

// Recorded finds what was recorded of a request, as far as this branch has applied it.
func (r *Replica) Recorded(key ledger.RequestKey) (ledger.Recorded, bool) {
	return r.journals.Own.Recorded(key)
}
