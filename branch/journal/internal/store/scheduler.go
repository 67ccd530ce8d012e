package store

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// hasteFor is how soon after a flush another one means haste.
	hasteFor = 2 * time.Second
	// mostPutOff bounds the flushes for which compactions are put off. That many
	// tables may then lie above one another.
	mostPutOff = 40
)

// scheduler lets one compaction of a store run at a time. It serves one opening:
// once its store is closed, it lets none run, and a store that compacts nothing
// stops taking writes in the end.
//
// In haste it lets none begin. There is haste while one flush follows another, as
// when a branch that was away comes back, until there is a pause, or there have been
// mostPutOff flushes since the last compaction. The tables written meanwhile are then
// compacted once, and not again and again with all the request ids before them, which
// took a third of the time that catching up did. The tables that lie above one
// another cost little: nearly all look-ups end at the filter.
//
// Pebble's usual scheduler also checks, ten times a second for each store, whether
// more compactions are allowed than run, in case the number allowed has grown unseen.
// In an idle process of 50 stores that costs more than all else, and here it would
// find nothing: the number is 1 from the opening on (CompactionConcurrencyRange). So
// a compaction is refused only while another runs, whose end lets the next begin, or
// in haste, which has an end, too.
type scheduler struct {
	// db is set once, before anything else is called.
	db pebble.DBForCompaction

	mu sync.Mutex // guards the fields below
	// running is whether a compaction runs, closed whether none may any more.
	running, closed bool
	// granting is whether db is being asked what it waits to compact, refused
	// whether it was refused a compaction meanwhile. granted signals the end of
	// granting.
	granting, refused bool
	granted           sync.Cond
	// pause ends the haste; nil before the first flush. hasty is whether there is
	// haste, putOff how many flushes there have been since a compaction began.
	pause  *time.Timer
	hasty  bool
	putOff int
}

func newScheduler() *scheduler {
	s := &scheduler{}
	s.granted.L = &s.mu
	return s
}

// flushed records a flush. The store calls it with its mutex locked.
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

// free reports whether a compaction may begin.
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

// grantAndUnlock begins a compaction, if one waits and may. It unlocks the mutex to
// ask the store, since the store calls the scheduler with its own mutex locked.
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
