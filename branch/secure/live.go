// Package secure has the connections over TLS, of both sides: it keeps them as long as the
// certificates that opened them are good, and lets clear text in beside them while a bank
// moves to certificates. Whom it trusts, the configurations of package certs say.
package secure

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// Live are connections over TLS that are open. A certificate that is revoked, or that has
// ended, ends them, whatever goes on on them: a link lasts for months. Its zero value is
// ready.
type Live struct {
	mu  sync.Mutex
	all map[*conn]bool
}

// conn is what is below a connection over TLS.
type conn struct {
	net.Conn
	// over is the connection over TLS, and verify checks the other side's certificate; nil
	// for one that is not checked again.
	over   *tls.Conn
	verify func(tls.ConnectionState) error
	// waiting is true while somebody waits for the handshake, to check it then.
	waiting atomic.Bool
	// in has the connection until it is closed.
	in *Live
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.in.mu.Lock()
	delete(c.in.all, c)
	c.in.mu.Unlock()
	return c.Conn.Close()
}

// Client shakes hands with a server. Without success the connection is closed.
func (l *Live) Client(ctx context.Context, below net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	cfg = cfg.Clone()
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{"h2"}
	}
	c := &conn{Conn: below, verify: cfg.VerifyConnection, in: l}
	over := tls.Client(c, cfg)
	l.add(c, over)
	if err := over.HandshakeContext(ctx); err != nil {
		_ = over.Close()
		return nil, err
	}
	return over, nil
}

// Server returns a connection that a client has opened. It shakes hands when it is first
// read. recheck is asked later whether the client's certificate is still good; nil for
// never.
func (l *Live) Server(below net.Conn, cfg *tls.Config, recheck func(tls.ConnectionState) error) *tls.Conn {
	c := &conn{Conn: below, verify: recheck, in: l}
	over := tls.Server(c, cfg)
	l.add(c, over)
	return over
}

func (l *Live) add(c *conn, over *tls.Conn) {
	c.over = over
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*conn]bool{}
	}
	l.all[c] = true
}

// Recheck closes the connections whose other side has a certificate that is not good any
// more. It does not wait for that: a handshake that goes on has to end first, which the
// other side may delay as long as handshakes may take.
func (l *Live) Recheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.all {
		if c.verify != nil && !c.waiting.Swap(true) {
			go c.recheck() // ends when the handshake has, in time
		}
	}
}

// recheck closes the connection if the other side's certificate is not good any more.
func (c *conn) recheck() {
	// It waits for the handshake: that may have begun before what was revoked was known.
	state := c.over.ConnectionState()
	c.waiting.Store(false)
	if state.HandshakeComplete && c.verify(state) != nil {
		_ = c.Close() // not over: that would wait for a write which the other side does not read
	}
}

// Below returns what a connection over TLS is on, and any other connection as it is.
func Below(c net.Conn) net.Conn {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	if below, ok := c.(*conn); ok {
		c = below.Conn
	}
	if below, ok := c.(*begun); ok {
		c = below.Conn
	}
	return c
}
