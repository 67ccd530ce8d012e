package branch

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryBytes bounds what is on its way in one direction of a connection
// through memory. Who writes more waits until the other end has read.
const memoryBytes = 32 << 10

// neighbours are the branches of this process, as far as they share a
// PeerTransport. They reach each other through memory, which takes no sockets
// and no calls of the system.
type neighbours struct {
	mu sync.Mutex
	// at has the branches by where others reach them.
	at map[string]*memoryListener
}

// listen has connections to the addresses end here, until the listener is
// closed.
func (n *neighbours) listen(addresses ...string) *memoryListener {
	l := &memoryListener{among: n, addresses: addresses, dialed: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.at = map[string]*memoryListener{}
	}
	for _, a := range addresses {
		n.at[a] = l
	}
	return l
}

// dial connects to the branch at an address and reports true, or false if none
// of this process is there.
func (n *neighbours) dial(ctx context.Context, address string) (net.Conn, bool, error) {
	n.mu.Lock()
	l := n.at[address]
	n.mu.Unlock()
	if l == nil {
		return nil, false, nil
	}
	near, far := memoryPipe(memoryAddr("memory"), memoryAddr(address))
	select {
	case l.dialed <- far:
		return near, true, nil
	case <-l.closed: // the port says so too, or has another branch by now
		return nil, false, nil
	case <-ctx.Done():
		return nil, true, &net.OpError{Op: "dial", Net: near.RemoteAddr().Network(), Addr: near.RemoteAddr(), Err: ctx.Err()}
	}
}

// memoryListener accepts the connections of neighbours.
type memoryListener struct {
	among     *neighbours
	addresses []string
	// dialed passes on the far ends of new connections.
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept is net.Listener's.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialed:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close is net.Listener's.
func (l *memoryListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.among.mu.Lock()
		defer l.among.mu.Unlock()
		for _, a := range l.addresses {
			if l.among.at[a] == l {
				delete(l.among.at, a)
			}
		}
	})
	return nil
}

// Addr is net.Listener's.
func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.addresses[0]) }

// memoryAddr is the host:port of a branch, reached through memory.
type memoryAddr string

// Network is net.Addr's.
func (a memoryAddr) Network() string { return "memory" }

// String is net.Addr's.
func (a memoryAddr) String() string { return string(a) }

// memoryPipe returns the two ends of a connection. Other than those of
// net.Pipe, they don't wait for each other: each direction has a buffer.
func memoryPipe(near, far net.Addr) (*memoryConn, *memoryConn) {
	there, back := newFlow(), newFlow()
	return &memoryConn{in: back, out: there, local: near, remote: far}, &memoryConn{in: there, out: back, local: far, remote: near}
}

// memoryConn is one end of a connection.
type memoryConn struct {
	in, out       *flow
	local, remote net.Addr
}

// Read is net.Conn's.
func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// Write is net.Conn's.
func (c *memoryConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// wrap gives an error the form that it has in package net.
func (c *memoryConn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: c.remote.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// Close is net.Conn's. The other end reads what was written before, and then
// io.EOF.
func (c *memoryConn) Close() error {
	c.in.change(func() { c.in.unread, c.in.buffer = true, nil })
	c.out.change(func() { c.out.unwritten = true })
	return nil
}

// LocalAddr is net.Conn's.
func (c *memoryConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is net.Conn's.
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is net.Conn's.
func (c *memoryConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline is net.Conn's.
func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.readBy = t })
	return nil
}

// SetWriteDeadline is net.Conn's.
func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.change(func() { c.out.writeBy = t })
	return nil
}

// flow is one direction of a connection.
type flow struct {
	// writing is held by who writes: what one writes stays together.
	writing sync.Mutex

	mu sync.Mutex
	// readable and writable wake who waits to read and to write.
	readable, writable sync.Cond
	// buffer from start on is written and not read.
	buffer []byte
	start  int
	// unread and unwritten say that the end that reads, or writes, is closed.
	unread, unwritten bool
	readBy, writeBy   time.Time
}

func newFlow() *flow {
	f := &flow{}
	f.readable.L, f.writable.L = &f.mu, &f.mu
	return f
}

// change makes a change that those who wait may be concerned with.
func (f *flow) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.readable.Broadcast()
	f.writable.Broadcast()
}

func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.unread:
			return 0, net.ErrClosed
		case isPast(f.readBy):
			return 0, os.ErrDeadlineExceeded
		case f.start < len(f.buffer) || len(p) == 0:
			return f.take(p), nil
		case f.unwritten:
			return 0, io.EOF
		}
		f.await(&f.readable, f.readBy)
	}
}

// take moves what p has room for out of the buffer.
func (f *flow) take(p []byte) int {
	n := copy(p, f.buffer[f.start:])
	f.start += n
	if f.start == len(f.buffer) {
		f.buffer, f.start = f.buffer[:0], 0
	}
	f.writable.Signal()
	return n
}

func (f *flow) write(p []byte) (int, error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := 0; ; {
		switch {
		case f.unwritten:
			return n, net.ErrClosed
		case f.unread:
			return n, io.ErrClosedPipe
		case isPast(f.writeBy):
			return n, os.ErrDeadlineExceeded
		}
		n += f.put(p[n:])
		if n == len(p) {
			return n, nil
		}
		f.await(&f.writable, f.writeBy)
	}
}

// put moves what there is room for into the buffer.
func (f *flow) put(p []byte) int {
	p = p[:min(len(p), memoryBytes-len(f.buffer)+f.start)]
	if len(p) == 0 {
		return 0
	}
	if f.start > 0 && len(f.buffer)+len(p) > cap(f.buffer) {
		f.buffer, f.start = f.buffer[:copy(f.buffer, f.buffer[f.start:])], 0
	}
	f.buffer = append(f.buffer, p...)
	f.readable.Signal()
	return len(p)
}

// await waits for a change, and not past a deadline.
func (f *flow) await(c *sync.Cond, by time.Time) {
	if !by.IsZero() {
		defer time.AfterFunc(time.Until(by), func() { f.change(func() {}) }).Stop()
	}
	c.Wait()
}

func isPast(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }
