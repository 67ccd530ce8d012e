package peernet

import (
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
	"strings"
	"testing"
	"time"
)

// instance is one run of a branch at an address.
type instance struct {
	server *http.Server
	done   chan struct{}
}

// runAt serves at an address, over TLS with a certificate or in clear text without. It answers
// with how it was called.
func runAt(t *testing.T, address string, with ...tls.Certificate) (*instance, string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{done: make(chan struct{}), server: &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		word := "plain"
		if req.TLS != nil {
			word = "tls"
		}
		_, _ = io.WriteString(w, word)
	})}}
	i.server.Protocols.SetHTTP1(true)
	i.server.Protocols.SetHTTP2(true)
	i.server.Protocols.SetUnencryptedHTTP2(true)
	if len(with) > 0 {
		l = tls.NewListener(l, &tls.Config{Certificates: with, NextProtos: []string{"h2"}})
	}
	go func() {
		defer close(i.done)
		_ = i.server.Serve(l)
	}()
	t.Cleanup(i.end)
	return i, l.Addr().String()
}

func (i *instance) end() {
	_ = i.server.Close()
	<-i.done
}

// ask calls whoever is at an address, until the answer is not that a connection has ended.
func ask(t *testing.T, s *Secured, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// A branch that was called in clear text, and has been restarted with a certificate, gets no
// call in clear text any more: not even one by somebody who believes that it has none. And
// one that has proven who it is never gets one again, whatever answers in its place.
func TestABranchThatHasProvenWhoItIsIsNotCalledInClearText(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	var proven []uint32
	s := NewSecured(NewTCP(), Security{
		Optional: true, Branch: func(string) uint32 { return 2 }, Proven: func(branch uint32) { proven = append(proven, branch) },
		Config: func(uint32) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, //nolint:gosec // the test looks at what is sent
	})
	defer s.CloseIdleConnections()
	first, address := runAt(t, "127.0.0.1:0")
	if got, err := ask(t, s, address); got != "plain" || err != nil || len(proven) != 0 {
		t.Fatalf("got %q, %v, proven %v", got, err, proven)
	}
	first.end()
	s.plain.CloseIdleConnections() // which have ended, as the transport may not have noticed yet
	second, _ := runAt(t, address, certificate)
	if !s.isPlain[address] {
		t.Fatal("the caller knows already")
	}
	if got, err := ask(t, s, address); !errors.Is(err, errSpeaksTLS) {
		t.Errorf("in clear text: %q, %v", got, err)
	}
	if got, err := ask(t, s, address); got != "tls" || err != nil || len(proven) == 0 || proven[0] != 2 {
		t.Errorf("the next call: %q, %v, proven %v", got, err, proven)
	}
	second.end()
	s.Transport.CloseIdleConnections()
	runAt(t, address)
	for range 2 {
		if got, err := ask(t, s, address); !errors.Is(err, errNoMore) || !strings.Contains(err.Error(), "first record does not look like a TLS handshake") {
			t.Errorf("whoever is in between gets %q, %v", got, err)
		}
	}
	if s.isPlain[address] {
		t.Error("the caller takes its word")
	}
}
