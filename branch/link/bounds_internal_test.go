package link

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/redial"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestTheOutboxIsBounded(t *testing.T) {
	waiting := func() *link {
		k := newLink(&peer{})
		k.pumping = true // and the peer does not read
		return k
	}
	k := waiting()
	for range maxOutbox + 1 {
		k.send(outgoing{frame: &protocol.Frame{Sync: true}})
	}
	if len(k.outbox) != maxOutbox {
		t.Errorf("%d frames wait, want %d", len(k.outbox), maxOutbox)
	}
	k = waiting()
	megabyte := &protocol.Frame{Outlines: []*ledger.Outline{{Bytes: make([]byte, 1<<20)}}}
	for range 2 * maxOutboxBytes >> 20 {
		k.send(outgoing{frame: megabyte})
	}
	k.send(outgoing{frame: &protocol.Frame{Sync: true}}) // is as good as nothing
	if want := maxOutboxBytes>>20 + 1; len(k.outbox) != want {
		t.Errorf("%d frames wait, want %d", len(k.outbox), want)
	}
	k = waiting()
	k.send(outgoing{frame: &protocol.Frame{Outlines: []*ledger.Outline{{Bytes: make([]byte, 2*maxOutboxBytes)}}}})
	if len(k.outbox) != 1 {
		t.Error("a frame that is larger than the bound can never be sent")
	}
}

// A link is not read while the engine has not taken what came on it.
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
		k := newLink(&peer{links: &Links{cfg: Config{Engine: engine.New(engine.Config{})}}})
		take := func() error {
			data, err := proto.Marshal(&bankv1.PropagateRequest{Frame: test.frame})
			if err != nil {
				t.Fatal(err)
			}
			in := &incoming{}
			if err := in.decode(data); err != nil {
				t.Fatal(err)
			}
			return k.take(in)
		}
		for range test.most {
			if err := take(); err != nil {
				t.Fatal(err)
			}
		}
		k.end(errReplaced)
		if err := take(); !errors.Is(err, errReplaced) {
			t.Errorf("%s: one more than %d was taken: %v", name, test.most, err)
		}
	}
}

func TestCallsToAPeerAreBounded(t *testing.T) {
	var c peerCalls
	var ts sync.WaitGroup
	spawn := func(f func()) bool {
		ts.Go(f)
		return true
	}
	begin := make(chan struct{})
	done := make(chan struct{}, 2*maxWaitingPeerCalls)
	for range maxPeerCalls + maxWaitingPeerCalls + 1 {
		c.start(spawn, func() {
			<-begin
			done <- struct{}{}
		})
	}
	if c.running != maxPeerCalls || len(c.waiting) != maxWaitingPeerCalls {
		t.Errorf("%d run and %d wait", c.running, len(c.waiting))
	}
	close(begin)
	ts.Wait()
	if want := maxPeerCalls + maxWaitingPeerCalls; len(done) != want || c.running != 0 {
		t.Errorf("%d were made, want %d; %d run", len(done), want, c.running)
	}
}

// While the engine is at work, the links that a peer opens replace none: there
// can be as many as the bound, and again when they have ended.
func TestLinksOfAPeerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveLinks(t, nil)
		var streams []interface{ CloseResponse() error }
		open := func() (ended <-chan error) {
			s, err := p.client.Propagate(t.Context())
			if err == nil {
				err = s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: helloFrom1(p)}})
			}
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
			end := make(chan error, 1)
			go func() {
				for err == nil {
					_, err = s.Receive()
				}
				_ = s.CloseRequest()
				end <- err
			}()
			synctest.Wait()
			return end
		}
		var within []<-chan error
		for range maxLinks {
			within = append(within, open())
		}
		over := open()
		if len(over) == 0 {
			t.Fatalf("one more than %d is open", maxLinks)
		}
		if err := <-over; connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(err.Error(), errTooManyLinks.Error()) {
			t.Errorf("one more than %d: %v", maxLinks, err)
		}
		for i, end := range within {
			if len(end) > 0 {
				t.Errorf("link %d has ended: %v", i+1, <-end)
			}
		}
		p.turn() // the last link replaces the others
		for _, end := range within[:maxLinks-1] {
			t.Log("a replaced link ends with", <-end)
		}
		synctest.Wait()
		p.turn()
		if in := p.peers[1].accepted.In(); in != 1 {
			t.Errorf("%d links are left, want 1", in)
		}
		if last := open(); len(last) > 0 {
			t.Errorf("there is room again: %v", <-last)
		}
		p.cut()
		synctest.Wait()
		for _, s := range streams {
			_ = s.CloseResponse()
		}
	})
}

// unreachable is the way to a peer that can't be reached.
type unreachable struct{ dialed []time.Time }

func (u *unreachable) Do(*http.Request) (*http.Response, error) {
	u.dialed = append(u.dialed, time.Now())
	return nil, errors.New("unreachable")
}

// A peer is dialed for ever, at first after 10 to 30 ms, later about once a
// second.
func TestThePauseBeforeALinkIsDialedAgainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unreachable{}
		p := serveLinks(t, u)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p.peers[3].dial(ctx)
		if n := len(u.dialed); n < 2400 || n > 7200 {
			t.Errorf("dialed %d times in an hour", n)
		}
		for i, at := range u.dialed[1:] {
			pause := at.Sub(u.dialed[i])
			if least, most := redial.MinPause/2, 3*redial.MaxPause/2; pause < least || pause >= most || i == 0 && pause >= 3*redial.MinPause/2 {
				t.Errorf("pause %d is %v", i+1, pause)
			}
		}
	})
}

// helloFrom1 is the hello of branch 1 to the branch of the links.
func helloFrom1(p *servedLinks) *bankv1.Hello {
	h := p.replica.Introduction(2)
	h.Branch, h.Epoch = 1, 1
	return api.HelloToProto(h)
}
