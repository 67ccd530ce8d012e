package peernet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// errHungUp ends a call when the branch at its other side has hung up.
var errHungUp = fmt.Errorf("the other branch has hung up: %w", io.ErrUnexpectedEOF)

// exchange is one call through memory, from its request to the end of its
// response. It is the handler's http.ResponseWriter, with everything that Connect,
// gRPC and a branch's bounds ask of an HTTP/2 stream. The handler reads the
// request's body where the caller writes it; the response has a bounded buffer.
type exchange struct {
	// to is the branch that is called, from the one that calls; 0 if it does not say.
	to   *Neighbour
	from uint32
	// request is as the handler sees it.
	request *http.Request
	// cancel ends the request's context.
	cancel context.CancelFunc
	// sent is the caller's body.
	sent io.ReadCloser
	// response is complete, but for its trailer, when begun is closed.
	response *http.Response
	// begun is closed when the caller may have the response, or there is none.
	begun chan struct{}
	// back carries the response's body.
	back flow

	// header is what the handler has set. It belongs to the handler, as written does.
	header http.Header
	// written says that WriteHeader was called.
	written bool

	mu sync.Mutex
	// ended says that end or finish has been called.
	ended bool
	// late says that the request was not read in time.
	late bool
	// cause is why the call broke off; nil otherwise. It does not change once begun
	// is closed without a response.
	cause error
	// isBegun says that begun is closed.
	isBegun bool
	// readBy ends the request at its deadline; nil without one.
	readBy *time.Timer
	// trailer is set by finish, and nil once the caller has it.
	trailer http.Header
	// release stops waiting for the end of the caller's context.
	release func() bool
}

// newExchange turns a request that goes out into one that comes in. The handler
// sees nothing of the values in the caller's context.
func newExchange(to *Neighbour, out *http.Request) *exchange {
	e := &exchange{to: to, sent: out.Body, begun: make(chan struct{}), header: http.Header{}}
	e.back.init()
	if way := wayOf(out.Context()); way != nil {
		e.from = way.From
	}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), exchangeKey{}, e))
	in := out.WithContext(ctx)
	e.request, e.cancel = in, cancel
	in.URL = &url.URL{Path: out.URL.Path, RawPath: out.URL.RawPath, RawQuery: out.URL.RawQuery}
	in.RequestURI = in.URL.RequestURI()
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/2.0", 2, 0
	in.Header = out.Header.Clone()
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if in.Host == "" {
		in.Host = out.URL.Host
	}
	in.RemoteAddr = "memory"
	in.Body, in.GetBody, in.Response = http.NoBody, nil, nil
	if e.sent != nil && e.sent != http.NoBody {
		in.Body = requestBody{e}
	}
	e.response = &http.Response{Proto: in.Proto, ProtoMajor: in.ProtoMajor, ContentLength: -1, Body: &responseBody{e}, Trailer: http.Header{}, Request: out}
	e.release = context.AfterFunc(out.Context(), func() { e.end(out.Context().Err()) })
	return e
}

type exchangeKey struct{}

// CallerOf returns the branch of this process that makes a call through memory; 0 for a
// call over the network. Nobody outside can make it say something: what it says was never
// in a message.
func CallerOf(ctx context.Context) uint32 {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e.from
	}
	return 0
}

// RoomOf returns a function that tells how many bytes the handler of a call can
// write without waiting, or nil for a call that does not come through memory.
func RoomOf(ctx context.Context) func() int {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e.back.room
	}
	return nil
}

// await returns the response when it has begun.
func (e *exchange) await() (*http.Response, error) {
	<-e.begun // ends with the caller's context, too
	if e.response.StatusCode == 0 {
		e.release()
		return nil, e.cause
	}
	return e.response, nil
}

// serve runs the handler.
func (e *exchange) serve() {
	e.to.pass()
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p != http.ErrAbortHandler { //nolint:errorlint // as package net/http compares it
			e.to.server.ErrorLog.Printf("panic serving a branch of this process: %v\n%s", p, debug.Stack())
		}
		e.end(errHungUp)
	}()
	e.to.server.Handler.ServeHTTP(e, e.request)
	e.finish()
}

// finish ends the response well. The caller can still read what is written.
func (e *exchange) finish() {
	e.WriteHeader(http.StatusOK)
	e.to.pass()
	trailer := e.trailers()
	e.mu.Lock()
	if !e.ended {
		e.ended, e.trailer = true, trailer
		e.begin()
		e.back.change(func() { e.back.unwritten = true })
	}
	e.mu.Unlock()
	e.close()
}

