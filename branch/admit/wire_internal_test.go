package admit

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
)

// fakeConn is a connection on which something has come. It counts the system calls.
type fakeConn struct {
	net.Conn
	in io.Reader
	// reads counts the reads, written tells of each write.
	reads   int
	written func()
}

// Read implements net.Conn.
func (c *fakeConn) Read(p []byte) (int, error) {
	c.reads++
	return c.in.Read(p)
}

// Write implements net.Conn.
func (c *fakeConn) Write(p []byte) (int, error) {
	c.written()
	return len(p), nil
}

// What comes is read in its order, in whatever pieces it comes and is asked for.
func TestAWireReadsEverythingInOrder(t *testing.T) {
	want := make([]byte, 5*aheadBytes)
	for i := range want {
		want[i] = byte(i / 3)
	}
	for name, in := range map[string]io.Reader{
		"at once":          bytes.NewReader(want),
		"byte by byte":     iotest.OneByteReader(bytes.NewReader(want)),
		"with the end":     iotest.DataErrReader(bytes.NewReader(want)),
		"a half at a time": iotest.HalfReader(bytes.NewReader(want)),
	} {
		w := &wire{Conn: &fakeConn{in: in}}
		var got []byte
		for _, size := range slices.Repeat([]int{9, 1, 24, aheadBytes, 300, 2 * aheadBytes}, 10) {
			p := make([]byte, size)
			n, err := w.Read(p)
			got = append(got, p[:n]...)
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		rest, err := io.ReadAll(w)
		if got = append(got, rest...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}
}

func TestFramesThatHaveComeTakeOneRead(t *testing.T) {
	var in bytes.Buffer
	in.WriteString(http2.ClientPreface)
	out := http2.NewFramer(&in, nil)
	const frames = 20
	for range frames {
		if err := out.WriteData(1, false, make([]byte, 50)); err != nil {
			t.Fatal(err)
		}
	}
	c := &fakeConn{in: &in}
	w := &wire{Conn: c}
	if _, err := io.ReadFull(w, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(nil, w)
	for range frames {
		if _, err := framer.ReadFrame(); err != nil {
			t.Fatal(err)
		}
	}
	if c.reads != 1 {
		t.Errorf("%d reads", c.reads)
	}
}

// Over HTTP/2 an answer is written when all that are ready have theirs, so they can go
// together; over HTTP/1.1 each connection has one. Now and then the scheduler has another
// order.
func TestAnswersOverHTTP2WaitForThoseThatAreReady(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds, few = 100, 20
	for first, waits := range map[string]bool{http2.ClientPreface: true, "POST / HTTP/1.1\r\n\r\nand so on": false} {
		var ready atomic.Bool
		waited := 0
		w := &wire{Conn: &fakeConn{in: strings.NewReader(first), written: func() {
			if ready.Load() {
				waited++
			}
		}}}
		if _, err := io.ReadFull(w, make([]byte, len(http2.ClientPreface))); err != nil {
			t.Fatal(err)
		}
		for range rounds {
			ready.Store(false)
			done := make(chan struct{})
			go func() {
				ready.Store(true)
				close(done)
			}()
			if _, err := w.Write([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			<-done
		}
		if waits && waited < rounds-few || !waits && waited > few {
			t.Errorf("%q: %d of %d wait", first[:4], waited, rounds)
		}
	}
}
