package customers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// counter is where a customer hands in lists: the streams that are open and
// that no call uses now, at most one to each branch.
type counter struct {
	// clients open new streams.
	clients Clients
	// mu guards idle.
	mu sync.Mutex
	// idle has the stream to each branch that no call uses.
	idle map[uint32]*listStream
}

// listStream is a stream of Submit, used by one call at a time.
type listStream struct {
	*connect.BidiStreamForClientSimple[bankv1.SubmitRequest, bankv1.SubmitResponse]
	// cancel ends it.
	cancel context.CancelFunc
}

// take returns a stream to a branch, which the caller gives back or cancels.
func (c *counter) take(ctx context.Context, branch uint32, use history.StreamUse) (*listStream, error) {
	if s := c.takeIdle(branch); s != nil {
		if use == history.KeepOpen {
			return s, nil
		}
		c.give(branch, s)
	}
	if use != history.WithDeadline {
		ctx = context.WithoutCancel(ctx) // it outlives the call
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.clients[branch].Submit(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	return &listStream{stream, cancel}, nil
}

func (c *counter) takeIdle(branch uint32) *listStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.idle[branch]
	delete(c.idle, branch)
	return s
}

// give takes back a stream on which everything is answered.
func (c *counter) give(branch uint32, s *listStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.idle[branch]; other != nil {
		other.cancel()
	}
	c.idle[branch] = s
}

func (c *counter) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.idle {
		s.cancel()
	}
	clear(c.idle)
}

// submission is a list on its way.
type submission struct {
	// write is the list, and attempt the one under way.
	write   *history.Write
	attempt *history.Attempt
}

// submit makes one attempt at each of some lists: sends all to one branch, over
// one stream, and then reads the answers.
func (c *Customer) submit(ctx context.Context, lists []submission, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	asked, use := lists[0].attempt.Asked, lists[0].attempt.Stream
	token, before, era := c.session()
	for _, l := range lists {
		l.attempt.Asked, l.attempt.Stream, l.attempt.Before, l.attempt.Began = asked, use, before, c.world.Now()
	}
	s, err := c.counter.take(ctx, asked, use)
	if err == nil {
		stop := context.AfterFunc(ctx, s.cancel)
		lists, err = c.converse(s, lists, token, era)
		if stop() && err == nil && use == history.KeepOpen {
			c.counter.give(asked, s)
		} else {
			s.cancel()
		}
	}
	for _, l := range lists {
		l.attempt.Ended = c.world.Now()
		c.conclude(l, judgeStream(err), err.Error())
	}
}

// converse sends lists and reads the answers, which come in their order. It
// returns those without one, and why.
func (c *Customer) converse(s *listStream, lists []submission, token string, era int64) ([]submission, error) {
	for _, l := range lists {
		if s.Send(request(l.write, l.attempt, token)) != nil {
			break // why, the stream says when it is read
		}
	}
	if lists[0].attempt.Stream == history.CloseAfter {
		_ = s.CloseRequest() // as above
	}
	for i, l := range lists {
		res, err := s.Receive()
		if err != nil {
			return lists[i:], err
		}
		l.attempt.Ended = c.world.Now()
		c.answered(l, res, era)
	}
	if lists[0].attempt.Stream != history.CloseAfter {
		return nil, nil
	}
	if res, err := s.Receive(); err == nil {
		c.world.History.Accuse(fmt.Errorf("branch %d answered more lists than it was sent: %v", lists[0].attempt.Asked, res))
	}
	return nil, nil
}

// answered notes the answer to a list.
func (c *Customer) answered(l submission, res *bankv1.SubmitResponse, era int64) {
	a := l.attempt
	v := judgeList(l.write, res)
	if res.GetRequestId() != l.write.ID {
		v = verdict{history.Unknown, history.Receipt{}, fmt.Errorf("answer to another list: %q", res.GetRequestId())}
	}
	a.Refused = history.Refusals{Insufficient: res.GetInsufficient(), Unavailable: res.GetUnavailable()}
	a.Unreachable, a.Replay = res.GetUnreachableBranches(), res.GetReplay()
	if res.GetErrorCode() == "" {
		a.After = c.learn(res.GetSession(), era)
	}
	c.conclude(l, v, res.GetError())
}

