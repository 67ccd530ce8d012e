package broadcast

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// ackWait is a recorded write whose customer waits for other branches.
type ackWait struct {
	// reply is the answer once the level is reached.
	reply protocol.Reply
	// op is the write.
	op *protocol.Operation
}

// ackHeap has the write with the lowest sequence first, and each before those at twice
// its place. It does what package container/heap would, which needs memory for each
// write.
type ackHeap []ackWait

func (h ackHeap) sequence(i int) uint64 { return h[i].reply.Receipt.Sequence }

// push adds a write. Most are the last of all.
func (h *ackHeap) push(w ackWait) {
	*h = append(*h, w)
	all := *h
	for i := len(all) - 1; i > 0 && all.sequence(i) < all.sequence((i-1)/2); i = (i - 1) / 2 {
		all[i], all[(i-1)/2] = all[(i-1)/2], all[i]
	}
}

// pop takes the first write out.
func (h *ackHeap) pop() ackWait {
	all := *h
	first, last := all[0], len(all)-1
	all[0], all[last] = all[last], ackWait{}
	*h = all[:last]
	h.sink(0)
	return first
}

// sink moves a write behind those that come before it.
func (h ackHeap) sink(i int) {
	for {
		next := 2*i + 1
		if next+1 < len(h) && h.sequence(next+1) < h.sequence(next) {
			next++
		}
		if next >= len(h) || h.sequence(i) <= h.sequence(next) {
			return
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
}

// Acks are the recorded writes whose customers wait for other branches.
type Acks struct {
	*Core              // what all parts know
	progress *progress // the peers, and frames for them
	// queues are the writes by their level.
	queues [protocol.Nearest + 1]ackHeap
	// held are those that have to be applied at all reachable branches first, whatever
	// their level.
	held ackHeap
	// wantSync is the last own entry that a customer waits for to be synced at
	// peers.
	wantSync uint64
}

// Acknowledge answers a write of this branch's journal once its level is reached:
// with this Ready, or a later one. One that is held has to be applied at all reachable
// branches, too.
func (a *Acks) Acknowledge(op *protocol.Operation, reply protocol.Reply, held bool) {
	if op.Acknowledge.Syncs() {
		a.wantSync = max(a.wantSync, reply.Receipt.Sequence)
		a.progress.wakeAll()
	}
	q := &a.queues[op.Acknowledge]
	if held {
		q = &a.held
	}
	q.push(ackWait{reply, op})
}

// step answers the writes that are acknowledged by now, and those that
// can't be. It runs after own.step, so that this Ready's own batches count as
// synced here: its replies leave only then.
func (a *Acks) step() {
	reached := a.progress.reachableApplied()
	for len(a.held) > 0 && a.held.sequence(0) <= reached {
		w := a.held.pop()
		a.queues[w.op.Acknowledge].push(w)
	}
	a.releaseUpTo(protocol.Local, a.Head(a.Self))
	a.releaseUpTo(protocol.Reachable, reached)
	for _, level := range []protocol.Level{protocol.Majority, protocol.All, protocol.Nearest} {
		if len(a.queues[level]) == 0 {
			continue
		}
		a.releaseUpTo(level, a.syncedAt(level, false))
		if hope := a.syncedAt(level, true); hope < a.Head(a.Self) {
			a.failBetween(level, hope, a.reachableSynced())
		}
	}
}

// syncedAt returns how far this branch's journal is synced at as many branches as the
// level asks for. With hope, it returns how far it will be if every reachable branch
// goes on.
func (a *Acks) syncedAt(level protocol.Level, hope bool) uint64 {
	at := make([]uint64, 0, a.N)
	for i, p := range a.Peers {
		if i == a.Self || hope && p.reachable {
			at = append(at, a.Head(a.Self))
		} else {
			at = append(at, p.synced)
		}
	}
	slices.Sort(at)
	switch level {
	case protocol.All:
		return at[0]
	case protocol.Nearest:
		return at[max(0, a.N-2)] // the last one is that of this branch
	}
	return at[(a.N-1)/2]
}

func (a *Acks) releaseUpTo(level protocol.Level, sequence uint64) {
	q := &a.queues[level]
	for len(*q) > 0 && (*q)[0].reply.Receipt.Sequence <= sequence {
		w := q.pop()
		w.reply.Unreachable = a.unconfirmed(w.reply.Receipt.Sequence)
		w.reply.Session = a.Seen(w.op.Session)
		a.Reply(w.reply)
	}
}

// reachableSynced returns how far this branch's journal is synced at every branch
// that is reachable now.
func (a *Acks) reachableSynced() uint64 {
	synced := a.Head(a.Self)
	for i, p := range a.Peers {
		if i != a.Self && p.reachable {
			synced = min(synced, p.synced)
		}
	}
	return synced
}

// failBetween answers the writes after one sequence and up to another. Too few
// branches can be reached for their level, and all of those have the writes.
func (a *Acks) failBetween(level protocol.Level, after, upTo uint64) {
	q := &a.queues[level]
	var kept ackHeap
	for len(*q) > 0 {
		w := q.pop()
		if at := w.reply.Receipt.Sequence; at <= after || at > upTo {
			kept = append(kept, w)
			continue
		}
		a.failAck(w)
	}
	*q = kept
}

// failAck answers a write that is recorded and has not reached its level. The error
// has all that the reply of a success would have.
func (a *Acks) failAck(w ackWait) {
	a.early++
	at := w.reply.Receipt
	missing := []ledger.BranchID{}
	for i, p := range a.Peers {
		if i != a.Self && (p.confirmed() < at.Sequence || w.op.Acknowledge.Syncs() && p.synced < at.Sequence) {
			missing = append(missing, p.Branch)
		}
	}
	w.reply.Session = a.Seen(w.op.Session)
	w.reply.Unreachable = missing
	w.reply.Err = protocol.NotReplicated(w.op, &w.reply, missing, false)
	a.Reply(w.reply)
}

// unconfirmed returns the unreachable branches that have not confirmed an own
// entry.
func (a *Acks) unconfirmed(sequence uint64) []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range a.Peers {
		if i != a.Self && !p.reachable && p.confirmed() < sequence {
			out = append(out, p.Branch)
		}
	}
	return out
}

// Expire answers the writes whose deadline has passed. They are recorded.
func (a *Acks) Expire() {
	for _, q := range a.all() {
		expired := func(w ackWait) bool { return a.Now >= w.op.Deadline }
		if !slices.ContainsFunc(*q, expired) {
			continue
		}
		var kept ackHeap
		for _, w := range *q {
			if expired(w) {
				a.failAck(w)
			} else {
				kept.push(w)
			}
		}
		*q = kept
	}
}

// all returns the queues.
func (a *Acks) all() []*ackHeap {
	all := []*ackHeap{&a.held}
	for level := range a.queues {
		all = append(all, &a.queues[level])
	}
	return all
}

// nextTick returns when a write may have waited too long.
func (a *Acks) nextTick() protocol.Millis {
	waits := len(a.held) > 0
	for level := range a.queues {
		waits = waits || len(a.queues[level]) > 0
	}
	if waits {
		return a.Now + protocol.DeadlineGrain
	}
	return protocol.Never
}
