package service

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// slowEngine answers a list when its reply comes, and not before.
type slowEngine struct{ Engine }

func (slowEngine) Await(ctx context.Context, reply <-chan protocol.Reply) (protocol.Reply, error) {
	select {
	case r := <-reply:
		return r, r.Err
	case <-ctx.Done():
		return protocol.Reply{}, ctx.Err()
	}
}

// openGate counts nothing, and is never shut.
type openGate struct{}

func (openGate) Enter() bool               { return true }
func (openGate) Leave()                    {}
func (openGate) Shutting() <-chan struct{} { return nil }

// newDesk returns the handlers of customers' calls with an engine that is slow.
// What they spawn is counted by the group.
func newDesk(spawned *sync.WaitGroup) *Customers {
	return NewCustomers(Config{
		Engine: slowEngine{}, Gate: openGate{}, Logger: slog.New(slog.DiscardHandler),
		Spawn: func(f func()) bool {
			spawned.Go(f)
			return true
		},
	})
}

// A customer who has the answer to all lists may count on the stream's being
// idle, from that moment on.
func TestAStreamOfListsIsIdleWhenItsAnswerGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newDesk(nil)
		s := c.newStream(nil)
		c.streams.Enter(&s.place, s, true)
		c.streams.Work(&s.place)
		s.unanswered <- submission{req: &bankv1.SubmitRequest{}, err: errTooManyLists}
		close(s.unanswered)
		time.Sleep(time.Second)
		sent := 0
		err := s.answer(t.Context(), make(chan error), func(*bankv1.SubmitResponse) error {
			sent++
			if s.inHand() != 0 || s.silentFor() != 0 {
				t.Errorf("%d lists are in hand, idle for %v", s.inHand(), s.silentFor())
			}
			return nil
		})
		if sent != 1 || err != nil {
			t.Errorf("%d answers were sent, %v", sent, err)
		}
	})
}

// A stream of lists ends when nothing has come for its time, and not while a list is
// in hand, or soon after one.
func TestAStreamOfListsThatSaysNothingEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spawned sync.WaitGroup
		c := newDesk(&spawned)
		s := c.newStream(nil)
		if !c.streams.Enter(&s.place, s, true) {
			t.Fatal("there is room")
		}
		began := time.Now()
		time.Sleep(submitSilence - time.Second)
		reply := make(chan protocol.Reply, 1)
		c.streams.Work(&s.place)
		s.unanswered <- submission{req: &bankv1.SubmitRequest{}, reply: reply}
		go func() {
			time.Sleep(5 * submitSilence)
			reply <- protocol.Reply{ID: 1}
		}()
		sent := 0
		err := s.answer(context.Background(), make(chan error), func(*bankv1.SubmitResponse) error {
			sent++
			return nil
		})
		if code := api.CodeOf(err); code != connect.CodeDeadlineExceeded || sent != 1 {
			t.Errorf("ended with %v after %d answers", err, sent)
		}
		if took, want := time.Since(began), 7*submitSilence-time.Second; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		spawned.Wait()
	})
}

// A list counts for what it takes until the engine has answered it, also when the
// stream it came on has gone.
func TestListsCountUntilTheEngineHasAnsweredThem(t *testing.T) {
	var spawned sync.WaitGroup
	c := newDesk(&spawned)
	c.lists = bound.Weight{Most: 100}
	s := c.newStream(nil)
	c.streams.Enter(&s.place, s, true)
	reply := make(chan protocol.Reply, 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, l := range []submission{{reply: reply, bytes: 60}, {err: errTooManyLists}} {
		c.lists.Take(l.bytes)
		c.streams.Work(&s.place)
		c.answerList(gone, &l)
		s.forget(l)
	}
	if c.lists.Take(41) {
		t.Error("there is room for another list while the engine has the first")
	}
	reply <- protocol.Reply{ID: 1}
	spawned.Wait()
	if !c.lists.Take(100) {
		t.Error("there is no room when the engine has answered")
	}
}

// A stream of lists that is at work gives way to no other.
func TestStreamsOfListsAtWorkStay(t *testing.T) {
	c := newDesk(nil)
	enter := func() *submitStream {
		s := c.newStream(nil)
		if !c.streams.Enter(&s.place, s, true) {
			return nil
		}
		c.streams.Work(&s.place)
		return s
	}
	streams := make([]*submitStream, maxSubmits)
	for i := range streams {
		if streams[i] = enter(); streams[i] == nil {
			t.Fatalf("stream %d is refused", i+1)
		}
	}
	if enter() != nil {
		t.Errorf("one more than %d at work are let in", maxSubmits)
	}
	streams[2].rest()
	streams[1].rest()
	if enter() == nil || isClosed(streams[1].evicted) || !isClosed(streams[2].evicted) {
		t.Error("the stream that was idle for longest has not given way")
	}
	c.streams.Leave(&streams[0].place)
	if enter() == nil || isClosed(streams[1].evicted) {
		t.Error("there was room for one more")
	}
}
