// Package faults makes and mends the faults of a bank: it keeps account of what is
// broken on purpose, refuses actions that make no sense now, and passes an action
// from the process that is asked to the one that can do it. It knows the branch by
// its faults alone; package host knows it, and implements its Breaker.
package faults

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/branch/fault"
)

const (
	// EndTimeout is how long a branch that was killed may take to end.
	EndTimeout = 5 * time.Second
	// RestartTimeout is how long a restart waits for the branch to take writes.
	RestartTimeout = 8 * time.Second
)

// Breaker breaks branches of a bank and mends them: those of this process, or
// the processes of a bank. It is asked only for actions that make sense, one at a
// time.
type Breaker interface {
	// Find returns a branch that has started and not ended.
	Find(id uint32) (Running, bool)
	// Apply carries out an action. It returns once it has killed a branch, which may
	// end later, or has restarted one.
	Apply(ctx context.Context, id uint32, action fault.Action) error
}

// Running is a branch that has started. Its zero value is one that has ended.
type Running struct {
	// Ready is closed when the branch takes writes, Ended when it has ended.
	Ready, Ended <-chan struct{}
}

// Maker makes and mends faults, one at a time, and keeps account of what is broken
// on purpose in a bank.
type Maker struct {
	// breaker carries out the actions.
	breaker Breaker
	// logger logs each fault.
	logger *slog.Logger
	// ids are the branches, in order.
	ids []uint32
	// turn is full while something is broken or mended.
	turn chan struct{}

	// mu guards broken.
	mu sync.Mutex
	// broken has the branches that are cut off or paused. It may also have some that
	// have ended since: the end of a branch ends its other faults.
	broken map[uint32]fault.Fault
}

// NewMaker returns the maker for a bank with the branches ids. b breaks them.
func NewMaker(b Breaker, ids []uint32, logger *slog.Logger) *Maker {
	logger.Warn("Faults are on: whoever reaches a branch can cut off, pause, kill and restart the branches")
	return &Maker{breaker: b, logger: logger, ids: slices.Sorted(slices.Values(ids)), turn: make(chan struct{}, 1), broken: map[uint32]fault.Fault{}}
}

// For returns the faults that a branch makes when it is asked to.
func (f *Maker) For(asked uint32) fault.Faults { return &askedFaults{Maker: f, asked: asked} }

