package store

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// waiting is a store with compactions that wait, and counts how many were begun.
type waiting struct {
	scheduler *scheduler
	// asked, unless nil, runs while the store is asked.
	asked func()

	mu sync.Mutex
	// compactions are those that wait, begun those that were granted.
	compactions, begun int
}

// set sets how many compactions wait.
func (w *waiting) set(compactions int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compactions = compactions
}

// counts returns how many wait and how many have begun.
func (w *waiting) counts() (compactions, begun int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.compactions, w.begun
}

func (w *waiting) GetAllowedWithoutPermission() int { return 1 }

func (w *waiting) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	waits, _ := w.counts()
	if w.asked != nil {
		w.asked()
	}
	return waits > 0, pebble.WaitingCompaction{}
}

func (w *waiting) Schedule(pebble.CompactionGrantHandle) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compactions--
	w.begun++
	return true
}

// try asks as the store does: a compaction that is refused waits.
func (w *waiting) try() {
	ok, _ := w.scheduler.TrySchedule()
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok {
		w.begun++
	} else {
		w.compactions++
	}
}

func newWaiting() *waiting {
	w := &waiting{scheduler: newScheduler()}
	w.scheduler.Register(1, w)
	return w
}

// While one flush follows another no compaction begins; after a pause one does.
func TestCompactionsArePutOffInHaste(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting()
		for range 5 {
			w.scheduler.flushed()
			w.try()
			w.set(1) // the store has one at most
			time.Sleep(hasteFor * 9 / 10)
			synctest.Wait()
		}
		if _, begun := w.counts(); begun != 0 {
			t.Errorf("%d compactions began in haste", begun)
		}
		time.Sleep(hasteFor)
		synctest.Wait()
		if _, begun := w.counts(); begun != 1 {
			t.Errorf("%d compactions began after a pause, want 1", begun)
		}
		w.scheduler.Done()
		w.scheduler.Unregister()
	})
}

// However long the haste lasts, a compaction begins once mostPutOff flushes have
// gathered.
func TestCompactionsAreNotPutOffForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting()
		for n := 1; n <= 3*mostPutOff; n++ {
			w.scheduler.flushed()
			synctest.Wait()
			waits, begun := w.counts()
			if waits == 0 {
				w.try()
			}
			if begun > 0 && n%mostPutOff == 1 {
				w.scheduler.Done()
			}
			if want := n / mostPutOff; begun < want || begun > want+1 {
				t.Fatalf("after %d flushes %d compactions began, want %d", n, begun, want)
			}
			time.Sleep(hasteFor / 10)
		}
		w.scheduler.Unregister()
	})
}

// One compaction runs at a time, and the end of each lets the next begin.
func TestOneCompactionAtATime(t *testing.T) {
	w := newWaiting()
	w.try()
	w.try()
	w.try()
	if w.begun != 1 {
		t.Errorf("%d compactions began at once, want 1", w.begun)
	}
	w.scheduler.Done()
	w.scheduler.Done()
	if w.begun != 3 {
		t.Errorf("%d compactions began, want 3", w.begun)
	}
	w.scheduler.Done()
	w.scheduler.Unregister()
	if ok, _ := w.scheduler.TrySchedule(); ok {
		t.Error("a compaction began after the store was closed")
	}
}

// A compaction that is refused while the store is asked what waits is not
// forgotten.
func TestARefusedCompactionIsGranted(t *testing.T) {
	w := newWaiting()
	w.try()
	w.asked = func() {
		w.asked = nil
		w.try()
	}
	w.scheduler.Done()
	if w.begun != 2 || w.compactions != 0 {
		t.Errorf("%d compactions began and %d wait, want 2 and none", w.begun, w.compactions)
	}
}
