package admit

import (
	"net/http"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
)

// Times of the requests in hand: being read, carried out, or answered.
const (
	// RequestTimeout bounds the time from a call's headers to the end of its
	// message.
	RequestTimeout = 5 * time.Second
	// ReplyTimeout bounds the time from the first byte of a reply to its last.
	ReplyTimeout = 10 * time.Second
	// StreamTimeout bounds the time in which a stream of reflection may ask. Its last
	// answers have ReplyTimeout more.
	StreamTimeout = time.Minute
	// StreamSilence bounds the time between two such questions.
	StreamSilence = 10 * time.Second
)

// Errors of callers who are refused.
var (
	errGaveWay         = code.New(code.ResourceExhausted, "more requests are on their way to this branch than it waits for, and this one had said nothing for longest; send it again, at once")
	errTooManyRequests = code.New(code.ResourceExhausted, "this branch has as many requests in hand as it takes at once; back off and try again")
	errTooManyListings = code.New(code.ResourceExhausted, "this branch has as many listings and statuses in hand as it makes at once; back off and try again")
	errSlowRequest     = code.Errorf(code.DeadlineExceeded, "the request did not arrive within %s; send it again", RequestTimeout)
	errSilentStream    = code.Errorf(code.DeadlineExceeded, "nothing has come on this stream for %s; open another when there is something to ask", StreamSilence)
	errLongStream      = code.Errorf(code.DeadlineExceeded, "a stream like this one lasts %s at most; open another", StreamTimeout)
)

// Requests lets calls in as far as the bounds allow, and ends each in time. A
// refused call is told why, in its own protocol.
type Requests struct {
	// next serves the calls that are let in.
	next http.Handler
	// refusals tell callers why they are not, procedures which path is which call.
	refusals   *Refusals
	procedures *procedures
	// large has the places of large replies.
	large largeReplies
}

// NewRequests lets next serve the calls of the services that are offered, and what
// is no call. If it is a mux, it has all its handlers.
func NewRequests(refusals *Refusals, offered Services, next http.Handler) *Requests {
	procedures := newProcedures(offered)
	procedures.handledBy(next)
	return &Requests{
		next: explaining{next: next, refusals: refusals, procedures: procedures}, refusals: refusals, procedures: procedures, large: newLargeReplies(),
	}
}

// ServeHTTP implements http.Handler.
func (q *Requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if api.IsCall(req.URL.Path) && !api.IsOfProgram(req) {
		forbidStoring(w)
	}
	path := api.ProcedureOf(req.URL.Path)
	procedure := q.procedures.of(path)
	procedure.listing = procedure.listing && path == req.URL.Path // and not at another branch
	switch procedure.kind {
	case link:
		q.next.ServeHTTP(w, withLinkBody(w, req))
		return
	case lists: // the answers must be taken
		q.next.ServeHTTP(&conversation{ResponseWriter: w}, req)
		return
	}
	in := &intake{requests: q, procedure: procedure, w: w, req: req, control: *http.NewResponseController(w), conn: ConnectionOf(req.Context())}
	switch procedure.kind {
	case watch:
		in.w = &conversation{ResponseWriter: w} // the request ends in time, the reply goes on
	case unary:
		in.reply = reply{ResponseWriter: w, to: in}
		in.w = &in.reply
	default:
		in.over = time.Now().Add(StreamTimeout)
		_ = in.control.SetWriteDeadline(in.over.Add(ReplyTimeout))
	}
	in.serve(q.next)
}
