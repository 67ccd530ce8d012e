package peernet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const nextDoor = "127.0.0.1:1"

// callNeighbour sends a request to a branch of this process that has nothing
// but a handler. A body that is nil is none.
func callNeighbour(ctx context.Context, t *testing.T, b *Neighbour, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+nextDoor+"/a%2Fb?c=d", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Question", "1")
	return (&Transport{Transport: NewTCP(), neighbours: neighbours{at: map[string]*Neighbour{nextDoor: b}}}).RoundTrip(req)
}

// neighbourWith opens a branch of this process, and has its calls over before
// the test ends. What it logs comes to the buffer.
func neighbourWith(t *testing.T, pause func(), handler http.HandlerFunc) (*Neighbour, *bytes.Buffer) {
	t.Helper()
	var n neighbours
	b, logged := n.add(nextDoor), &bytes.Buffer{}
	b.Open(&http.Server{Handler: handler, ErrorLog: log.New(logged, "", 0)}, pause)
	t.Cleanup(func() {
		b.Abort()
		b.running.Wait()
	})
	return b, logged
}

// A handler that is called through memory is told what one behind HTTP/2 is, and
// so is who calls it.
func TestACallThroughMemoryIsOneOfHTTP2(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "the caller's")
	b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if string(body) != "ping" || err != nil || req.ContentLength != 4 {
			t.Errorf("body %q of %d, %v", body, req.ContentLength, err)
		}
		if req.ProtoMajor != 2 || req.Proto != "HTTP/2.0" || req.Host != nextDoor || req.RemoteAddr == "" || req.RequestURI != "/a%2Fb?c=d" ||
			req.URL.Host != "" || req.URL.Path != "/a/b" || req.URL.RawQuery != "c=d" || req.Method != http.MethodPost {
			t.Errorf("request %+v of %v", req, req.URL)
		}
		if req.Context().Value(key{}) != nil || req.Header.Get("Question") != "1" {
			t.Errorf("headers %v, with the caller's context", req.Header)
		}
		req.Header.Set("Question", "the handler's own")
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "Declared")
		w.Header().Set("Answer", "2")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("Answer", "too late")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "pong")
		w.Header().Set("Declared", "3")
		w.Header().Set(http.TrailerPrefix+"sudden", "4")
	})
	res, err := callNeighbour(ctx, t, b, strings.NewReader("ping"))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusTeapot || res.Status != "418 I'm a teapot" || res.ProtoMajor != 2 || res.Header.Get("Answer") != "2" {
		t.Errorf("response %+v", res)
	}
	if res.Request.Header.Get("Question") != "1" {
		t.Error("the handler has changed the caller's headers")
	}
	body, err := io.ReadAll(res.Body)
	if string(body) != "pong" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
	if res.Trailer.Get("Declared") != "3" || res.Trailer.Get("Sudden") != "4" || len(res.Trailer) != 2 {
		t.Errorf("trailer %v", res.Trailer)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}

