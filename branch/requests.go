package branch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Bounds of the requests in hand: being read, carried out, or answered.
const (
	// maxRequests bounds those of customers, maxPeerRequests those of peers
	// that are not links.
	maxRequests     = 16384
	maxPeerRequests = 4096
	// maxLargeReplies bounds those whose replies may be large: a listing, a
	// status. More wait for as long as a call may take.
	maxLargeReplies = 64
	// requestTimeout bounds the time from a call's headers to the end of its
	// message, replyTimeout that from the first byte of the reply to its last.
	requestTimeout = 5 * time.Second
	replyTimeout   = 10 * time.Second
	// streamTimeout bounds the questions of streams that are not links: those
	// of reflection. What is left to say has replyTimeout more.
	streamTimeout = time.Minute
	// maxHelloBytes bounds what a link may send before its hello is accepted.
	maxHelloBytes = 64 << 10
)

// requests lets calls in as far as the bounds allow, and has each over in
// time. A refused call is told why, in its own protocol.
type requests struct {
	branch    *Branch
	next      http.Handler
	errors    *connect.ErrorWriter
	customers bound
	peers     bound
	// large has a place for each large reply in hand.
	large chan struct{}
}

func newRequests(b *Branch, next http.Handler) *requests {
	return &requests{
		branch: b, next: next, errors: connect.NewErrorWriter(), customers: bound{most: maxRequests}, peers: bound{most: maxPeerRequests},
		large: make(chan struct{}, maxLargeReplies),
	}
}

// unaryServices are those of which each procedure but Propagate and Watch
// takes one message and returns one.
var unaryServices = []string{bankv1connect.BranchServiceName, bankv1connect.PeerServiceName, bankv1connect.FaultServiceName, bankconnect.BankName, grpchealth.HealthV1ServiceName}

const watchProcedure = "/" + grpchealth.HealthV1ServiceName + "/Watch"

func isUnary(path string) bool {
	if path == bankv1connect.PeerServicePropagateProcedure || path == watchProcedure {
		return false
	}
	for _, s := range unaryServices {
		if strings.HasPrefix(path, "/"+s+"/") {
			return true
		}
	}
	return false
}

// ServeHTTP is http.Handler's.
func (q *requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if isCall(req.URL.Path) {
		forbidStoring(w)
	}
	if req.URL.Path == bankv1connect.PeerServicePropagateProcedure {
		q.next.ServeHTTP(w, withOpening(w, req))
		return
	}
	in := &q.customers
	if strings.HasPrefix(req.URL.Path, "/"+bankv1connect.PeerServiceName+"/") {
		in = &q.peers
	} else if k := connectionOf(req.Context()); k != nil && !k.serve() {
		w.Header().Set("Connection", "close")
		q.refuse(w, req, errTooManyConnections)
		return
	}
	if !in.enter() {
		q.refuse(w, req, errTooManyRequests)
		return
	}
	defer in.leave()
	switch procedureOf(req.URL.Path) {
	case bankv1connect.BranchServiceListEntriesProcedure, bankv1connect.BranchServiceGetStatusProcedure:
		if !q.awaitLarge(req.Context()) {
			q.refuse(w, req, errTooManyListings)
			return
		}
		defer func() { <-q.large }()
	}
	q.timed(w, req)
}

// timed serves a request that must be over in time.
func (q *requests) timed(w http.ResponseWriter, req *http.Request) {
	timeout, late := requestTimeout, errSlowRequest
	control := http.NewResponseController(w)
	if req.URL.Path == bankv1connect.BranchServiceSubmitProcedure {
		// It lasts as long as the customer has lists; answers must be taken.
		q.next.ServeHTTP(&conversation{ResponseWriter: w}, req)
		return
	}
	switch procedure := procedureOf(req.URL.Path); {
	case procedure == bankv1connect.BranchServiceWatchProcedure:
		w = &conversation{ResponseWriter: w} // the request ends in time, the reply goes on
	case isUnary(procedure):
		w = &reply{ResponseWriter: w}
	default:
		timeout, late = streamTimeout, errLongStream
		_ = control.SetWriteDeadline(time.Now().Add(streamTimeout + replyTimeout))
	}
	if req.Body != nil && req.Body != http.NoBody {
		body := &timedBody{ReadCloser: req.Body, control: control, slow: func() error {
			if req.ProtoMajor == 1 {
				w.Header().Set("Connection", "close") // what comes yet is no new request
			}
			return connectError(req.Context(), q.branch.logger, req.URL.Path, late)
		}}
		req.Body = body
		if req.ProtoMajor == 1 {
			// It also holds for what is left when the handler has returned.
			_ = control.SetReadDeadline(time.Now().Add(timeout))
		} else {
			body.timer = time.AfterFunc(timeout, body.interrupt)
			defer body.end()
		}
	}
	q.next.ServeHTTP(w, req)
}

