package limit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/access"
)

// Limits bound the calls of clients.
var _ access.Limits = (*Limits)(nil)

func open(t *testing.T, cfg Config) *Limits {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// enter makes a call, which ends at once, and returns how long the client is to wait.
func enter(t *testing.T, l *Limits, name string, want bool) time.Duration {
	t.Helper()
	leave, wait, ok := l.Enter(name)
	if ok != want || ok != (leave != nil) || ok == (wait > 0) {
		t.Fatalf("%s is let in: %v, to wait for %v; want %v", name, ok, wait, want)
	}
	if ok {
		leave()
	}
	return wait
}

// A client may make a burst of calls, then so many a second, and is told how long to wait
// otherwise. That takes nothing from others.
func TestCallsOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, Config{PerSecond: 4, Burst: 10})
		for range 3 {
			for range 10 {
				enter(t, l, "ann", true)
			}
			for range 100 { // who is refused pays nothing for it
				if wait := enter(t, l, "ann", false); wait != time.Second/4 {
					t.Fatalf("to wait for %v, want 250ms", wait)
				}
			}
			enter(t, l, "bob", true)
			time.Sleep(time.Second/4 - time.Microsecond)
			enter(t, l, "ann", false)
			time.Sleep(time.Microsecond)
			enter(t, l, "ann", true)
			enter(t, l, "ann", false)
			time.Sleep(time.Hour) // no more than a burst is saved up
		}
	})
}

// Who waits as long as he is told is let in.
func TestWaitingAsLongAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, perSecond := range []float64{0.01, 1. / 3, 7, 999.9, 1e6} {
			l := open(t, Config{PerSecond: perSecond})
			for range 100 {
				leave, wait, ok := l.Enter("ann")
				if ok {
					leave()
					continue
				}
				// In whole seconds, as the header has it.
				time.Sleep((wait + time.Second - 1) / time.Second * time.Second)
				enter(t, l, "ann", true)
			}
		}
	})
}

// A client may have so many calls at once, however they come and go.
func TestCallsAtOnce(t *testing.T) {
	l := open(t, Config{Concurrent: 3})
	var leave []func()
	for range 3 {
		f, _, ok := l.Enter("ann")
		if !ok {
			t.Fatal("a call is refused that may be")
		}
		leave = append(leave, f)
	}
	if wait := enter(t, l, "ann", false); wait != time.Second {
		t.Errorf("to wait for %v, want 1s", wait)
	}
	enter(t, l, "bob", true)
	leave[1]()
	enter(t, l, "ann", true)

	var in, over atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 1000 {
				leave, _, ok := l.Enter("eve")
				if !ok {
					continue
				}
				if in.Add(1) > 3 {
					over.Add(1)
				}
				in.Add(-1)
				leave()
			}
		})
	}
	all.Wait()
	if over.Load() > 0 || l.clients["eve"].calls != 0 {
		t.Errorf("%d times too many were in, %d are left", over.Load(), l.clients["eve"].calls)
	}
}

// Both bounds hold together: a call that is one too many at once costs none of the second's.
func TestBothBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, Config{PerSecond: 1, Burst: 2, Concurrent: 1})
		leave, _, _ := l.Enter("ann")
		for range 5 {
			enter(t, l, "ann", false)
		}
		leave()
		enter(t, l, "ann", true)
		enter(t, l, "ann", false)
	})
}

// However many clients come, few are remembered: those with calls, and those that had one
// last. If all of them have calls, another client is refused.
func TestFewClientsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, Config{PerSecond: 1, Burst: 1, Concurrent: 1})
		l.most = 10
		stay, _, _ := l.Enter("at work")
		for i := range 1000 {
			enter(t, l, fmt.Sprint(i), true)
			if n := len(l.clients); n > 10 || l.resting.Len() != n-1 {
				t.Fatalf("%d clients are remembered, %d of them rest; want 10 at most, all but one", n, l.resting.Len())
			}
		}
		enter(t, l, "at work", false) // it has a call, after all
		enter(t, l, "999", false)     // remembered: it has just had one
		enter(t, l, "1", true)        // forgotten long ago
		for i := range 9 {
			if _, _, ok := l.Enter(fmt.Sprint("more ", i)); !ok {
				t.Fatalf("client %d is refused, though others rest", i)
			}
		}
		enter(t, l, "one more", false)
		stay()
		enter(t, l, "one more", true)
	})
}

// A client that has a call left is not forgotten when another of its calls ends.
func TestAClientWithACallIsRemembered(t *testing.T) {
	l := open(t, Config{Concurrent: 2})
	l.most = 3
	one, _, _ := l.Enter("ann")
	two, _, _ := l.Enter("ann")
	one()
	for i := range 10 {
		enter(t, l, fmt.Sprint(i), true)
	}
	again, _, ok := l.Enter("ann")
	if !ok {
		t.Fatal("a second call is refused")
	}
	enter(t, l, "ann", false)
	again()
	two()
	if n := l.resting.Len(); n != len(l.clients) {
		t.Errorf("%d of %d clients rest, want all", n, len(l.clients))
	}
}

// Zero stands for no bound, and so do no limits at all; figures that are none are refused.
func TestFiguresOfLimits(t *testing.T) {
	for _, l := range []*Limits{nil, open(t, Config{})} {
		for range 1000 {
			if _, _, ok := l.Enter("ann"); !ok {
				t.Fatal("a call is refused without any bound")
			}
		}
	}
	for _, cfg := range []Config{{PerSecond: -1}, {PerSecond: math.NaN()}, {PerSecond: math.Inf(1)}, {Burst: -1}, {Concurrent: -1}, {Burst: 5}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
