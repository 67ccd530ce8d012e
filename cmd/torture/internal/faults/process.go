package faults

import (
	"context"
	"errors"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// planKill kills up to n branches at once and starts them again a little later.
// Of some it keeps a copy of the data directory.
func planKill(n int) func(*Round) func(context.Context) error {
	return func(r *Round) func(context.Context) error {
		if n > 1 && n < len(history.BranchIDs) {
			n = 2 + r.rng.IntN(2)
		}
		nodes := r.take(n)
		if len(nodes) == 0 {
			return nil
		}
		before, down := r.between(0, time.Second), r.between(0, 1200*time.Millisecond)
		keep := r.chance(2)
		return func(ctx context.Context) error {
			road.Pause(before, ctx.Done())
			r.bank.Note("kill -9 of %v", idsOf(nodes))
			if err := together(nodes, (*bank.Node).Kill); err != nil {
				return err
			}
			if keep {
				if err := keepCopy(r.bank, nodes[0]); err != nil {
					return err
				}
			}
			road.Pause(down, ctx.Done())
			r.bank.Note("start of %v", idsOf(nodes))
			return together(nodes, func(n *bank.Node) error { return n.Start(0) })
		}
	}
}

// keepCopy copies the data directory of a branch that does not run, unless
// there is an older copy still to be used.
func keepCopy(b *bank.Bank, n *bank.Node) error {
	if n.Older != "" {
		return nil
	}
	b.Note("copy of the disk of branch %d", n.ID)
	return n.CopyData()
}

// planStop asks a branch to stop and starts it again.
func planStop(r *Round) func(context.Context) error {
	nodes := r.take(1 + r.rng.IntN(2))
	if len(nodes) == 0 {
		return nil
	}
	before, down := r.between(0, time.Second), r.between(0, time.Second)
	return func(ctx context.Context) error {
		road.Pause(before, ctx.Done())
		r.bank.Note("SIGTERM to %v", idsOf(nodes))
		if err := together(nodes, (*bank.Node).Stop); err != nil {
			return err
		}
		if err := keepCopy(r.bank, nodes[0]); err != nil {
			return err
		}
		road.Pause(down, ctx.Done())
		return together(nodes, func(n *bank.Node) error { return n.Start(0) })
	}
}

// planFreeze stops one or two processes where they are, some of them for longer
// than the others wait.
func planFreeze(r *Round) func(context.Context) error {
	nodes := r.take(1 + r.rng.IntN(2))
	if len(nodes) == 0 {
		return nil
	}
	before, frozen := r.between(0, time.Second), r.between(200*time.Millisecond, 2500*time.Millisecond)
	return func(ctx context.Context) error {
		road.Pause(before, ctx.Done())
		r.bank.Note("SIGSTOP to %v for %v", idsOf(nodes), frozen)
		for _, n := range nodes {
			n.Freeze()
		}
		road.Pause(frozen, ctx.Done())
		for _, n := range nodes {
			n.Thaw()
		}
		return nil
	}
}

// fullDiskPatience is how long a branch whose disk is full may go on, while
// customers write there.
const fullDiskPatience = 15 * time.Second

// planFull lets the files of a branch grow no more while it serves. The branch
// must end by itself. Some are started once more with the full disk, and must
// not go on with it either.
func planFull(r *Round) func(context.Context) error {
	nodes := r.take(1)
	if len(nodes) == 0 {
		return nil
	}
	n := nodes[0]
	before, down := r.between(0, time.Second), r.between(0, time.Second)
	again, torn, more := r.chance(3), r.chance(2), uint64(1+r.rng.IntN(300))
	return func(ctx context.Context) error {
		road.Pause(before, ctx.Done())
		limit := more
		if torn { // the next write to the longest file ends in its middle
			limit += n.LongestFile()
		}
		r.bank.Note("full disk at branch %d: %d bytes a file", n.ID, limit)
		patience := fullDiskPatience
		if torn { // it may begin another file instead
			patience = time.Second
		}
		err := r.bank.WhileWriting(ctx, n.ID, func() error { return n.Fill(limit, patience) })
		if errors.Is(err, bank.ErrStillThere) && torn {
			err = r.bank.WhileWriting(ctx, n.ID, func() error { return n.Fill(1, fullDiskPatience) })
		}
		if err != nil || ctx.Err() != nil {
			return bank.Prefix(err, "branch %d with a full disk", n.ID)
		}
		if again {
			if err := startFull(ctx, r.bank, n); err != nil {
				return err
			}
		}
		road.Pause(down, ctx.Done())
		return n.Start(0)
	}
}

// startFull starts a branch with a full disk. It may refuse to start; if it
// starts, the first write ends it.
func startFull(ctx context.Context, b *bank.Bank, n *bank.Node) error {
	b.Note("branch %d starts with its disk full", n.ID)
	if err := n.Start(1); err != nil {
		return err
	}
	err := b.WhileWriting(ctx, n.ID, func() error { return n.AwaitEnd(fullDiskPatience) })
	if errors.Is(err, bank.ErrStillThere) && ctx.Err() == nil {
		// It may wait for others, and then has nothing to write.
		b.Note("branch %d waits with its disk full, and is killed", n.ID)
		return n.Kill()
	}
	return err
}

// together does something with several branches at once.
func together(nodes []*bank.Node, do func(*bank.Node) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func idsOf(nodes []*bank.Node) []uint32 {
	var ids []uint32
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	return ids
}
