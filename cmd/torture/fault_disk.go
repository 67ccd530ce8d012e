package main

import (
	"context"
	"fmt"
	"time"
)

// planWipe removes the data directory of a branch under load.
func planWipe(r *round) func(context.Context) error {
	n, part := r.take(1)[0], r.planApart()
	return func(ctx context.Context) error {
		part(ctx, n)
		return r.bank.lose(ctx, n, (*node).wipe)
	}
}

// planApart lets a branch work for a while before its disk is lost. Half the
// times it is cut off from all others for the last part of that, so that there
// is something to lose: what it acknowledged alone.
func (r *round) planApart() func(context.Context, *node) {
	before, cut := r.between(200*time.Millisecond, time.Second), time.Duration(0)
	if r.chance(2) {
		cut = r.between(50*time.Millisecond, 2*time.Second)
	}
	return func(ctx context.Context, n *node) {
		pause(before, ctx.Done())
		if cut == 0 {
			return
		}
		r.bank.note("branch %d is cut off for %v before its disk is lost", n.id, cut)
		for _, id := range branchIDs {
			if id != n.id {
				r.bank.network.set(traffic{blocked: true}, pair{n.id, id}, pair{id, n.id})
			}
		}
		pause(cut, ctx.Done())
	}
}

// planOld puts an older copy of its data directory under a branch. When there
// is no copy from an earlier round, it makes one first.
func planOld(r *round) func(context.Context) error {
	n, part, clean := r.take(1)[0], r.planApart(), r.chance(2)
	return func(ctx context.Context) error {
		if n.older == "" {
			if err := r.bank.makeCopy(ctx, n, clean); err != nil {
				return err
			}
		}
		part(ctx, n)
		return r.bank.lose(ctx, n, (*node).restore)
	}
}

// makeCopy stops a branch, copies its data directory, and starts it again.
func (b *bank) makeCopy(ctx context.Context, n *node, clean bool) error {
	end := (*node).kill
	if clean {
		end = (*node).stop
	}
	b.note("copy of the disk of branch %d, stopped %v", n.id, clean)
	if err := end(n); err != nil {
		return err
	}
	if err := n.copyData(); err != nil {
		return err
	}
	if err := n.start(0); err != nil {
		return err
	}
	return b.whole(ctx)
}

// lose kills a branch and takes its disk away. The others are whole, so that
// what they have applied of its journal is all that may be expected to last.
func (b *bank) lose(ctx context.Context, n *node, how func(*node) error) error {
	l := loss{Branch: n.id, From: b.now()}
	if err := n.kill(); err != nil {
		return err
	}
	l.Killed = b.now()
	pause(100*time.Millisecond, ctx.Done())
	b.network.drop(n.id) // nothing of it is on its way any more
	b.network.heal()
	var err error
	if l.Kept, err = b.keptOf(ctx, n.id); err != nil {
		return err
	}
	b.note("disk of branch %d is lost; the others have %d entries of its journal", n.id, l.Kept)
	if err := how(n); err != nil {
		return err
	}
	b.era.Add(1)
	began := b.now()
	if err := n.start(0); err != nil {
		return err
	}
	if err := b.serving(ctx, n.id); err != nil {
		return err
	}
	l.Until = b.now()
	b.recovered(l.Until - began)
	b.history.addLoss(l)
	return nil
}

// keptOf returns how much of a dead branch's journal the others have applied,
// once that does not change any more.
func (b *bank) keptOf(ctx context.Context, dead uint32) (uint64, error) {
	most, same := uint64(0), 0
	for same < 10 {
		now := most
		for _, id := range branchIDs {
			if id == dead {
				continue
			}
			s, err := status(ctx, b.asking[id])
			if err != nil {
				return 0, fmt.Errorf("status of branch %d: %w", id, err)
			}
			now = max(now, appliedOf(s)[dead])
		}
		if now == most {
			same++
		} else {
			most, same = now, 0
		}
		pause(20*time.Millisecond, ctx.Done())
	}
	return most, ctx.Err()
}
