package peernet

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// While a bank moves to certificates, a call goes in clear text to a branch that has none
// yet; but never one that says something which only a certificate proves. A branch that
// has been restarted with one is found out by the next call.
func TestClearTextForThoseWhoHaveNoCertificateYet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, req.Proto)
	})}
	server.Protocols.SetHTTP1(true) // which answers a handshake, as a branch does
	server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	defer func() {
		_ = server.Close()
		<-done
	}()
	const proof = "Passbook-Proof"
	s := NewSecured(NewTCP(), Security{
		Optional: true, Proves: func(h http.Header) bool { return h.Get(proof) != "" },
		Branch: func(string) uint32 { return 2 },
		Config: func(uint32) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, //nolint:gosec // nobody answers a handshake
	})
	defer s.CloseIdleConnections()
	call := func(header string) (string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set(header, "x")
		}
		res, err := s.RoundTrip(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	if got, err := call(""); got != "HTTP/2.0" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	var dialing *net.OpError
	if got, err := call(proof); !errors.Is(err, errNoTLS) || !errors.As(err, &dialing) || dialing.Op != "dial" {
		t.Errorf("in somebody's name: %q, %v", got, err)
	}
	if len(s.isPlain) != 0 {
		t.Errorf("it is not asked again: %v", s.isPlain)
	}
	s.how.Optional = false
	if got, err := call(""); err == nil {
		t.Errorf("where clear text is not allowed: %q", got)
	}
}
