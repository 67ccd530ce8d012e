package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch"
)

// fakeBreaker breaks nothing, and notes what it was told.
type fakeBreaker struct {
	told  []string
	ended map[uint32]bool
	// refuse is what it says.
	refuse error
	// killed, when not nil, is sent what is killed, before and after it ended.
	killed chan uint32
	// stuck has what is killed never end.
	stuck bool
	// ready is when a branch that was restarted takes writes.
	ready chan struct{}
}

func (b *fakeBreaker) note(what string, id uint32) error {
	b.told = append(b.told, fmt.Sprint(what, " ", id))
	return b.refuse
}

func (b *fakeBreaker) runs(id uint32) bool                     { return !b.ended[id] }
func (b *fakeBreaker) cut(_ context.Context, id uint32) error  { return b.note("cut", id) }
func (b *fakeBreaker) heal(_ context.Context, id uint32) error { return b.note("heal", id) }
func (b *fakeBreaker) pause(id uint32) error                   { return b.note("pause", id) }
func (b *fakeBreaker) resume(id uint32) error                  { return b.note("resume", id) }
func (b *fakeBreaker) kill(ctx context.Context, id uint32) error {
	if b.stuck {
		return awaitEnd(ctx, id, nil)
	}
	if b.killed != nil {
		b.killed <- id
		<-b.killed
	}
	if b.refuse == nil {
		b.ended[id] = true
	}
	return b.note("kill", id)
}

func (b *fakeBreaker) restart(id uint32) (func(context.Context) error, error) {
	if b.refuse == nil {
		delete(b.ended, id)
	}
	return func(ctx context.Context) error { return awaitReady(ctx, id, b.ready, nil) }, b.note("restart", id)
}

func newFakeFaults() (*faults, *fakeBreaker) {
	b := &fakeBreaker{ended: map[uint32]bool{}, ready: make(chan struct{})}
	close(b.ready)
	return newFaults(b, []uint32{3, 1, 2}, slog.New(slog.DiscardHandler)), b
}

// wantFaults checks what is broken.
func wantFaults(t *testing.T, f *faults, want ...branch.Fault) {
	t.Helper()
	got, err := f.of(1).List(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("listed %v (-want +got):\n%s", err, diff)
	}
}

func TestWhatIsBrokenIsListed(t *testing.T) {
	f, b := newFakeFaults()
	asked, ctx := f.of(1), t.Context()
	wantFaults(t, f)
	if err := errors.Join(asked.Cut(ctx, 3), asked.Cut(ctx, 1), asked.Pause(ctx, 3), asked.Kill(ctx, 2)); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f, branch.Fault{Branch: 1, Cut: true}, branch.Fault{Branch: 2, Killed: true}, branch.Fault{Branch: 3, Cut: true, Paused: true})
	// A branch that ends, also by itself, is neither cut off nor paused any more.
	b.ended[3] = true
	if err := errors.Join(asked.Heal(ctx, 1), asked.Restart(ctx, 2)); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f, branch.Fault{Branch: 3, Killed: true})
	if err := asked.Restart(ctx, 3); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f)
}

// What did not happen is not listed.
func TestAFaultThatCanNotBeMadeIsRefused(t *testing.T) {
	f, b := newFakeFaults()
	b.refuse = faultErrorf("no")
	asked, ctx := f.of(1), t.Context()
	for name, err := range map[string]error{
		"cut": asked.Cut(ctx, 2), "pause": asked.Pause(ctx, 2), "kill": asked.Kill(ctx, 2),
	} {
		if !errors.Is(err, b.refuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantFaults(t, f)
	b.ended[2] = true
	if err := asked.Restart(ctx, 2); !errors.Is(err, b.refuse) {
		t.Error(err)
	}
	wantFaults(t, f, branch.Fault{Branch: 2, Killed: true})
}

// Two branches that are told at once to end each other: the one that ends first
// ends nobody any more, or none would be left to ask.
func TestABranchThatEndsEndsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFakeFaults()
		b.killed = make(chan uint32)
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- f.of(1).Kill(t.Context(), 2) }()
		if id := <-b.killed; id != 2 {
			t.Fatalf("killed %d", id)
		}
		go func() { second <- f.of(2).Kill(t.Context(), 1) }()
		synctest.Wait() // it has no turn yet
		b.killed <- 2
		var refused *branch.FaultError
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-second; !errors.As(err, &refused) {
			t.Errorf("the branch that was killed killed another: %v", err)
		}
		wantFaults(t, f, branch.Fault{Branch: 2, Killed: true})
	})
}

// Who waits for a turn gives up with its caller: the branch that was asked may
// be the one that ends.
func TestATurnIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFakeFaults()
		b.killed = make(chan uint32)
		killing := make(chan error, 1)
		go func() { killing <- f.of(1).Kill(t.Context(), 2) }()
		<-b.killed
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- f.of(2).Cut(ctx, 3) }()
		synctest.Wait()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		b.killed <- 2
		if err := <-killing; err != nil {
			t.Error(err)
		}
	})
}

func TestAKillAndARestartDoNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFakeFaults()
		b.ended[2], b.ready = true, make(chan struct{})
		var refused *branch.FaultError
		began := time.Now()
		if err := f.of(1).Restart(t.Context(), 2); !errors.As(err, &refused) || time.Since(began) != restartTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		wantFaults(t, f) // it runs
		began, b.stuck = time.Now(), true
		if err := f.of(1).Kill(t.Context(), 2); !errors.As(err, &refused) || time.Since(began) != endTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := f.of(1).Cut(t.Context(), 3); err != nil {
			t.Errorf("the next turn: %v", err)
		}
	})
}
