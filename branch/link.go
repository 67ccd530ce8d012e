package branch

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/redial"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of a link.
const (
	// maxOutbox bounds the frames that wait to be sent on a link. More are
	// dropped, and come again: the replica counts on acks, not on sending.
	maxOutbox = 4096
	// maxOutboxBytes bounds the batches in them. One frame may be larger.
	maxOutboxBytes = 16 << 20
	// maxKeptOutbox bounds the memory that an empty outbox keeps, in frames.
	maxKeptOutbox = 4
	// maxUnread bounds the frames of a link that the engine has not taken yet;
	// the link is not read while there are more. A frame counts as one for
	// each unreadBytes it has.
	maxUnread   = 16
	unreadBytes = 1 << 20
	// maxWants bounds what one frame asks for: each may be a search on disk.
	maxWants = 1024
	// maxLinks bounds the links of one peer that are accepted and not ended
	// yet, the replaced ones too.
	maxLinks = 8
	// helloTimeout bounds the wait for the first frame of an accepted link.
	helloTimeout = 5 * time.Second
)

// errReplaced ends a link when its peer has a newer one.
var errReplaced = errors.New("replaced by a newer link")

// link is one connection to a peer, from one stream's beginning to its end.
type link struct {
	peer *peer
	// accepted links, not dialed ones, count in peer.links.
	accepted bool
	// introduction is what a stranger is told; set before the link ends.
	introduction *replica.Hello
	// heard says that the peer has said something over it; it belongs to the
	// loop's goroutine.
	heard bool

	// ctx ends when the link is given up: end does that, and the first cause
	// stays.
	ctx context.Context
	end context.CancelCauseFunc
	// put sends a frame on the stream; it may have to wait for the peer.
	put func(*outgoing) error
	// room is how many bytes put takes without waiting; nil when nobody knows.
	room func() int

	mu     sync.Mutex
	outbox []outgoing
	// outboxBytes is the size of the batches in outbox.
	outboxBytes int
	// pumping says that somebody sends what is in outbox, or that nobody may any
	// more; pumps are those who do.
	pumping bool
	pumps   sync.WaitGroup
	// unread has the places of the frames given to the engine and not taken yet.
	unread chan struct{}
}

func newLink(p *peer) *link {
	k := &link{peer: p, unread: make(chan struct{}, maxUnread)}
	k.ctx, k.end = context.WithCancelCause(context.Background())
	return k
}

// send queues a frame and has it sent. It never blocks. A goroutine that waited
// for frames would cost as much to wake, and its stack besides: in a bank of 50
// branches there are 2,450 ends of links.
func (k *link) send(f outgoing) {
	size := batchBytes(f.frame)
	k.mu.Lock()
	if len(k.outbox) < maxOutbox && (size == 0 || k.outboxBytes == 0 || k.outboxBytes+size <= maxOutboxBytes) {
		k.outbox = append(k.outbox, f)
		k.outboxBytes += size
	}
	alone := len(k.outbox) == 1
	begins := !k.pumping
	if begins {
		k.pumping = true
		k.pumps.Add(1)
	}
	k.mu.Unlock()
	switch {
	case begins && alone && k.room != nil && mostBytes(f.frame) <= k.room():
		k.pumpOut() // which has nothing to wait for, and nobody to wake first
	case begins:
		go k.pumpOut() // until close at the latest, which waits for it
	}
}

// pumpOut sends what is queued. When that fails the link ends; where the peer has
// ended the stream, what is received says why.
func (k *link) pumpOut() {
	defer k.pumps.Done()
	for k.ctx.Err() == nil {
		f, ok := k.next()
		if !ok {
			return
		}
		switch err := k.put(&f); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			k.end(err)
		}
	}
}

// next takes what goes next as one frame out of the outbox. With nothing there
// it says so, and that nobody pumps any more.
func (k *link) next() (outgoing, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pumping = len(k.outbox) > 0
	if !k.pumping {
		return outgoing{}, false
	}
	return k.takeOut(), true
}

// takeOut takes the first frames out of the outbox, as one. The caller holds mu.
func (k *link) takeOut() outgoing {
	f, n := gather(k.outbox)
	for i := range k.outbox[:n] {
		k.outboxBytes -= batchBytes(k.outbox[i].frame)
		k.outbox[i] = outgoing{}
	}
	switch {
	case n < len(k.outbox):
		k.outbox = k.outbox[n:]
	case cap(k.outbox) > maxKeptOutbox:
		k.outbox = nil
	default:
		k.outbox = k.outbox[:0]
	}
	return f
}

