package branch

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
)

// intake is a request on its way to its handler: its body, which must have come
// by a deadline, and what the request takes of the branch. It takes its place among
// the connections, and among the large replies, only once its message has come.
type intake struct {
	io.ReadCloser
	requests *requests
	share    *share
	w        http.ResponseWriter
	req      *http.Request
	control  *http.ResponseController
	conn     *connection
	// customer says that it is one of customers', large that its reply may be.
	customer, large bool
	// stream says that messages come as long as there are any; it ends at the
	// latest at over.
	stream bool
	over   time.Time

	// What follows belongs to who reads the body, and then to who has read it:
	// whether the message has come, and why the request could not go on then;
	// whether it is at work, and its places among the large replies.
	heard   bool
	refusal error
	working bool
	taken   [3]chan struct{}

	// silent says that it is between before and after in its share, gone that it
	// had to give way there. They belong to share.mu.
	silent, gone  bool
	before, after *intake

	// timer interrupts the reads over HTTP/2, where setting a deadline, and taking
	// it back, is each a message to the goroutine of the connection: a timer hardly
	// ever fires. It is nil over HTTP/1.
	timer *time.Timer
	mu    sync.Mutex
	ended bool
}

// serve has a handler serve the request.
func (in *intake) serve(next http.Handler) {
	body := in.req.Body
	silent := body != nil && body != http.NoBody
	if !in.share.enter(in, silent) {
		in.requests.refuse(in.w, in.req, errTooManyRequests)
		return
	}
	defer in.end()
	if silent {
		in.ReadCloser, in.req.Body = body, in
		if in.req.ProtoMajor == 1 {
			// It also holds for what is left when the handler has returned.
			_ = in.control.SetReadDeadline(time.Now().Add(in.patience()))
		} else {
			in.timer = time.AfterFunc(in.patience(), in.interrupt)
		}
	} else if err := in.hear(); err != nil {
		in.hangUp()
		in.requests.refuse(in.w, in.req, err)
		return
	}
	next.ServeHTTP(in.w, in.req)
}

// patience is how long the branch waits for what comes next.
func (in *intake) patience() time.Duration {
	if in.stream {
		return min(streamSilence, time.Until(in.over))
	}
	return requestTimeout
}

// Read is io.Reader's.
func (in *intake) Read(p []byte) (int, error) {
	n, err := in.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, in.fail(in.late())
	case errors.Is(err, io.EOF) && in.timer != nil:
		in.timer.Stop()
	case errors.Is(err, io.EOF):
		// A deadline that passes later would cancel the call.
		_ = in.control.SetReadDeadline(time.Time{})
	case err != nil && in.req.ProtoMajor == 1:
		return n, in.fail(api.Inputf("the request can't be read: %v", err))
	case in.stream && n > 0 && in.timer != nil:
		in.timer.Reset(in.patience())
	default:
		return n, err
	}
	if why := in.hear(); why != nil {
		return n, in.fail(why)
	}
	return n, err
}

// hear notes that the message has come, and takes what it needs to go on. It says
// why it may not.
func (in *intake) hear() error {
	if in.heard {
		return in.refusal
	}
	in.heard = true
	in.share.hear(in)
	if in.refusal = in.conn.begin(in.customer); in.refusal != nil {
		return in.refusal
	}
	in.working = true
	if in.large {
		if !in.requests.large.enter(in) {
			in.refusal = errTooManyListings
			return in.refusal
		}
	}
	return nil
}

// late says why a request is not waited for any longer.
func (in *intake) late() error {
	in.share.mu.Lock()
	defer in.share.mu.Unlock()
	switch {
	case in.gone:
		return errGaveWay
	case !in.stream:
		return errSlowRequest
	case time.Now().Before(in.over):
		return errSilentStream
	}
	return errLongStream
}

// fail is what the handler reads in place of a message that does not come, or may
// not be carried out.
func (in *intake) fail(why error) error {
	in.hangUp()
	return api.ConnectError(in.req.Context(), in.requests.branch.logger, in.req.URL.Path, why)
}

// hangUp has the connection of a request closed that was not read, over HTTP/1:
// what comes yet is no new request.
func (in *intake) hangUp() {
	if in.req.ProtoMajor == 1 {
		in.w.Header().Set("Connection", "close")
	}
}

// interrupt fails the reads.
func (in *intake) interrupt() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.ended { // afterwards there is no request to control
		_ = in.control.SetReadDeadline(time.Now())
	}
}

// end gives back what the request took.
func (in *intake) end() {
	in.leaveLarge()
	if in.working {
		in.conn.end()
	}
	if gone := in.share.leave(in); !gone && (in.timer == nil || in.timer.Stop()) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
}
