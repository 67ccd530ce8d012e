package customer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

const (
	// maxAttempts is how often one event is sent, all under one request id.
	maxAttempts = 4
	// retryDelay is about how long to wait before the second attempt; it
	// doubles each time, up to retryDelayMax.
	retryDelay    = 50 * time.Millisecond
	retryDelayMax = time.Second
	// maxReplyBytes is the largest reply that is read: 1 MiB.
	maxReplyBytes = 1 << 20
)

// reply is what the replies to all interfaces have in common.
type reply struct {
	balance     int64
	session     string
	unreachable []uint32
}

// call executes event i and returns the branch's reply, or an error that names
// the branch. It sends the event again, under the same request id, when an
// attempt ends without a verdict: so it counts once however often it is sent. A
// branch that can't be connected to is tried for as long as the event may take.
// One that gave no answer in all that is given up: its later events fail at once.
func (c *Customer) call(ctx context.Context, i int) (reply, error) {
	e := c.input.Events[i]
	s, err := c.run.stub(e.Branch)
	if err != nil {
		return reply{}, err
	}
	if err := c.run.givenUp(e); err != nil {
		return reply{}, err
	}
	timeout := c.run.options.EventTimeout
	replaying := ctx
	headers := c.tick(i)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	wait := c.run.wait(e.Branch, s.address, timeout)
	defer wait.end()

	unknown := false // whether an attempt may have recorded the write
	for attempt, failures := 1, 1; ; failures++ {
		r, err := c.attempt(withHeaders(ctx, headers), attempt, s, i)
		if err == nil {
			return r, nil
		}
		wait.failed(err)
		again := err.Retryable()
		unknown = again && (unknown || err.Unknown())
		if err.Sent || c.run.options.FailFast {
			attempt++
		}
		if again && attempt <= maxAttempts && pause(ctx, failures) {
			continue
		}
		if replaying.Err() != nil && unknown && e.Interface != Query {
			return reply{}, fmt.Errorf("branch %d at %s: %w", e.Branch, s.address, errStopped)
		}
		if again && replaying.Err() == nil && (!err.Answered || err.TimedOut()) {
			c.run.giveUp(e.Branch, describe(err, e, s.address, timeout, false))
		}
		return reply{}, describe(err, e, s.address, timeout, unknown && e.Interface != Query)
	}
}

// Attempt is one attempt to execute an event at a branch.
type Attempt struct {
	Customer int64
	Event    Event
	Address  string
	// Number counts the attempts of an event from 1; those that could not connect
	// do not count.
	Number int
	Took   time.Duration
	// Err is why it ended without an answer, or what the branch refused; nil for
	// success.
	Err *Error
}

// attempt sends event i once. All attempts but the last get half of the time
// that is left, so that one lost reply doesn't take it all.
func (c *Customer) attempt(ctx context.Context, attempt int, s stub, i int) (reply, *Error) {
	if deadline, ok := ctx.Deadline(); ok && attempt < maxAttempts {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	began := time.Now()
	r, err := c.send(ctx, s.client, c.input.Events[i], fmt.Sprintf("%s-%d", c.requests, i+1))
	var failed *Error
	if err != nil {
		failed = classify(err)
	}
	if attempted := c.run.options.Attempted; attempted != nil {
		attempted(Attempt{Customer: c.input.ID, Event: c.input.Events[i], Address: s.address, Number: attempt, Took: time.Since(began), Err: failed})
	}
	return r, failed
}

// send makes the call that an event asks for. Its request id belongs to the branch
// that is called, which stub has checked.
func (c *Customer) send(ctx context.Context, client bankv1connect.BranchServiceClient, e Event, requestID string) (reply, error) {
	acknowledge := c.run.options.Acknowledge
	switch e.Interface {
	case Deposit:
		return newReply(client.Deposit(ctx, &bankv1.DepositRequest{
			Account: e.Account, Amount: e.Amount, RequestId: requestID, HomeBranch: uint32(e.Branch),
			Acknowledge: acknowledge, Session: *c.session, CustomerId: c.input.ID,
		}))
	case Withdraw:
		return newReply(client.Withdraw(ctx, &bankv1.WithdrawRequest{
			Account: e.Account, Amount: e.Amount, RequestId: requestID, HomeBranch: uint32(e.Branch),
			Acknowledge: acknowledge, Session: *c.session, CustomerId: c.input.ID,
		}))
	case Transfer:
		return newReply(client.Transfer(ctx, &bankv1.TransferRequest{
			FromAccount: e.Account, ToAccount: e.To, Amount: e.Amount, RequestId: requestID, HomeBranch: uint32(e.Branch),
			Acknowledge: acknowledge, Session: *c.session, CustomerId: c.input.ID,
		}))
	case Query:
		consistency := bankv1.Consistency_CONSISTENCY_LOCAL
		if e.Strong {
			consistency = bankv1.Consistency_CONSISTENCY_STRONG
		}
		q, err := client.Query(ctx, &bankv1.QueryRequest{
			Account: e.Account, Consistency: consistency, Session: *c.session, CustomerId: c.input.ID,
		})
		return reply{balance: q.GetBalance(), session: q.GetSession()}, err
	}
	return reply{}, fmt.Errorf("unknown interface %q", e.Interface)
}

// newReply returns what the responses to the writes have in common.
func newReply[R interface {
	GetBalance() int64
	GetSession() string
	GetUnreachableBranches() []uint32
}](r R, err error) (reply, error) {
	return reply{balance: r.GetBalance(), session: r.GetSession(), unreachable: r.GetUnreachableBranches()}, err
}

// describe names the branch in the error that an event failed with.
func describe(err *Error, e Event, address string, timeout time.Duration, unknown bool) error {
	note := ""
	if unknown {
		note = fmt.Sprintf("; it is not known whether the %s was recorded", e.Interface)
	}
	if err.Answered && !err.TimedOut() {
		return fmt.Errorf("branch %d at %s: %w%s", e.Branch, address, err, note)
	}
	what := "broke off the call"
	switch {
	case !err.Sent, err.Code == connect.CodeUnavailable:
		what = "can't be reached"
	case err.TimedOut():
		what = fmt.Sprintf("gave no answer within %v", timeout)
	}
	return fmt.Errorf("branch %d at %s %s: %w%s", e.Branch, address, what, err.cause(), note)
}

// pause waits before the attempt after some that failed, longer each time, and
// at random so that customers that failed together don't come back together. It
// returns false if ctx ends first.
func pause(ctx context.Context, failures int) bool {
	delay := retryDelayMax
	if failures < 5 {
		delay = retryDelay << (failures - 1)
	}
	timer := time.NewTimer(delay/2 + rand.N(delay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
