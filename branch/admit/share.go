package admit

import (
	"sync"
	"time"
)

// Share is what one kind of things may take of a branch: the requests of a kind,
// the streams of lists, the links that have not said hello. Some of them are idle:
// they wait for something that their other side is to send. Over the bounds, the
// one that has been idle for longest gives way to a new one. Those that are at work
// stay.
type Share struct {
	// most bounds all, mostIdle those that are idle.
	most, mostIdle int
	// patience is how long a place that was entered idle may stay so; 0 for any time.
	// Then its holder has to end.
	patience time.Duration

	// mu protects what follows.
	mu sync.Mutex
	// in counts all places that are taken.
	in int
	// idle counts those between first and last. Invariant: idle <= in <= most.
	idle int
	// first is the place that has been idle for longest, last the one that came to
	// rest last; both are nil when none is idle.
	first, last *Place
	// late ends those that are idle for too long. It is one timer for all of them,
	// because hardly any request comes so slowly. It is nil before its first use, and
	// isSet says that it will fire.
	late  *time.Timer
	isSet bool
}

// NewShare returns a share of most places, of which mostIdle may be idle.
func NewShare(most, mostIdle int) *Share { return &Share{most: most, mostIdle: mostIdle} }

// Place is a place in a Share. Its zero value is for one use. All of it belongs to
// the share's mu.
type Place struct {
	// holder has the place.
	holder Holder
	// working counts what is at work on it; it is idle while there is nothing.
	working int
	// idle says that it is among the idle ones, gone that another one has its place,
	// told that its holder is or will be told to give way.
	idle, gone, told bool
	// since is when it came to rest, in a share with patience.
	since time.Time
	// before came to rest before this one, after after it; nil for none.
	before, after *Place
}

// Holder has a place in a Share.
type Holder interface {
	// GiveWay tells the holder that another one has its place now, or that it has
	// been idle for too long, and that it must end. It still has to leave. It must
	// not block.
	GiveWay()
}

// Enter takes a place for its holder, which is idle, or at work. It reports false,
// and takes none, when all are taken by those at work.
func (s *Share) Enter(p *Place, holder Holder, idle bool) bool {
	s.mu.Lock()
	var gone *Place
	if s.in >= s.most || idle && s.idle >= s.mostIdle {
		if gone = s.first; gone == nil {
			s.mu.Unlock()
			return false
		}
		s.unlink(gone)
		gone.gone, gone.told = true, true
		s.in--
	}
	s.in++
	p.holder = holder
	if idle {
		s.link(p)
	} else {
		p.working = 1
	}
	s.mu.Unlock()
	if gone != nil {
		gone.holder.GiveWay()
	}
	return true
}

// Work notes that one thing more is at work on a place.
func (s *Share) Work(p *Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.working++
	s.unlink(p)
}

// Rest notes that one thing is at work no more. With the last one the place is idle.
func (s *Share) Rest(p *Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.working--; p.working == 0 && !p.gone {
		s.link(p)
	}
}

// Working returns how much is at work on a place.
func (s *Share) Working(p *Place) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.working
}

// Leave gives a place back. It reports whether its holder was told before to give
// way, or is being told.
func (s *Share) Leave(p *Place) (told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(p)
	if !p.gone {
		s.in--
	}
	return p.told
}

// hasGone reports whether another one has the place.
func (s *Share) hasGone(p *Place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.gone
}

// link puts a place last among the idle ones. The caller holds mu.
func (s *Share) link(p *Place) {
	p.idle, p.before = true, s.last
	if s.last != nil {
		s.last.after = p
	} else {
		s.first = p
	}
	s.last = p
	s.idle++
	if s.patience > 0 {
		p.since = time.Now()
		if !s.isSet {
			s.setLate(s.patience)
		}
	}
}

// setLate makes endLate run after a while. The caller holds mu.
func (s *Share) setLate(after time.Duration) {
	s.isSet = true
	if s.late == nil {
		s.late = time.AfterFunc(after, s.endLate)
	} else {
		s.late.Reset(after)
	}
}

// endLate tells the holders of the places that have been idle for too long.
func (s *Share) endLate() {
	s.mu.Lock()
	var late []*Place
	now := time.Now()
	for s.first != nil && now.Sub(s.first.since) >= s.patience {
		s.first.told = true
		late = append(late, s.first)
		s.unlink(s.first)
	}
	if s.isSet = false; s.first != nil {
		s.setLate(s.patience - now.Sub(s.first.since))
	}
	s.mu.Unlock()
	for _, p := range late {
		p.holder.GiveWay()
	}
}

// unlink takes a place out of the idle ones, if it is among them. The caller holds
// mu.
func (s *Share) unlink(p *Place) {
	if !p.idle {
		return
	}
	if p.before != nil {
		p.before.after = p.after
	} else {
		s.first = p.after
	}
	if p.after != nil {
		p.after.before = p.before
	} else {
		s.last = p.before
	}
	p.idle, p.before, p.after = false, nil, nil
	s.idle--
}
