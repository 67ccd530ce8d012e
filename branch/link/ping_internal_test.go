package link

import (
	"testing"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

func TestPingsGoNowAndThen(t *testing.T) {
	began := time.Unix(1000, 0)
	hello, ack := &protocol.Frame{Hello: &protocol.Hello{}}, &protocol.Frame{Ack: &protocol.Ack{}}
	batch := &protocol.Frame{Outlines: []*ledger.Outline{{}}}
	var p pinger
	for _, step := range []struct {
		after time.Duration
		frame *protocol.Frame
		pings bool
		// pong says that the last ping is answered then, before the frame goes.
		pong bool
	}{
		{after: 0, frame: ack},
		{after: 0, frame: hello, pings: true},
		{after: 2 * pingEvery, frame: batch}, // the first is on its way
		{after: 3 * pingEvery, frame: ack, pong: true},
		{after: 3 * pingEvery, frame: batch, pings: true},
		{after: 3*pingEvery + pingEvery/2, frame: batch, pong: true}, // too soon
		{after: 4 * pingEvery, frame: batch, pings: true},
		{after: 4*pingEvery + pongPatience - 1, frame: batch},
		{after: 4*pingEvery + pongPatience, frame: batch, pings: true}, // it is lost
	} {
		now := began.Add(step.after)
		if step.pong {
			sentAt := p.sentAt
			if took, ok := p.answered(now, p.number); !ok || took != now.Sub(sentAt) {
				t.Errorf("after %v: a round trip took %v, %v", step.after, took, ok)
			}
		}
		if got := p.next(now, step.frame) != 0; got != step.pings {
			t.Errorf("after %v: it pings: %v, want %v", step.after, got, step.pings)
		}
	}
}

// What is no answer to the last ping measures nothing: a peer can't say that it is nearer
// than it is.
func TestAPongThatWasNotAskedForMeasuresNothing(t *testing.T) {
	var p pinger
	now := time.Unix(1000, 0)
	number := p.next(now, &protocol.Frame{Hello: &protocol.Hello{}})
	for _, n := range []uint64{0, number - 1, number + 1} {
		if _, ok := p.answered(now, n); ok {
			t.Errorf("%d answers %d", n, number)
		}
	}
	if _, ok := p.answered(now, number); !ok {
		t.Errorf("%d answers nothing", number)
	}
	if _, ok := p.answered(now, number); ok {
		t.Error("it answers twice")
	}
}

// A ping is answered by the link: the engine does not hear of it.
func TestAPingIsAnsweredAtOnce(t *testing.T) {
	var sent []*protocol.Frame
	k := newLink(&peer{links: &Links{}})
	k.room = func() int { return MaxMessage }
	k.put = func(f *outgoing) error {
		sent = append(sent, f.frame)
		return nil
	}
	if err := k.take(&incoming{frame: protocol.Frame{Ping: 7}}); err != nil { // with an engine it would be nil, and panic
		t.Fatal(err)
	}
	if len(sent) != 1 || sent[0].Pong != 7 {
		t.Errorf("sent %+v, want one pong", sent)
	}
}
