package branch

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// gate counts the customers' calls in hand, and refuses new ones once it is
// shut.
type gate struct {
	mu   sync.Mutex
	shut bool
	in   int
	// shutting is closed when the gate is shut, empty when besides the last
	// call has left.
	shutting, empty chan struct{}
}

func newGate() *gate { return &gate{shutting: make(chan struct{}), empty: make(chan struct{})} }

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.in++
	}
	return !g.shut
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	if g.shut && g.in == 0 {
		close(g.empty)
	}
}

// close shuts the gate and waits for the calls in hand. It reports false when
// they have not left in time.
func (g *gate) close(timeout time.Duration) bool {
	g.mu.Lock()
	if !g.shut {
		g.shut = true
		close(g.shutting)
		if g.in == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.empty:
		return true
	case <-time.After(timeout):
		return false
	}
}

// WrapUnary is connect.Interceptor's.
func (g *gate) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if !g.enter() {
			return nil, api.ErrStopping
		}
		defer g.leave()
		return next(ctx, req)
	}
}

// WrapStreamingClient is connect.Interceptor's.
func (g *gate) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler is connect.Interceptor's.
func (g *gate) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
