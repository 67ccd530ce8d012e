package secure_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/secure"
)

// certificate returns a server's certificate that signs itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Also in the bubbles of synctest, whose clock begins in 2000.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<34, 0), DNSNames: []string{"branch"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve serves over a listener, and answers with the protocol of each request.
func serve(t *testing.T, l net.Listener) {
	t.Helper()
	s := &http.Server{
		Protocols: new(http.Protocols),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			word := "plain"
			if req.TLS != nil {
				word = "tls"
			}
			_, _ = io.WriteString(w, req.Proto+" "+word)
		}),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
}

func get(t *testing.T, url string, protocols func(*http.Protocols)) (string, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)} //nolint:gosec // the test looks at the protocols
	defer transport.CloseIdleConnections()
	protocols(transport.Protocols)
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// One port speaks TLS, and clear text besides only where that is allowed; with HTTP/1.1
// and HTTP/2 in both.
func TestOnePort(t *testing.T) {
	for _, plain := range []bool{false, true} {
		below, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2", "http/1.1"}}
		serve(t, secure.NewListener(below, config, nil, plain))
		at := below.Addr().String()
		for _, test := range []struct {
			url, want string
			protocols func(*http.Protocols)
		}{
			{"https://", "HTTP/1.1 tls", func(p *http.Protocols) { p.SetHTTP1(true) }},
			{"https://", "HTTP/2.0 tls", func(p *http.Protocols) { p.SetHTTP2(true) }},
			{"http://", "HTTP/1.1 plain", func(p *http.Protocols) { p.SetHTTP1(true) }},
			{"http://", "HTTP/2.0 plain", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		} {
			got, err := get(t, test.url+at, test.protocols)
			if allowed := plain || test.url == "https://"; allowed && (err != nil || got != test.want) || !allowed && err == nil && got == test.want {
				t.Errorf("clear text %v: got %q, %v for %q", plain, got, err, test.want)
			}
		}
	}
}

// pipes is a listener whose connections are those that are sent on it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.done)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A connection on which nothing comes is let go of, and holds nobody else up.
func TestAConnectionThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := &pipes{make(chan net.Conn), make(chan struct{})}
		l := secure.NewListener(below, &tls.Config{}, nil, true)
		silent, there := net.Pipe()
		below.conns <- there
		talking, other := net.Pipe()
		below.conns <- other
		go func() { _, _ = io.WriteString(talking, "GET") }()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		heard := make([]byte, 3)
		if _, err := io.ReadFull(c, heard); err != nil || string(heard) != "GET" || secure.Below(c) != other {
			t.Errorf("heard %q, %v", heard, err)
		}
		began := time.Now()
		if _, err := silent.Read(heard); !errors.Is(err, io.EOF) || time.Since(began) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener: %v", err)
		}
		_ = talking.Close()
		_ = c.Close()
	})
}

// When certificates change, the connections whose other side is not believed any more
// end, in both directions, and the others go on.
func TestRecheckEndsConnections(t *testing.T) {
	var clientGone, serverGone atomic.Bool
	gone := func(is *atomic.Bool) func(tls.ConnectionState) error {
		return func(tls.ConnectionState) error {
			if is.Load() {
				return errors.New("revoked")
			}
			return nil
		}
	}
	serverConfig := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	clientConfig := &tls.Config{InsecureSkipVerify: true, VerifyConnection: gone(&serverGone)} //nolint:gosec // the test looks at what comes later
	var servers, clients secure.Live
	open := func() (client, server net.Conn) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		accepted := make(chan net.Conn, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			over := servers.Server(c, serverConfig, gone(&clientGone))
			if err := over.HandshakeContext(context.Background()); err != nil {
				t.Error(err)
			}
			accepted <- over
		}()
		below, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client, err = clients.Client(t.Context(), below, clientConfig)
		if err != nil {
			t.Fatal(err)
		}
		return client, <-accepted
	}
	talk := func(from, to net.Conn) error {
		if _, err := io.WriteString(from, "word\n"); err != nil {
			return err
		}
		_, err := bufio.NewReader(to).ReadString('\n')
		return err
	}
	for name, which := range map[string]*atomic.Bool{"the client's": &clientGone, "the server's": &serverGone} {
		client, server := open()
		servers.Recheck()
		clients.Recheck()
		if err := talk(client, server); err != nil {
			t.Errorf("nothing has changed: %v", err)
		}
		which.Store(true)
		servers.Recheck()
		clients.Recheck()
		for _, end := range []net.Conn{client, server} {
			_, _ = io.ReadAll(end) // until it ends
		}
		if err := talk(client, server); err == nil {
			t.Errorf("%s certificate is revoked, and the connection goes on", name)
		}
		which.Store(false)
		_ = client.Close()
		_ = server.Close()
	}
	if _, err := clients.Client(t.Context(), closed{}, clientConfig); err == nil {
		t.Error("a handshake without another side")
	}
}

// A handshake that goes on holds up neither whoever rechecks in its middle nor the end of
// other connections, and is checked when it is over.
func TestRecheckInAHandshake(t *testing.T) {
	var live secure.Live
	begun, goOn := make(chan struct{}), make(chan struct{})
	slow := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		live.Recheck()
		close(begun)
		<-goOn
		c := certificate(t)
		return &c, nil
	}}
	fast := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	revoked := func(tls.ConnectionState) error { return errors.New("revoked") }
	shake := func(config *tls.Config) (shaken chan struct{}, ended chan error) {
		here, there := net.Pipe()
		shaken, ended = make(chan struct{}), make(chan error, 1)
		over := live.Server(there, config, revoked)
		go func() { _ = over.Handshake() }() // ends with the connection
		go func() {
			c := tls.Client(here, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test looks at what comes later
			if err := c.Handshake(); err != nil {
				ended <- err
				return
			}
			close(shaken)
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
		return shaken, ended
	}
	_, held := shake(slow)
	<-begun
	shaken, other := shake(fast)
	<-shaken
	live.Recheck()
	if err := <-other; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the other connection ends with %v", err)
	}
	select {
	case err := <-held:
		t.Errorf("the handshake that is held has ended: %v", err)
	default:
	}
	close(goOn)
	if err := <-held; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("what was revoked in the handshake ends with %v", err)
	}
}

// closed is a connection that is closed.
type closed struct{ net.Conn }

func (closed) Read([]byte) (int, error)         { return 0, io.EOF }
func (closed) Write([]byte) (int, error)        { return 0, io.ErrClosedPipe }
func (closed) Close() error                     { return nil }
func (closed) SetDeadline(time.Time) error      { return nil }
func (closed) SetWriteDeadline(time.Time) error { return nil }
