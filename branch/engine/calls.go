package engine

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Bounds of what waits for the engine.
const (
	// maxQueuedCalls bounds the customers' calls taken and not answered.
	maxQueuedCalls = 16384
	// maxServed bounds the peers' claims and collects taken and not answered.
	maxServed = 4096
	// maxVisits bounds what else wants to see the replica.
	maxVisits = 1024
)

// calls are those that were taken and are not answered. One whose caller has gone
// counts too, until its answer is ready.
type calls struct {
	// queued bounds the customers' calls, served those of peers, visits those who
	// want to see the replica.
	queued, served, visits bound.Count

	// What follows belongs to the engine's goroutine. waiting are the customers'
	// calls and peers those of peers, by the ids that the replica knows them by.
	nextID  uint64
	waiting map[uint64]chan<- protocol.Reply
	peers   map[uint64]chan<- protocol.Message
	// visited are closed once the commit has succeeded.
	visited []chan<- struct{}
}

func newCalls() calls {
	return calls{
		queued: bound.Count{Most: maxQueuedCalls}, served: bound.Count{Most: maxServed}, visits: bound.Count{Most: maxVisits},
		waiting: map[uint64]chan<- protocol.Reply{}, peers: map[uint64]chan<- protocol.Message{},
	}
}

// await gives a customer's call its id.
func (c *calls) await(reply chan<- protocol.Reply) (id uint64) {
	c.nextID++
	c.waiting[c.nextID] = reply
	return c.nextID
}

// reply answers a customer's call.
func (c *calls) reply(r *protocol.Reply) {
	if ch, ok := c.waiting[r.ID]; ok {
		delete(c.waiting, r.ID)
		c.queued.Leave()
		ch <- *r
	}
}

// answerPeer reports whether a message answers a peer's call, and answers it.
func (c *calls) answerPeer(m protocol.Message) bool {
	var id uint64
	switch {
	case m.ClaimAnswer != nil:
		id = m.ClaimAnswer.ID
	case m.CollectAnswer != nil:
		id = m.CollectAnswer.ID
	default:
		return false
	}
	if ch, ok := c.peers[id]; ok {
		delete(c.peers, id)
		c.served.Leave()
		ch <- m
	}
	return true
}

// endVisits tells visitors that what they saw is durable.
func (c *calls) endVisits() {
	for _, done := range c.visited {
		c.visits.Leave()
		close(done)
	}
	c.visited = nil
}

// Post does something to the replica before the next step. It reports false when
// the engine has ended.
func (e *Engine) Post(f func(*replica.Replica)) bool { return e.queue.post(action(f)) }

// PostInput is Post for an input that is no function.
func (e *Engine) PostInput(in Input) bool { return e.queue.post(in) }

// Ask carries out a read and returns its reply. Its errors are those of Submit.
func (e *Engine) Ask(ctx context.Context, q protocol.Query) (protocol.Reply, error) {
	ch, err := e.begin(e.queue.post, func(r *replica.Replica, id uint64) {
		q.ID = id
		r.Ask(q)
	})
	if err != nil {
		return protocol.Reply{}, err
	}
	return e.Await(ctx, ch)
}

// Begin queues a write, after all that were begun before it. Its reply comes out
// of Await. Its errors are those of Submit.
func (e *Engine) Begin(op protocol.Operation) (<-chan protocol.Reply, error) {
	return e.begin(e.queue.postWrite, func(r *replica.Replica, id uint64) {
		op.ID = id
		r.Submit(op)
	})
}

func (e *Engine) begin(post func(Input) bool, start func(r *replica.Replica, id uint64)) (<-chan protocol.Reply, error) {
	if !e.calls.queued.Enter() {
		return nil, protocol.ErrQueueFull
	}
	ch := make(chan protocol.Reply, 1)
	ok := post(action(func(r *replica.Replica) { start(r, e.calls.await(ch)) }))
	if !ok {
		return nil, api.ErrStopping
	}
	return ch, nil
}

// Await returns the reply of a call that was begun. It returns [api.ErrStopped]
// when the engine has ended without one.
func (e *Engine) Await(ctx context.Context, ch <-chan protocol.Reply) (protocol.Reply, error) {
	select {
	case reply := <-ch:
		return reply, reply.Err
	case <-e.ended:
		return e.last(ch)
	case <-ctx.Done():
		return protocol.Reply{}, ctx.Err()
	}
}

// last returns the reply to a call if it is the last thing that the engine did.
func (e *Engine) last(ch <-chan protocol.Reply) (protocol.Reply, error) {
	select {
	case reply := <-ch:
		return reply, reply.Err
	default:
		return protocol.Reply{}, api.ErrStopped
	}
}

// Serve gives a peer's claim or collect to the replica and returns its answer. It
// sets the message's id. A claim waits as writes do, since a grant makes as much
// work as they do. It returns [protocol.ErrQueueFull] when too many wait, and
// [api.ErrStopped] when the engine has ended.
func (e *Engine) Serve(ctx context.Context, m protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	ch := make(chan protocol.Message, 1)
	if !e.calls.served.Enter() {
		return protocol.Message{}, protocol.ErrQueueFull
	}
	post := e.queue.post
	if m.Claim != nil {
		post = e.queue.postWrite
	}
	ok := post(action(func(r *replica.Replica) {
		e.calls.nextID++
		e.calls.peers[e.calls.nextID] = ch
		if m.Claim != nil {
			m.Claim.ID = e.calls.nextID
		} else {
			m.Collect.ID = e.calls.nextID
		}
		r.Receive(m)
	}))
	if !ok {
		return protocol.Message{}, api.ErrStopped
	}
	select {
	case answer := <-ch:
		return answer, nil
	case <-e.ended:
		return protocol.Message{}, api.ErrStopped
	case <-ctx.Done():
		return protocol.Message{}, ctx.Err()
	}
}

// Visit runs f on the replica, between two steps, and returns once what f saw and
// did is durable. Its errors are those of Serve.
func (e *Engine) Visit(ctx context.Context, f func(*replica.Replica)) error {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	if !e.calls.visits.Enter() {
		return protocol.ErrQueueFull
	}
	done := make(chan struct{})
	ok := e.Post(func(r *replica.Replica) {
		f(r)
		e.calls.visited = append(e.calls.visited, done)
	})
	if !ok {
		return api.ErrStopped
	}
	select {
	case <-done:
		return nil
	case <-e.ended:
		return api.ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