// conclude notes what came of an attempt at a list.
func (c *Customer) conclude(l submission, v verdict, text string) {
	l.attempt.Outcome, l.attempt.Receipt, l.attempt.Text = v.outcome, v.receipt, text
	if v.wrong != nil {
		c.world.History.Accuse(fmt.Errorf("branch %d answered %v: %w", l.attempt.Asked, l.write, v.wrong))
	}
	c.world.History.AddAttempt(l.write, l.attempt)
}

// judgeStream says what it means when a stream ends before the answer. The
// customer is to ask again, and is not told that nothing was recorded.
func judgeStream(err error) verdict {
	if !connect.IsWireError(err) {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return verdict{outcome: history.Unsent}
		}
		return verdict{outcome: history.Unknown}
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodeCanceled, connect.CodeDeadlineExceeded:
		return verdict{outcome: history.Unknown}
	}
	return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("end of a stream that the API does not name: %w", err)}
}

// judgeList says what the answer to a list means.
func judgeList(w *history.Write, res *bankv1.SubmitResponse) verdict {
	at := history.ReceiptOf(res.GetReceipt())
	switch code := res.GetErrorCode(); {
	case code == "":
		return judgeRefusals(w, history.Refusals{Insufficient: res.GetInsufficient(), Unavailable: res.GetUnavailable()}, at)
	case code == connect.CodeFailedPrecondition.String() && w.Kind == history.AllOrNone && len(w.Needs()) > 0:
		return verdict{outcome: history.Refused}
	case code == connect.CodeUnavailable.String() && strings.Contains(res.GetError(), "not known"):
		return verdict{outcome: history.Unknown}
	case code == connect.CodeUnavailable.String(), code == connect.CodeResourceExhausted.String():
		return verdict{outcome: history.Nothing}
	case code == connect.CodeDeadlineExceeded.String() && at != history.Receipt{}:
		// What became of the operations is said all the same.
		if v := judgeRefusals(w, history.Refusals{Insufficient: res.GetInsufficient(), Unavailable: res.GetUnavailable()}, at); v.outcome != history.Success {
			return v
		}
		return verdict{outcome: history.Recorded, receipt: at}
	case code == connect.CodeDeadlineExceeded.String(), code == connect.CodeCanceled.String():
		return verdict{outcome: history.Unknown}
	}
	return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("answer that no list here can get: %v", res)}
}

// judgeRefusals says what it means that those operations were refused and the
// others are at a place, if that is any.
func judgeRefusals(w *history.Write, r history.Refusals, at history.Receipt) verdict {
	if err := r.Check(w.Kind, w.List); err != nil {
		return verdict{history.Unknown, history.Receipt{}, err}
	}
	switch left := len(w.List) - r.Count(); {
	case left > 0 && at == history.Receipt{}:
		return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("%d operations were carried out, and there is no receipt", left)}
	case left > 0:
		return verdict{outcome: history.Success, receipt: at}
	case at != history.Receipt{}:
		return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("nothing was carried out, and there is receipt %v", at)}
	case len(r.Unavailable) > 0:
		return verdict{outcome: history.Nothing}
	}
	return verdict{outcome: history.Refused}
}

// request makes a list a message, with its operations as columns. Accounts
// come in the order in which they are first named.
func request(w *history.Write, a *history.Attempt, token string) *bankv1.SubmitRequest {
	req := &bankv1.SubmitRequest{
		RequestId: w.ID, AllOrNone: w.Kind == history.AllOrNone, Acknowledge: a.Level, Session: token, CustomerId: w.Customer,
	}
	if a.Asked != w.Home {
		req.HomeBranch = w.Home
	}
	place := func(account string) uint32 {
		i := slices.Index(req.Accounts, account)
		if i < 0 {
			i, req.Accounts = len(req.Accounts), append(req.Accounts, account)
		}
		return uint32(i + 1)
	}
	for _, o := range w.List {
		from, to := uint32(0), uint32(0)
		if o.Kind != history.Deposit {
			from = place(o.Account)
		}
		switch o.Kind {
		case history.Deposit:
			to = place(o.Account)
		case history.Transfer:
			to = place(o.To)
		}
		req.From, req.To, req.Amounts = append(req.From, from), append(req.To, to), append(req.Amounts, o.Amount)
	}
	req.From, req.To = unlessZero(req.From), unlessZero(req.To)
	if slices.Equal(req.Accounts, []string{""}) {
		req.Accounts = nil
	}
	return req
}

// unlessZero leaves out a column of zeros, as the API allows.
func unlessZero(column []uint32) []uint32 {
	if slices.Max(column) == 0 {
		return nil
	}
	return column
}