// end breaks the call off, for both sides.
func (e *exchange) end(cause error) {
	e.mu.Lock()
	if !e.ended {
		e.ended, e.cause = true, cause
		if !e.isBegun {
			e.response.StatusCode = 0
		}
		e.begin()
	}
	e.mu.Unlock()
	e.back.change(func() { e.back.broken, e.back.buffer, e.back.start = cause, nil, 0 })
	e.close()
}

// close ends all waiting for the request.
func (e *exchange) close() {
	e.cancel()
	e.setReadDeadline(time.Time{})
	if e.sent != nil {
		_ = e.sent.Close()
	}
}

// begin gives the caller the response, or the reason why there is none. The
// caller of begin holds mu.
func (e *exchange) begin() {
	if !e.isBegun {
		e.isBegun = true
		close(e.begun)
	}
}

// trailers returns the headers that the handler has set after the body.
func (e *exchange) trailers() http.Header {
	t := http.Header{}
	for name, values := range e.header {
		if after, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			t[http.CanonicalHeaderKey(after)] = values
		}
	}
	for _, names := range e.response.Header["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); e.header[name] != nil {
				t[name] = e.header[name]
			}
		}
	}
	return t
}

// Header implements http.ResponseWriter.
func (e *exchange) Header() http.Header { return e.header }

// WriteHeader implements http.ResponseWriter.
func (e *exchange) WriteHeader(status int) {
	if e.written {
		return
	}
	e.written = true
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.response.Header = e.header.Clone()
	maps.DeleteFunc(e.response.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	e.response.StatusCode, e.response.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
}

// Write implements http.ResponseWriter. The caller may have to wait for Flush
// until it reads what is written.
func (e *exchange) Write(p []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	e.to.pass()
	if e.back.room() < len(p) {
		e.Flush() // or it would wait for a reader that has not been woken
	}
	n, err := e.back.write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e.end(errHungUp) // there is half a message
	}
	return n, err
}

// Flush implements http.Flusher.
func (e *exchange) Flush() {
	e.WriteHeader(http.StatusOK)
	e.to.pass()
	e.mu.Lock()
	if !e.ended {
		e.begin()
	}
	e.mu.Unlock()
	e.back.flush()
}

// EnableFullDuplex is for http.ResponseController. Both directions always work at
// once.
func (e *exchange) EnableFullDuplex() error { return nil }

// SetWriteDeadline is for http.ResponseController.
func (e *exchange) SetWriteDeadline(t time.Time) error {
	e.back.change(func() { e.back.writeBy = t })
	return nil
}

// SetReadDeadline is for http.ResponseController.
func (e *exchange) SetReadDeadline(t time.Time) error {
	e.setReadDeadline(t)
	return nil
}

// setReadDeadline ends the request when it has not been read in time.
func (e *exchange) setReadDeadline(t time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.readBy != nil {
		e.readBy.Stop()
		e.readBy = nil
	}
	if t.IsZero() || e.ended || e.sent == nil {
		return
	}
	e.readBy = time.AfterFunc(time.Until(t), func() {
		e.mu.Lock()
		e.late = true
		e.mu.Unlock()
		_ = e.sent.Close()
	})
}

// requestBody is what the caller sends, as the handler reads it.
type requestBody struct{ *exchange }

// Read implements io.Reader.
func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.sent.Read(p)
	b.to.pass()
	if err != nil && !errors.Is(err, io.EOF) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.late {
			err = os.ErrDeadlineExceeded
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b requestBody) Close() error { return b.sent.Close() }

// responseBody is what the handler writes, as the caller reads it.
type responseBody struct{ *exchange }

// Read implements io.Reader.
func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.back.read(p)
	if err != nil {
		b.release()
	}
	if errors.Is(err, io.EOF) && b.trailer != nil {
		maps.Copy(b.response.Trailer, b.trailer)
		b.trailer = nil
	}
	return n, err
}

// Close implements io.Closer. It breaks the call off if the caller has not read
// everything.
func (b *responseBody) Close() error {
	b.release()
	b.end(errClosedByCaller)
	return nil
}

// errClosedByCaller ends a call whose caller has closed the response.
var errClosedByCaller = errors.New("the caller has closed the call")
