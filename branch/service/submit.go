package service

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/session"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Bounds of Submit.
const (
	// MaxListMessage bounds a list: 8,192 operations with two accounts each of
	// the longest names.
	MaxListMessage = 3 << 20
	// maxUnanswered bounds the lists of a stream that are not answered; the
	// stream is not read while there are more.
	maxUnanswered = 16
	// maxSubmits bounds the streams of Submit, each of which may be in the
	// middle of a list of that size.
	maxSubmits = 128
	// submitSilence bounds the time for which such a stream may have no list in
	// hand: from its beginning, or the last answer, until the next list has come.
	submitSilence = time.Minute
	// maxListBytes bounds what the lists in hand take, of all streams.
	maxListBytes = 64 << 20
)

// Errors of callers who are refused.
var (
	errTooManySubmits = code.New(code.ResourceExhausted, "this branch has as many streams of Submit as it takes at once; close some, or try another branch")
	errTooManyLists   = code.New(code.ResourceExhausted, "this branch has as many lists in hand as it takes at once; back off and try again")
	errSilentSubmit   = code.Errorf(code.DeadlineExceeded, "no list has come on this stream for %s; open another when there is one", submitSilence)
)

// submission is a list that is being carried out.
type submission struct {
	req *bankv1.SubmitRequest
	// reply is what the engine will say; nil when err says it already, or the
	// engine has said it.
	reply <-chan replica.Reply
	err   error
	// bytes is what it counts for in maxListBytes.
	bytes int
}

// submitStream is one stream of Submit: one goroutine receives the lists and gives
// them to the engine in their order, another answers.
type submitStream struct {
	desk *Customers
	// taken are those that are not answered.
	taken chan submission
	// inHand counts those that are let in by the gate and have no answer yet.
	inHand atomic.Int64
	// idleSince is when it was let in, or a list last had its answer, as
	// nanoseconds since 1970.
	idleSince atomic.Int64
	// evicted is closed when it has to end, and why says why; answered when nobody
	// answers any more.
	evicted, answered chan struct{}
	evicting          sync.Once
	why               error
	// conn is at work from the first list on.
	conn Connection
}

// evict has the stream end as soon as no list is in hand. The first cause counts.
func (s *submitStream) evict(why error) {
	s.evicting.Do(func() {
		s.why = why
		close(s.evicted)
	})
}

// silentFor is how long no list has been in hand.
func (s *submitStream) silentFor() time.Duration {
	if s.inHand.Load() > 0 {
		return 0
	}
	return time.Since(time.Unix(0, s.idleSince.Load()))
}

// Submit implements BranchServiceHandler.
func (c *Customers) Submit(ctx context.Context, stream *connect.BidiStream[bankv1.SubmitRequest, bankv1.SubmitResponse]) error {
	s := c.newStream(c.cfg.Connection(ctx))
	if !c.submits.enter(s) {
		return errTooManySubmits
	}
	defer c.submits.leave(s)
	defer close(s.answered)
	ended := make(chan error, 1)
	// Receive does not watch ctx: this goroutine ends with the stream, when the
	// handler has returned.
	if !c.cfg.Spawn(func() { s.take(ctx, stream.Receive, ended) }) {
		return api.ErrStopping
	}
	return s.answer(ctx, ended, stream.Send)
}

// newStream returns a stream that nothing has come on yet.
func (c *Customers) newStream(conn Connection) *submitStream {
	return &submitStream{desk: c, taken: make(chan submission, maxUnanswered), evicted: make(chan struct{}), answered: make(chan struct{}), conn: conn}
}

