package service

import (
	"sync"
	"time"
)

// submits are the streams of Submit. When there are maxSubmits, a new one takes the
// place of the one that has been idle for longest.
type submits struct {
	// mu guards open.
	mu sync.Mutex
	// open has the streams that are let in.
	open map[*submitStream]bool
}

// enter lets a stream in. It reports false when there are maxSubmits, all at work.
func (m *submits) enter(s *submitStream) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.open) >= maxSubmits {
		idle := m.longestIdle()
		if idle == nil {
			return false
		}
		delete(m.open, idle)
		idle.evict(errTooManySubmits)
	}
	if m.open == nil {
		m.open = map[*submitStream]bool{}
	}
	s.idleSince.Store(time.Now().UnixNano())
	m.open[s] = true
	return true
}

// longestIdle returns the stream that has been idle for longest; nil when all are at
// work.
func (m *submits) longestIdle() *submitStream {
	var longest *submitStream
	for s := range m.open {
		if s.inHand.Load() == 0 && (longest == nil || s.idleSince.Load() < longest.idleSince.Load()) {
			longest = s
		}
	}
	return longest
}

// leave counts a stream no more.
func (m *submits) leave(s *submitStream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, s)
}
