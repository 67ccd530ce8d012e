package host

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/cmd/passbook/internal/faults"
)

// BankFaults returns the [Options.Faults] of a bank whose branches all run in this
// process.
func BankFaults(ids []uint32, logger *slog.Logger) func(*Bank, uint32) fault.Faults {
	var all *faults.Maker
	return func(b *Bank, id uint32) fault.Faults {
		if all == nil {
			all = faults.NewMaker(b, ids, logger)
		}
		return all.For(id)
	}
}

// ChildFaults asks the parent process to break the bank, and cuts off and heals the
// branch of this process when the parent asks. It writes to parent; listen reads what
// the parent writes, to its end.
func ChildFaults(id uint32, parent io.Writer, logger *slog.Logger) (of func(*Bank, uint32) fault.Faults, listen func(io.Reader)) {
	own := &ownFaults{branch: id}
	w := faults.NewWire(parent, logger, own)
	of = func(b *Bank, _ uint32) fault.Faults {
		own.bank.Store(b)
		return w
	}
	return of, func(from io.Reader) { w.Listen(from, func(string) bool { return false }) }
}

// ownFaults carries out what the parent asks the process of a branch to do to it.
type ownFaults struct {
	// branch is the id of the branch.
	branch uint32
	// bank is nil before the branch is opened.
	bank atomic.Pointer[Bank]
}

// List implements fault.Faults. The parent never asks: it keeps the list.
func (f *ownFaults) List(context.Context) ([]fault.Fault, error) {
	return nil, faults.ErrUnknown("list")
}

// Apply implements fault.Faults.
func (f *ownFaults) Apply(ctx context.Context, _ uint32, action fault.Action) error {
	b := f.bank.Load()
	switch {
	case b == nil:
		return faults.ErrNotServing(f.branch)
	case action == fault.Cut, action == fault.Heal:
		return b.Apply(ctx, f.branch, action)
	}
	return faults.ErrUnknown(action)
}

// Find implements faults.Breaker.
func (b *Bank) Find(id uint32) (faults.Running, bool) {
	if r := b.serves(id); r != nil {
		return faults.Running{Ready: r.branch.Ready(), Ended: r.ended}, true
	}
	return faults.Running{}, false
}

// serves returns a branch that serves, or nil.
func (b *Bank) serves(id uint32) *runningBranch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running[id]
}

// Apply implements faults.Breaker.
func (b *Bank) Apply(_ context.Context, id uint32, action fault.Action) error {
	if action == fault.Restart {
		return b.restart(id)
	}
	r := b.serves(id)
	if r == nil {
		return faults.ErrNotServing(id)
	}
	return r.branch.Apply(action)
}

// restart opens a branch that has ended, and makes it serve.
func (b *Bank) restart(id uint32) (err error) {
	c := b.configs[id]
	ctx, cancel := context.WithTimeout(context.Background(), faults.RestartTimeout/2)
	defer cancel()
	if c.Listener, err = b.network.listenFor(ctx, id, c.Logger); err != nil {
		return faults.Refusef("%v", err)
	}
	open, err := branch.Open(c)
	if err != nil {
		return faults.Refusef("%v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.running) == 0 || b.serving.Err() != nil {
		_ = open.Close() // it has done nothing
		return faults.ErrBankStops
	}
	b.start(open)
	return nil
}
