package branch

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	"passbook/branch/ledger"
	"passbook/branch/replica"
	bankv1 "passbook/gen/bank/v1"
	"passbook/gen/bank/v1/bankv1connect"
)

// gone is the context of a caller that has gone away.
func gone() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// What waits for the loop is bounded, also when those who asked have gone.
func TestWhatWaitsForTheLoopIsBounded(t *testing.T) {
	l := newLoop(nil, nil, time.Now()) // and nothing runs it
	tests := map[string]struct {
		most int
		call func() error
	}{
		"calls": {maxQueuedCalls, func() error {
			_, err := l.ask(gone(), replica.Query{})
			return err
		}},
		"claims": {maxServedClaims, func() error {
			_, err := l.serve(gone(), func(uint64) replica.Message { return replica.Message{} })
			return err
		}},
		"looks": {maxLooks, func() error { return l.look(gone(), func(*replica.Replica) {}) }},
	}
	for name, test := range tests {
		for i := range test.most {
			if err := test.call(); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: number %d: %v", name, i+1, err)
			}
		}
		if err := test.call(); !errors.Is(err, replica.ErrQueueFull) {
			t.Errorf("%s: one more than %d: %v", name, test.most, err)
		}
	}
	if want := maxQueuedCalls + maxServedClaims + maxLooks; len(l.queue) != want {
		t.Errorf("%d wait, want %d", len(l.queue), want)
	}
	if first := len(l.drain()); first != maxDrained {
		t.Errorf("%d inputs in one step, want %d", first, maxDrained)
	}
}

func TestTheOutboxIsBounded(t *testing.T) {
	k := newLink(&peer{})
	for range maxOutbox + 1 {
		k.send(&replica.Frame{Sync: true})
	}
	if len(k.outbox) != maxOutbox {
		t.Errorf("%d frames wait, want %d", len(k.outbox), maxOutbox)
	}
	k = newLink(&peer{})
	megabyte := &replica.Frame{Batches: []*ledger.Sealed{{Bytes: make([]byte, 1<<20)}}}
	for range 2 * maxOutboxBytes >> 20 {
		k.send(megabyte)
	}
	k.send(&replica.Frame{Sync: true}) // is as good as nothing
	if want := maxOutboxBytes>>20 + 1; len(k.outbox) != want {
		t.Errorf("%d frames wait, want %d", len(k.outbox), want)
	}
	k = newLink(&peer{})
	k.send(&replica.Frame{Batches: []*ledger.Sealed{{Bytes: make([]byte, 2*maxOutboxBytes)}}})
	if len(k.outbox) != 1 {
		t.Error("a frame that is larger than the bound can never be sent")
	}
}

// A link is not read while the loop has not taken what came on it.
func TestUnreadFramesAreBounded(t *testing.T) {
	large := &bankv1.Frame{}
	large.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), make([]byte, 3*unreadBytes)))
	tests := map[string]struct {
		frame *bankv1.Frame
		most  int
	}{
		"small": {&bankv1.Frame{Sync: true}, maxUnread},
		"large": {large, maxUnread / 4},
	}
	for name, test := range tests {
		l := newLoop(nil, nil, time.Now())
		k := newLink(&peer{branch: &Branch{}})
		for range test.most {
			if err := k.take(l, test.frame); err != nil {
				t.Fatal(err)
			}
		}
		k.end(errReplaced)
		if err := k.take(l, test.frame); !errors.Is(err, errReplaced) {
			t.Errorf("%s: one more than %d was taken: %v", name, test.most, err)
		}
	}
}

func TestOpeningsAreBounded(t *testing.T) {
	var o openings
	var longest []error
	for i := range 2 * maxOpenings {
		leave := o.enter(func(cause error) { longest = append(longest, cause) })
		if i%4 == 0 {
			leave() // said hello
		}
	}
	if len(o.waiting) != maxOpenings || len(longest) != 2*maxOpenings*3/4-maxOpenings || !errors.Is(longest[0], errTooManyOpenings) {
		t.Errorf("%d wait, %d have given way: %v", len(o.waiting), len(longest), longest)
	}
}

