package replica

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// Config is what a replica is told when it starts.
type Config struct {
	// ID is this branch.
	ID ledger.BranchID
	// Opening is the opening balance of the shared account.
	Opening ledger.Amount
	// Ledger is the state on disk; the replica owns it from now on.
	Ledger *ledger.Ledger
	// Epoch is the number of this boot.
	Epoch uint64
	// Bank is the bank that the disk belongs to, as far as that was agreed on.
	Bank ledger.Bank
	// Proposal is a new random id, for a bank that this branch founds.
	Proposal ledger.BankID
	// Copied says that the disk is a copy of another one, or was restored from
	// one: its content may be old, whatever it says. The branch hears from every
	// peer before it writes.
	Copied bool
	// Settled says that the disk is one on which this branch has written, or
	// made sure that it may. A disk that is not counts as empty.
	Settled bool
	// Bootstrap lets a branch with an empty or a copied disk write without having
	// heard from every peer. It is for the first start of a bank, and unsafe after.
	Bootstrap bool
	// Doubles are the request ids that several entries have, as the disk has them.
	Doubles []ledger.Double
	// StartWait is how long a branch that has started waits for the peers that
	// it need not hear; never less than PeerTimeout.
	StartWait Millis
	// Storage reads back what was committed.
	Storage Storage
	// PeerTimeout is how long a peer may leave batches unacknowledged, or a
	// call unanswered, before it counts as unreachable.
	PeerTimeout Millis
	// MaxAccounts is how many accounts there may be here for a write to open one
	// more; 0 for any number.
	MaxAccounts int
	// Now is the time.
	Now Millis
}

// State is whether a branch takes writes.
type State uint8

// The states of a branch.
const (
	// Recovering: it does not know yet what its peers hold of its journal.
	Recovering State = iota + 1
	// Serving: it takes reads and writes.
	Serving
	// Halted: its own journal has forked, and an operator must mend that.
	Halted
)

// Replica is one branch's part of the protocol. One goroutine owns it.
//
// Its state belongs to its parts, each of which changes only its own: Replica says
// in which order they go on. A part gives up in expire what the time has ended, goes
// on in step, and tells in nextTick when it wants to be told the time.
type Replica struct {
	core
	// alarms are what an operator has to know, and the messages refused.
	alarms alarms
	// founding is how the branches agree on their bank, recovery how this branch
	// finds out whether its disk has all of its journal.
	founding founding
	recovery recovery
	// intake takes the batches of journals in, progress sends them, and says what
	// each peer has confirmed; acks are the writes that wait for that.
	intake   intake
	progress progress
	acks     acks
	// own are the entries that this branch makes.
	own ownBatch
	// desk decides customers' calls; escrow and collects are where those wait that
	// need other branches, calls what these are asked.
	desk     desk
	escrow   escrow
	collects collects
	calls    calls
	// expired is when deadlines were checked last.
	expired Millis
}