func (q *requests) awaitLarge(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	select {
	case q.large <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// refuse answers without reading the request.
func (q *requests) refuse(w http.ResponseWriter, req *http.Request, why error) {
	forbidStoring(w)
	err := connectError(req.Context(), q.branch.logger, req.URL.Path, why)
	if !q.errors.IsSupported(req) {
		http.Error(w, why.Error(), statusOf(err))
		return
	}
	_ = q.errors.Write(w, req, err)
}

// forbidStoring keeps what lies between from answering the next call with this
// answer, also if it was asked for by GET.
func forbidStoring(w http.ResponseWriter) { w.Header()["Cache-Control"] = noStore }

var noStore = []string{"no-store"}

// statusOf is for those who speak none of the protocols.
func statusOf(err error) int {
	switch connect.CodeOf(err) {
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeInvalidArgument:
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// timedBody is a request's body that must have been read by a deadline. Over
// HTTP/2 setting one, and taking it back, is each a message to the goroutine
// of the connection: there a timer does it, which hardly ever fires.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	slow    func() error

	timer *time.Timer
	mu    sync.Mutex
	ended bool
}

// interrupt fails the reads.
func (b *timedBody) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended { // afterwards there is no request to control
		_ = b.control.SetReadDeadline(time.Now())
	}
}

func (b *timedBody) end() {
	if b.timer.Stop() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}

// Read is io.Reader's.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		if b.timer != nil {
			b.timer.Stop()
		} else {
			// A deadline that passes later would cancel the call.
			_ = b.control.SetReadDeadline(time.Time{})
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = b.slow()
	}
	return n, err
}

// reply gives the reply its deadline when it begins.
type reply struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader is http.ResponseWriter's.
func (r *reply) WriteHeader(status int) {
	r.begin()
	r.ResponseWriter.WriteHeader(status)
}

// Write is io.Writer's.
func (r *reply) Write(p []byte) (int, error) {
	r.begin()
	return r.ResponseWriter.Write(p)
}

func (r *reply) begin() {
	if !r.begun {
		r.begun = true
		_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(time.Now().Add(replyTimeout))
	}
}

// Flush is http.Flusher's.
func (r *reply) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// conversation gives each message of a stream that has no end its deadline.
type conversation struct{ http.ResponseWriter }

// Write is io.Writer's.
func (c *conversation) Write(p []byte) (int, error) {
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(time.Now().Add(replyTimeout))
	return c.ResponseWriter.Write(p)
}

// Flush is http.Flusher's. It is called after each message, and waits until
// that is sent; a deadline that is left would end an idle stream.
func (c *conversation) Flush() {
	control := http.NewResponseController(c.ResponseWriter)
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}

// Unwrap is for http.ResponseController.
func (c *conversation) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// opening is an accepted link that has not said hello yet. As long as it has
// not, it can send little.
type opening struct {
	io.ReadCloser
	left    int
	greeted atomic.Bool
	control *http.ResponseController
}

type openingKey struct{}

func withOpening(w http.ResponseWriter, req *http.Request) *http.Request {
	o := &opening{ReadCloser: req.Body, left: maxHelloBytes, control: http.NewResponseController(w)}
	req = req.WithContext(context.WithValue(req.Context(), openingKey{}, o))
	req.Body = o
	return req
}

func openingOf(ctx context.Context) *opening {
	o, _ := ctx.Value(openingKey{}).(*opening)
	return o
}

// Read is io.Reader's.
func (o *opening) Read(p []byte) (int, error) {
	if o.greeted.Load() {
		return o.ReadCloser.Read(p)
	}
	if o.left == 0 {
		return 0, fmt.Errorf("the hello of a link has at most %d bytes", maxHelloBytes)
	}
	n, err := o.ReadCloser.Read(p[:min(len(p), o.left)])
	o.left -= n
	return n, err
}

// interrupt fails a write that the other side does not read.
func (o *opening) interrupt() { _ = o.control.SetWriteDeadline(time.Now()) }
