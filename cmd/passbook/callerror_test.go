package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// Who calls a port where something else listens is told that, and not how its
// bytes look as a frame.
func TestWhatIsNoBranchIsToldSo(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// It answers like a server of HTTP/1.1, and keeps the connection open: a server
	// that closes it at once may break the client's write before its answer is read.
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }() // until the client hangs up
		}
	}()
	address := other.Addr().String()
	var out, errs bytes.Buffer
	u := &console.Console{Out: &out, Err: &errs}
	u.Configure(console.Options{})
	if code := run([]string{"query", "--address", address}, u); code != exit.Unavailable {
		t.Errorf("exit code %d, want %d", code, exit.Unavailable)
	}
	want := "passbook: " + address + " gave no answer: what listens there does not speak HTTP/2: it is not a branch, or one that is stopping\n" +
		"  a branch that has certificates answers nothing in clear text: name them with --certs-dir\n"
	if errs.String() != want || out.Len() > 0 {
		t.Errorf("%q and %q, want %q", errs.String(), out.String(), want)
	}
}

// Who does not believe a branch is told what to do about the branch's certificate, and not to
// look after his own.
func TestACertificateThatIsNotBelieved(t *testing.T) {
	bank, other := certstest.New(t, "bank"), certstest.New(t, "bank")
	bank.Client(t, "ann", identity.Teller)
	elsewhere := func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"bank.example"}, nil }
	for hint, at := range map[string]tls.Certificate{
		"the ca-branch.crt in --certs-dir has not signed the certificate there":       other.Branch(t, 1),
		"'passbook cert renew branch ID --host NAME'":                                 bank.Branch(t, 1, elsewhere),
		"it is the branch's certificate, or one of its CAs, that is not good":         bank.Branch(t, 1, certstest.Between(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))),
		"'passbook cert list' shows whether yours is good, and the branch's log says": bank.Branch(t, 1),
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				over := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{at}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13})
				_ = over.Handshake()
				_ = over.Close() // like a branch that does not believe the client
			}
		}()
		var out, errs bytes.Buffer
		u := &console.Console{Out: &out, Err: &errs}
		u.Configure(console.Options{})
		if code := run([]string{"query", "--address", l.Addr().String(), "--certs-dir", bank.Dir}, u); code != exit.Unavailable || !strings.Contains(errs.String(), hint) {
			t.Errorf("exit code %d, want %d, and %q, want %q", code, exit.Unavailable, errs.String(), hint)
		}
	}
}
