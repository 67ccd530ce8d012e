package link

import (
	"context"
	"errors"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/redial"
	"passbook.example/passbook/branch/replica"
)

// peerURL stands for the address of whatever peer a call goes to.
const peerURL = "http://peer"

// MaxMessage bounds a message between branches: a frame with a whole window of
// batches, the last of which may be of the largest size.
const MaxMessage = 16 << 20

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
	// maxCertificates bounds the certificates that one frame brings.
	maxCertificates = 64
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
	// peer is the other branch.
	peer *peer
	// accepted says that the peer has dialed the link. It then counts in
	// peer.accepted.
	accepted bool
	// introduction tells a stranger which bank this is; nil for a peer. It is set
	// before the link ends.
	introduction *protocol.Hello
	// heard says that the peer has said something over the link. It belongs to the
	// engine's goroutine.
	heard bool
	// shown are certificates that the peer was shown on this link. It belongs to the
	// engine's goroutine.
	shown map[ledger.Fingerprint]bool
	// bank is the id that the peer names for the bank. It belongs to the goroutine that
	// takes frames.
	bank ledger.BankID

	// ctx ends when the link is given up.
	ctx context.Context
	// end gives the link up. The first cause stays.
	end context.CancelCauseFunc
	// put sends a frame on the stream. It may have to wait for the peer.
	put func(*outgoing) error
	// room returns how many bytes put takes without waiting. It is nil if that isn't
	// known.
	room func() int
	// trace is the Trace of Config, for a link that frames are sent on.
	trace Trace

	mu sync.Mutex
	// outbox has the frames that wait to be sent.
	outbox []outgoing
	// outboxBytes is the size of the batches in outbox.
	outboxBytes int
	// pings measure round trips.
	pings pinger
	// sending is the frame that is being sent. It belongs to the goroutine that pumps.
	sending outgoing
	// pump is pumpOut, for a go statement that needs no memory.
	pump func()
	// pumping says that a goroutine sends what is in outbox, or that none may any
	// more.
	pumping bool
	// pumps counts the goroutines that send.
	pumps sync.WaitGroup
	// unread has one element for each place that the frames take which the engine
	// was given and has not taken yet.
	unread chan struct{}
}

func newLink(p *peer) *link {
	k := &link{peer: p, unread: make(chan struct{}, maxUnread)}
	k.pump = k.pumpOut
	k.ctx, k.end = context.WithCancelCause(context.Background())
	return k
}

// pumpIn gives the engine what arrives, until receiving fails or the link ends.
func (k *link) pumpIn(receive func() (*incoming, error)) error {
	for {
		in, err := received(receive())
		if err != nil {
			return err
		}
		if err := k.take(in); err != nil {
			return err
		}
	}
}

// take gives the engine a frame, once there is a place for it.
func (k *link) take(in *incoming) error {
	if in.wrong != nil {
		return k.lied(api.Inputf("frame from branch %d: %v", k.peer.id, in.wrong))
	}
	if err := k.checkSigned(&in.frame); err != nil {
		return k.lied(err)
	}
	if k.measure(&in.frame) {
		return nil
	}
	in.link, in.places = k, min(1+in.size/unreadBytes, maxUnread)
	for range in.places {
		select {
		case k.unread <- struct{}{}:
		case <-k.ctx.Done():
			return context.Cause(k.ctx)
		}
	}
	if !k.peer.links.cfg.Engine.PostInput(in) {
		return api.ErrStopped
	}
	return nil
}

// lied counts a frame that is refused for its content, and returns the error.
func (k *link) lied(err error) error { return k.peer.links.lied(k.peer.id, err) }

// up makes the link the peer's only one.
func (k *link) up() bool { return k.peer.links.cfg.Engine.Post(k.replace) }

// replace does what up says, in the engine's goroutine.
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
func (k *link) down() {
	l := k.peer.links
	l.cfg.Engine.Post(func(r *replica.Replica) {
		if k.peer.link == k {
			k.peer.link = nil
			cause := context.Cause(k.ctx)
			k.peer.noteDown(cause)
			if k.heard {
				l.cfg.Logger.Log(context.Background(), api.LevelCalls, "link is down", "peer", k.peer.id, "address", k.peer.way.Address, "cause", cause)
			}
			r.LinkDown(k.peer.id)
		}
		if k.accepted {
			k.peer.accepted.Leave()
		}
	})
	// A peer that is stopping waits for its connections to be closed.
	l.cfg.CloseIdle()
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
	stream, err := p.links.dialer.CallBidiStreamSimple(p.call(ctx))
	if err != nil {
		return err
	}
	k.put, k.trace = stream.Send, p.links.cfg.Trace
	if !k.up() {
		return api.ErrStopped
	}
	defer k.down()
	defer context.AfterFunc(ctx, func() { k.end(ctx.Err()) })()
	// Cancelling alone does not wake an idle Receive.
	closed := onEnd(k.ctx, func() {
		cancel()
		_ = stream.CloseRequest()
	})
	first := true
	k.close(k.pumpIn(func() (*incoming, error) {
		in, err := stream.Receive()
		if first && err == nil {
			first = false
			k.hear()
		}
		return in, err
	}))
	closed()
	_ = stream.CloseResponse()
	return context.Cause(k.ctx)
}

// onEnd calls f when a context ends. The function stop prevents that, or waits for f.
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
