package engine

import (
	"context"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// write is a customer's write that waits for its reply. There is one for each deposit,
// so its memory is used again: but only once its reply has come, since until then the
// engine has it. One whose caller goes away earlier is left to the garbage collector.
type write struct {
	// engine carries it out.
	engine *Engine
	// op is what is asked for.
	op protocol.Operation
	// reply has room for the one reply.
	reply chan protocol.Reply
	// late fires when the call has waited for too long.
	late *time.Timer
}

func newWrite(e *Engine) *write {
	w := &write{engine: e, reply: make(chan protocol.Reply, 1), late: time.NewTimer(api.CallTimeout)}
	w.late.Stop()
	return w
}

// Enter implements Input.
func (w *write) Enter(r *replica.Replica) {
	w.op.ID = w.engine.calls.await(w.reply)
	r.Submit(w.op)
}

// Submit carries out a write and returns its reply. The replica answers by the
// deadline in op; ctx is for callers that go away earlier. It returns
// [protocol.ErrQueueFull] when too many calls wait, [api.ErrStopping] or
// [api.ErrStopped] when the engine has ended, and [context.DeadlineExceeded] when it has
// not answered within [api.CallTimeout].
func (e *Engine) Submit(ctx context.Context, op protocol.Operation) (protocol.Reply, error) {
	if !e.calls.queued.Enter() {
		return protocol.Reply{}, protocol.ErrQueueFull
	}
	w := e.writes.Get().(*write)
	w.op = op
	if !e.queue.postWrite(w) {
		return protocol.Reply{}, api.ErrStopping
	}
	reply, err := w.await(ctx)
	w.late.Stop()
	if err != nil {
		return reply, err
	}
	w.op = protocol.Operation{}
	e.writes.Put(w) // and from here on it is another call's
	return reply, reply.Err
}

// unwatched is how long a write waits before it looks whether its caller is still there:
// a context needs memory for that, and most replies come sooner.
const unwatched = 50 * time.Millisecond

// await returns the reply, or why there is none in time.
func (w *write) await(ctx context.Context) (protocol.Reply, error) {
	w.late.Reset(unwatched)
	select {
	case reply := <-w.reply:
		return reply, nil
	case <-w.engine.ended: // the second select finds that, too
	case <-w.late.C:
	}
	w.late.Reset(api.CallTimeout - unwatched)
	select {
	case reply := <-w.reply:
		return reply, nil
	case <-w.engine.ended:
		return w.engine.last(w.reply)
	case <-w.late.C:
		return protocol.Reply{}, context.DeadlineExceeded
	case <-ctx.Done():
		return protocol.Reply{}, ctx.Err()
	}
}
