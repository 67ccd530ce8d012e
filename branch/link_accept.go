package branch

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Errors of callers who are refused.
var (
	errTooManyLinks    = code.New(code.ResourceExhausted, "that branch has more links here than it needs; close some")
	errTooManyOpenings = code.New(code.ResourceExhausted, "more links wait to say hello than this branch lets wait, and this one had waited longest")
)

// accept serves Propagate: the accepting side of a link.
func (b *Branch) accept(ctx context.Context, stream *acceptedStream) error {
	body := admit.LinkBodyOf(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(b.linksCtx, func() { cancel(api.ErrStopping) })()
	leave := b.openings.Enter(func() { cancel(errTooManyOpenings) })
	defer leave()
	// Receive does not watch ctx, so it has a goroutine of its own, which ends
	// with the stream: when this handler has returned. It waits for the link
	// after the first frame.
	first := make(chan greeting, 1)
	linked := make(chan *link, 1)
	defer close(linked)
	receive := func() (*bankv1.Frame, error) {
		req, err := stream.Receive()
		return req.GetFrame(), err
	}
	spawned := b.spawn(func() {
		f, err := receive()
		first <- greeting{f, err}
		if k := <-linked; k != nil {
			k.end(k.broken(k.pumpIn(b.engine, receive)))
		}
	})
	if !spawned {
		return api.ErrStopping
	}
	p, hello, err := b.greet(ctx, first)
	if err != nil {
		return err
	}
	said, err := api.HelloFromProto(hello.GetHello())
	if err != nil {
		return api.Inputf("hello: %v", err)
	}
	if !p.links.Enter() {
		return errTooManyLinks
	}
	leave()
	body.Greet()
	conn := admit.ConnectionOf(ctx)
	conn.EnterPeer()
	defer conn.Leave()
	k := newLink(p)
	k.accepted = true
	k.put = stream.Send
	k.room = peernet.RoomOf(ctx)
	if !k.upIfKin(b.engine, said) {
		return api.ErrStopped
	}
	defer k.down(b.engine)
	defer k.close(api.ErrStopped)
	defer context.AfterFunc(ctx, func() { k.end(k.broken(context.Cause(ctx))) })()
	defer k.interruptIfReplaced(body)()
	if err := k.take(b.engine, hello); err == nil {
		linked <- k
		<-k.ctx.Done()
	} else {
		k.end(err)
	}
	return k.farewell(stream, context.Cause(k.ctx))
}

// farewell is what the peer is told when an accepted link has ended: nothing, unless
// it should do something about the cause. That a link ends is no failure, since the
// peer dials again.
func (k *link) farewell(stream *acceptedStream, cause error) error {
	var bad *api.InputError
	var stranger *replica.StrangerError
	switch {
	case k.peer.branch.linksCtx.Err() != nil:
		return api.ErrStopping
	case errors.As(cause, &stranger):
		k.close(cause)
		k.introduce(stream)
		return cause
	case errors.As(cause, &bad), connect.CodeOf(cause) == connect.CodeResourceExhausted: // a frame over the size limit
		return cause
	}
	return nil
}

// introduce says to a stranger whose link is refused which bank this is, so that
// it finds out for itself.
func (k *link) introduce(stream *acceptedStream) {
	if k.introduction != nil {
		_ = stream.Send(&outgoing{frame: &replica.Frame{Hello: k.introduction}}) // it is told by the error, too
	}
}

// interruptIfReplaced has a link that a newer one replaces not wait for its
// peer to read. What it returns stops that.
func (k *link) interruptIfReplaced(body *admit.LinkBody) (stop func()) {
	return onEnd(k.ctx, func() {
		if errors.Is(context.Cause(k.ctx), errReplaced) {
			body.InterruptWrites()
		}
	})
}

// greeting is what came first on an accepted link.
type greeting struct {
	frame *bankv1.Frame
	err   error
}

// greet waits for the first frame of an accepted link, which must be the hello
// of a peer of this bank with a lower id.
func (b *Branch) greet(ctx context.Context, arrived <-chan greeting) (*peer, *bankv1.Frame, error) {
	timeout := time.NewTimer(helloTimeout)
	defer timeout.Stop()
	var first *bankv1.Frame
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
	hello := first.GetHello()
	if hello == nil {
		return nil, nil, api.Inputf("the first frame of a link must have a hello")
	}
	p := b.peers[ledger.BranchID(hello.GetBranch())]
	switch {
	case p == nil:
		return nil, nil, api.Inputf("hello from branch %d, which is no peer of branch %d in this bank", hello.GetBranch(), b.id)
	case hello.GetToBranch() != uint32(b.id):
		return nil, nil, api.Inputf("hello to branch %d reached branch %d: check the addresses", hello.GetToBranch(), b.id)
	case p.id > b.id:
		return nil, nil, api.Inputf("branch %d has the higher id and waits to be dialed by branch %d", p.id, b.id)
	}
	return p, first, nil
}
