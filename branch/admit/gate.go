package admit

import (
	"context"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// Gate counts what is under way, and lets nothing more in once it is shut. It is
// used for the customers' calls that a branch finishes before it stops, and for the
// goroutines and calls that it waits for before it closes its journal. Its zero
// value is open.
type Gate struct {
	// mu protects what follows.
	mu sync.Mutex
	// shut is set for good, in counts what is under way.
	shut bool
	// in counts what has entered and not left.
	in int
	// shutting is closed when the gate is shut, empty when besides nothing is in
	// any more. Both are nil until somebody needs them.
	shutting, empty chan struct{}
}

// Enter counts one more. It reports false, and counts nothing, once the gate is
// shut.
func (g *Gate) Enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.in++
	}
	return !g.shut
}

// Leave counts one less. Each Enter that succeeded needs one.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	if g.shut && g.in == 0 {
		close(g.empty)
	}
}

// Go runs f in a goroutine that is in until f returns. It reports false, and f does
// not run, once the gate is shut.
func (g *Gate) Go(f func()) bool {
	if !g.Enter() {
		return false
	}
	go func() {
		defer g.Leave()
		f()
	}()
	return true
}

// IsShut reports whether the gate is shut.
func (g *Gate) IsShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// Shutting returns a channel that is closed when the gate is shut.
func (g *Gate) Shutting() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.makeChannels()
	return g.shutting
}

// Wait shuts the gate and returns when nothing is in any more.
func (g *Gate) Wait() { <-g.close() }

// Close shuts the gate and waits until nothing is in any more, for as long as
// timeout. It reports whether it came to that.
func (g *Gate) Close(timeout time.Duration) bool {
	empty := g.close()
	select {
	case <-empty:
		return true
	case <-time.After(timeout):
		return false
	}
}

// close shuts the gate.
func (g *Gate) close() (empty <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.makeChannels(); !g.shut {
		g.shut = true
		close(g.shutting)
		if g.in == 0 {
			close(g.empty)
		}
	}
	return g.empty
}

// makeChannels makes the channels. The caller holds mu.
func (g *Gate) makeChannels() {
	if g.shutting == nil {
		g.shutting, g.empty = make(chan struct{}), make(chan struct{})
	}
}

// Handler returns a handler whose calls are in while h serves them.
func (g *Gate) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !g.Enter() {
			http.Error(w, api.ErrStopping.Error(), http.StatusServiceUnavailable)
			return
		}
		defer g.Leave()
		growStack(0)
		h.ServeHTTP(w, req)
	})
}

// growStack makes the goroutine's stack grow to what a call needs in one step,
// while there is next to nothing on it to copy. Otherwise the goroutine of each
// call over HTTP/2 would grow it twice in the middle of its work. A call that waits
// for its write uses some 7 KiB.
//
//go:noinline
func growStack(i int) byte {
	var room [12 << 10]byte
	return room[i]
}

// WrapUnary implements connect.Interceptor: each call is in while it is served.
func (g *Gate) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if !g.Enter() {
			return nil, api.ErrStopping
		}
		defer g.Leave()
		return next(ctx, req)
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (g *Gate) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor. Streams end by themselves
// when the gate is shut: see [Gate.Shutting].
func (g *Gate) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
