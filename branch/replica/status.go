package replica

import (
	"passbook.example/passbook/branch/ledger"
)

// Status is how a branch sees itself and its peers.
type Status struct {
	State   State
	Reason  string
	Bank    ledger.Bank
	Epoch   uint64
	Applied []ledger.MarkedPosition
	Peers   []PeerStatus
	Alarms  []string
}

// PeerStatus is how a branch sees a peer.
type PeerStatus struct {
	Branch    ledger.BranchID
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
