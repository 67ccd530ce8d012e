package admit

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
	// ReadCloser is the body as it came. It is nil when there is none.
	io.ReadCloser
	// requests let it in.
	requests *Requests
	// procedure is what is called.
	procedure procedure
	// place is the request's in the procedure's share, idle until the message has
	// come.
	place Place
	// w and req are what the handler gets, control sets the deadlines of both.
	w       http.ResponseWriter
	req     *http.Request
	control http.ResponseController
	// reply is w for a call that takes one message and returns one.
	reply reply
	// conn is what the request came on; nil for one through memory.
	conn *Connection
	// over is when a call ends whose kind has a limited time.
	over time.Time

	// heard says that the message has come, refusal why the request could not go on
	// then. These and the next two belong to the goroutine that reads the body, and
	// after it to the handler's.
	heard   bool
	refusal error
	// working says that the request is at work on its connection.
	working bool
	// taken are its places among the large replies; nil for those it doesn't have.
	taken [3]chan struct{}

	// timer interrupts the reads over HTTP/2 of a stream that asks now and then. It is
	// nil for all else: over HTTP/1 there is a deadline, and over HTTP/2 the share's
	// patience. A deadline is no way there, since setting it, and taking it back, is
	// each a message to the goroutine of the connection.
	timer *time.Timer
	// ended belongs to mu. It says that there is no request to interrupt any more.
	mu    sync.Mutex
	ended bool
}

// serve lets a handler serve the request, if its share has room.
func (in *intake) serve(next http.Handler) {
	body := in.req.Body
	silent := body != nil && body != http.NoBody
	if !in.procedure.share.Enter(&in.place, in, silent) {
		in.requests.refusals.Refuse(in.w, in.req, errTooManyRequests)
		return
	}
	defer in.end()
	if silent {
		in.ReadCloser, in.req.Body = body, in
		switch {
		case in.req.ProtoMajor == 1:
			// It also holds for what is left when the handler has returned.
			_ = in.control.SetReadDeadline(time.Now().Add(in.patience()))
		case in.procedure.kind == questions:
			in.timer = time.AfterFunc(in.patience(), in.GiveWay)
		}
	} else if err := in.hear(); err != nil {
		in.hangUp()
		in.requests.refusals.Refuse(in.w, in.req, err)
		return
	}
	next.ServeHTTP(in.w, in.req)
}

// patience is how long the branch waits for what comes next.
func (in *intake) patience() time.Duration {
	if in.procedure.kind == questions {
		return min(StreamSilence, time.Until(in.over))
	}
	return RequestTimeout
}

// Read implements io.Reader.
func (in *intake) Read(p []byte) (int, error) {
	n, err := in.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, in.fail(in.late())
	case errors.Is(err, io.EOF) && in.timer != nil:
		in.timer.Stop()
	case errors.Is(err, io.EOF) && in.req.ProtoMajor == 1:
		// A deadline that passes later would cancel the call.
		_ = in.control.SetReadDeadline(time.Time{})
	case errors.Is(err, io.EOF):
	case err != nil && in.req.ProtoMajor == 1:
		return n, in.fail(api.Inputf("the request can't be read: %v", err))
	case in.procedure.kind == questions && n > 0 && in.timer != nil:
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
	in.procedure.share.Work(&in.place)
	if in.procedure.ofPeers {
		in.conn.EnterPeer()
	} else if in.refusal = in.conn.EnterCustomer(); in.refusal != nil {
		return in.refusal
	}
	in.working = true
	if in.procedure.large && !in.requests.large.enter(in) {
		in.refusal = errTooManyListings
	}
	return in.refusal
}

// late says why a request is not waited for any longer.
func (in *intake) late() error {
	switch {
	case in.procedure.share.hasGone(&in.place):
		return errGaveWay
	case in.procedure.kind != questions:
		return errSlowRequest
	case time.Now().Before(in.over):
		return errSilentStream
	}
	return errLongStream
}

// fail returns what the handler reads in place of a message that does not come, or
// may not be carried out.
func (in *intake) fail(why error) error {
	in.hangUp()
	return in.requests.refusals.errorOf(in.req, why)
}

// hangUp closes the connection, over HTTP/1, after a request that was not read: the
// rest of it is no new request.
func (in *intake) hangUp() {
	if in.req.ProtoMajor == 1 {
		in.w.Header().Set("Connection", "close")
	}
}

// GiveWay implements Holder: it fails the reads.
func (in *intake) GiveWay() {
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
		in.conn.Leave()
	}
	if told := in.procedure.share.Leave(&in.place); !told && (in.timer == nil || in.timer.Stop()) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
}
