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
	w := newWire(a.ui.out, logger, func(ctx context.Context, question line) line {
		b := opened.Load()
		switch {
		case b == nil:
			return refusal(errNotServing(id))
		case question.Do == doCut:
			return refusal(b.cut(ctx, id))
		case question.Do == doHeal:
			return refusal(b.heal(ctx, id))
		}
		return refuseUnknown(question)
	})
	return faultsHere{
		of: func(b *bank, _ uint32) branch.Faults {
			opened.Store(b)
			return wiredFaults{wire: w}
		},
		listen: func(from io.Reader) { w.listen(from, func(string) bool { return false }) },
	}
}

// find returns a branch that serves.
func (b *bank) find(id uint32) (*runningBranch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.running[id]; r != nil {
		return r, nil
	}
	return nil, errNotServing(id)
}

func errNotServing(id uint32) error {
	return faultErrorf("branch %d does not serve: it starts, or has ended", id)
}

// runs is breaker's.
func (b *bank) runs(id uint32) bool {
	_, err := b.find(id)
	return err == nil
}

// change does something to a branch that serves.
func (b *bank) change(id uint32, do func(*branch.Branch)) error {
	r, err := b.find(id)
	if err != nil {
		return err
	}
	do(r.branch)
	return nil
}

func (b *bank) cut(_ context.Context, id uint32) error  { return b.change(id, (*branch.Branch).Cut) }
func (b *bank) heal(_ context.Context, id uint32) error { return b.change(id, (*branch.Branch).Heal) }
func (b *bank) pause(id uint32) error                   { return b.change(id, (*branch.Branch).Pause) }
func (b *bank) resume(id uint32) error                  { return b.change(id, (*branch.Branch).Resume) }

// kill is breaker's. It waits until the branch has let its port and its data
// directory go.
func (b *bank) kill(ctx context.Context, id uint32) error {
	r, err := b.find(id)
	if err != nil {
		return err
	}
	r.branch.Kill()
	return awaitEnd(ctx, id, r.ended)
}

// restart is breaker's.
func (b *bank) restart(id uint32) (ready func(context.Context) error, err error) {
	c := b.configs[id]
	ctx, cancel := context.WithTimeout(context.Background(), restartTimeout/2)
	defer cancel()
	if c.Listener, err = b.network.listenFor(ctx, id, c.Logger); err != nil {
		return nil, faultErrorf("%v", err)
	}
	open, err := branch.Open(c)
	if err != nil {
		return nil, faultErrorf("%v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.running) == 0 || b.serving.Err() != nil {
		_ = open.Close() // it has done nothing
		return nil, errBankStops
	}
	r := b.start(open)
	return func(ctx context.Context) error { return awaitReady(ctx, id, open.Ready(), r.ended) }, nil
}

// awaitEnd waits for the end of a branch that was killed.
func awaitEnd(ctx context.Context, id uint32, ended <-chan struct{}) error {
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return faultErrorf("branch %d was killed, and has not ended after %v", id, endTimeout)
	}
}

// awaitReady waits until a branch that was restarted takes writes.
func awaitReady(ctx context.Context, id uint32, ready, ended <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-ended:
		return errEnded(id)
	case <-ctx.Done():
		return errUnready(id)
	}
}