// at returns the fault of a branch.
func (f *Maker) at(id uint32) fault.Fault {
	_, runs := f.breaker.Find(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !runs {
		return fault.Fault{Branch: id, Killed: true}
	}
	now := f.broken[id]
	now.Branch = id
	return now
}

func (f *Maker) note(now fault.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[now.Branch] = now
}

// askedFaults breaks a bank on behalf of the branch that was asked. That branch must
// not be the one that ends: its caller would get no answer, and with the last branch
// nobody would be left to start the others.
type askedFaults struct {
	*Maker
	// asked is the branch that was asked.
	asked uint32
}

// List implements fault.Faults.
func (f *askedFaults) List(context.Context) ([]fault.Fault, error) {
	var list []fault.Fault
	for _, id := range f.ids {
		if now := f.at(id); now != (fault.Fault{Branch: id}) {
			list = append(list, now)
		}
	}
	return list, nil
}

// Apply implements fault.Faults. It waits for its turn, and after a restart until the
// branch takes writes.
func (f *askedFaults) Apply(ctx context.Context, id uint32, action fault.Action) error {
	again, err := f.change(ctx, id, action)
	if err != nil || action != fault.Restart {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, RestartTimeout)
	defer cancel()
	return again.awaitReady(ctx, id)
}

// change carries out an action while no other is under way, and returns the branch
// that runs then.
func (f *askedFaults) change(ctx context.Context, id uint32, action fault.Action) (then Running, err error) {
	if id == f.asked && (action == fault.Pause || action == fault.Kill) {
		return then, Refusef("this call is served by branch %d: ask another branch to stop it", id)
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return then, ctx.Err()
	}
	defer func() { <-f.turn }()
	if asked := f.at(f.asked); asked.Killed || asked.Paused {
		return then, Refusef("branch %d, which was asked, has itself been stopped meanwhile", f.asked)
	}
	now, what, err := after(f.at(id), action)
	if err != nil {
		return then, err
	}
	if then, err = f.carryOut(ctx, id, action); err != nil {
		return then, err
	}
	f.note(now)
	f.logger.Warn(fmt.Sprintf("Branch %d is %s, as asked of branch %d", id, what, f.asked))
	return then, nil
}

// carryOut breaks or mends a branch. It waits for the end of one that is killed.
func (f *Maker) carryOut(ctx context.Context, id uint32, action fault.Action) (then Running, err error) {
	before, _ := f.breaker.Find(id)
	if err := f.breaker.Apply(ctx, id, action); err != nil {
		return then, err
	}
	if action == fault.Kill {
		ctx, cancel := context.WithTimeout(ctx, EndTimeout)
		defer cancel()
		return then, before.awaitEnd(ctx, id)
	}
	then, _ = f.breaker.Find(id)
	return then, nil
}

// after returns the fault of a branch once an action has been carried out, and a word
// for what the branch then is. It refuses an action that makes no sense now.
func after(now fault.Fault, action fault.Action) (then fault.Fault, what string, err error) {
	id, then := now.Branch, now
	stopped := now.Killed || now.Paused && (action == fault.Cut || action == fault.Heal)
	switch action {
	case fault.Cut:
		then.Cut, what = true, "cut off"
	case fault.Heal:
		then.Cut, what = false, "healed"
	case fault.Pause:
		then.Paused, what = true, "paused"
	case fault.Resume:
		then.Paused, what = false, "resumed"
	case fault.Kill:
		then, what, stopped = fault.Fault{Branch: id}, "killed", false
	case fault.Restart:
		then, what, stopped = fault.Fault{Branch: id}, "restarted", false
	default:
		return now, "", ErrUnknown(action)
	}
	if stopped {
		return now, "", notNow(now)
	}
	return then, what, changesNothing(now, action)
}

// changesNothing refuses an action that would change nothing.
func changesNothing(now fault.Fault, action fault.Action) error {
	id := now.Branch
	switch {
	case action == fault.Cut && now.Cut:
		return Refusef("branch %d is cut off already", id)
	case action == fault.Heal && !now.Cut:
		return Refusef("branch %d is not cut off", id)
	case action == fault.Pause && now.Paused:
		return Refusef("branch %d is paused already", id)
	case action == fault.Resume && !now.Paused:
		return Refusef("branch %d is not paused", id)
	case action == fault.Kill && now.Killed:
		return Refusef("branch %d has ended already", id)
	case action == fault.Restart && !now.Killed:
		return Refusef("branch %d has not ended: only one that has can be restarted", id)
	}
	return nil
}

// awaitEnd waits for the end of a branch that was killed.
func (r Running) awaitEnd(ctx context.Context, id uint32) error {
	select {
	case <-r.Ended:
		return nil
	case <-ctx.Done():
		return Refusef("branch %d was killed, and has not ended after %v", id, EndTimeout)
	}
}

// awaitReady waits until a branch that was restarted takes writes.
func (r Running) awaitReady(ctx context.Context, id uint32) error {
	if r.Ended == nil {
		return errEnded(id)
	}
	select {
	case <-r.Ready:
		return nil
	case <-r.Ended:
		return errEnded(id)
	case <-ctx.Done():
		return Refusef("branch %d runs again, and takes no writes yet after %v: its status says why", id, RestartTimeout)
	}
}

// notNow refuses to do something to a branch that has ended or is paused.
func notNow(now fault.Fault) error {
	if now.Killed {
		return Refusef("branch %d has been killed or has ended: restart it first", now.Branch)
	}
	return Refusef("branch %d is paused: resume it first", now.Branch)
}

func errEnded(id uint32) error {
	return Refusef("branch %d has ended before it took writes: its log says why", id)
}

// ErrNotServing refuses to break a branch that does not run.
func ErrNotServing(id uint32) error {
	return Refusef("branch %d does not serve: it is starting, or has ended", id)
}

// ErrUnknown refuses an action that does not exist.
func ErrUnknown(action fault.Action) error {
	return Refusef("there is no action %q", action)
}

// ErrBankStops refuses every action once the bank stops.
var ErrBankStops = Refusef("the bank is stopping")

// Refusef returns an error that says why a fault can't be made or mended now.
func Refusef(format string, args ...any) error {
	return &fault.Error{Problem: fmt.Sprintf(format, args...)}
}
