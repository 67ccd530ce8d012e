package journal

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// grantEvery is how often a store looks for compactions that were refused and
// may run now. Pebble's own scheduler does that ten times a second, which in a
// process of 50 stores costs more than all else while nothing happens. Not to
// do it at all stops a store in the end: one that was opened with many tables
// never compacts them, and with too many it takes no more writes.
const grantEvery = time.Second

// scheduler lets one compaction of a store run at a time: Pebble's own, with a
// slower ticker.
type scheduler struct {
	*pebble.ConcurrencyLimitScheduler
	stop    chan struct{}
	running sync.WaitGroup
}

func newScheduler() *scheduler {
	return &scheduler{
		ConcurrencyLimitScheduler: pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest(),
		stop:                      make(chan struct{}),
	}
}

// Register is pebble.CompactionScheduler's.
func (s *scheduler) Register(goroutines int, db pebble.DBForCompaction) {
	s.ConcurrencyLimitScheduler.Register(goroutines, db)
	s.running.Go(func() {
		tick := time.NewTicker(grantEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.grant()
			case <-s.stop:
				return
			}
		}
	})
}

// grant takes a free place, if there is one, and gives it back: then it goes to
// a compaction that waits.
func (s *scheduler) grant() {
	if ok, place := s.TrySchedule(); ok {
		place.Done()
	}
}

// Unregister is pebble.CompactionScheduler's.
func (s *scheduler) Unregister() {
	close(s.stop)
	s.ConcurrencyLimitScheduler.Unregister()
	s.running.Wait()
}