// In whatever pieces it is written and read, what arrives is what was sent.
func TestMemoryKeepsWhatIsSent(t *testing.T) {
	pieces := func(seed uint64, most int) func() int {
		r := rand.New(rand.NewPCG(seed, 2))
		return func() int { return 1 + r.IntN(most)>>r.IntN(12) }
	}
	b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, req *http.Request) {
		size := pieces(1, 3*memoryBytes)
		for {
			p := make([]byte, size())
			n, err := req.Body.Read(p)
			if _, werr := w.Write(p[:n]); werr != nil {
				t.Error(werr)
			}
			if size()%2 == 0 {
				w.(http.Flusher).Flush()
			}
			if err != nil {
				return
			}
		}
	})
	sent := make([]byte, 64*memoryBytes)
	for i, random := 0, rand.New(rand.NewPCG(1, 2)); i < len(sent); i++ {
		sent[i] = byte(random.Uint32())
	}
	r, w := io.Pipe()
	go func() {
		size := pieces(2, 3*memoryBytes)
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), size())
			if _, err := w.Write(rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		_ = w.Close()
	}()
	res, err := callNeighbour(t.Context(), t, b, r)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for size := pieces(3, 2*memoryBytes); ; {
		p := make([]byte, size())
		n, err := res.Body.Read(p)
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

// A message is one wake-up, and arrives while the call goes on.
func TestAMessageThroughMemoryArrivesWhenItIsFlushed(t *testing.T) {
	goOn := make(chan struct{})
	b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		for range 2 {
			_, _ = io.WriteString(w, "a ")
			_, _ = io.WriteString(w, "b ")
			w.(http.Flusher).Flush()
			<-goOn
		}
	})
	res, err := callNeighbour(t.Context(), t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p := make([]byte, 4)
		if _, err := io.ReadFull(res.Body, p); err != nil || string(p) != "a b " {
			t.Errorf("%q, %v", p, err)
		}
		goOn <- struct{}{}
	}
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// Who writes more than there is room for waits for the other side; what was
// read takes no room.
func TestAResponseThroughMemoryIsBounded(t *testing.T) {
	wrote := make(chan error, 1)
	b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.Write(make([]byte, memoryBytes)); n != memoryBytes || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := w.Write([]byte{1})
		wrote <- err
	})
	res, err := callNeighbour(t.Context(), t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote what there is no room for: %v", err)
	}
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a response ends with %v", err)
	}

	var f flow
	f.init()
	for _, n := range []int{keptBytes, memoryBytes} {
		if _, err := f.write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if used := cap(f.buffer); used < n || used > 2*memoryBytes {
			t.Errorf("the buffer of %d bytes takes %d", n, used)
		}
		if _, err := f.read(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if used := cap(f.buffer); used > keptBytes {
			t.Errorf("the empty buffer takes %d bytes", used)
		}
	}
}

// Whichever side ends a call in the middle, the other one does not wait for it.
func TestACallThroughMemoryEndsForBothSides(t *testing.T) {
	tests := map[string]struct {
		end    func(b *Neighbour, cancel func(), res *http.Response)
		caller error
	}{
		"the caller's context":    {func(_ *Neighbour, cancel func(), _ *http.Response) { cancel() }, context.Canceled},
		"the caller's body":       {func(_ *Neighbour, _ func(), res *http.Response) { _ = res.Body.Close() }, errClosedByCaller},
		"the branch that ends":    {func(b *Neighbour, _ func(), _ *http.Response) { b.Abort() }, io.ErrUnexpectedEOF},
		"the handler that panics": {nil, io.ErrUnexpectedEOF},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			b, logged := neighbourWith(t, nil, func(w http.ResponseWriter, req *http.Request) {
				defer close(ended)
				w.(http.Flusher).Flush()
				if test.end == nil {
					panic(http.ErrAbortHandler)
				}
				if _, err := req.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("the handler reads %v", err)
				}
				<-req.Context().Done()
				if _, err := w.Write([]byte{1}); err == nil {
					t.Error("the handler can write")
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, w := io.Pipe()
			res, err := callNeighbour(ctx, t, b, r)
			if err != nil {
				t.Fatal(err)
			}
			if test.end != nil {
				test.end(b, cancel, res)
			}
			if _, err := res.Body.Read(make([]byte, 1)); !errors.Is(err, test.caller) {
				t.Errorf("the caller reads %v, want %v", err, test.caller)
			}
			<-ended
			b.Leave()
			b.running.Wait()
			if _, err := w.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the caller writes: %v", err)
			}
			if logged.Len() > 0 {
				t.Errorf("logged: %s", logged)
			}
		})
	}
}

// A call that fails before its response has begun is no response.
func TestACallThroughMemoryWithoutAResponse(t *testing.T) {
	b, logged := neighbourWith(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK) // and not flushed
		panic("a mistake")
	})
	r, w := io.Pipe()
	if _, err := callNeighbour(t.Context(), t, b, r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	b.Leave()
	b.running.Wait()
	if _, err := w.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the caller writes: %v", err)
	}
	if text := logged.String(); !strings.Contains(text, "a mistake") || !strings.Contains(text, "memory_internal_test.go") {
		t.Errorf("logged %q", text)
	}
}

// A handler has a request in time, or is told that it is late.
func TestTheReadDeadlineOfACallThroughMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, req *http.Request) {
			control := http.NewResponseController(w)
			_ = control.SetReadDeadline(time.Now().Add(time.Second))
			_ = control.SetReadDeadline(time.Time{})
			_ = control.SetReadDeadline(time.Now().Add(time.Minute))
			began := time.Now()
			if _, err := req.Body.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
		r, _ := io.Pipe()
		res, err := callNeighbour(t.Context(), t, b, r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	})
}

