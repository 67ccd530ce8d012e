package admit

import "sync"

// Share is what one kind of things may take of a branch: the requests of a kind,
// the streams of lists, the links that have not said hello. Some of them are idle:
// they wait for something that their other side is to send. Over the bounds, the
// one that has been idle for longest gives way to a new one. Those that are at work
// stay.
type Share struct {
	// most bounds all, mostIdle those that are idle.
	most, mostIdle int

	// mu protects what follows.
	mu sync.Mutex
	// in counts all places that are taken.
	in int
	// idle counts those between first and last. Invariant: idle <= in <= most.
	idle int
	// first is the place that has been idle for longest, last the one that came to
	// rest last; both are nil when none is idle.
	first, last *Place
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
	// idle says that it is among the idle ones, gone that it had to give way.
	idle, gone bool
	// before came to rest before this one, after after it; nil for none.
	before, after *Place
}

// Holder has a place in a Share.
type Holder interface {
	// GiveWay tells the holder that another one has its place now, and that it
	// must end. It still has to leave. It must not block.
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
		gone.gone = true
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

// Leave gives a place back. It reports whether its holder had to give way before.
func (s *Share) Leave(p *Place) (gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(p)
	if !p.gone {
		s.in--
	}
	return p.gone
}

// hasGone reports whether the holder of a place had to give way.
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
