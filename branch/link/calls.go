package link

import "sync"

// Bounds of the claims and looks that one peer is asked for.
const (
	// maxPeerCalls bounds those on their way at once.
	maxPeerCalls = 1024
	// maxWaitingPeerCalls bounds those that wait for their turn. More are
	// dropped: the replica counts on answers, and asks again or gives up.
	maxWaitingPeerCalls = 16384
)

// peerCalls runs the calls to one peer, some of them at a time.
type peerCalls struct {
	mu sync.Mutex
	// running is how many calls are on their way.
	running int
	// waiting are the calls whose turn has not come.
	waiting []func()
}

// start runs a call when its turn comes, on a goroutine that spawn starts. It never
// blocks.
func (c *peerCalls) start(spawn func(func()) bool, call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running >= maxPeerCalls {
		if len(c.waiting) < maxWaitingPeerCalls {
			c.waiting = append(c.waiting, call)
		}
		return
	}
	if spawn(func() { c.work(call) }) {
		c.running++
	}
}

// work makes a call, and then those that wait.
func (c *peerCalls) work(call func()) {
	for call != nil {
		call()
		call = c.take()
	}
}

// take returns the next call. It returns nil if none waits, and then one call fewer is
// running.
func (c *peerCalls) take() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting = nil
		c.running--
		return nil
	}
	next := c.waiting[0]
	c.waiting = c.waiting[1:]
	return next
}