// take gives every list that comes to the engine.
func (s *submitStream) take(ctx context.Context, receive func() (*bankv1.SubmitRequest, error), ended chan<- error) {
	defer func() {
		close(s.taken)
		<-s.answered
		for l := range s.taken {
			s.rest()
			s.leave(l)
		}
	}()
	working := false
	defer func() {
		if working {
			s.conn.Leave()
		}
	}()
	for {
		req, err := receive()
		if err == nil && !working {
			err = s.conn.EnterCustomer()
			working = err == nil
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				ended <- err
			}
			return
		}
		s.inHand.Add(1)
		if isClosed(s.evicted) || !s.desk.cfg.Gate.Enter() {
			s.inHand.Add(-1)
			return
		}
		l := s.begin(ctx, req)
		select {
		case s.taken <- l:
		case <-s.answered:
			s.rest()
			s.leave(l)
			return
		}
	}
}

// begin hands a list to the engine.
func (s *submitStream) begin(ctx context.Context, req *bankv1.SubmitRequest) submission {
	c := s.desk
	l := submission{req: req}
	op, err := c.bulk(ctx, req)
	if err != nil {
		l.err = err
		return l
	}
	c.cfg.Story.asked(&op.Entry)
	if bytes := op.Entry.MaxBytes(); c.lists.Take(bytes) {
		l.bytes = bytes
	} else {
		l.err = errTooManyLists
		return l
	}
	l.reply, l.err = c.cfg.Engine.Begin(op)
	return l
}

// answer answers the lists in their order, until there are no more, the stream
// breaks, or the branch stops.
func (s *submitStream) answer(ctx context.Context, ended <-chan error, send func(*bankv1.SubmitResponse) error) error {
	shutting, evicted := s.desk.cfg.Gate.Shutting(), s.evicted
	silence := time.NewTimer(submitSilence)
	defer silence.Stop()
	var end error
	for {
		select {
		case l, ok := <-s.taken:
			if !ok {
				return s.endOf(ended)
			}
			answer := s.desk.answerList(ctx, &l)
			s.rest() // before the customer knows, who may count on it
			err := send(answer)
			s.leave(l)
			if err != nil {
				return err
			}
		case <-shutting:
			shutting, end = nil, api.ErrStopping
		case <-evicted:
			evicted, end = nil, s.why
		case <-silence.C:
			if s.silentFor() >= submitSilence {
				s.evict(errSilentSubmit)
			}
			silence.Reset(max(time.Millisecond, submitSilence-s.silentFor()))
		case <-ctx.Done():
			return ctx.Err()
		}
		if end != nil && s.inHand.Load() == 0 {
			return end
		}
	}
}

