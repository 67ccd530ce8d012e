package main

import (
	"bytes"
	"io"
	"net"
	"testing"

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
