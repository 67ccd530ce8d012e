package branch

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/netutil"
)

// spareConnections are open on top of Config.MaxConnections: so that peers get
// in, and customers are told why they don't.
const spareConnections = 256

// connections bounds the connections of a branch's port, so that customers
// lock out neither peers nor each other. A connection tells only by its calls
// whose it is, so there are two rules:
//
//   - When all are taken, the spare ones too, a new connection takes the place
//     of the one that has done nothing for longest. Links are never idle.
//   - Customers have calls in hand on Config.MaxConnections of them at most.
//     A call on one more is refused and its connection closed, which leaves
//     the spare ones to peers.
type connections struct {
	net.Listener
	// most bounds busy, and most+spareConnections bounds open.
	most int
	// freeze holds what goes in and out while the branch is paused; nil for
	// never.
	freeze *freeze

	mu   sync.Mutex
	open int
	// busy counts the connections on which customers have calls in hand.
	busy int
	// idle has the connections without a call in hand, longest idle first.
	idle list.List
}

// newConnections caps what listener accepts. One above the cap may be open for
// as long as it takes to decide which connection gives way.
func newConnections(listener net.Listener, most int) *connections {
	return &connections{Listener: netutil.LimitListener(listener, most+spareConnections+1), most: most}
}

// connection is one accepted connection. What changes belongs to all.mu.
type connection struct {
	net.Conn
	all *connections
	// place is where the connection is in all.idle, nil while it is not.
	place  *list.Element
	busy   bool // and counted in all.busy
	closed bool
}

// Accept is net.Listener's.
func (l *connections) Accept() (net.Conn, error) {
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
func (l *connections) admit(c net.Conn) (k, gone *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most+spareConnections {
		front := l.idle.Front()
		if front == nil {
			return nil, nil
		}
		gone = front.Value.(*connection)
		gone.forget()
	}
	k = &connection{Conn: c, all: l}
	k.place = l.idle.PushBack(k)
	l.open++
	return k, gone
}

// Close is net.Conn's.
func (k *connection) Close() error {
	k.all.mu.Lock()
	k.forget()
	k.all.mu.Unlock()
	return k.Conn.Close()
}

// forget counts the connection no more. The caller holds all.mu.
func (k *connection) forget() {
	if k.closed {
		return
	}
	k.closed = true
	k.all.open--
	k.rest()
	k.all.idle.Remove(k.place)
}

// rest puts the connection last among the idle ones.
func (k *connection) rest() {
	if k.busy {
		k.busy = false
		k.all.busy--
	}
	if k.place == nil {
		k.place = k.all.idle.PushBack(k)
	}
}

// note is http.Server's ConnState.
func (l *connections) note(c net.Conn, state http.ConnState) {
	k, ok := c.(*connection)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case k.closed:
	case state == http.StateIdle:
		k.rest()
	case state == http.StateActive && k.place != nil:
		l.idle.Remove(k.place)
		k.place = nil
	}
}

// serve takes one of the customers' places, until the connection rests. It
// reports false when there is none.
func (k *connection) serve() bool {
	l := k.all
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.busy || k.closed || k.place != nil {
		return true // the last two: nobody waits for this call any more
	}
	if l.busy >= l.most {
		return false
	}
	k.busy = true
	l.busy++
	return true
}

type connectionKey struct{}

// remember is http.Server's ConnContext.
func (l *connections) remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOf returns the connection that a call came on.
func connectionOf(ctx context.Context) *connection {
	k, _ := ctx.Value(connectionKey{}).(*connection)
	return k
}
