package peernet

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// neighbours are the branches of this process that share a Transport. They call
// each other's handlers through memory: HTTP as package net/http means it, without
// connections, frames and system calls.
type neighbours struct {
	mu sync.Mutex
	// at has the branches by where others reach them.
	at map[string]*Neighbour
}

// Neighbour is a branch as the others of its process reach it: [Transport.Add]
// makes it known, Open lets calls in, and Leave or Abort ends that.
type Neighbour struct {
	// among has the branch until it leaves.
	among *neighbours
	// addresses are where the others reach it.
	addresses []string
	// server's handler takes the calls. It is set before opened is closed.
	server *http.Server
	// pause holds what goes in and out while the branch is paused; nil for
	// never. It is set before opened is closed.
	pause func()
	// opened is closed when calls are taken, gone when none are any more.
	opened, gone chan struct{}

	mu sync.Mutex
	// left says that the branch takes no more calls.
	left bool
	// calls are those whose handlers run.
	calls map[*exchange]bool
	// running are the handlers of calls.
	running sync.WaitGroup
}

// add makes calls to the addresses come to a branch that takes them once it is
// opened, and until it leaves.
func (n *neighbours) add(addresses ...string) *Neighbour {
	b := &Neighbour{among: n, addresses: addresses, opened: make(chan struct{}), gone: make(chan struct{}), calls: map[*exchange]bool{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.at = map[string]*Neighbour{}
	}
	for _, a := range addresses {
		n.at[a] = b
	}
	return b
}

// roundTrip implements http.RoundTripper. It reports false, and has done nothing,
// when no branch of this process is at the request's address.
func (n *neighbours) roundTrip(req *http.Request) (*http.Response, bool, error) {
	n.mu.Lock()
	b := n.at[req.URL.Host]
	n.mu.Unlock()
	if b == nil {
		return nil, false, nil
	}
	if found, err := b.await(req.Context()); !found || err != nil {
		return nil, found, closeBody(req, err)
	}
	e := b.begin(req)
	if e == nil {
		return nil, false, nil
	}
	res, err := e.await()
	return res, true, err
}

// closeBody closes the body of a request that ends with an error, as every
// RoundTripper has to.
func closeBody(req *http.Request, err error) error {
	if err != nil && req.Body != nil {
		_ = req.Body.Close()
	}
	return err
}

// await waits until the branch takes calls. It reports false when it takes
// none any more: the port says so too, or has another branch by now.
func (b *Neighbour) await(ctx context.Context) (found bool, err error) {
	select {
	case <-b.opened: // as almost always
		return true, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	select {
	case <-b.opened:
		return true, nil
	case <-b.gone:
		return false, nil
	case <-ctx.Done():
		at := memoryAddr(b.addresses[0])
		return true, &net.OpError{Op: "dial", Net: at.Network(), Addr: at, Err: ctx.Err()}
	}
}

// Open lets calls in, to server's handler. It is called once. Each read and write
// first calls pause, which returns once the branch is not paused; nil means that the
// branch is never paused.
func (b *Neighbour) Open(server *http.Server, pause func()) {
	b.server, b.pause = server, pause
	close(b.opened)
}

// begin takes a call and runs its handler. It returns nil when the branch takes
// none any more.
func (b *Neighbour) begin(req *http.Request) *exchange {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left {
		return nil
	}
	e := newExchange(b, req)
	b.calls[e] = true
	b.running.Go(func() {
		e.serve()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.calls, e)
	})
	return e
}

// Leave lets no more calls in; those in hand go on. It may be called again.
func (b *Neighbour) Leave() {
	b.mu.Lock()
	left := b.left
	b.left = true
	b.mu.Unlock()
	if left {
		return
	}
	close(b.gone)
	b.among.mu.Lock()
	defer b.among.mu.Unlock()
	for _, a := range b.addresses {
		if b.among.at[a] == b {
			delete(b.among.at, a)
		}
	}
}

// Wait returns when the calls in hand are over. The branch must have left.
func (b *Neighbour) Wait() { b.running.Wait() }

// Finish waits until the calls in hand are over. It reports false when ctx has
// ended first. The branch must have left.
func (b *Neighbour) Finish(ctx context.Context) bool {
	over := make(chan struct{})
	go func() { // until the handlers have ended, which the branch waits for
		b.Wait()
		close(over)
	}()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// Abort makes the branch leave and ends its calls without an answer. Their
// callers hear no more of it, and their handlers find that nobody listens.
func (b *Neighbour) Abort() {
	b.Leave()
	b.mu.Lock()
	var calls []*exchange
	for e := range b.calls {
		calls = append(calls, e)
	}
	b.mu.Unlock()
	for _, e := range calls {
		e.end(errHungUp)
	}
}

// pass returns when the branch is not paused.
func (b *Neighbour) pass() {
	if b.pause != nil {
		b.pause()
	}
}

// memoryAddr is the host:port of a branch, reached through memory.
type memoryAddr string

// Network implements net.Addr.
func (a memoryAddr) Network() string { return "memory" }

// String implements net.Addr.
func (a memoryAddr) String() string { return string(a) }