// New returns the replica of a branch that has just started. It errs when the
// configuration names a branch that the ledger does not have.
func New(cfg Config) (*Replica, error) {
	self, ok := cfg.Ledger.Index(cfg.ID)
	if !ok {
		return nil, fmt.Errorf("branch %d: %w", cfg.ID, ErrUnknownBranch)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &Replica{core: newCore(cfg, self)}
	r.assemble()
	return r, nil
}

// assemble makes the parts, and tells each which others it uses.
func (r *Replica) assemble() {
	c := &r.core
	r.alarms = newAlarms(c, &r.own)
	r.founding = newFounding(c, &r.alarms, &r.progress)
	r.recovery = newRecovery(c, &r.alarms, &r.founding, &r.intake, &r.progress)
	r.intake = newIntake(c)
	r.intake.alarms, r.intake.founding, r.intake.recovery = &r.alarms, &r.founding, &r.recovery
	r.intake.progress, r.intake.own, r.intake.desk, r.intake.escrow = &r.progress, &r.own, &r.desk, &r.escrow
	r.progress = newProgress(c)
	r.progress.alarms, r.progress.founding, r.progress.recovery = &r.alarms, &r.founding, &r.recovery
	r.progress.intake, r.progress.own, r.progress.acks = &r.intake, &r.own, &r.acks
	r.acks = acks{core: c, progress: &r.progress}
	r.own = newOwnBatch(c, &r.alarms, &r.progress, &r.escrow, &r.collects)
	r.desk = desk{core: c, recovery: &r.recovery, own: &r.own, acks: &r.acks, escrow: &r.escrow, collects: &r.collects, byRequest: map[string]*pending{}}
	r.escrow = newEscrow(c)
	r.escrow.alarms, r.escrow.recovery, r.escrow.own = &r.alarms, &r.recovery, &r.own
	r.escrow.desk, r.escrow.collects, r.escrow.calls = &r.desk, &r.collects, &r.calls
	r.collects = newCollects(c)
	r.collects.alarms, r.collects.recovery, r.collects.desk = &r.alarms, &r.recovery, &r.desk
	r.collects.escrow, r.collects.calls = &r.escrow, &r.calls
	r.calls = newCalls(c)
}

// check begins the ledger at the bank's genesis, if there is one.
func (c *Config) check() error {
	switch {
	case c.Bank.Founded:
		return c.Ledger.Found(c.Bank.Genesis(c.Ledger.Branches(), c.Opening))
	case c.Proposal == ledger.BankID{}:
		return fmt.Errorf("branch %d: a bank that is not founded needs a proposal", c.ID)
	}
	return nil
}

// BankHash is the same for branches that have been given the same branches,
// ascending, and opening balance. Links between others are refused by it.
func BankHash(branches []ledger.BranchID, opening ledger.Amount) ledger.Hash {
	text := []byte("passbook bank 1\n")
	text = binary.BigEndian.AppendUint64(text, uint64(opening))
	for _, b := range branches {
		text = binary.BigEndian.AppendUint32(text, uint32(b))
	}
	return sha256.Sum256(text)
}

// Submit adds a write. Its reply comes out of a later Ready.
func (r *Replica) Submit(op Operation) {
	r.desk.submit(&pending{op: op})
}

// Ask adds a read. Its reply comes out of a later Ready.
func (r *Replica) Ask(q Query) { r.desk.ask(&asking{query: q}) }

// Tick tells the time, which never goes back.
func (r *Replica) Tick(now Millis) {
	r.now = max(r.now, now)
	r.escrow.tick()
}

// Receive handles a message from a peer. Messages may be lost, repeated and out
// of order.
func (r *Replica) Receive(m Message) {
	i, ok := r.ledger.Index(m.From)
	if !ok || i == r.self || m.To != r.cfg.ID {
		return
	}
	p := r.peers[i]
	p.suspectUntil, p.heardAt = 0, r.now
	r.progress.wake(i)
	switch {
	case m.Frame != nil:
		r.progress.receiveFrame(p, m.Frame)
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
func (r *Replica) Take(from ledger.BranchID, s *ledger.Sealed) {
	if i, ok := r.ledger.Index(from); ok && i != r.self {
		r.intake.receiveBatch(r.peers[i], s)
	}
}

// Ready decides what has queued up and returns what has to happen. The owner
// commits first; only when that has succeeded may the rest leave, and Advance
// be called. Until then it must call nothing else. When Err is not nil the
// owner must stop the branch instead.
func (r *Replica) Ready() Ready {
	r.session = nil
	r.progress.expire()
	r.intake.expire()
	r.founding.step()
	r.recovery.step()
	r.desk.step()
	r.expire()
	r.collects.step()
	r.escrow.step()
	r.own.step()
	r.intake.step()
	r.progress.step()
	r.acks.step()
	r.recheck = false
	out := r.out
	r.out = Ready{}
	return out
}

// expire gives up what has waited too long, when the time has moved.
func (r *Replica) expire() {
	if r.now == r.expired {
		return
	}
	r.expired = r.now
	r.desk.expire()
	r.escrow.expire()
	r.collects.expire()
	r.acks.expire()
}

// Advance tells that the last Ready's commit has succeeded.
func (r *Replica) Advance() {
	r.own.committed()
}

// Err returns the error of a read from disk, after which the branch must stop:
// nothing of the last Ready may be used.
func (r *Replica) Err() error { return r.err }

// LinkUp tells that a link to a peer is there: frames can be sent, and arrive
// in order unless they are lost. A link that was there before is gone.
func (r *Replica) LinkUp(b ledger.BranchID) {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return
	}
	if r.peers[i].linked {
		r.LinkDown(b)
	}
	p := r.peers[i]
	p.linked, p.suspectUntil = true, 0
	r.intake.dropEarly(i) // it sends them again, or others if it lost them
	r.progress.sayHello(p)
}

// LinkDown tells that the link to a peer is gone, or could not be made.
func (r *Replica) LinkDown(b ledger.BranchID) {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return
	}
	p := r.peers[i]
	if r.recovery.heard[i] || !r.waits() {
		r.progress.setReachable(p, false)
	} // else both may just have started
	p.link = link{}
	r.progress.wake(i)
	r.intake.lostLink(p)
	r.recheck = true // what waits for it may be decided now
	r.escrow.dropClaims(b)
	r.calls.failAll(p)
	r.escrow.failRounds(p)
}

// Status is how a branch sees itself and its peers.
type Status struct {
	// State is whether the branch takes writes, Reason why it takes none.
	State  State
	Reason string // empty while it serves
	// Bank is the bank that it belongs to.
	Bank ledger.Bank
	// Epoch is the number of this boot.
	Epoch uint64
	// Applied is how far each journal is applied here.
	Applied []ledger.MarkedPosition
	// Peers are the other branches.
	Peers []PeerStatus
	// Alarms are what needs an operator, in words.
	Alarms []string
}

// PeerStatus is how a branch sees a peer.
type PeerStatus struct {
	// Branch is the peer.
	Branch ledger.BranchID
	// Reachable says that it counts for the level [Reachable].
	Reachable bool
	// Exchanging says that there is a link on which batches are acked in time,
	// also while the peer still catches up.
	Exchanging bool
	// Since is when the peer became reachable or unreachable.
	Since Millis
	// Refused counts the messages in its name that were refused.
	Refused uint64
	// Acked is the last own entry that the peer has confirmed, Lag how many it
	// has not.
	Acked, Lag uint64
}

// Status returns how this branch sees itself and its peers.
func (r *Replica) Status() Status {
	s := Status{State: r.state, Reason: r.recovery.stateReason(), Epoch: r.epoch, Alarms: r.alarmTexts()}
	s.Bank = r.founding.bank
	for i, p := range r.peers {
		h := r.ledger.Head(i)
		if h.Sequence == 0 {
			h.Hash = ledger.Hash{} // no batch has the genesis
		}
		s.Applied = append(s.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: p.branch, Sequence: h.Sequence}, Hash: h.Hash})
		if i != r.self {
			s.Peers = append(s.Peers, PeerStatus{
				Branch: p.branch, Reachable: p.reachable && p.heard, Exchanging: p.linked && p.heard && !p.probing, Since: p.since, Refused: r.alarms.refused[i].sum(), Acked: p.acked, Lag: r.head(r.self) - min(p.acked, r.head(r.self)),
			})
		}
	}
	return s
}

