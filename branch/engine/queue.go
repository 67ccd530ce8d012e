package engine

import (
	"sync"
	"time"

	"passbook.example/passbook/branch/replica"
)

// maxDrained bounds the inputs that one commit follows, and the writes.
const maxDrained = 4096

// maxKept bounds the memory that inputs keep while few wait, in inputs.
const maxKept = 256

// Input is something that is done to the replica between two steps.
type Input = interface {
	// Enter does it. It runs in the engine's goroutine.
	Enter(r *replica.Replica)
}

// action is an input that is a function.
type action func(*replica.Replica)

// Enter implements Input.
func (f action) Enter(r *replica.Replica) { f(r) }

// inputs wait for the next step, in their order.
type inputs struct {
	waiting []Input
	// taken has the memory of those that were taken last, which is used again.
	taken []Input
}

// take takes up to maxDrained. They last until it is called again.
func (in *inputs) take() []Input {
	all, left := in.waiting, in.taken[:0]
	if cap(left) > maxKept {
		left = nil
	}
	if len(all) > maxDrained {
		all, left = all[:maxDrained:maxDrained], all[maxDrained:]
	}
	in.waiting, in.taken = left, all
	return all
}

// queue is what waits for the next step.
type queue struct {
	// wake has one element when the engine is to come.
	wake chan struct{}

	// mu protects what follows.
	mu sync.Mutex
	// closed is set for good when the engine has ended.
	closed bool
	// inputs are what is not a write.
	inputs inputs
	// writes are the customers' writes and the peers' claims. While lingering, they
	// wait for the last batch to arrive, and don't wake the engine until there are
	// fullAt of them.
	writes    inputs
	lingering bool
	fullAt    int
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1)} }

// post queues an input and wakes the engine. It reports false when the engine has
// ended.
func (q *queue) post(f Input) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.inputs.waiting = append(q.inputs.waiting, f)
	q.mu.Unlock()
	q.rouse()
	return true
}

// postWrite is post for a customer's write or a peer's claim, which may have to
// wait for those before it to arrive at the peers.
func (q *queue) postWrite(f Input) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.writes.waiting = append(q.writes.waiting, f)
	due := !q.lingering || len(q.writes.waiting) == q.fullAt
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

// takeInputs takes what is not a write. It lasts until it is called again.
func (q *queue) takeInputs() []Input {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(&q.inputs)
}

// takeWrites takes the writes, or none while the pacer lets them linger. They last until
// it is called again.
func (q *queue) takeWrites(p *pacer, now time.Time, due, propagating bool) []Input {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lingering = !due && p.linger(now, len(q.writes.waiting), propagating)
	q.fullAt = p.fullAt
	if q.lingering {
		return nil
	}
	writes := q.take(&q.writes)
	p.released(now, len(writes))
	return writes
}

// take takes some of the inputs or the writes. If there are more, the engine comes
// back.
func (q *queue) take(from *inputs) []Input {
	all := from.take()
	if len(from.waiting) > 0 {
		q.rouse()
	}
	return all
}

// close lets no more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.inputs, q.writes = inputs{}, inputs{}
}
