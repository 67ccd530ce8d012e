package engine

import (
	"sync"
	"time"

	"passbook.example/passbook/branch/replica"
)

// maxDrained bounds the inputs that one commit follows, and the writes.
const maxDrained = 4096

// input is something that is done to the replica between two steps.
type input = func(*replica.Replica)

// queue is what waits for the next step.
type queue struct {
	// wake has one element when the engine is to come.
	wake chan struct{}

	// mu protects what follows.
	mu sync.Mutex
	// closed is set for good when the engine has ended.
	closed bool
	// inputs are what is not a write.
	inputs []input
	// writes are the customers' writes and the peers' claims. While lingering, they
	// wait for the last batch to arrive, and don't wake the engine until there are
	// fullAt of them.
	writes    []input
	lingering bool
	fullAt    int
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1)} }

// post queues an input and wakes the engine. It reports false when the engine has
// ended.
func (q *queue) post(f input) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.inputs = append(q.inputs, f)
	q.mu.Unlock()
	q.rouse()
	return true
}

// postWrite is post for a customer's write or a peer's claim, which may have to
// wait for those before it to arrive at the peers.
func (q *queue) postWrite(f input) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.writes = append(q.writes, f)
	due := !q.lingering || len(q.writes) == q.fullAt
	q.mu.Unlock()
	if due {
		q.rouse()
	}
	return true
}

func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// takeInputs takes what is not a write.
func (q *queue) takeInputs() []input {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(&q.inputs)
}

// takeWrites takes the writes, or none while the pacer lets them linger.
func (q *queue) takeWrites(p *pacer, now time.Time, due, propagating bool) []input {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lingering = !due && p.linger(now, len(q.writes), propagating)
	q.fullAt = p.fullAt
	if q.lingering {
		return nil
	}
	writes := q.take(&q.writes)
	p.released(now, len(writes))
	return writes
}

// take takes up to maxDrained of the inputs or the writes. If there are more, the
// engine comes back.
func (q *queue) take(from *[]input) []input {
	all := *from
	if len(all) <= maxDrained {
		*from = nil
		return all
	}
	*from = all[maxDrained:]
	q.rouse()
	return all[:maxDrained:maxDrained]
}

// close lets no more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.inputs, q.writes = nil, nil
}
