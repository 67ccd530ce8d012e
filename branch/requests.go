package branch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Bounds of the requests in hand: being read, carried out, or answered.
const (
	// requestTimeout bounds the time from a call's headers to the end of its
	// message, replyTimeout that from the first byte of the reply to its last.
	requestTimeout = 5 * time.Second
	replyTimeout   = 10 * time.Second
	// streamTimeout bounds the questions of streams of reflection, streamSilence
	// the time between two. What is left to say has replyTimeout more.
	streamTimeout = time.Minute
	streamSilence = 10 * time.Second
	// maxHelloBytes bounds what a link may send before its hello is accepted.
	maxHelloBytes = 64 << 10
)

// Errors of callers who are refused.
var (
	errGaveWay         = code.New(code.ResourceExhausted, "more requests are on their way to this branch than it waits for, and this one had said nothing for longest; send it again, at once")
	errTooManyRequests = code.New(code.ResourceExhausted, "this branch has as many requests in hand as it takes at once; back off and try again")
	errTooManyListings = code.New(code.ResourceExhausted, "this branch has as many listings and statuses in hand as it makes at once; back off and try again")
	errSlowRequest     = code.Errorf(code.DeadlineExceeded, "the request did not arrive within %s; send it again", requestTimeout)
	errSilentStream    = code.Errorf(code.DeadlineExceeded, "nothing has come on this stream for %s; open another when there is something to ask", streamSilence)
	errLongStream      = code.Errorf(code.DeadlineExceeded, "a stream like this one lasts %s at most; open another", streamTimeout)
)

// requests lets calls in as far as the bounds allow, and has each over in
// time. A refused call is told why, in its own protocol.
type requests struct {
	branch *Branch
	next   http.Handler
	errors *connect.ErrorWriter
	shares shares
	large  largeReplies
}

func newRequests(b *Branch, next http.Handler) *requests {
	return &requests{branch: b, next: next, errors: connect.NewErrorWriter(), shares: newShares(), large: newLargeReplies()}
}

// ServeHTTP is http.Handler's.
func (q *requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if api.IsCall(req.URL.Path) {
		forbidStoring(w)
	}
	switch req.URL.Path {
	case bankv1connect.PeerServicePropagateProcedure:
		q.next.ServeHTTP(w, withOpening(w, req))
		return
	case bankv1connect.BranchServiceSubmitProcedure:
		// It lasts as long as the customer has lists; answers must be taken.
		q.next.ServeHTTP(&conversation{ResponseWriter: w}, req)
		return
	}
	procedure := api.ProcedureOf(req.URL.Path)
	in := &intake{
		requests: q, share: q.shares.of(procedure), w: w, req: req, control: http.NewResponseController(w),
		conn: connectionOf(req.Context()), customer: !strings.HasPrefix(procedure, peerPrefix), large: isLarge(procedure),
	}
	switch {
	case procedure == bankv1connect.BranchServiceWatchProcedure:
		in.w = &conversation{ResponseWriter: w} // the request ends in time, the reply goes on
	case api.IsUnary(procedure):
		in.w = &reply{ResponseWriter: w, made: in.made}
	default:
		in.stream, in.over = strings.HasPrefix(procedure, reflectionPrefix), time.Now().Add(streamTimeout)
		_ = in.control.SetWriteDeadline(in.over.Add(replyTimeout))
	}
	in.serve(q.next)
}

// refuse answers without reading the request.
func (q *requests) refuse(w http.ResponseWriter, req *http.Request, why error) {
	forbidStoring(w)
	err := api.ConnectError(req.Context(), q.branch.logger, req.URL.Path, why)
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

// reply gives the reply its deadline when it begins, and has it noted as made.
type reply struct {
	http.ResponseWriter
	made  func()
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
		r.made()
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
