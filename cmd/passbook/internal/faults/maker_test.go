package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/fault"
)

// fakeBreaker breaks nothing, and records what it was asked.
type fakeBreaker struct {
	told []string
	// ends has the ends of the branches that run.
	ends map[uint32]chan struct{}
	// refuse is what Apply returns, unless nil.
	refuse error
	// killed, when not nil, gets each branch to be killed, which ends once something
	// is sent back.
	killed chan uint32
	// stuck means that a branch that is killed never ends.
	stuck bool
	// ready is closed when a branch that was restarted takes writes.
	ready chan struct{}
}

func (b *fakeBreaker) Find(id uint32) (Running, bool) {
	end, ok := b.ends[id]
	return Running{Ready: b.ready, Ended: end}, ok
}

func (b *fakeBreaker) Apply(_ context.Context, id uint32, action fault.Action) error {
	b.told = append(b.told, fmt.Sprint(action, " ", id))
	if b.refuse != nil {
		return b.refuse
	}
	switch {
	case action == fault.Kill && !b.stuck:
		if b.killed != nil {
			b.killed <- id
			<-b.killed
		}
		b.end(id)
	case action == fault.Restart:
		b.ends[id] = make(chan struct{})
	}
	return nil
}

func (b *fakeBreaker) end(id uint32) {
	close(b.ends[id])
	delete(b.ends, id)
}

func newFakeFaults() (*Maker, *fakeBreaker) {
	b := &fakeBreaker{ends: map[uint32]chan struct{}{}, ready: make(chan struct{})}
	for id := range uint32(3) {
		b.ends[id+1] = make(chan struct{})
	}
	close(b.ready)
	return NewMaker(b, []uint32{3, 1, 2}, slog.New(slog.DiscardHandler)), b
}

// wantFaults checks what is broken.
func wantFaults(t *testing.T, f *Maker, want ...fault.Fault) {
	t.Helper()
	got, err := f.For(1).List(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("listed %v (-want +got):\n%s", err, diff)
	}
}

func TestWhatIsBrokenIsListed(t *testing.T) {
	f, b := newFakeFaults()
	asked, ctx := f.For(1), t.Context()
	wantFaults(t, f)
	if err := errors.Join(asked.Apply(ctx, 3, fault.Cut), asked.Apply(ctx, 1, fault.Cut), asked.Apply(ctx, 3, fault.Pause), asked.Apply(ctx, 2, fault.Kill)); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f, fault.Fault{Branch: 1, Cut: true}, fault.Fault{Branch: 2, Killed: true}, fault.Fault{Branch: 3, Cut: true, Paused: true})
	// A branch that has ended, even by itself, is no longer cut off or paused.
	b.end(3)
	if err := errors.Join(asked.Apply(ctx, 1, fault.Heal), asked.Apply(ctx, 2, fault.Restart)); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f, fault.Fault{Branch: 3, Killed: true})
	if err := asked.Apply(ctx, 3, fault.Restart); err != nil {
		t.Fatal(err)
	}
	wantFaults(t, f)
}

// A fault that was not made is not listed.
func TestAFaultThatCanNotBeMadeIsRefused(t *testing.T) {
	f, b := newFakeFaults()
	b.refuse = Refusef("no")
	asked, ctx := f.For(1), t.Context()
	for name, err := range map[string]error{
		"cut": asked.Apply(ctx, 2, fault.Cut), "pause": asked.Apply(ctx, 2, fault.Pause), "kill": asked.Apply(ctx, 2, fault.Kill),
	} {
		if !errors.Is(err, b.refuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantFaults(t, f)
	b.end(2)
	if err := asked.Apply(ctx, 2, fault.Restart); !errors.Is(err, b.refuse) {
		t.Error(err)
	}
	wantFaults(t, f, fault.Fault{Branch: 2, Killed: true})
}

// Two branches are asked at once to kill each other. The one that ends first must not
// kill the other, or none would be left to ask.
func TestABranchThatEndsEndsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFakeFaults()
		b.killed = make(chan uint32)
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- f.For(1).Apply(t.Context(), 2, fault.Kill) }()
		if id := <-b.killed; id != 2 {
			t.Fatalf("killed %d", id)
		}
		go func() { second <- f.For(2).Apply(t.Context(), 1, fault.Kill) }()
		synctest.Wait() // it has no turn yet
		b.killed <- 2
		var refused *fault.Error
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-second; !errors.As(err, &refused) {
			t.Errorf("the branch that was killed killed another: %v", err)
		}
		wantFaults(t, f, fault.Fault{Branch: 2, Killed: true})
	})
}

// A call that waits for its turn gives up with its caller: the branch that was asked
// may be the one that ends.
func TestATurnIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFakeFaults()
		b.killed = make(chan uint32)
		killing := make(chan error, 1)
		go func() { killing <- f.For(1).Apply(t.Context(), 2, fault.Kill) }()
		<-b.killed
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- f.For(2).Apply(ctx, 3, fault.Cut) }()
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
		b.end(2)
		b.ready = make(chan struct{})
		var refused *fault.Error
		began := time.Now()
		if err := f.For(1).Apply(t.Context(), 2, fault.Restart); !errors.As(err, &refused) || time.Since(began) != RestartTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		wantFaults(t, f) // it runs
		began, b.stuck = time.Now(), true
		if err := f.For(1).Apply(t.Context(), 2, fault.Kill); !errors.As(err, &refused) || time.Since(began) != EndTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := f.For(1).Apply(t.Context(), 3, fault.Cut); err != nil {
			t.Errorf("the next turn: %v", err)
		}
	})
}
