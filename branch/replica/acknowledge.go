package replica

import (
	"container/heap"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// ackWait is a recorded write whose customer waits for other branches.
type ackWait struct {
	reply Reply
	op    *Operation
}

// ackHeap has the lowest sequence first.
type ackHeap []ackWait

func (h ackHeap) Len() int { return len(h) }
func (h ackHeap) Less(i, j int) bool {
	return h[i].reply.Receipt.Sequence < h[j].reply.Receipt.Sequence
}
func (h ackHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *ackHeap) Push(x any) { *h = append(*h, x.(ackWait)) }

// Pop is heap.Interface's.
func (h *ackHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = ackWait{}
	*h = old[:len(old)-1]
	return x
}

// ackQueues are the writes that wait, by their level.
type ackQueues [All + 1]ackHeap

// acknowledge has a write of this branch's journal answered as soon as its
// level is reached: with this Ready, or a later one.
func (r *Replica) acknowledge(op *Operation, reply Reply) {
	if op.Acknowledge >= Majority {
		r.own.wantSync = max(r.own.wantSync, reply.Receipt.Sequence)
		r.due.addAll(r.n)
	}
	heap.Push(&r.acks[op.Acknowledge], ackWait{reply, op})
}

// releaseAcks answers the writes that are acknowledged by now, and those that
// can't be. It runs after propagate, so that this Ready's own batches count as
// synced here: its replies leave only then.
func (r *Replica) releaseAcks() {
	r.releaseUpTo(Local, r.head(r.self))
	reachable := r.reachableApplied()
	r.releaseUpTo(Reachable, reachable)
	for _, level := range []Level{Majority, All} {
		if r.acks[level].Len() == 0 {
			continue
		}
		r.releaseUpTo(level, min(r.syncedAt(level, false), reachable))
		if hope := r.syncedAt(level, true); hope < r.head(r.self) {
			r.failBetween(level, hope, r.reachableSynced())
		}
	}
}

// reachableApplied is how far this branch's journal is applied at every
// branch that is reachable now.
func (r *Replica) reachableApplied() uint64 {
	return min(r.head(r.self), r.reached.of(r, func(p *peer) bool { return p.reachable }))
}

// Everywhere returns the last entry of this branch's journal that every branch
// has confirmed to have applied, since this branch started.
func (r *Replica) Everywhere() uint64 {
	all := r.everyone.of(r, func(*peer) bool { return true })
	r.everywhere = max(r.everywhere, min(r.head(r.self), all))
	return r.everywhere
}

// confirm notes how far a peer has applied this branch's journal.
func (r *Replica) confirm(p *peer, acked uint64) {
	r.everyone.moved(p.acked, acked)
	if p.reachable {
		r.reached.moved(p.acked, acked)
	}
	p.acked = acked
}

// syncedAt is how far this branch's journal is synced at as many branches as
// the level asks for; with hope, as far as it will be if every reachable
// branch goes on.
func (r *Replica) syncedAt(level Level, hope bool) uint64 {
	at := make([]uint64, 0, r.n)
	for i, p := range r.peers {
		if i == r.self || hope && p.reachable {
			at = append(at, r.head(r.self))
		} else {
			at = append(at, p.synced)
		}
	}
	slices.Sort(at)
	if level == All {
		return at[0]
	}
	return at[(r.n-1)/2]
}

func (r *Replica) releaseUpTo(level Level, sequence uint64) {
	q := &r.acks[level]
	for q.Len() > 0 && (*q)[0].reply.Receipt.Sequence <= sequence {
		w := heap.Pop(q).(ackWait)
		w.reply.Unreachable = r.unconfirmed(w.reply.Receipt.Sequence)
		w.reply.Session = r.seen(w.op.Session)
		r.reply(w.reply)
	}
}

// reachableSynced is how far this branch's journal is synced at every branch
// that is reachable now.
func (r *Replica) reachableSynced() uint64 {
	synced := r.head(r.self)
	for i, p := range r.peers {
		if i != r.self && p.reachable {
			synced = min(synced, p.synced)
		}
	}
	return synced
}

// failBetween answers the writes after one sequence and up to another: too few
// branches can be reached for their level, and those that can have them.
func (r *Replica) failBetween(level Level, after, upTo uint64) {
	q := &r.acks[level]
	var kept ackHeap
	for q.Len() > 0 {
		w := heap.Pop(q).(ackWait)
		if at := w.reply.Receipt.Sequence; at <= after || at > upTo {
			kept = append(kept, w)
			continue
		}
		r.failAck(w)
	}
	*q = kept
}

// failAck answers a write that is recorded and has not reached its level, with
// all that it led to.
func (r *Replica) failAck(w ackWait) {
	at := w.reply.Receipt
	missing := []ledger.BranchID{}
	for i, p := range r.peers {
		if i != r.self && (p.confirmed() < at.Sequence || w.op.Acknowledge >= Majority && p.synced < at.Sequence) {
			missing = append(missing, p.branch)
		}
	}
	w.reply.Session = r.seen(w.op.Session)
	w.reply.Unreachable = missing
	w.reply.Err = notReplicated(w.op, &w.reply, missing, false)
	r.reply(w.reply)
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
func (r *Replica) unconfirmed(sequence uint64) []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range r.peers {
		if i != r.self && !p.reachable && p.confirmed() < sequence {
			out = append(out, p.branch)
		}
	}
	return out
}

// expireAcks answers the writes whose deadline has passed. They are recorded.
func (r *Replica) expireAcks() {
	for level := Local; level <= All; level++ {
		q := &r.acks[level]
		expired := func(w ackWait) bool { return r.now >= w.op.Deadline }
		if !slices.ContainsFunc(*q, expired) {
			continue
		}
		var kept ackHeap
		for _, w := range *q {
			if expired(w) {
				r.failAck(w)
			} else {
				kept = append(kept, w)
			}
		}
		heap.Init(&kept)
		*q = kept
	}
}
