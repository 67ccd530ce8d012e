package branch

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of Submit.
const (
	// maxListMessage bounds a list: 8,192 operations with two accounts each of
	// the longest names.
	maxListMessage = 3 << 20
	// maxUnanswered bounds the lists of a stream that are not answered; the
	// stream is not read while there are more.
	maxUnanswered = 16
	// maxSubmits bounds the streams of Submit, each of which may be in the
	// middle of a list of that size.
	maxSubmits = 128
	// maxListBytes bounds what the lists in hand take, of all streams.
	maxListBytes = 64 << 20
)

// submission is a list that is being carried out.
type submission struct {
	req *bankv1.SubmitRequest
	// reply is what the loop will say; nil when err says it already, or the
	// loop has said it.
	reply <-chan replica.Reply
	err   error
	// bytes is what it counts for in maxListBytes.
	bytes int
}

// submitStream is one stream of Submit: one goroutine takes the lists and has the
// loop begin with them in their order, another answers.
type submitStream struct {
	branch *Branch
	// taken are those that are not answered.
	taken chan submission
	// inHand counts those that are let in by the gate and have no answer yet.
	inHand atomic.Int64
	// idleSince is when it was let in, or a list last had its answer, as
	// nanoseconds since 1970.
	idleSince atomic.Int64
	// evicted is closed when it has to give way to another stream, answered
	// when nobody answers any more.
	evicted, answered chan struct{}
}

// Submit is BranchServiceHandler's.
func (c customers) Submit(ctx context.Context, stream *connect.BidiStream[bankv1.SubmitRequest, bankv1.SubmitResponse]) error {
	b := c.branch
	s := &submitStream{branch: b, taken: make(chan submission, maxUnanswered), evicted: make(chan struct{}), answered: make(chan struct{})}
	if !b.submits.enter(s) {
		return errTooManySubmits
	}
	defer b.submits.leave(s)
	defer close(s.answered)
	ended := make(chan error, 1)
	// Receive does not watch ctx: this goroutine ends with the stream, when the
	// handler has returned.
	if !b.spawn(func() { s.take(ctx, stream.Receive, ended) }) {
		return errStopping
	}
	return s.answer(ctx, ended, stream.Send)
}

