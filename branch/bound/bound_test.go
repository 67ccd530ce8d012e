package bound_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"passbook.example/passbook/branch/bound"
)

func TestNoMoreAreLetInThanMay(t *testing.T) {
	c := bound.Count{Most: 2}
	for n, want := range []bool{true, true, false} {
		if got := c.Enter(); got != want {
			t.Errorf("number %d is let in: %v, want %v", n+1, got, want)
		}
	}
	c.Leave()
	if !c.Enter() || c.In() != 2 {
		t.Errorf("%d are in, want 2 again", c.In())
	}
}

func TestNoMoreIsTakenThanMay(t *testing.T) {
	w := bound.Weight{Most: 100}
	if !w.Take(60) || w.Take(41) || !w.Take(40) || w.Taken() != 100 {
		t.Errorf("%d are taken, want 100", w.Taken())
	}
	w.Give(60)
	if w.Take(61) || w.Taken() != 40 {
		t.Errorf("%d are taken, want 40", w.Taken())
	}
}

// However many come at once, never more are in.
func TestTheBoundHoldsForAllAtOnce(t *testing.T) {
	const most = 4
	c := bound.Count{Most: most}
	var in, over atomic.Int64
	var callers sync.WaitGroup
	for range 8 * most {
		callers.Go(func() {
			for range 1000 {
				if !c.Enter() {
					continue
				}
				if in.Add(1) > most {
					over.Add(1)
				}
				in.Add(-1)
				c.Leave()
			}
		})
	}
	callers.Wait()
	if over.Load() > 0 || c.In() != 0 {
		t.Errorf("%d times too many were in, %d are left", over.Load(), c.In())
	}
}
