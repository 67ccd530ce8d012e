package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// planKill kills up to n branches at once and starts them again a little later.
// Of some it keeps a copy of the data directory.
func planKill(n int) func(*round) func(context.Context) error {
	return func(r *round) func(context.Context) error {
		if n > 1 && n < len(branchIDs) {
			n = 2 + r.rng.IntN(2)
		}
		nodes := r.take(n)
		if len(nodes) == 0 {
			return nil
		}
		before, down := r.between(0, time.Second), r.between(0, 1200*time.Millisecond)
		keep := r.chance(2)
		return func(ctx context.Context) error {
			pause(before, ctx.Done())
			r.bank.note("kill -9 of %v", idsOf(nodes))
			if err := together(nodes, (*node).kill); err != nil {
				return err
			}
			if keep {
				if err := keepCopy(nodes[0]); err != nil {
					return err
				}
			}
			pause(down, ctx.Done())
			r.bank.note("start of %v", idsOf(nodes))
			return together(nodes, func(n *node) error { return n.start(0) })
		}
	}
}

// keepCopy copies the data directory of a branch that does not run, unless
// there is an older copy still to be used.
func keepCopy(n *node) error {
	if n.older != "" {
		return nil
	}
	n.bank.note("copy of the disk of branch %d", n.id)
	return n.copyData()
}

// planStop asks a branch to stop and starts it again.
func planStop(r *round) func(context.Context) error {
	nodes := r.take(1 + r.rng.IntN(2))
	if len(nodes) == 0 {
		return nil
	}
	before, down := r.between(0, time.Second), r.between(0, time.Second)
	return func(ctx context.Context) error {
		pause(before, ctx.Done())
		r.bank.note("SIGTERM to %v", idsOf(nodes))
		if err := together(nodes, (*node).stop); err != nil {
			return err
		}
		if err := keepCopy(nodes[0]); err != nil {
			return err
		}
		pause(down, ctx.Done())
		return together(nodes, func(n *node) error { return n.start(0) })
	}
}

// planFreeze stops one or two processes where they are, some of them for longer
// than the others wait.
func planFreeze(r *round) func(context.Context) error {
	nodes := r.take(1 + r.rng.IntN(2))
	if len(nodes) == 0 {
		return nil
	}
	before, frozen := r.between(0, time.Second), r.between(200*time.Millisecond, 2500*time.Millisecond)
	return func(ctx context.Context) error {
		pause(before, ctx.Done())
		r.bank.note("SIGSTOP to %v for %v", idsOf(nodes), frozen)
		for _, n := range nodes {
			n.freeze()
		}
		pause(frozen, ctx.Done())
		for _, n := range nodes {
			n.thaw()
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
func planFull(r *round) func(context.Context) error {
	nodes := r.take(1)
	if len(nodes) == 0 {
		return nil
	}
	n := nodes[0]
	before, down := r.between(0, time.Second), r.between(0, time.Second)
	again, torn, more := r.chance(3), r.chance(2), uint64(1+r.rng.IntN(300))
	return func(ctx context.Context) error {
		pause(before, ctx.Done())
		limit := more
		if torn { // the next write to the longest file ends in its middle
			limit += n.longestFile()
		}
		r.bank.note("full disk at branch %d: %d bytes a file", n.id, limit)
		patience := fullDiskPatience
		if torn { // it may begin another file instead
			patience = time.Second
		}
		err := r.bank.whileWriting(ctx, n.id, func() error { return n.fill(limit, patience) })
		if errors.Is(err, errStillThere) && torn {
			err = r.bank.whileWriting(ctx, n.id, func() error { return n.fill(1, fullDiskPatience) })
		}
		if err != nil || ctx.Err() != nil {
			return prefix(err, "branch %d with a full disk", n.id)
		}
		if again {
			if err := r.bank.startFull(ctx, n); err != nil {
				return err
			}
		}
		pause(down, ctx.Done())
		return n.start(0)
	}
}

// startFull starts a branch with a full disk. It may refuse to start; if it
// starts, the first write ends it.
func (b *bank) startFull(ctx context.Context, n *node) error {
	b.note("branch %d starts with its disk full", n.id)
	if err := n.start(1); err != nil {
		return err
	}
	p := n.process
	err := b.whileWriting(ctx, n.id, func() error { return n.await(p, fullDiskPatience) })
	if errors.Is(err, errStillThere) && ctx.Err() == nil {
		// It may wait for others, and then has nothing to write.
		b.note("branch %d waits with its disk full, and is killed", n.id)
		return n.kill()
	}
	return err
}

// longestFile is the size of the largest file of the branch.
func (n *node) longestFile() uint64 {
	var longest int64
	_ = filepath.WalkDir(n.data, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it may have gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			longest = max(longest, info.Size())
		}
		return nil
	})
	return uint64(longest)
}

// together does something with several branches at once.
func together(nodes []*node, do func(*node) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func idsOf(nodes []*node) []uint32 {
	var ids []uint32
	for _, n := range nodes {
		ids = append(ids, n.id)
	}
	return ids
}
