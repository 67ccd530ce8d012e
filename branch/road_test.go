package branch_test

import (
	"net"
	"sync"
	"testing"
)

// road is the way from one branch to another: a TCP proxy that can be closed,
// and that keeps its address when the branch it leads to comes back at another.
type road struct {
	listener net.Listener
	to       func() (address string, ok bool)
	tasks    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
	// frozen, if not nil, holds all bytes on their way back until it is closed.
	frozen chan struct{}
}

func newRoad(t testing.TB, to func() (string, bool)) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{listener: l, to: to, conns: map[net.Conn]bool{}}
	r.tasks.Go(r.accept)
	t.Cleanup(func() {
		r.listener.Close()
		r.setClosed(true)
		r.tasks.Wait()
	})
	return r
}

func (r *road) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.tasks.Go(func() { r.carry(near) })
	}
}

// carry joins a connection with one to the end of the road.
func (r *road) carry(near net.Conn) {
	defer near.Close()
	address, ok := r.to()
	if !ok {
		return
	}
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	if !r.enter(near, far) {
		return
	}
	defer r.leave(near, far)
	var both sync.WaitGroup
	both.Go(func() { r.copy(far, near) })
	both.Go(func() { r.copy(near, far) })
	both.Wait()
}

func (r *road) copy(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			r.thaw()
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// thaw waits while the road is frozen.
func (r *road) thaw() {
	r.mu.Lock()
	frozen := r.frozen
	r.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

func (r *road) enter(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		if !r.closed {
			r.conns[c] = true
		}
	}
	return !r.closed
}

func (r *road) leave(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.conns, c)
	}
}

// setClosed breaks all connections and accepts no new ones, or opens the road.
func (r *road) setClosed(closed bool) {
	r.setFrozen(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = closed
	for c := range r.conns {
		if closed {
			c.Close()
		}
	}
}

func (r *road) setFrozen(frozen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case frozen && r.frozen == nil:
		r.frozen = make(chan struct{})
	case !frozen && r.frozen != nil:
		close(r.frozen)
		r.frozen = nil
	}
}
