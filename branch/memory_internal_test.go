package branch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

// memoryEnds returns both ends of a connection to a listener.
func memoryEnds(t *testing.T) (near, far net.Conn) {
	t.Helper()
	var n neighbours
	l := n.listen("127.0.0.1:1")
	t.Cleanup(func() { _ = l.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	near, found, err := n.dial(t.Context(), "127.0.0.1:1")
	if err != nil || !found {
		t.Fatalf("found: %v, %v", found, err)
	}
	return near, <-accepted
}

// A connection through memory is one as package net means it.
func TestAConnectionThroughMemory(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		near, far := memoryEnds(t)
		return near, far, func() {
			_ = near.Close()
			_ = far.Close()
		}, nil
	})
}

// In whatever pieces it is written and read, what arrives is what was sent.
func TestMemoryKeepsWhatIsSent(t *testing.T) {
	near, far := memoryEnds(t)
	pieces := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, 64*memoryBytes)
	for i := range sent {
		sent[i] = byte(pieces.Uint32())
	}
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+pieces.IntN(3*memoryBytes)>>pieces.IntN(12))
			if _, err := near.Write(rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		_ = near.Close()
	}()
	var got []byte
	sizes := rand.New(rand.NewPCG(3, 4))
	for {
		p := make([]byte, 1+sizes.IntN(2*memoryBytes)>>sizes.IntN(12))
		n, err := far.Read(p)
		got = append(got, p[:n]...)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes arrived, which are not the %d that were sent", len(got), len(sent))
	}
}

// Who writes more than there is room for waits for the other end.
func TestAConnectionThroughMemoryIsBounded(t *testing.T) {
	near, far := memoryEnds(t)
	if n, err := near.Write(make([]byte, memoryBytes)); n != memoryBytes || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if err := near.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := near.Write([]byte{1}); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := far.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if err := near.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := near.Write([]byte{1}); n != 1 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if used := cap(near.(*memoryConn).out.buffer); used > 2*memoryBytes {
		t.Errorf("the buffer takes %d bytes", used)
	}
}

// Closing either end wakes both.
func TestClosingEndsWhoWaits(t *testing.T) {
	full := make([]byte, memoryBytes+1)
	read := func(c net.Conn) error { return onlyErr(c.Read(make([]byte, 1))) }
	write := func(c net.Conn) error { return onlyErr(c.Write(full)) }
	tests := map[string]struct {
		wait func(net.Conn) error
		near bool
		want error
	}{
		"own read":    {read, true, net.ErrClosed},
		"own write":   {write, true, net.ErrClosed},
		"other read":  {read, false, io.EOF},
		"other write": {write, false, io.ErrClosedPipe},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			near, far := memoryEnds(t)
			done := make(chan error, 1)
			go func() { done <- test.wait(near) }()
			closes := far
			if test.near {
				closes = near
			}
			time.Sleep(time.Millisecond) // whether it waits by then makes no difference
			if err := closes.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func onlyErr(_ int, err error) error { return err }

// A branch that is gone is not found in memory; one that does not take
// connections yet is waited for.
func TestDialingANeighbour(t *testing.T) {
	var n neighbours
	if _, found, err := n.dial(t.Context(), "127.0.0.1:1"); found || err != nil {
		t.Errorf("found nobody: %v, %v", found, err)
	}
	l := n.listen("127.0.0.1:1", "localhost:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, found, err := n.dial(ctx, "localhost:1"); !found || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v, %v", found, err)
	}
	done := make(chan bool, 1)
	go func() {
		_, found, _ := n.dial(t.Context(), "localhost:1")
		done <- found
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if <-done {
		t.Error("a branch that is gone was found")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	again := n.listen("127.0.0.1:1")
	if err := l.Close(); err != nil || n.at["127.0.0.1:1"] != again || len(n.at) != 1 {
		t.Errorf("closing the old one left %d, %v", len(n.at), err)
	}
}

// A branch that takes no connections is waited for only so long.
func TestDialingANeighbourEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewPeerTransport()
		l := n.neighbours.listen("127.0.0.1:1")
		began := time.Now()
		if _, err := n.DialContext(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a time-out", err)
		}
		if took := time.Since(began); took != dialTimeout {
			t.Errorf("took %v, want %v", took, dialTimeout)
		}
		_ = l.Close()
	})
}
