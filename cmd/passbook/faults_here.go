package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"passbook.example/passbook/branch"
)

// faultsHere is how the branches of this process are broken on purpose.
type faultsHere struct {
	// of is for bankOptions.
	of func(b *bank, id uint32) branch.Faults
	// listen hears what a parent says, until it ends.
	listen func(io.Reader)
}

// faultsHere returns how to break the branches that serve serves here: by
// itself, or as the process of a branch by its parent, or not at all.
func (a *app) faultsHere(ids []uint32, o *serveOptions, logger *slog.Logger) faultsHere {
	switch {
	case !o.faults:
		return faultsHere{listen: func(from io.Reader) { _, _ = io.Copy(io.Discard, from) }}
	case o.child:
		return a.childFaults(o.branch, logger)
	}
	return faultsHere{of: bankFaults(ids, logger)}
}

// bankFaults breaks a bank whose branches all run in this process.
func bankFaults(ids []uint32, logger *slog.Logger) func(*bank, uint32) branch.Faults {
	var all *faults
	return func(b *bank, id uint32) branch.Faults {
		if all == nil {
			all = newFaults(b, ids, logger)
		}
		return all.of(id)
	}
}

// childFaults asks the parent to break the bank, and cuts and heals the branch
// of this process when the parent asks for that.
func (a *app) childFaults(id uint32, logger *slog.Logger) faultsHere {
	var opened atomic.Pointer[bank]
	w := newWire(a.console.Out, logger, func(ctx context.Context, question line) line {
		b := opened.Load()
		switch {
		case b == nil:
			return refusal(errNotServing(id))
		case question.Do == branch.Cut, question.Do == branch.Heal:
			return refusal(b.apply(ctx, id, question.Do))
		}
		return refusal(errUnknown(question.Do))
	})
	return faultsHere{
		of: func(b *bank, _ uint32) branch.Faults {
			opened.Store(b)
			return wiredFaults{wire: w}
		},
		listen: func(from io.Reader) { w.listen(from, func(string) bool { return false }) },
	}
}

// find implements breaker.
func (b *bank) find(id uint32) (running, bool) {
	if r := b.serves(id); r != nil {
		return running{ready: r.branch.Ready(), ended: r.ended}, true
	}
	return running{}, false
}

// serves returns a branch that serves, or nil.
func (b *bank) serves(id uint32) *runningBranch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running[id]
}

// apply implements breaker.
func (b *bank) apply(_ context.Context, id uint32, action branch.Action) error {
	if action == branch.Restart {
		return b.restart(id)
	}
	r := b.serves(id)
	if r == nil {
		return errNotServing(id)
	}
	return r.branch.Apply(action)
}

// restart opens a branch that has ended, and has it serve.
func (b *bank) restart(id uint32) (err error) {
	c := b.configs[id]
	ctx, cancel := context.WithTimeout(context.Background(), restartTimeout/2)
	defer cancel()
	if c.Listener, err = b.network.listenFor(ctx, id, c.Logger); err != nil {
		return faultErrorf("%v", err)
	}
	open, err := branch.Open(c)
	if err != nil {
		return faultErrorf("%v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.running) == 0 || b.serving.Err() != nil {
		_ = open.Close() // it has done nothing
		return errBankStops
	}
	b.start(open)
	return nil
}
