package store

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// hasteFor is how soon after a flush another one means haste.
	hasteFor = 2 * time.Second
	// mostPutOff bounds the flushes that compactions are put off for. As many
	// tables may then lie above one another.
	mostPutOff = 40
)

// scheduler lets one compaction of a store run at a time. It serves one opening:
// once its store is closed, it lets none run, and a store that compacts nothing
// takes no more writes in the end.
//
// In haste it lets none begin: while one flush follows the other, as when a
// branch comes back that was away, until there is a pause, or there have been
// mostPutOff flushes since the last compaction. What is written meanwhile is
// compacted once then, and not again and again with all the request ids before
// it, which took a third of the time that catching up did. Look-ups pay little
// for the tables that lie above one another: the filter spares nearly all.
//
// Pebble's usual scheduler also looks, ten times a second and store, whether
// more compactions are allowed than run, in case the number allowed has grown
// unseen. In a process of 50 stores that costs more than all else while nothing
// happens, and here it finds nothing: the number is 1 from the opening on
// (CompactionConcurrencyRange), so a compaction is refused only while another
// runs, whose end lets the next begin, or in haste, which has an end, too.
type scheduler struct {
	// db is set once, before all else is called.
	db pebble.DBForCompaction

	mu sync.Mutex
	// running is whether a compaction runs, closed whether none may any more.
	running, closed bool
	// granting is whether db is being asked what it waits to compact, refused
	// whether it was refused a compaction meanwhile; granted tells when that has
	// ended.
	granting, refused bool
	granted           sync.Cond
	// pause ends the haste; nil before the first flush. hasty is whether it has
	// not ended, putOff how many flushes there have been in this haste since a
	// compaction began.
	pause  *time.Timer
	hasty  bool
	putOff int
}

func newScheduler() *scheduler {
	s := &scheduler{}
	s.granted.L = &s.mu
	return s
}

// flushed tells of a flush. The store calls it with its mutex held.
func (s *scheduler) flushed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return
	case s.pause == nil:
		s.hasty, s.pause = true, time.AfterFunc(hasteFor, s.calm)
	default:
		s.hasty = true
		s.pause.Reset(hasteFor)
	}
	if s.putOff++; s.putOff == mostPutOff {
		s.pause.Reset(0) // the store's mutex must be free for what follows
	}
}

// calm ends the haste.
func (s *scheduler) calm() {
	s.mu.Lock()
	s.hasty = false
	s.grantAndUnlock()
}

// free is whether a compaction may begin.
func (s *scheduler) free() bool { return !s.closed && !s.running && !s.hasty }

// Register implements pebble.CompactionScheduler.
func (s *scheduler) Register(_ int, db pebble.DBForCompaction) { s.db = db }

// Unregister implements pebble.CompactionScheduler.
func (s *scheduler) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.pause != nil {
		s.pause.Stop()
	}
	for s.granting {
		s.granted.Wait()
	}
}

// TrySchedule implements pebble.CompactionScheduler.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free() || s.granting {
		s.refused = s.granting
		return false, nil
	}
	s.running, s.putOff = true, 0
	return true, s
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {}

// grantAndUnlock begins a compaction, if one waits and may. The store is asked
// without the mutex, since it calls the scheduler with its own held.
func (s *scheduler) grantAndUnlock() {
	defer s.mu.Unlock()
	for s.granting {
		s.granted.Wait()
	}
	for again := true; again && s.free(); again = s.refused {
		s.granting, s.refused, s.running = true, false, true
		s.mu.Unlock()
		waits, _ := s.db.GetWaitingCompaction()
		begins := waits && s.db.Schedule(s)
		s.mu.Lock()
		s.granting = false
		if begins { // and may have ended, too
			s.putOff = 0
			break
		}
		s.running = false
	}
	s.granted.Broadcast()
}

// Done implements pebble.CompactionGrantHandle: a compaction has ended.
func (s *scheduler) Done() {
	s.mu.Lock()
	s.running = false
	s.grantAndUnlock()
}

// Started implements pebble.CompactionGrantHandle.
func (s *scheduler) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (s *scheduler) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (s *scheduler) CumulativeStats(pebble.CompactionGrantHandleStats) {}
