package secure

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// firstByteTimeout bounds the wait for the first byte of a connection, which says
// whether it speaks TLS. It is as long as a request's headers may take.
const firstByteTimeout = 5 * time.Second

// recordHandshake begins the first record of every client that speaks TLS.
const recordHandshake = 0x16

// Listener accepts connections over TLS.
type Listener struct {
	net.Listener
	// Live are the connections that were accepted.
	Live Live
	// config says how to shake hands, recheck whether a client's certificate is still good.
	config  *tls.Config
	recheck func(tls.ConnectionState) error
	// found has the connections whose first byte has come, where clear text is let in
	// too; nil otherwise.
	found chan net.Conn
	// done is closed when no more are accepted, failed has why.
	done   chan struct{}
	once   sync.Once
	failed error
}

// NewListener returns a listener over TLS. With plain, clear text is let in as well.
func NewListener(below net.Listener, config *tls.Config, recheck func(tls.ConnectionState) error, plain bool) *Listener {
	l := &Listener{Listener: below, config: config, recheck: recheck, done: make(chan struct{})}
	if plain {
		l.found = make(chan net.Conn)
		go l.tell() // ends when the listener below is closed
	}
	return l
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	if l.found == nil {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		return l.Live.Server(c, l.config, l.recheck), nil
	}
	select {
	case c := <-l.found:
		return c, nil
	case <-l.done:
		return nil, l.failed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.end(net.ErrClosed)
	return err
}

func (l *Listener) end(why error) {
	l.once.Do(func() {
		l.failed = why
		close(l.done)
	})
}

// tell finds out of each connection whether it speaks TLS. The listener below bounds how
// many there are.
func (l *Listener) tell() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			l.end(err)
			return
		}
		go l.listen(c) // ends with the first byte, in time
	}
}

// listen waits for the first byte of a connection.
func (l *Listener) listen(c net.Conn) {
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(firstByteTimeout))
	if n, err := c.Read(first); err != nil || n == 0 {
		_ = c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	var heard net.Conn = &begun{Conn: c, first: *bytes.NewReader(first)}
	if first[0] == recordHandshake {
		heard = l.Live.Server(heard, l.config, l.recheck)
	}
	select {
	case l.found <- heard:
	case <-l.done:
		_ = c.Close()
	}
}

// begun is a connection of which something has been read already.
type begun struct {
	net.Conn
	first bytes.Reader
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if b.first.Len() > 0 {
		return b.first.Read(p)
	}
	return b.Conn.Read(p)
}