// take has the loop begin with every list that comes.
func (s *submitStream) take(ctx context.Context, receive func() (*bankv1.SubmitRequest, error), ended chan<- error) {
	defer func() {
		close(s.taken)
		<-s.answered
		for l := range s.taken {
			s.rest()
			s.leave(l)
		}
	}()
	for {
		req, err := receive()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				ended <- err
			}
			return
		}
		s.inHand.Add(1)
		if isClosed(s.evicted) || !s.branch.gate.enter() {
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

// begin hands a list to the loop.
func (s *submitStream) begin(ctx context.Context, req *bankv1.SubmitRequest) submission {
	b := s.branch
	l := submission{req: req}
	op, err := b.bulk(ctx, req)
	if err != nil {
		l.err = err
		return l
	}
	if bytes := op.Entry.MaxBytes(); b.listBytes.take(bytes) {
		l.bytes = bytes
	} else {
		l.err = errTooManyLists
		return l
	}
	l.reply, l.err = b.loop.begin(b.loop.postWrite, func(id uint64) {
		op.ID = id
		b.loop.replica.Submit(op)
	})
	return l
}

// answer answers the lists in their order, until there are no more, the stream
// breaks, or the branch stops.
func (s *submitStream) answer(ctx context.Context, ended <-chan error, send func(*bankv1.SubmitResponse) error) error {
	shutting, evicted := s.branch.gate.shutting, s.evicted
	var end error
	for {
		select {
		case l, ok := <-s.taken:
			if !ok {
				return s.endOf(ended)
			}
			answer := s.branch.answerList(ctx, &l)
			s.rest() // before the customer knows, who may count on it
			err := send(answer)
			s.leave(l)
			if err != nil {
				return err
			}
		case <-shutting:
			shutting, end = nil, errStopping
		case <-evicted:
			evicted, end = nil, errTooManySubmits
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
	case s.branch.gate.isShut():
		return errStopping
	case isClosed(s.evicted):
		return errTooManySubmits
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

// leave forgets a list. As long as the loop has it, what it takes is counted.
func (s *submitStream) leave(l submission) {
	b := s.branch
	give := func() { b.listBytes.give(l.bytes) }
	if l.reply == nil || !b.spawn(func() {
		_, _ = b.loop.await(context.Background(), l.reply)
		give()
	}) {
		give()
	}
	b.gate.leave()
}

// answerList waits for what becomes of a list.
func (b *Branch) answerList(ctx context.Context, l *submission) *bankv1.SubmitResponse {
	res := &bankv1.SubmitResponse{RequestId: l.req.GetRequestId()}
	var reply replica.Reply
	err := l.err
	if err == nil {
		reply, err = b.loop.await(ctx, l.reply)
		if reply.ID != 0 {
			l.reply = nil
		}
	}
	if err == nil && reply.Forward != 0 {
		forwarded, ferr := b.forwardList(ctx, reply.Forward, l.req)
		if ferr == nil {
			return forwarded
		}
		err = ferr
	}
	if err == nil {
		res.Session, err = encodeSession(reply.Session)
	}
	if err != nil {
		b.failList(ctx, res, err)
		return res
	}
	if o := reply.Operations; o != nil {
		res.Insufficient, res.Unavailable = o.Insufficient, o.Unavailable
	}
	if reply.Receipt.Sequence != 0 {
		res.Receipt = receiptToProto(reply.Receipt)
	}
	res.UnreachableBranches, res.Replay = branchesToProto(reply.Unreachable), reply.Replay
	return res
}

// forwardList asks the home of a list to carry it out.
func (b *Branch) forwardList(ctx context.Context, home ledger.BranchID, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
	req.HomeBranch = uint32(home)
	return forward(ctx, b, home, req, func(c customerClient, ctx context.Context, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
		stream, err := c.Submit(ctx)
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
}

// failList says why a list as a whole failed.
func (b *Branch) failList(ctx context.Context, res *bankv1.SubmitResponse, err error) {
	var known *connect.Error
	errors.As(connectError(ctx, b.logger, "Submit", err), &known)
	res.ErrorCode, res.Error = known.Code().String(), known.Message()
	var late *replica.NotReplicatedError
	if errors.As(err, &late) {
		res.Receipt, res.UnreachableBranches = receiptToProto(late.Receipt), branchesToProto(late.Missing)
	}
}

// bulk checks a list and makes it a write for the loop.
func (b *Branch) bulk(ctx context.Context, req *bankv1.SubmitRequest) (replica.Operation, error) {
	var op replica.Operation
	level, err := b.level(req.GetAcknowledge())
	if err != nil {
		return op, err
	}
	session, err := decodeSession(req.GetSession(), len(b.cfg.Addresses))
	if err != nil {
		return op, err
	}
	if req.GetRequestId() == "" {
		return op, inputErrorf("request_id: a list needs one, so that it is counted once however often it is sent")
	}
	if err := checkName("request_id", req.GetRequestId()); err != nil {
		return op, err
	}
	operations, err := operationsFromProto(req)
	if err != nil {
		return op, err
	}
	return replica.Operation{
		Entry: ledger.Entry{
			Kind: ledger.Bulk, Operations: operations, RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId(), RecordedAt: time.Now().UnixMilli(),
		},
		// The deadline of a stream is not that of a list.
		Home: ledger.BranchID(req.GetHomeBranch()), Acknowledge: level, Session: session, Deadline: min(b.deadline(ctx), b.loop.now()+replica.Millis(callTimeout.Milliseconds())),
	}, nil
}

// operationsFromProto takes the columns of a list, and puts its accounts in
// order.
func operationsFromProto(req *bankv1.SubmitRequest) (*ledger.Operations, error) {
	n := len(req.GetAmounts())
	if n == 0 || n > ledger.MaxOperations {
		return nil, inputErrorf("amounts: a list has 1 to %d operations, this one has %d", ledger.MaxOperations, n)
	}
	o := &ledger.Operations{Amounts: make([]ledger.Amount, n), AllOrNone: req.GetAllOrNone()}
	for i, a := range req.GetAmounts() {
		o.Amounts[i] = ledger.Amount(a)
	}
	names, place, err := placeAccounts(req.GetAccounts())
	if err != nil {
		return nil, err
	}
	o.Accounts = names
	if o.From, err = placeColumn("from", req.GetFrom(), n, place); err != nil {
		return nil, err
	}
	if o.To, err = placeColumn("to", req.GetTo(), n, place); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, &InputError{Problem: err.Error()}
	}
	return o, nil
}

// placeAccounts returns the names of the accounts in order, and where each of
// the given ones is, from index 1 on; no places where they are in order.
func placeAccounts(given []string) (names []string, place []uint32, err error) {
	if len(given) == 0 {
		return []string{account("")}, nil, nil
	}
	if len(given) > 2*ledger.MaxOperations {
		return nil, nil, inputErrorf("accounts: a list names at most %d, this one %d", 2*ledger.MaxOperations, len(given))
	}
	names = make([]string, len(given))
	for i, name := range given {
		if names[i] = account(name); checkName("accounts", name) != nil {
			return nil, nil, checkName("accounts", name)
		}
	}
	if slices.IsSorted(names) {
		return names, nil, checkOnce(names)
	}
	order := make([]uint32, len(names))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(names[a], names[b]) })
	sorted := make([]string, len(names))
	place = make([]uint32, len(names)+1)
	for at, i := range order {
		sorted[at], place[i+1] = names[i], uint32(at+1)
	}
	return sorted, place, checkOnce(sorted)
}

func checkOnce(sorted []string) error {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return inputErrorf("accounts: %q is there twice", sorted[i])
		}
	}
	return nil
}

// placeColumn returns a column of n places, put where the accounts are now.
func placeColumn(field string, given []uint32, n int, place []uint32) ([]uint32, error) {
	if len(given) == 0 {
		return make([]uint32, n), nil
	}
	if len(given) != n {
		return nil, inputErrorf("%s: has %d places, and there are %d amounts", field, len(given), n)
	}
	if place == nil {
		return given, nil
	}
	column := make([]uint32, n)
	for i, at := range given {
		if int(at) >= len(place) {
			return nil, inputErrorf("%s: operation %d names account %d of %d", field, i, at, len(place)-1)
		}
		column[i] = place[at]
	}
	return column, nil
}
