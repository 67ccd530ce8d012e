package service

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of Submit.
const (
	// MaxListMessage bounds a list: 8,192 operations with two accounts each of
	// the longest names.
	MaxListMessage = 3 << 20
	// maxUnanswered bounds the lists of a stream that are not answered; the
	// stream is not read while there are more.
	maxUnanswered = 16
	// maxSubmits bounds the streams of Submit. Each may be in the middle of a list
	// of MaxListMessage.
	maxSubmits = 128
	// submitSilence is how long a stream may have no list in hand: from its
	// beginning, or the last answer, until the next list has come.
	submitSilence = time.Minute
	// maxListBytes bounds the bytes that the lists in hand of all streams take
	// together.
	maxListBytes = 64 << 20
)

// Errors of callers who are refused.
var (
	errTooManySubmits = code.New(code.ResourceExhausted, "this branch has as many streams of Submit as it takes at once; close some, or try another branch")
	errTooManyLists   = code.New(code.ResourceExhausted, "this branch has as many lists in hand as it takes at once; back off and try again")
	errSilentSubmit   = code.Errorf(code.DeadlineExceeded, "no list has come on this stream for %s; open another when there is one", submitSilence)
)

// submitStream is one stream of Submit: one goroutine receives the lists and gives
// them to the engine in their order, another answers.
type submitStream struct {
	// desk has what lists are carried out with.
	desk *Customers
	// unanswered are the lists that were received and are not answered, in their
	// order.
	unanswered chan submission
	// place is among desk.streams. At work there are the lists that the gate has let
	// in and that have no answer yet.
	place admit.Place
	// idleSince is when the stream was let in, or a list last had its answer, as
	// nanoseconds since 1970.
	idleSince atomic.Int64
	// evicted is closed when the stream has to end.
	evicted chan struct{}
	// evicting closes evicted once.
	evicting sync.Once
	// why is what the customer of an evicted stream is told. It is set before
	// evicted is closed.
	why error
	// answered is closed when nobody answers any more.
	answered chan struct{}
	// conn is what the stream came on. It is at work from the first list on.
	conn Connection
}

// evict ends the stream as soon as no list is in hand. The first cause counts.
func (s *submitStream) evict(why error) {
	s.evicting.Do(func() {
		s.why = why
		close(s.evicted)
	})
}

// GiveWay implements admit.Holder: another stream has its place.
func (s *submitStream) GiveWay() { s.evict(errTooManySubmits) }

// inHand returns how many lists the gate has let in that have no answer yet.
func (s *submitStream) inHand() int { return s.desk.streams.Working(&s.place) }

// silentFor returns how long no list has been in hand.
func (s *submitStream) silentFor() time.Duration {
	if s.inHand() > 0 {
		return 0
	}
	return time.Since(time.Unix(0, s.idleSince.Load()))
}

// Submit implements BranchServiceHandler.
func (c *Customers) Submit(ctx context.Context, stream *connect.BidiStream[bankv1.SubmitRequest, bankv1.SubmitResponse]) error {
	s := c.newStream(c.cfg.Connection(ctx))
	if !c.streams.Enter(&s.place, s, true) {
		return errTooManySubmits
	}
	defer c.streams.Leave(&s.place)
	defer close(s.answered)
	ended := make(chan error, 1)
	// Receive does not watch ctx: this goroutine ends with the stream, when the
	// handler has returned.
	if !c.cfg.Spawn(func() { s.receive(ctx, stream.Receive, ended) }) {
		return api.ErrStopping
	}
	return s.answer(ctx, ended, stream.Send)
}

// newStream returns a stream that nothing has come on yet.
func (c *Customers) newStream(conn Connection) *submitStream {
	s := &submitStream{desk: c, unanswered: make(chan submission, maxUnanswered), evicted: make(chan struct{}), answered: make(chan struct{}), conn: conn}
	s.idleSince.Store(time.Now().UnixNano())
	return s
}

// receive gives every list that comes to the engine. next receives one.
func (s *submitStream) receive(ctx context.Context, next func() (*bankv1.SubmitRequest, error), ended chan<- error) {
	defer func() {
		close(s.unanswered)
		<-s.answered
		for l := range s.unanswered {
			s.rest()
			s.forget(l)
		}
	}()
	working := false
	defer func() {
		if working {
			s.conn.Leave()
		}
	}()
	for {
		req, err := next()
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
		s.desk.streams.Work(&s.place)
		if isClosed(s.evicted) || !s.desk.cfg.Gate.Enter() {
			s.desk.streams.Rest(&s.place)
			return
		}
		l := s.begin(ctx, req)
		select {
		case s.unanswered <- l:
		case <-s.answered:
			s.rest()
			s.forget(l)
			return
		}
	}
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
		case l, ok := <-s.unanswered:
			if !ok {
				return s.endOf(ended)
			}
			answer := s.desk.answerList(ctx, &l)
			s.rest() // before the customer gets the answer: then it may count on that
			err := send(answer)
			s.forget(l)
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
		if end != nil && s.inHand() == 0 {
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

// rest counts a list as answered.
func (s *submitStream) rest() {
	s.idleSince.Store(time.Now().UnixNano())
	s.desk.streams.Rest(&s.place)
}

// forget counts a list no more. As long as the engine has it, its bytes are
// counted.
func (s *submitStream) forget(l submission) {
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