// A branch that is stopping takes no calls, and finishes those in hand.
func TestANeighbourThatLeavesFinishesItsCalls(t *testing.T) {
	goOn := make(chan struct{})
	b, _ := neighbourWith(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-goOn
		_, _ = io.WriteString(w, "done")
	})
	res, err := callNeighbour(t.Context(), t, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Leave()
	if len(b.among.at) != 0 {
		t.Error("the branch is found")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+nextDoor, nil)
	if _, found, err := (&neighbours{at: map[string]*Neighbour{nextDoor: b}}).roundTrip(req); found || err != nil {
		t.Errorf("the branch takes calls: %v", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if b.Finish(soon) {
		t.Error("a call is in hand, and finished")
	}
	close(goOn)
	if !b.Finish(t.Context()) {
		t.Error("the call has not finished")
	}
	if body, err := io.ReadAll(res.Body); string(body) != "done" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

// A branch that is gone is not found in memory; one that does not serve yet is
// waited for.
func TestDialingANeighbour(t *testing.T) {
	var n neighbours
	ask := func(ctx context.Context, address string) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, found, err := n.roundTrip(req)
		return found, err
	}
	if found, err := ask(t.Context(), nextDoor); found || err != nil {
		t.Errorf("found nobody: %v, %v", found, err)
	}
	b := n.add(nextDoor, "localhost:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := ask(ctx, "localhost:1"); !found || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v, %v", found, err)
	}
	done := make(chan bool, 1)
	go func() {
		found, _ := ask(t.Context(), "localhost:1")
		done <- found
	}()
	b.Leave()
	if <-done {
		t.Error("a branch that is gone was found")
	}
	again := n.add(nextDoor)
	if b.Leave(); n.at[nextDoor] != again || len(n.at) != 1 {
		t.Errorf("when the old one leaves again, %d are there", len(n.at))
	}
}

// A branch that does not serve is waited for only so long.
func TestDialingANeighbourEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n neighbours
		b := n.add(nextDoor)
		began := time.Now()
		r, w := io.Pipe()
		var op *net.OpError
		if _, err := callNeighbour(t.Context(), t, b, r); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("got %v, want a time-out", err)
		}
		if took := time.Since(began); took != DialTimeout {
			t.Errorf("took %v, want %v", took, DialTimeout)
		}
		if _, err := w.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the request is open: %v", err)
		}
	})
}

// Nothing gets into a branch that is paused, and nothing out. What was sent to
// it is carried out when it is resumed, given up or not.
func TestAPausedNeighbourKeepsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f pauses
		begun, heard := make(chan struct{}, 1), make(chan string, 1)
		b, _ := neighbourWith(t, f.pass, func(w http.ResponseWriter, req *http.Request) {
			begun <- struct{}{}
			for p := make([]byte, 4); ; {
				n, err := req.Body.Read(p)
				if err != nil {
					return
				}
				heard <- string(p[:n])
				_, _ = w.Write(p[:n])
				w.(http.Flusher).Flush()
			}
		})
		f.begin()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := callNeighbour(ctx, t, b, strings.NewReader("once")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		still(t, begun)
		f.end()
		<-begun
		if got := <-heard; got != "once" {
			t.Errorf("heard %q", got)
		}

		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, "more") }()
		res, err := callNeighbour(t.Context(), t, b, r)
		if err != nil || len(<-heard) != 4 {
			t.Fatal(err)
		}
		answered := make(chan struct{}, 1)
		go func() {
			for p := make([]byte, 4); ; answered <- struct{}{} {
				if _, err := io.ReadFull(res.Body, p); err != nil {
					return
				}
			}
		}()
		<-answered
		f.begin()
		go func() { _, _ = io.WriteString(w, "last") }()
		still(t, heard)
		f.end()
		<-heard
		<-answered
		_ = w.Close()
	})
}

// still fails if anything comes.
func still[T any](t *testing.T, c <-chan T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-c:
		t.Error("a paused branch has moved")
	default:
	}
}

// pauses holds whoever passes from begin to end.
type pauses struct{ over sync.WaitGroup }

func (p *pauses) begin() { p.over.Add(1) }
func (p *pauses) end()   { p.over.Done() }
func (p *pauses) pass()  { p.over.Wait() }
