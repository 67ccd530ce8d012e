package peernet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"

	"passbook.example/passbook/branch/secure"
)

// Security says how one branch reaches the others over TLS.
type Security struct {
	// Config returns how to connect to the branch at an address, and whom to expect
	// there; nil if it is nobody's.
	Config func(address string) *tls.Config
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
	// fails. It is for Security.Optional.
	isPlain map[string]bool
}

// NewSecured makes a transport like those of NewTCP go over TLS.
func NewSecured(plain *http.Transport, how Security) *Secured {
	s := &Secured{Transport: plain.Clone(), how: how, plain: plain, isPlain: map[string]bool{}}
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP2(true)
	s.DialTLSContext = s.dial
	return s
}

// Recheck ends the connections to those whose certificates are not good any more.
func (s *Secured) Recheck() { s.live.Recheck() }

// dial connects over TLS.
func (s *Secured) dial(ctx context.Context, network, address string) (net.Conn, error) {
	cfg := s.how.Config(address)
	if cfg == nil {
		return nil, errors.New("no branch of this bank is at " + address)
	}
	c, err := s.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	over, err := s.live.Client(ctx, c, cfg)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: c.RemoteAddr(), Err: err}
	}
	return over, nil
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

// errNoTLS ends a call that can't go in clear text.
var errNoTLS = errors.New("it has no certificate yet, and takes no call in somebody's name without: restart it with --certs-dir")

// speaksPlain reports whether a branch does not speak TLS, as one that has not been
// restarted yet while its bank moves to certificates. Nobody who minds relies on that:
// it is asked only where clear text is allowed.
func (s *Secured) speaksPlain(ctx context.Context, address string) bool {
	s.mu.Lock()
	isPlain, known := s.isPlain[address]
	s.mu.Unlock()
	if known {
		return isPlain
	}
	c, err := s.dial(ctx, "tcp", address)
	var notTLS tls.RecordHeaderError
	switch {
	case err == nil:
		_ = c.Close()
	case !errors.As(err, &notTLS):
		return false // the call says why
	default:
		isPlain = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isPlain[address] = isPlain
	return isPlain
}
