package replica

import (
	"container/heap"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// ackWait is a recorded write whose customer waits for other branches.
type ackWait struct {
	// reply is the answer once the level is reached.
	reply Reply
	// op is the write.
	op *Operation
}

// ackHeap has the lowest sequence first.
type ackHeap []ackWait

// Len implements heap.Interface.
func (h ackHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h ackHeap) Less(i, j int) bool {
	return h[i].reply.Receipt.Sequence < h[j].reply.Receipt.Sequence
}

// Swap implements heap.Interface.
func (h ackHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *ackHeap) Push(x any) { *h = append(*h, x.(ackWait)) }

// Pop implements heap.Interface.
func (h *ackHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = ackWait{}
	*h = old[:len(old)-1]
	return x
}

// acks are the recorded writes whose customers wait for other branches.
type acks struct {
	*core              // what all parts know
	progress *progress // the peers, and frames for them
	// queues are the writes by their level.
	queues [All + 1]ackHeap
	// wantSync is the last own entry that a customer waits for to be synced at
	// peers.
	wantSync uint64
}

// acknowledge answers a write of this branch's journal once its level is reached:
// with this Ready, or a later one.
func (a *acks) acknowledge(op *Operation, reply Reply) {
	if op.Acknowledge >= Majority {
		a.wantSync = max(a.wantSync, reply.Receipt.Sequence)
		a.progress.wakeAll()
	}
	heap.Push(&a.queues[op.Acknowledge], ackWait{reply, op})
}

// step answers the writes that are acknowledged by now, and those that
// can't be. It runs after propagate, so that this Ready's own batches count as
// synced here: its replies leave only then.
func (a *acks) step() {
	a.releaseUpTo(Local, a.head(a.self))
	reachable := a.progress.reachableApplied()
	a.releaseUpTo(Reachable, reachable)
	for _, level := range []Level{Majority, All} {
		if a.queues[level].Len() == 0 {
			continue
		}
		a.releaseUpTo(level, min(a.syncedAt(level, false), reachable))
		if hope := a.syncedAt(level, true); hope < a.head(a.self) {
			a.failBetween(level, hope, a.reachableSynced())
		}
	}
}

// syncedAt is how far this branch's journal is synced at as many branches as
// the level asks for; with hope, as far as it will be if every reachable
// branch goes on.
func (a *acks) syncedAt(level Level, hope bool) uint64 {
	at := make([]uint64, 0, a.n)
	for i, p := range a.peers {
		if i == a.self || hope && p.reachable {
			at = append(at, a.head(a.self))
		} else {
			at = append(at, p.synced)
		}
	}
	slices.Sort(at)
	if level == All {
		return at[0]
	}
	return at[(a.n-1)/2]
}

func (a *acks) releaseUpTo(level Level, sequence uint64) {
	q := &a.queues[level]
	for q.Len() > 0 && (*q)[0].reply.Receipt.Sequence <= sequence {
		w := heap.Pop(q).(ackWait)
		w.reply.Unreachable = a.unconfirmed(w.reply.Receipt.Sequence)
		w.reply.Session = a.seen(w.op.Session)
		a.reply(w.reply)
	}
}

// reachableSynced is how far this branch's journal is synced at every branch
// that is reachable now.
func (a *acks) reachableSynced() uint64 {
	synced := a.head(a.self)
	for i, p := range a.peers {
		if i != a.self && p.reachable {
			synced = min(synced, p.synced)
		}
	}
	return synced
}

// failBetween answers the writes after one sequence and up to another. Too few
// branches can be reached for their level, and all that can be have the writes.
func (a *acks) failBetween(level Level, after, upTo uint64) {
	q := &a.queues[level]
	var kept ackHeap
	for q.Len() > 0 {
		w := heap.Pop(q).(ackWait)
		if at := w.reply.Receipt.Sequence; at <= after || at > upTo {
			kept = append(kept, w)
			continue
		}
		a.failAck(w)
	}
	*q = kept
}

// failAck answers a write that is recorded and has not reached its level. The error
// carries what a success would.
func (a *acks) failAck(w ackWait) {
	at := w.reply.Receipt
	missing := []ledger.BranchID{}
	for i, p := range a.peers {
		if i != a.self && (p.confirmed() < at.Sequence || w.op.Acknowledge >= Majority && p.synced < at.Sequence) {
			missing = append(missing, p.branch)
		}
	}
	w.reply.Session = a.seen(w.op.Session)
	w.reply.Unreachable = missing
	w.reply.Err = notReplicated(w.op, &w.reply, missing, false)
	a.reply(w.reply)
}

// notReplicated is the error of a reply whose write has not reached its level.
func notReplicated(op *Operation, reply *Reply, missing []ledger.BranchID, unasked bool) error {
	return &NotReplicatedError{
		Receipt: reply.Receipt, Missing: missing, Unasked: unasked, RequestID: op.Entry.RequestID,
		Balance: reply.Balance, Session: reply.Session, Replay: reply.Replay,
	}
}

// unconfirmed returns the unreachable branches that have not confirmed an own
// entry.
func (a *acks) unconfirmed(sequence uint64) []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range a.peers {
		if i != a.self && !p.reachable && p.confirmed() < sequence {
			out = append(out, p.branch)
		}
	}
	return out
}

// expire answers the writes whose deadline has passed. They are recorded.
func (a *acks) expire() {
	for level := Local; level <= All; level++ {
		q := &a.queues[level]
		expired := func(w ackWait) bool { return a.now >= w.op.Deadline }
		if !slices.ContainsFunc(*q, expired) {
			continue
		}
		var kept ackHeap
		for _, w := range *q {
			if expired(w) {
				a.failAck(w)
			} else {
				kept = append(kept, w)
			}
		}
		heap.Init(&kept)
		*q = kept
	}
}

// nextTick returns when a write may have waited too long.
func (a *acks) nextTick() Millis {
	for level := range a.queues {
		if a.queues[level].Len() > 0 {
			return a.now + deadlineGrain
		}
	}
	return never
}

// unknowing returns the branches that may not have an entry of the i-th journal as a
// level asks for it: all but its writer, and but this one if it has the entry.
func (d *desk) unknowing(i int, sequence uint64, level Level) []ledger.BranchID {
	var out []ledger.BranchID
	for k, p := range d.peers {
		here := k == d.self && (level < Majority || d.synced[i] >= sequence)
		if k != i && !here {
			out = append(out, p.branch)
		}
	}
	return out
}