// Ledger returns the branch's view, for reading between two calls only.
func (r *Replica) Ledger() *ledger.Ledger { return r.ledger }

// State returns whether the branch takes writes.
func (r *Replica) State() State { return r.state }

// ID returns the branch that this is the replica of.
func (r *Replica) ID() ledger.BranchID { return r.cfg.ID }

// Propagating reports whether own batches are on their way to a reachable peer.
func (r *Replica) Propagating() bool { return r.progress.reachableApplied() < r.head(r.self) }

// NextTick returns when the replica wants to be told the time, at the latest;
// false when nothing waits for it. So a bank where nothing happens costs
// nothing.
func (r *Replica) NextTick() (Millis, bool) {
	next := min(r.progress.nextTick(), r.intake.nextTick(), r.founding.nextTick(), r.recovery.nextTick(), r.desk.nextTick(), r.calls.nextTick(), r.collects.nextTick(), r.escrow.nextTick(), r.acks.nextTick())
	if next == never {
		return 0, false
	}
	return next, true
}

// Due reports whether a write that waits here for escrow can go on, so that the
// next Ready makes a batch whatever else it is given.
func (r *Replica) Due() bool { return r.escrow.covered() }

// FrozenUntil returns until when some account is frozen; 0 for none. It is for
// tests.
func (r *Replica) FrozenUntil() Millis { return r.escrow.freezes.until }

// Everywhere returns the last entry of this branch's journal that every branch
// has confirmed to have applied, since this branch started.
func (r *Replica) Everywhere() uint64 { return r.progress.atEveryBranch() }
