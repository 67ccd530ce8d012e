package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"
)

// echoServer returns the address of somebody who repeats what is said.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// farEcho returns a connection, through a proxy, to an echo server.
func farEcho(t *testing.T, delay time.Duration) (*delayProxy, net.Conn) {
	t.Helper()
	at := echoServer(t)
	line := newDelayLine(delay)
	t.Cleanup(line.close)
	p, err := newDelayProxy(at, line)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	c, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return p, c
}

func TestAProxyDelaysBothWaysAndKeepsTheOrder(t *testing.T) {
	const delay = 5 * time.Millisecond
	began := time.Now() // the handshake, too, takes its time from here
	_, c := farEcho(t, delay)
	said := make([]byte, 3<<20)
	_, _ = rand.Read(said)
	go func() {
		_, _ = c.Write(said)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	heard, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(said, heard) {
		t.Errorf("got %d bytes back of %d, error %v, or others", len(heard), len(said), err)
	}
	// A handshake, there and back.
	if took := time.Since(began); took < 4*delay {
		t.Errorf("it took %v, less than %v", took, 4*delay)
	}
}

func TestACutProxyHoldsWhatIsSaid(t *testing.T) {
	p, c := farEcho(t, time.Millisecond)
	hear := func(want string) {
		t.Helper()
		heard := make([]byte, len(want))
		if _, err := io.ReadFull(c, heard); err != nil || string(heard) != want {
			t.Fatalf("got %q, %v; want %q", heard, err, want)
		}
	}
	if _, err := c.Write([]byte("one")); err != nil {
		t.Fatal(err)
	}
	hear("one")
	p.setCut(true)
	if _, err := c.Write([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Fatalf("got %d bytes through a cut", n)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	p.setCut(false)
	hear("two")
	p.close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("a closed proxy still answers")
	}
}
