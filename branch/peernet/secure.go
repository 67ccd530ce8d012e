package peernet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"passbook.example/passbook/branch/secure"
)

// Security says how one branch reaches the others over TLS.
type Security struct {
	// Branch returns the branch at an address; 0 if it is nobody's.
	Branch func(address string) uint32
	// Config returns how to connect to a branch, which has to prove that it is it.
	Config func(branch uint32) *tls.Config
	// Proven, unless nil, is told of each branch that has.
	Proven func(branch uint32)
	// Optional lets calls go in clear text to branches that don't speak TLS yet, while a
	// bank moves to certificates.
	Optional bool
	// Proves reports whether a call says something that only a proof makes true: such a call
	// never goes in clear text. Nil for no call.
	Proves func(header http.Header) bool
}

// Secure makes the calls of one of this process's branches go over TLS, unless they go
// through memory. Again, it replaces what was said before. The function recheck ends the
// connections to those whose certificates are not good any more.
func (t *Transport) Secure(from uint32, how Security) (recheck func()) {
	s := NewSecured(t.Transport, how)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secured == nil {
		t.secured = map[uint32]*Secured{}
	}
	if before := t.secured[from]; before != nil {
		before.CloseIdleConnections()
	}
	t.secured[from] = s
	return s.Recheck
}

// CloseIdleConnections closes the connections on which there is no call.
func (t *Transport) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.secured {
		s.CloseIdleConnections()
	}
}

// over returns what carries a call over the network.
func (t *Transport) over(req *http.Request) http.RoundTripper {
	way := wayOf(req.Context())
	if way == nil {
		return t.Transport
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.secured[way.From]; s != nil {
		return s
	}
	return t.Transport
}

// Secured carries one branch's calls over TLS.
type Secured struct {
	*http.Transport
	how Security
	// plain carries calls to those that don't speak TLS yet.
	plain *http.Transport
	// live are the connections.
	live secure.Live

	mu sync.Mutex
	// isPlain says which addresses were found to speak TLS or not, until a call to them
	// fails. hasProven are those where a branch has once proven who it is: they are never
	// called in clear text again, or whoever is in between could have that by spoiling a
	// handshake. Both are for Security.Optional.
	isPlain, hasProven map[string]bool
}

// NewSecured makes a transport like those of NewTCP go over TLS.
func NewSecured(plain *http.Transport, how Security) *Secured {
	s := &Secured{Transport: plain.Clone(), how: how, plain: plain.Clone(), isPlain: map[string]bool{}, hasProven: map[string]bool{}}
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP2(true)
	s.DialTLSContext = s.dial
	s.plain.DialContext = s.dialPlain
	return s
}

// Recheck ends the connections to those whose certificates are not good any more.
func (s *Secured) Recheck() { s.live.Recheck() }

// CloseIdleConnections closes the connections on which there is no call.
func (s *Secured) CloseIdleConnections() {
	s.Transport.CloseIdleConnections()
	s.plain.CloseIdleConnections()
}

// dial connects over TLS.
func (s *Secured) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to := s.how.Branch(address)
	if to == 0 {
		return nil, errors.New("no branch of this bank is at " + address)
	}
	c, err := s.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	over, err := s.live.Client(ctx, c, s.how.Config(to))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: c.RemoteAddr(), Err: s.explain(address, err)}
	}
	s.mu.Lock()
	s.hasProven[address], s.isPlain[address] = true, false
	s.mu.Unlock()
	if s.how.Proven != nil {
		s.how.Proven(to)
	}
	return over, nil
}

// dialPlain connects in clear text, if the branch there still speaks no TLS. It asks that
// once it is connected: a branch that is restarted with certificates later ends the
// connection.
func (s *Secured) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := s.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	isPlain, err := s.probe(ctx, address)
	if err == nil && isPlain {
		return c, nil
	}
	_ = c.Close()
	return nil, &net.OpError{Op: "dial", Net: network, Addr: c.RemoteAddr(), Err: cmp.Or(err, errSpeaksTLS)}
}

// explain says more of a handshake that has failed.
func (s *Secured) explain(address string, err error) error {
	var notTLS tls.RecordHeaderError
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.As(err, &notTLS) && s.hasProven[address] {
		return fmt.Errorf("%w: %w", errNoMore, err)
	}
	return err
}

// RoundTrip implements http.RoundTripper. The request's URL names no scheme that counts.
func (s *Secured) RoundTrip(req *http.Request) (*http.Response, error) {
	scheme, over := "https", s.Transport
	if s.how.Optional && s.speaksPlain(req.Context(), req.URL.Host) {
		scheme, over = "http", s.plain
		if s.how.Proves != nil && s.how.Proves(req.Header) {
			s.forget(req.URL.Host)
			return nil, closeBody(req, &net.OpError{Op: "dial", Net: "tcp", Err: errNoTLS})
		}
	}
	if req.URL.Scheme != scheme {
		out, at := *req, *req.URL
		at.Scheme = scheme
		out.URL = &at
		req = &out
	}
	res, err := over.RoundTrip(req)
	if err != nil && s.how.Optional {
		s.forget(req.URL.Host)
	}
	return res, err
}

// forget makes the next call find out anew whether a branch speaks TLS.
func (s *Secured) forget(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.isPlain, address)
}

// Errors of calls to a branch that has moved to certificates, or has not.
var (
	// errNoTLS ends a call that can't go in clear text.
	errNoTLS = errors.New("it has no certificate yet, and takes no call in somebody's name without: restart it with --certs-dir")
	// errSpeaksTLS ends one that need not any more. The next one goes over TLS.
	errSpeaksTLS error = errors.New("it has a certificate by now")
	// errNoMore ends one to a branch that has proven who it is before.
	errNoMore = errors.New("it has proven who it is before, and speaks no TLS now; to give certificates up, take them from all branches of the bank")
)

// speaksPlain reports whether a branch does not speak TLS, as one that has not been
// restarted yet while its bank moves to certificates. It is asked only where clear text is
// allowed. Whoever is in between can spoil the first handshake, and none after one that has
// succeeded.
func (s *Secured) speaksPlain(ctx context.Context, address string) bool {
	s.mu.Lock()
	isPlain, known := s.isPlain[address]
	hasProven := s.hasProven[address]
	s.mu.Unlock()
	if known || hasProven {
		return isPlain && !hasProven
	}
	isPlain, _ = s.probe(ctx, address) // after an error, the call says why
	return isPlain
}

// probe finds out whether a branch speaks no TLS.
func (s *Secured) probe(ctx context.Context, address string) (isPlain bool, err error) {
	c, err := s.dial(ctx, "tcp", address)
	var notTLS tls.RecordHeaderError
	if err == nil {
		_ = c.Close()
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.As(err, &notTLS) || s.hasProven[address] {
		return false, err
	}
	s.isPlain[address] = true
	return true, nil
}