// close ends the link, if that has not happened, and waits until nobody sends
// on it any more.
func (k *link) close(cause error) {
	k.end(cause)
	k.mu.Lock()
	k.pumping = true
	k.mu.Unlock()
	k.pumps.Wait()
}

// pumpIn gives what arrives to the engine until receiving fails or the link ends.
func (k *link) pumpIn(e *engine.Engine, receive func() (*bankv1.Frame, error)) error {
	for {
		in, err := receive()
		if err != nil {
			return err
		}
		if err := k.take(e, in); err != nil {
			return err
		}
	}
}

func (k *link) take(e *engine.Engine, in *bankv1.Frame) error {
	if n := len(in.GetWants()); n > maxWants {
		return k.lied(api.Inputf("frame from branch %d: it asks for %d journals, at most %d are allowed", k.peer.id, n, maxWants))
	}
	f, err := api.FrameFromProto(in)
	if err != nil {
		return k.lied(api.Inputf("frame from branch %d: %v", k.peer.id, err))
	}
	places := min(1+proto.Size(in)/unreadBytes, maxUnread)
	for range places {
		select {
		case k.unread <- struct{}{}:
		case <-k.ctx.Done():
			return context.Cause(k.ctx)
		}
	}
	ok := e.Post(func(r *replica.Replica) {
		for range places {
			<-k.unread
		}
		if k.peer.link == k { // and not one that has been replaced
			r.Receive(replica.Message{From: k.peer.id, To: k.peer.branch.id, Frame: f})
		}
	})
	if !ok {
		return api.ErrStopped
	}
	return nil
}

// lied counts a frame that is refused for what it says.
func (k *link) lied(err error) error { return k.peer.branch.lied(k.peer.id, err) }

// up makes the link the peer's only one.
func (k *link) up(e *engine.Engine) bool {
	return e.Post(k.replace)
}

// replace is up, in the engine's goroutine.
func (k *link) replace(r *replica.Replica) {
	if old := k.peer.link; old != nil {
		old.end(errReplaced)
	}
	k.peer.link = k
	if k.accepted {
		k.noteUp()
	}
	r.LinkUp(k.peer.id)
}

// down tells the engine that the link is gone.
func (k *link) down(e *engine.Engine) {
	e.Post(func(r *replica.Replica) {
		if k.peer.link == k {
			k.peer.link = nil
			cause := context.Cause(k.ctx)
			k.peer.noteDown(cause)
			if k.heard {
				k.peer.branch.logger.Log(context.Background(), api.LevelCalls, "link is down", "peer", k.peer.id, "address", k.peer.address, "cause", cause)
			}
			r.LinkDown(k.peer.id)
		}
		if k.accepted {
			k.peer.links.Leave()
		}
	})
	// A peer that is stopping waits for its connections to be closed.
	k.peer.branch.transport.CloseIdleConnections()
}

// dial keeps a link to the peer until ctx is done: when it breaks, it dials again.
func (p *peer) dial(ctx context.Context) {
	redial.Keep(ctx, func() error { return p.runLink(ctx) }, p.noteDown)
}

// runLink opens a link to the peer and runs it until it breaks.
func (p *peer) runLink(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k := newLink(p)
	stream, err := p.branch.dialer.CallBidiStreamSimple(p.call(ctx))
	if err != nil {
		return err
	}
	k.put = stream.Send
	e := p.branch.engine
	if !k.up(e) {
		return api.ErrStopped
	}
	defer k.down(e)
	defer context.AfterFunc(ctx, func() { k.end(ctx.Err()) })()
	// Cancelling alone does not wake an idle Receive.
	closed := onEnd(k.ctx, func() {
		cancel()
		_ = stream.CloseRequest()
	})
	first := true
	k.close(k.pumpIn(e, func() (*bankv1.Frame, error) {
		res, err := stream.Receive()
		if first && err == nil {
			first = false
			k.hear(e)
		}
		return res.GetFrame(), err
	}))
	closed()
	_ = stream.CloseResponse()
	return context.Cause(k.ctx)
}

// onEnd calls f when a context ends. What it returns ends that, and waits for f.
func onEnd(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}
