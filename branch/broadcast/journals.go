package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Journals are the journals of all branches, as this one has them: what is applied
// here, what peers are sent, and what they have confirmed. Each of its parts changes
// only its own state.
type Journals struct {
	Core
	// Alarms are what an operator has to know, and the messages refused.
	Alarms Alarms
	// founding is how the branches agree on their bank, Recovery how this branch
	// finds out whether its disk has all of its journal.
	founding founding
	Recovery Recovery
	// intake handles the batches that peers send. progress sends batches to peers,
	// and knows what each has confirmed. Acks are the writes that wait for that.
	intake   intake
	progress progress
	Acks     Acks
	// Own are the entries that this branch makes.
	Own OwnBatch
}

// Listener is told of each entry that is posted. The part that decides on accounts
// implements it.
type Listener interface {
	// Made tells of an entry of this branch, before it is committed.
	Made(e *ledger.Entry)
	// Applied tells of an entry of the i-th journal that a peer has sent.
	Applied(i int, e *ledger.Entry)
}

// New returns the journals of a branch that has just started. It returns an error if
// the ledger does not have the branch, or a bank that is not founded has no proposal.
func New(cfg protocol.Config, l Listener) (*Journals, error) {
	self, ok := cfg.Ledger.Index(cfg.ID)
	if !ok {
		return nil, fmt.Errorf("branch %d: %w", cfg.ID, protocol.ErrUnknownBranch)
	}
	if err := found(&cfg); err != nil {
		return nil, err
	}
	j := &Journals{Core: newCore(cfg, self)}
	waiting, err := newPending(&j.Core)
	if err != nil {
		return nil, err
	}
	j.assemble(l, waiting)
	return j, nil
}

// assemble makes the parts, and tells each which others it uses.
func (j *Journals) assemble(l Listener, waiting pending) {
	c := &j.Core
	j.Alarms = newAlarms(c, &j.Own)
	j.founding = newFounding(c, &j.Alarms, &j.progress)
	j.Recovery = newRecovery(c, &j.Alarms, &j.founding, &j.intake, &j.progress)
	j.intake = newIntake(c, l, waiting)
	j.intake.alarms, j.intake.founding, j.intake.recovery = &j.Alarms, &j.founding, &j.Recovery
	j.intake.progress, j.intake.own = &j.progress, &j.Own
	j.progress = newProgress(c)
	j.progress.alarms, j.progress.founding, j.progress.recovery = &j.Alarms, &j.founding, &j.Recovery
	j.progress.intake, j.progress.own, j.progress.acks = &j.intake, &j.Own, &j.Acks
	j.Acks = Acks{Core: c, progress: &j.progress}
	j.Own = newOwnBatch(c, &j.Alarms, &j.progress, l)
	j.Own.forks = &j.intake.forks
	if f := j.intake.forks.open[c.Self]; f != nil {
		j.Recovery.halt(protocol.ForkText(f))
	}
}

// found begins the ledger at the bank's genesis, if there is one.
func found(c *protocol.Config) error {
	switch {
	case c.Bank.Founded:
		return c.Ledger.Found(c.Bank.Genesis(c.Ledger.Branches(), c.Opening))
	case c.Proposal == ledger.BankID{}:
		return fmt.Errorf("branch %d: a bank that is not founded needs a proposal", c.ID)
	}
	return nil
}

// Begin starts a Ready with what the time and the peers have changed.
func (j *Journals) Begin() {
	j.session = nil
	j.progress.expire()
	j.intake.expire()
	j.intake.postPending()
	j.founding.step()
	j.Recovery.step()
}

// Finish ends a Ready: it seals and sends what this branch has recorded, and answers
// the writes that peers have confirmed.
func (j *Journals) Finish() protocol.Ready {
	j.Own.step()
	j.intake.step()
	j.progress.step()
	j.Acks.step()
	j.Recheck = false
	return j.handOut()
}

// Committed records that the last Ready's commit has succeeded.
func (j *Journals) Committed() { j.Own.committed() }

// NextTick returns when a part wants to be told the time.
func (j *Journals) NextTick() protocol.Millis {
	return min(j.progress.nextTick(), j.intake.nextTick(), j.founding.nextTick(), j.Recovery.nextTick(), j.Acks.nextTick())
}

// PeerOf returns a peer by its id; nil if the bank has no such peer.
func (j *Journals) PeerOf(b ledger.BranchID) *Peer {
	i, ok := j.Ledger.Index(b)
	if !ok || i == j.Self {
		return nil
	}
	return j.Peers[i]
}

// HearFrom records that something has come from a peer.
func (j *Journals) HearFrom(p *Peer) {
	p.suspected, p.HeardAt = false, j.Now
	j.progress.wake(p.Index)
}

