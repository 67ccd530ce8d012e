package admit

import (
	"container/list"
	"context"
	"net"
	"sync"

	"golang.org/x/net/netutil"

	"passbook.example/passbook/branch/code"
)

// spareConnections are open on top of those that customers may be at work on: so
// that peers get in, and customers are told why they don't.
const spareConnections = 256

// Connections bounds the connections of a branch's port, so that customers
// lock out neither peers nor each other. A connection tells only by its calls
// whose it is, and it is at work only while it has a call whose message has come.
// So there are these rules:
//
//   - When all are taken, the spare ones too, a new connection takes the place
//     of one that is not at work: of the address that has the most, the one that has
//     done nothing for longest. Links are always at work.
//   - Customers have calls at work on most of them, and no more. A call on one
//     more is refused and its connection closed, which leaves the spare ones to
//     peers.
//   - One address has three quarters of either at most (addresses.go).
type Connections struct {
	net.Listener
	// most bounds busy, and most+spareConnections bounds open.
	most int
	// pause is called before whatever goes in or out, and returns when it may; nil
	// for always.
	pause func()

	// mu protects what follows.
	mu sync.Mutex
	// open counts the connections.
	open int
	// busy counts the connections on which customers have calls at work.
	busy      int
	addresses addresses
	// rested counts the times that a connection came to rest.
	rested uint64
}

// NewConnections bounds what listener accepts: customers are at work on as many
// connections as most. pause, unless nil, is called before whatever goes in or out,
// and returns when it may.
func NewConnections(listener net.Listener, most int, pause func()) *Connections {
	// One above the cap may be open for as long as it takes to decide which
	// connection gives way.
	return &Connections{Listener: netutil.LimitListener(listener, most+spareConnections+1), most: most, pause: pause}
}

// Connection is one accepted connection. What changes belongs to all.mu.
type Connection struct {
	wire
	// all are the connections of the port.
	all *Connections
	// from is the address it comes from.
	from *address
	// place is where the connection is in from.idle, nil while it is at work.
	place *list.Element
	// restedAt tells which of two came to rest first.
	restedAt uint64
	// working counts its calls at work.
	working int
	// busy says that customers' calls are or were among them since it last rested,
	// and that it is counted in all.busy.
	busy bool
	// closed says that it is counted no more.
	closed bool
}

// Accept implements net.Listener.
func (l *Connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		k, gone := l.admit(c)
		if gone != nil {
			_ = gone.Close()
		}
		if k != nil {
			return k, nil
		}
		_ = c.Close() // all are at work: try again
	}
}

// admit counts a new connection, and returns the one that makes room for it,
// if one must. It returns nil when none can.
func (l *Connections) admit(c net.Conn) (k, gone *Connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.addresses.of(c.RemoteAddr())
	switch {
	case from.bounded && from.open >= ofAddress(l.most)+spareConnections:
		gone = from.longestIdle()
	case l.open >= l.most+spareConnections:
		gone = l.addresses.longestIdle()
	default:
		return l.add(c, from), nil
	}
	if gone == nil {
		l.addresses.drop(from)
		return nil, nil
	}
	k = l.add(c, from)
	gone.forget()
	return k, gone
}

func (l *Connections) add(c net.Conn, from *address) *Connection {
	k := &Connection{wire: wire{Conn: c}, all: l, from: from}
	l.open++
	from.open++
	k.rest()
	return k
}

// Read implements net.Conn: while the branch is paused nothing comes in.
func (k *Connection) Read(p []byte) (int, error) {
	n, err := k.wire.Read(p)
	if k.all.pause != nil {
		k.all.pause()
	}
	return n, err
}

// Write implements net.Conn: while the branch is paused nothing goes out.
func (k *Connection) Write(p []byte) (int, error) {
	if k.all.pause != nil {
		k.all.pause()
	}
	return k.wire.Write(p)
}

// Close implements net.Conn.
func (k *Connection) Close() error {
	k.all.mu.Lock()
	k.forget()
	k.all.mu.Unlock()
	return k.Conn.Close()
}

// forget counts the connection no more. The caller holds all.mu.
func (k *Connection) forget() {
	if k.closed {
		return
	}
	k.rest()
	k.closed = true
	k.from.idle.Remove(k.place)
	k.all.open--
	k.from.open--
	k.all.addresses.drop(k.from)
}

// rest puts the connection last among the idle ones of its address. The caller
// holds all.mu.
func (k *Connection) rest() {
	if k.busy {
		k.busy = false
		k.all.busy--
		k.from.busy--
	}
	if k.place == nil {
		k.all.rested++
		k.restedAt = k.all.rested
		k.place = k.from.idle.PushBack(k)
	}
}

// EnterCustomer notes that a customer's call is at work on the connection, until
// Leave. It says why it may not be. On a nil connection, that of a call through
// memory, all may.
func (k *Connection) EnterCustomer() error {
	if k == nil {
		return nil
	}
	l := k.all
	l.mu.Lock()
	defer l.mu.Unlock()
	if !k.busy && !k.closed {
		switch {
		case l.busy >= l.most:
			return errTooManyConnections
		case k.from.bounded && k.from.busy >= ofAddress(l.most):
			return errTooManyOfAddress
		}
		k.busy = true
		l.busy++
		k.from.busy++
	}
	k.work()
	return nil
}

// EnterPeer notes that a call of a peer is at work on the connection, until Leave.
func (k *Connection) EnterPeer() {
	if k == nil {
		return
	}
	k.all.mu.Lock()
	defer k.all.mu.Unlock()
	k.work()
}

// work counts one more call at work. The caller holds all.mu.
func (k *Connection) work() {
	k.working++
	if k.place != nil && !k.closed {
		k.from.idle.Remove(k.place)
		k.place = nil
	}
}

// Leave notes that a call is at work no more that was let in.
func (k *Connection) Leave() {
	if k == nil {
		return
	}
	k.all.mu.Lock()
	defer k.all.mu.Unlock()
	if k.working--; k.working == 0 && !k.closed {
		k.rest()
	}
}

// Of reports whether the connection was accepted by a listener.
func (k *Connection) Of(l *Connections) bool { return k.all == l }

type connectionKey struct{}

// Remember is for http.Server's ConnContext: it returns a context in which
// [ConnectionOf] finds the connection.
func (l *Connections) Remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// ConnectionOf returns the connection that a call came on; nil when it came
// through memory.
func ConnectionOf(ctx context.Context) *Connection {
	k, _ := ctx.Value(connectionKey{}).(*Connection)
	return k
}

// Errors of callers who are refused.
var (
	errTooManyConnections = code.New(code.ResourceExhausted, "customers have calls in hand on as many connections as this branch serves at once; back off, or try another branch")
	errTooManyOfAddress   = code.New(code.ResourceExhausted, "customers at your address have calls in hand on three quarters of the connections that this branch serves at once, which is as many as one address may; close some, back off, or try another branch")
)
