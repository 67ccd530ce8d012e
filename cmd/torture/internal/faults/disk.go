package faults

import (
	"context"
	"fmt"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/check"
	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// planWipe removes the data directory of a branch under load.
func planWipe(r *Round) func(context.Context) error {
	n, part := r.take(1)[0], r.planApart()
	return func(ctx context.Context) error {
		part(ctx, n)
		return lose(ctx, r.bank, n, (*bank.Node).Wipe)
	}
}

// planApart lets a branch work for a while before its disk is lost. Half the
// times it is cut off from all others for the last part of that, so that there
// is something to lose: what it acknowledged alone.
func (r *Round) planApart() func(context.Context, *bank.Node) {
	before, cut := r.between(200*time.Millisecond, time.Second), time.Duration(0)
	if r.chance(2) {
		cut = r.between(50*time.Millisecond, 2*time.Second)
	}
	return func(ctx context.Context, n *bank.Node) {
		road.Pause(before, ctx.Done())
		if cut == 0 {
			return
		}
		r.bank.Note("branch %d is cut off for %v before its disk is lost", n.ID, cut)
		for _, id := range history.BranchIDs {
			if id != n.ID {
				r.bank.Network.Set(road.Traffic{Blocked: true}, road.Pair{From: n.ID, To: id}, road.Pair{From: id, To: n.ID})
			}
		}
		road.Pause(cut, ctx.Done())
	}
}

// planOld puts an older copy of its data directory under a branch. When there
// is no copy from an earlier round, it makes one first.
func planOld(r *Round) func(context.Context) error {
	n, part, clean := r.take(1)[0], r.planApart(), r.chance(2)
	return func(ctx context.Context) error {
		if n.Older == "" {
			if err := makeCopy(ctx, r.bank, n, clean); err != nil {
				return err
			}
		}
		part(ctx, n)
		return lose(ctx, r.bank, n, (*bank.Node).Restore)
	}
}

// makeCopy stops a branch, copies its data directory, and starts it again.
func makeCopy(ctx context.Context, b *bank.Bank, n *bank.Node, clean bool) error {
	end := (*bank.Node).Kill
	if clean {
		end = (*bank.Node).Stop
	}
	b.Note("copy of the disk of branch %d, stopped %v", n.ID, clean)
	if err := end(n); err != nil {
		return err
	}
	if err := n.CopyData(); err != nil {
		return err
	}
	if err := n.Start(0); err != nil {
		return err
	}
	return b.Whole(ctx)
}

// lose kills a branch and takes its disk away. The others are whole, so that
// what they have applied of its journal is all that may be expected to last.
func lose(ctx context.Context, b *bank.Bank, n *bank.Node, how func(*bank.Node) error) error {
	l := history.Loss{Branch: n.ID, From: b.Now()}
	if err := n.Kill(); err != nil {
		return err
	}
	l.Killed = b.Now()
	road.Pause(100*time.Millisecond, ctx.Done())
	b.Network.Drop(n.ID) // nothing of it is on its way any more
	b.Network.Heal()
	var err error
	if l.Kept, err = keptOf(ctx, b, n.ID); err != nil {
		return err
	}
	b.Note("disk of branch %d is lost; the others have %d entries of its journal", n.ID, l.Kept)
	if err := how(n); err != nil {
		return err
	}
	b.Era.Add(1)
	began := b.Now()
	if err := n.Start(0); err != nil {
		return err
	}
	if err := b.Serving(ctx, n.ID); err != nil {
		return err
	}
	l.Until = b.Now()
	b.Recovered(l.Until - began)
	b.History.AddLoss(l)
	return nil
}

// keptOf returns how much of a dead branch's journal the others have applied,
// once that does not change any more.
func keptOf(ctx context.Context, b *bank.Bank, dead uint32) (uint64, error) {
	most, same := uint64(0), 0
	for same < 10 {
		now := most
		for _, id := range history.BranchIDs {
			if id == dead {
				continue
			}
			s, err := check.Status(ctx, b.Asking[id])
			if err != nil {
				return 0, fmt.Errorf("status of branch %d: %w", id, err)
			}
			now = max(now, check.AppliedOf(s)[dead])
		}
		if now == most {
			same++
		} else {
			most, same = now, 0
		}
		road.Pause(20*time.Millisecond, ctx.Done())
	}
	return most, ctx.Err()
}