// Receive handles a frame of a peer.
func (j *Journals) Receive(p *Peer, f *protocol.Frame) { j.progress.receiveFrame(p, f) }

// ContestTo returns what this Ready tells a usable peer of contested accounts, to be
// added to.
func (j *Journals) ContestTo(p *Peer) *protocol.Contest {
	f := j.progress.frameTo(p)
	if f.Contest == nil {
		f.Contest = &protocol.Contest{}
	}
	f.Contest.Clock = j.Clock()
	return f.Contest
}

// Take handles a batch that a peer has sent alone.
func (j *Journals) Take(from ledger.BranchID, s *ledger.Sealed) {
	if p := j.PeerOf(from); p != nil {
		j.intake.receiveBatch(p, s)
	}
}

// Meet returns a *StrangerError if a hello does not come from a peer.
func (j *Journals) Meet(b ledger.BranchID, h *protocol.Hello) error {
	p := j.PeerOf(b)
	if p == nil {
		return protocol.ErrUnknownBranch
	}
	if problem := j.founding.stranger(p, h, false); problem != "" {
		return &protocol.StrangerError{Branch: b, Problem: problem}
	}
	return nil
}

// Introduction returns the hello for a peer that gets no link.
func (j *Journals) Introduction(to ledger.BranchID) *protocol.Hello {
	return j.founding.introduction(to)
}

// Refuse counts a message of a peer that the owner has refused.
func (j *Journals) Refuse(b ledger.BranchID, lie protocol.Lie, text string) {
	if p := j.PeerOf(b); p != nil {
		j.Alarms.Reject(p, lie, false, "%s", text)
	}
}

// LinkUp begins a link to a peer that has none.
func (j *Journals) LinkUp(p *Peer) {
	p.linked, p.suspected = true, false
	j.intake.dropEarly(p.Index) // it sends them again, or others if it lost them
	j.progress.sayHello(p)
}

// LinkDown ends the link to a peer.
func (j *Journals) LinkDown(p *Peer) {
	if j.Recovery.heard[p.Index] || !j.waits() {
		j.progress.setReachable(p, false)
	} // else both may just have started
	p.link = link{}
	j.progress.wake(p.Index)
	j.intake.lostLink(p)
	j.Recheck = true // calls that wait for it may be decided now
}

// Bank returns the bank that this branch belongs to.
func (j *Journals) Bank() ledger.Bank { return j.founding.bank }

// Propagating reports whether own batches are on their way to a reachable peer that is
// not far.
func (j *Journals) Propagating() bool { return j.progress.nearApplied() < j.Head(j.Self) }

// Outruns reports whether a reachable peer that is far can't be sent all that this branch
// has recorded: it acks more slowly than this branch writes.
func (j *Journals) Outruns() bool { return j.progress.outruns() }

// Everywhere returns how far every branch has confirmed to have applied this branch's
// journal.
func (j *Journals) Everywhere() uint64 { return j.progress.atEveryBranch() }

// Confirmed returns the last entry of this branch's journal that a peer has confirmed to
// have applied, and the last that it has confirmed to have synced.
func (j *Journals) Confirmed(peer ledger.BranchID) (applied, synced uint64) {
	i, ok := j.Ledger.Index(peer)
	if !ok || i == j.Self {
		return 0, 0
	}
	return j.Peers[i].acked, j.Peers[i].synced
}

// SyncedHere returns the last entry of a branch's journal that is synced on this disk.
func (j *Journals) SyncedHere(of ledger.BranchID) uint64 {
	if i, ok := j.Ledger.Index(of); ok {
		return j.synced[i]
	}
	return 0
}

// Status returns how this branch sees itself and its peers.
func (j *Journals) Status() protocol.Status {
	s := protocol.Status{State: j.State, Reason: j.Recovery.StateReason(), Epoch: j.epoch, Bank: j.Bank(), Alarms: j.alarmTexts()}
	for i, p := range j.Peers {
		h := j.Ledger.Head(i)
		if h.Sequence == 0 {
			h.Hash = ledger.Hash{} // the genesis is no batch's hash
		}
		s.Applied = append(s.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: p.Branch, Sequence: h.Sequence}, Hash: h.Hash})
		if i != j.Self {
			s.Peers = append(s.Peers, protocol.PeerStatus{
				Branch: p.Branch, Reachable: p.reachable && p.heard, Exchanging: p.linked && p.heard && !p.probing, Since: p.since,
				Refused: j.Alarms.refused[i].sum(), Acked: p.acked, Lag: j.Head(j.Self) - min(p.acked, j.Head(j.Self)), Trip: p.Trip(),
			})
		}
	}
	return s
}
