package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
)

// testRoads returns roads over a short distance.
func testRoads(t *testing.T) *roads {
	r := newRoads(newDistance(2, 4, 6))
	t.Cleanup(r.close)
	return r
}

// say says something and returns how long the answer took; it fails the test if
// another one comes.
func say(t *testing.T, c net.Conn, text string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, len(text))
	if _, err := io.ReadFull(c, heard); err != nil || string(heard) != text {
		t.Fatalf("got %q, %v; want %q", heard, err, text)
	}
	return time.Since(began)
}

func TestAJunctionTakesTheRoadOfWhoDials(t *testing.T) {
	r := testRoads(t)
	var from atomic.Int64
	at, err := r.join(2, echoServer(t), func(net.Conn) int { return int(from.Load()) })
	if err != nil {
		t.Fatal(err)
	}
	dial := func(site int) net.Conn {
		from.Store(int64(site))
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		say(t, c, "hello") // until then nobody may have asked where it is from
		return c
	}
	for site, trip := range r.distance.trips[2] {
		if took := say(t, dial(site), "how far?"); took < trip {
			t.Errorf("from site %d it took %v, less than %v", site+1, took, trip)
		}
	}
	one, two, own, nowhere := dial(0), dial(1), dial(2), dial(-1)
	r.cutOff(0, true)
	if _, err := one.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{two, own, nowhere} {
		say(t, c, "not cut")
	}
	r.cutOff(0, false)
	held := make([]byte, 4)
	if _, err := io.ReadFull(one, held); err != nil || string(held) != "held" {
		t.Errorf("after the cut: got %q, %v", held, err)
	}
	r.cutOff(2, true)
	say(t, own, "not cut")
	say(t, nowhere, "not cut")
}

func TestACutHoldsTheRoadsOfItsSiteAtAJunction(t *testing.T) {
	r := testRoads(t)
	at, err := r.join(2, echoServer(t), func(net.Conn) int { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for site, want := range []bool{true, false, true} {
		say(t, c, "mended")
		r.cutOff(site, true)
		for _, w := range r.all {
			if w.from == 0 && w.isCut() != want {
				t.Errorf("with site %d cut off: the road from site 1 to site 3 is cut: %t", site+1, w.isCut())
			}
		}
		r.cutOff(site, false)
	}
}

func TestWhoDialed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	other := exec.Command("cat") // ends with its input
	input, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = input.Close()
		_ = other.Wait()
	}()
	if got := dialer(c, []int{other.Process.Pid, os.Getpid()}); got != 1 {
		t.Errorf("got process %d, want 1: this one", got)
	}
	if got := dialer(c, []int{other.Process.Pid}); got != -1 {
		t.Errorf("got process %d of those that did not dial", got)
	}
}
