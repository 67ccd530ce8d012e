package link

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Errors of callers who are refused.
var (
	errTooManyLinks    = code.New(code.ResourceExhausted, "that branch has more links here than it needs; close some")
	errTooManyOpenings = code.New(code.ResourceExhausted, "more links wait to say hello than this branch lets wait, and this one had waited longest")
)

// accept serves Propagate: the accepting side of a link.
func (l *Links) accept(ctx context.Context, stream *acceptedStream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.cfg.Ended, func() { cancel(api.ErrStopping) })()
	arrival, leave := l.cfg.Arrive(ctx, func() { cancel(errTooManyOpenings) })
	defer leave()
	// Receive does not watch ctx, so it has a goroutine of its own, which ends
	// with the stream: when this handler has returned. It waits for the link
	// after the first frame.
	first := make(chan greeting, 1)
	linked := make(chan *link, 1)
	defer close(linked)
	spawned := l.cfg.Spawn(func() {
		f, err := received(stream.Receive())
		first <- greeting{f, err}
		if k := <-linked; k != nil {
			k.end(k.broken(k.pumpIn(stream.Receive)))
		}
	})
	if !spawned {
		return api.ErrStopping
	}
	p, hello, err := l.greet(ctx, first)
	if err != nil {
		return err
	}
	if !p.accepted.Enter() {
		return errTooManyLinks
	}
	leave()
	defer arrival.Greet()()
	k := newLink(p)
	k.accepted = true
	k.put, k.trace = stream.Send, l.cfg.Trace
	k.room = peernet.RoomOf(ctx)
	if !k.upIfKin(hello.frame.Hello) {
		return api.ErrStopped
	}
	defer k.down()
	defer k.close(api.ErrStopped)
	defer context.AfterFunc(ctx, func() { k.end(k.broken(context.Cause(ctx))) })()
	defer k.interruptIfReplaced(arrival)()
	if err := k.take(hello); err == nil {
		linked <- k
		<-k.ctx.Done()
	} else {
		k.end(err)
	}
	return k.farewell(stream, context.Cause(k.ctx))
}

// farewell returns the error that the peer gets when an accepted link has ended: none,
// unless the peer should do something about the cause. The end of a link alone is no
// failure, since the peer dials again.
func (k *link) farewell(stream *acceptedStream, cause error) error {
	var bad *api.InputError
	var stranger *protocol.StrangerError
	var unsigned *protocol.SignatureError
	switch {
	case k.peer.links.cfg.Ended.Err() != nil:
		return api.ErrStopping
	case errors.As(cause, &stranger):
		k.close(cause)
		k.introduce(stream)
		return cause
	case errors.As(cause, &bad), errors.As(cause, &unsigned), connect.CodeOf(cause) == connect.CodeResourceExhausted: // a frame over the size limit
		return cause
	}
	return nil
}

// introduce tells a stranger whose link is refused which bank this is, so that its log
// says so too.
func (k *link) introduce(stream *acceptedStream) {
	if k.introduction != nil {
		_ = stream.Send(&outgoing{frame: &protocol.Frame{Hello: k.introduction}}) // the error tells it, too
	}
}

// interruptIfReplaced makes sure that a link which a newer one replaces does not wait
// for its peer to read. The function stop ends that.
func (k *link) interruptIfReplaced(a Arrival) (stop func()) {
	return onEnd(k.ctx, func() {
		if errors.Is(context.Cause(k.ctx), errReplaced) {
			a.InterruptWrites()
		}
	})
}

// greeting is what came first on an accepted link: a frame, or an error.
type greeting struct {
	// frame is nil when there is an error.
	frame *incoming
	// err says why no frame came.
	err error
}

// greet waits for the first frame of an accepted link, which must be the hello
// of a peer of this bank with a lower id.
func (l *Links) greet(ctx context.Context, arrived <-chan greeting) (*peer, *incoming, error) {
	timeout := time.NewTimer(helloTimeout)
	defer timeout.Stop()
	var first *incoming
	select {
	case g := <-arrived:
		if g.err != nil {
			return nil, nil, api.Inputf("the link ended before its hello: %v", g.err)
		}
		first = g.frame
	case <-timeout.C:
		return nil, nil, api.Inputf("no hello came within %s", helloTimeout)
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errTooManyOpenings) {
			return nil, nil, errTooManyOpenings
		}
		return nil, nil, api.ErrStopping
	}
	if first.wrong != nil {
		return nil, nil, api.Inputf("%v", first.wrong)
	}
	hello := first.frame.Hello
	if hello == nil {
		return nil, nil, api.Inputf("the first frame of a link must have a hello")
	}
	p := l.peers[hello.Branch]
	switch {
	case p == nil:
		return nil, nil, api.Inputf("hello from branch %d, which is no peer of branch %d in this bank", hello.Branch, l.cfg.ID)
	case hello.To != l.cfg.ID:
		return nil, nil, api.Inputf("hello to branch %d reached branch %d: check the addresses", hello.To, l.cfg.ID)
	case identity.CheckBranch(ctx, uint32(p.id)) != nil:
		return nil, nil, identity.CheckBranch(ctx, uint32(p.id))
	case p.id > l.cfg.ID:
		return nil, nil, api.Inputf("branch %d has the higher id and waits to be dialed by branch %d", p.id, l.cfg.ID)
	}
	return p, first, nil
}

// upIfKin makes a link that a peer has opened its only one, unless its hello is
// that of a stranger: then the link ends, and the peer's other link stays.
func (k *link) upIfKin(hello *protocol.Hello) bool {
	return k.peer.links.cfg.Engine.Post(func(r *replica.Replica) {
		if err := r.Meet(k.peer.id, hello); err != nil {
			k.introduction = r.Introduction(k.peer.id)
			k.end(err)
			return
		}
		k.replace(r)
	})
}