func TestCallsToAPeerAreBounded(t *testing.T) {
	var c peerCalls
	var ts tasks
	begin := make(chan struct{})
	done := make(chan struct{}, 2*maxWaitingPeerCalls)
	for range maxPeerCalls + maxWaitingPeerCalls + 1 {
		c.start(ts.start, func() {
			<-begin
			done <- struct{}{}
		})
	}
	if c.running != maxPeerCalls || len(c.waiting) != maxWaitingPeerCalls {
		t.Errorf("%d run and %d wait", c.running, len(c.waiting))
	}
	close(begin)
	ts.wait()
	if want := maxPeerCalls + maxWaitingPeerCalls; len(done) != want || c.running != 0 {
		t.Errorf("%d were made, want %d; %d run", len(done), want, c.running)
	}
}

func TestTheLongestIdleConnectionGivesWay(t *testing.T) {
	l := &connections{most: 2}
	admit := func() (k, gave *connection) {
		c, other := net.Pipe()
		t.Cleanup(func() { c.Close(); other.Close() })
		return l.admit(c)
	}
	var all []*connection
	for range l.most + spareConnections {
		k, gave := admit()
		if k == nil || gave != nil {
			t.Fatal("there is room")
		}
		all = append(all, k)
	}
	l.note(all[0], http.StateActive)
	l.note(all[1], http.StateActive)
	l.note(all[1], http.StateIdle) // is the last by now
	if _, gave := admit(); gave != all[2] {
		t.Error("not the one that was idle for longest")
	}
	for k := l.idle.Front(); k != nil; k = l.idle.Front() {
		l.note(k.Value.(*connection), http.StateActive)
	}
	if k, gave := admit(); k != nil || gave != nil {
		t.Error("one that is at work gave way")
	}
	if !all[0].serve() || !all[1].serve() || all[3].serve() {
		t.Error("customers have calls in hand on two connections at most")
	}
	l.note(all[0], http.StateIdle)
	for range 2 { // the second call on a connection needs no place of its own
		if !all[3].serve() {
			t.Error("one is free again")
		}
	}
	for _, k := range all {
		k.Close()
		k.Close()
	}
	if l.open != 1 || l.busy != 0 { // the one that came for all[2]
		t.Errorf("%d open, %d busy", l.open, l.busy)
	}
}

func TestRequestsInHandAreBounded(t *testing.T) {
	b := bound{most: 2}
	for i, want := range []bool{true, true, false} {
		if got := b.enter(); got != want {
			t.Errorf("number %d: %t, want %t", i+1, got, want)
		}
	}
	b.leave()
	if !b.enter() {
		t.Error("one has left")
	}
	q := newRequests(nil, nil)
	for range maxLargeReplies {
		if !q.awaitLarge(t.Context()) {
			t.Fatal("there is room")
		}
	}
	if q.awaitLarge(gone()) {
		t.Error("there is no room")
	}
}

// unreachable is a peer that no link can be opened to.
type unreachable struct {
	bankv1connect.PeerServiceClient
	dialed []time.Time
}

func (u *unreachable) Propagate(context.Context) (*connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse], error) {
	u.dialed = append(u.dialed, time.Now())
	return nil, errors.New("unreachable")
}

// A peer is dialed for ever, at first after 10 to 30 ms, later about once a
// second.
func TestThePauseBeforeALinkIsDialedAgainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unreachable{}
		p := &peer{branch: &Branch{service: u, logger: slog.New(slog.DiscardHandler)}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p.dial(ctx)
		if n := len(u.dialed); n < 2400 || n > 7200 {
			t.Errorf("dialed %d times in an hour", n)
		}
		for i, at := range u.dialed[1:] {
			pause := at.Sub(u.dialed[i])
			if least, most := redialMin/2, 3*redialMax/2; pause < least || pause >= most || i == 0 && pause >= 3*redialMin/2 {
				t.Errorf("pause %d is %v", i+1, pause)
			}
		}
	})
}
