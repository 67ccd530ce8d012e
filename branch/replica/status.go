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
	s := Status{State: r.recovery.state, Reason: r.stateReason(), Epoch: r.epoch, Alarms: r.alarmTexts()}
	s.Bank = r.founding.bank
	for i, p := range r.peers {
		h := r.ledger.Head(i)
		if h.Sequence == 0 {
			h.Hash = ledger.Hash{} // no batch has the genesis
		}
		s.Applied = append(s.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: p.branch, Sequence: h.Sequence}, Hash: h.Hash})
		if i != r.self {
			s.Peers = append(s.Peers, PeerStatus{
				Branch: p.branch, Reachable: p.reachable && p.heard, Exchanging: p.linked && p.heard && !p.probing, Since: p.since, Refused: r.refused[i].sum(), Acked: p.acked, Lag: r.head(r.self) - min(p.acked, r.head(r.self)),
			})
		}
	}
	return s
}

// Ledger returns the branch's view, for reading between two calls only.
func (r *Replica) Ledger() *ledger.Ledger { return r.ledger }

// State returns whether the branch takes writes.
func (r *Replica) State() State { return r.recovery.state }

// ID returns the branch that this is the replica of.
func (r *Replica) ID() ledger.BranchID { return r.cfg.ID }

// Propagating reports whether own batches are on their way to a reachable peer.
func (r *Replica) Propagating() bool { return r.reachableApplied() < r.head(r.self) }

// deadlineGrain is how exactly the deadlines of waiting calls are kept.
const deadlineGrain Millis = 20

// NextTick returns when the replica wants to be told the time, at the latest;
// false when nothing waits for it. So a bank where nothing happens costs
// nothing.
func (r *Replica) NextTick() (Millis, bool) {
	next, wanted := Millis(0), false
	want := func(at Millis) {
		if !wanted || at < next {
			next, wanted = at, true
		}
	}
	for i := r.awaited.next(0); i >= 0; i = r.awaited.next(i + 1) {
		if at := r.peers[i].deadline(r.cfg.PeerTimeout); at != never {
			want(at)
		}
	}
	if !r.gapped.empty() {
		want(r.now + gapDelay)
	}
	for i := r.fetching.next(0); i >= 0; i = r.fetching.next(i + 1) {
		if f := &r.fetches[i]; f.asked {
			want(f.at + fetchRetry)
		}
	}
	r.wantShown(want)
	if at, ok := r.foundingAt(); ok {
		want(at)
	}
	if r.recovery.state == Recovering && r.waits() {
		want(r.booted + r.cfg.StartWait)
	}
	if len(r.submitted) > 0 {
		want(r.now)
	}
	if len(r.held) > 0 || len(r.calls) > 0 || len(r.collects) > 0 || len(r.watches) > 0 || r.acks.waiting() {
		want(r.now + deadlineGrain)
	}
	for _, c := range r.collects {
		if c.restsUntil != 0 {
			want(c.restsUntil)
		}
	}
	for _, q := range r.queues {
		if q.heldUntil > 0 {
			want(q.heldUntil)
		}
		if len(q.waiting) > 0 {
			want(r.now + deadlineGrain)
			if q.pausedUntil > r.now {
				want(q.pausedUntil)
			}
		}
	}
	return next, wanted
}

func (q *ackQueues) waiting() bool {
	for level := range q {
		if q[level].Len() > 0 {
			return true
		}
	}
	return false
}

// Due reports whether a write that waits here for escrow can go on, so that the
// next Ready makes a batch whatever else it is given.
func (r *Replica) Due() bool {
	for _, name := range r.settle {
		if q := r.queues[name]; q != nil && len(q.waiting) > 0 {
			if _, amount := q.waiting[0].needs(); r.ledger.Escrow(name, r.self) >= amount {
				return true
			}
		}
	}
	return false
}
