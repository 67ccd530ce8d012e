package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/branch"
)

const (
	// endTimeout is how long a branch that was killed may take to end.
	endTimeout = 5 * time.Second
	// restartTimeout is how long a branch that was restarted may take until it
	// takes writes, as far as its restart waits for that.
	restartTimeout = 8 * time.Second
)

// breaker breaks branches of a bank and mends them: those of this process, or
// the processes of a bank. It is told only what makes sense, a thing at a time.
type breaker interface {
	// runs tells whether a branch has started and not ended.
	runs(id uint32) bool
	cut(ctx context.Context, id uint32) error
	heal(ctx context.Context, id uint32) error
	pause(id uint32) error
	resume(id uint32) error
	// kill returns when the branch has ended.
	kill(ctx context.Context, id uint32) error
	// restart returns how to wait until the branch takes writes.
	restart(id uint32) (ready func(context.Context) error, err error)
}

// faults keeps account of what is broken on purpose in a bank.
type faults struct {
	breaker breaker
	logger  *slog.Logger
	ids     []uint32
	// turn is taken while something is broken or mended.
	turn chan struct{}

	mu sync.Mutex
	// broken has the branches that are cut off or paused. Those that have ended
	// since are in it, too: with its end a branch's other faults are over.
	broken map[uint32]branch.Fault
}

func newFaults(b breaker, ids []uint32, logger *slog.Logger) *faults {
	logger.Warn("Faults are on: whoever reaches a branch can cut off, pause, kill and restart the branches")
	return &faults{breaker: b, logger: logger, ids: slices.Sorted(slices.Values(ids)), turn: make(chan struct{}, 1), broken: map[uint32]branch.Fault{}}
}

// of returns what breaks the bank for the branch that was asked to.
func (f *faults) of(asked uint32) branch.Faults { return &askedFaults{faults: f, asked: asked} }

// at returns what is broken at a branch.
func (f *faults) at(id uint32) branch.Fault {
	runs := f.breaker.runs(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !runs {
		return branch.Fault{Branch: id, Killed: true}
	}
	now := f.broken[id]
	now.Branch = id
	return now
}

func (f *faults) note(now branch.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[now.Branch] = now
}

// askedFaults breaks a bank for the branch that was asked to, which must not
// be the one that ends: the caller would not hear of it, and the last branch
// could not be told to start the others.
type askedFaults struct {
	*faults
	asked uint32
}

// List is branch.Faults's.
func (f *askedFaults) List(context.Context) ([]branch.Fault, error) {
	var list []branch.Fault
	for _, id := range f.ids {
		if now := f.at(id); now != (branch.Fault{Branch: id}) {
			list = append(list, now)
		}
	}
	return list, nil
}

// change has its turn, and gives what is broken at the branch to do, which
// returns what is broken then.
func (f *askedFaults) change(ctx context.Context, id uint32, what string, do func(now branch.Fault) (branch.Fault, error)) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.turn }()
	if asked := f.at(f.asked); asked.Killed || asked.Paused {
		return faultErrorf("branch %d, which was asked, has itself been stopped meanwhile", f.asked)
	}
	now, err := do(f.at(id))
	if err != nil {
		return err
	}
	f.note(now)
	f.logger.Warn(fmt.Sprintf("Branch %d is %s, as asked of branch %d", id, what, f.asked))
	return nil
}

// Cut is branch.Faults's.
func (f *askedFaults) Cut(ctx context.Context, id uint32) error {
	return f.change(ctx, id, "cut off", func(now branch.Fault) (branch.Fault, error) {
		switch {
		case now.Killed, now.Paused:
			return now, notNow(now)
		case now.Cut:
			return now, faultErrorf("branch %d is cut off already", id)
		}
		now.Cut = true
		return now, f.breaker.cut(ctx, id)
	})
}

// Heal is branch.Faults's.
func (f *askedFaults) Heal(ctx context.Context, id uint32) error {
	return f.change(ctx, id, "healed", func(now branch.Fault) (branch.Fault, error) {
		switch {
		case now.Killed, now.Paused:
			return now, notNow(now)
		case !now.Cut:
			return now, faultErrorf("branch %d is not cut off", id)
		}
		now.Cut = false
		return now, f.breaker.heal(ctx, id)
	})
}

// Pause is branch.Faults's.
func (f *askedFaults) Pause(ctx context.Context, id uint32) error {
	if id == f.asked {
		return errOneself(id)
	}
	return f.change(ctx, id, "paused", func(now branch.Fault) (branch.Fault, error) {
		switch {
		case now.Killed:
			return now, notNow(now)
		case now.Paused:
			return now, faultErrorf("branch %d is paused already", id)
		}
		now.Paused = true
		return now, f.breaker.pause(id)
	})
}

// Resume is branch.Faults's.
func (f *askedFaults) Resume(ctx context.Context, id uint32) error {
	return f.change(ctx, id, "resumed", func(now branch.Fault) (branch.Fault, error) {
		switch {
		case now.Killed:
			return now, notNow(now)
		case !now.Paused:
			return now, faultErrorf("branch %d is not paused", id)
		}
		now.Paused = false
		return now, f.breaker.resume(id)
	})
}

// Kill is branch.Faults's.
func (f *askedFaults) Kill(ctx context.Context, id uint32) error {
	if id == f.asked {
		return errOneself(id)
	}
	return f.change(ctx, id, "killed", func(now branch.Fault) (branch.Fault, error) {
		if now.Killed {
			return now, faultErrorf("branch %d has ended already", id)
		}
		ctx, cancel := context.WithTimeout(ctx, endTimeout)
		defer cancel()
		return branch.Fault{Branch: id}, f.breaker.kill(ctx, id)
	})
}

// Restart is branch.Faults's. It returns when the branch takes writes.
func (f *askedFaults) Restart(ctx context.Context, id uint32) error {
	var ready func(context.Context) error
	err := f.change(ctx, id, "restarted", func(now branch.Fault) (branch.Fault, error) {
		if !now.Killed {
			return now, faultErrorf("branch %d has not ended: only one that has can be restarted", id)
		}
		var err error
		ready, err = f.breaker.restart(id)
		return branch.Fault{Branch: id}, err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	return ready(ctx)
}

// notNow refuses to do something to a branch that has ended or is paused.
func notNow(now branch.Fault) error {
	if now.Killed {
		return faultErrorf("branch %d has been killed or has ended: restart it first", now.Branch)
	}
	return faultErrorf("branch %d is paused: resume it first", now.Branch)
}

func errOneself(id uint32) error {
	return faultErrorf("this call is served by branch %d: ask another branch to stop it", id)
}

func errUnready(id uint32) error {
	return faultErrorf("branch %d runs again, and takes no writes yet after %v: its status says why", id, restartTimeout)
}

func errEnded(id uint32) error {
	return faultErrorf("branch %d has ended before it took writes: its log says why", id)
}

var errBankStops = faultErrorf("the bank is stopping")

func faultErrorf(format string, args ...any) error {
	return &branch.FaultError{Problem: fmt.Sprintf(format, args...)}
}