// endOf returns why no more lists come.
func (s *submitStream) endOf(ended <-chan error) error {
	switch {
	case isClosed(s.desk.cfg.Gate.Shutting()):
		return api.ErrStopping
	case isClosed(s.evicted):
		return s.why
	}
	select {
	case err := <-ended:
		return err
	default:
		return nil
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// rest notes that a list has its answer.
func (s *submitStream) rest() {
	s.idleSince.Store(time.Now().UnixNano())
	s.inHand.Add(-1)
}

// leave forgets a list. As long as the engine has it, what it takes is counted.
func (s *submitStream) leave(l submission) {
	c := s.desk
	give := func() { c.lists.Give(l.bytes) }
	if l.reply == nil || !c.cfg.Spawn(func() {
		_, _ = c.cfg.Engine.Await(context.Background(), l.reply)
		give()
	}) {
		give()
	}
	c.cfg.Gate.Leave()
}

// answerList waits for what becomes of a list.
func (c *Customers) answerList(ctx context.Context, l *submission) *bankv1.SubmitResponse {
	res := &bankv1.SubmitResponse{RequestId: l.req.GetRequestId()}
	var reply replica.Reply
	err := l.err
	if err == nil {
		reply, err = c.cfg.Engine.Await(ctx, l.reply)
		if reply.ID != 0 {
			l.reply = nil
		}
	}
	if err == nil && reply.Forward != 0 {
		forwarded, ferr := c.forwardList(ctx, reply.Forward, l.req)
		if ferr == nil {
			return forwarded
		}
		reply, err = otherwise(reply, ferr)
		if forwarded != nil && reply.Forward != 0 {
			return forwarded // it says best why it failed
		}
	}
	// What became of the list is said also when it has not reached its level.
	if err == nil || isRecorded(err) {
		outcome(res, &reply)
	}
	if err != nil {
		c.failList(ctx, res, unknownOutcome(err, res.GetRequestId()))
	}
	c.cfg.Story.answeredList(l.req, res, err)
	return res
}

// isRecorded reports whether an error says that a write is recorded all the same.
func isRecorded(err error) bool {
	var late *replica.NotReplicatedError
	return errors.As(err, &late)
}

// outcome fills in what became of a list.
func outcome(res *bankv1.SubmitResponse, reply *replica.Reply) {
	res.Session = session.Encode(reply.Session)
	if o := reply.Operations; o != nil {
		res.Insufficient, res.Unavailable = o.Insufficient, o.Unavailable
	}
	if reply.Receipt.Sequence != 0 {
		res.Receipt = api.ReceiptToProto(reply.Receipt)
	}
	res.UnreachableBranches, res.Replay = api.BranchesToProto(reply.Unreachable), reply.Replay
}

// forwardList asks the home of a list to carry it out. An answer that says that
// the list as a whole has failed comes with an error that says so by name.
func (c *Customers) forwardList(ctx context.Context, home ledger.BranchID, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
	req.HomeBranch = uint32(home)
	res, err := forward(ctx, &c.cfg, home, req, func(client bankv1connect.BranchServiceClient, ctx context.Context, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
		stream, err := client.Submit(ctx)
		if err != nil {
			return nil, err
		}
		defer stream.CloseResponse() //nolint:errcheck // the answer is there by then, or why it is not
		if err := stream.Send(req); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err := stream.CloseRequest(); err != nil {
			return nil, err
		}
		return stream.Receive()
	})
	if err != nil || res.GetErrorCode() == "" {
		return res, err
	}
	failed := &api.ForwardedError{Home: home, Err: api.ErrorOfList(res)}
	res.Error = failed.Error()
	return res, failed
}

// failList says why a list as a whole failed.
func (c *Customers) failList(ctx context.Context, res *bankv1.SubmitResponse, err error) {
	var known *connect.Error
	errors.As(api.ConnectError(ctx, c.cfg.Logger, "Submit", err), &known)
	res.ErrorCode, res.Error, res.ErrorDetails = known.Code().String(), known.Message(), api.DetailsToProto(known)
}

// bulk checks a list and makes it a write for the engine.
func (c *Customers) bulk(ctx context.Context, req *bankv1.SubmitRequest) (replica.Operation, error) {
	var op replica.Operation
	level, err := c.cfg.level(req.GetAcknowledge())
	if err != nil {
		return op, err
	}
	seen, err := session.Decode(req.GetSession(), len(c.cfg.Addresses))
	if err != nil {
		return op, err
	}
	if req.GetRequestId() == "" {
		return op, api.Fieldf("request_id", "a list needs one, so that it is counted once however often it is sent")
	}
	if err := api.CheckName("request_id", req.GetRequestId()); err != nil {
		return op, err
	}
	if err := c.cfg.checkHome(req.GetHomeBranch(), req.GetRequestId()); err != nil {
		return op, err
	}
	operations, err := api.OperationsFromProto(req)
	if err != nil {
		return op, err
	}
	return replica.Operation{
		Entry: ledger.Entry{
			Kind: ledger.Bulk, Operations: operations, RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId(), RecordedAt: time.Now().UnixMilli(),
		},
		// The deadline of a stream is not that of a list.
		Home: ledger.BranchID(req.GetHomeBranch()), Acknowledge: level, Session: seen, Deadline: min(c.cfg.deadline(ctx), c.cfg.Engine.Now()+replica.Millis(api.CallTimeout.Milliseconds())),
	}, nil
}
