package branch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// Bounds of what waits for the loop.
const (
	// maxQueuedCalls bounds the customers' calls taken and not answered.
	maxQueuedCalls = 16384
	// maxDrained bounds the inputs that one commit follows, and the writes.
	maxDrained = 4096
	// maxServedClaims bounds the peers' claims and looks taken and not
	// answered.
	maxServedClaims = 4096
	// maxLooks bounds what else wants to see the replica.
	maxLooks = 1024
)

// loop owns the replica. It drains what has queued up, has the replica decide,
// writes one commit, and only then lets messages and replies out: the
// durability rule. While a commit is on its way to disk, the next inputs
// queue up.
type loop struct {
	replica *replica.Replica
	journal *journal.Journal
	started time.Time
	// send takes a message for a peer. It must not block.
	send func(replica.Message)
	// refuse is told of messages of peers that were refused.
	refuse func(replica.Refusal)
	// freeze holds the loop before a step while the branch is paused.
	freeze freeze

	mu     sync.Mutex
	queue  []func()
	closed bool
	wake   chan struct{}
	// writes are the customers' writes and the peers' claims that have queued up.
	// While holding, they wait for the last batch to arrive, and don't wake the
	// loop.
	writes  []func()
	holding bool
	// fullAt is with how many writes the loop is woken all the same.
	fullAt int
	// calls, claims and looks are taken and not answered; one whose caller has
	// gone counts too, until its answer is ready.
	calls, claims, looks bound.Count
	// ended is closed when the loop has ended. What is not answered by then
	// never will be.
	ended chan struct{}

	// What follows belongs to the loop's goroutine.
	nextID uint64
	// committedAt is when the last own batch was committed, arrivedAt when it
	// was applied at the peers; crowd is how many customers' writes are in it.
	committedAt, arrivedAt time.Time
	crowd                  int
	// returning is how many writes are expected of a crowd at most; filled counts
	// the times in a row that as many came.
	returning, filled int
	waiting           map[uint64]chan<- replica.Reply
	served            map[uint64]chan<- replica.Message
	// after runs once the commit has succeeded.
	after []func()
	// serving is closed when the branch first takes writes.
	serving  chan struct{}
	isServed bool
	onState  func(replica.State)
	// onDouble is told of request ids that several entries have.
	onDouble func(*ledger.Double)
	state    replica.State
	// observer sees every step.
	observer observer
	story    *story
}

// observer is told of every step of the loop, on its goroutine.
type observer interface {
	// Observe takes what a step has committed, nil for nothing, and the replica
	// as it is then.
	Observe(r *replica.Replica, commit *ledger.Commit)
}

func newLoop(r *replica.Replica, j *journal.Journal, started time.Time, o observer) *loop {
	return &loop{
		replica: r, journal: j, started: started, wake: make(chan struct{}, 1), ended: make(chan struct{}), serving: make(chan struct{}),
		waiting: map[uint64]chan<- replica.Reply{}, served: map[uint64]chan<- replica.Message{},
		calls: bound.Count{Most: maxQueuedCalls}, claims: bound.Count{Most: maxServedClaims}, looks: bound.Count{Most: maxLooks},
		observer: o, onDouble: func(*ledger.Double) {}, returning: maxHeldWrites, refuse: func(replica.Refusal) {},
	}
}

func (l *loop) now() replica.Millis { return replica.Millis(time.Since(l.started).Milliseconds()) }

// post has f run by the loop. It reports false when the loop has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, f)
	l.mu.Unlock()
	l.rouse()
	return true
}

// postWrite is post for a customer's write, which may have to wait for those
// before it to arrive at the peers.
func (l *loop) postWrite(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.writes = append(l.writes, f)
	due := !l.holding || len(l.writes) == l.fullAt
	l.mu.Unlock()
	if due {
		l.rouse()
	}
	return true
}

func (l *loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run drives the replica until ctx is done, which returns nil, or until a
// commit or a read fails: fail-stop.
func (l *loop) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer l.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-timer.C:
		}
		if l.freeze.passUntil(ctx) != nil {
			return nil
		}
		if err := l.step(); err != nil {
			return err
		}
		l.setTimer(timer)
	}
}

// setTimer has the loop come back when the replica wants to, or when writes
// have been held for long enough.
func (l *loop) setTimer(timer *time.Timer) {
	pause, ok := time.Duration(0), false
	if at, wanted := l.replica.NextTick(); wanted {
		pause, ok = max(time.Millisecond, time.Until(l.started.Add(time.Duration(at)*time.Millisecond))), true
	}
	if l.holding { // only this goroutine sets it
		if hold := time.Until(l.heldUntil()); !ok || hold < pause {
			pause, ok = hold, true
		}
	}
	if ok {
		timer.Reset(pause)
	}
}

// step drains the queue once: decide, commit, let out.
func (l *loop) step() error {
	l.replica.Tick(l.now())
	l.drain()
	ready := l.replica.Ready()
	if err := l.replica.Err(); err != nil {
		return err
	}
	if ready.Commit != nil {
		if err := l.journal.Commit(ready.Commit); err != nil {
			return fmt.Errorf("write journal: %w", err)
		}
		if ready.Commit.Sync {
			l.noteSent(ready.Commit)
		}
	}
	if ready.Commit != nil {
		l.story.applied(ready.Commit)
		for i := range ready.Commit.Doubles {
			l.onDouble(&ready.Commit.Doubles[i])
		}
	}
	l.replica.Advance()
	for _, m := range ready.Messages {
		l.letOut(m)
	}
	for _, f := range ready.Refusals {
		l.refuse(f)
	}
	for i := range ready.Replies {
		if ch, ok := l.waiting[ready.Replies[i].ID]; ok {
			delete(l.waiting, ready.Replies[i].ID)
			l.calls.Leave()
			ch <- ready.Replies[i]
		}
	}
	for _, f := range l.after {
		f()
	}
	l.after = nil
	l.noteState()
	l.observer.Observe(l.replica, ready.Commit)
	return nil
}

// drain runs what has queued up, as far as one commit may follow it: first what
// may tell that the last batch has arrived, and then the writes, unless they
// have to wait for that.
func (l *loop) drain() {
	l.mu.Lock()
	inputs := l.take(&l.queue, maxDrained)
	l.mu.Unlock()
	for _, f := range inputs {
		f()
	}
	l.mu.Lock()
	var writes []func()
	if l.holding = len(l.writes) < maxHeldWrites && !l.replica.Due() && l.mustHold(); !l.holding {
		writes = l.take(&l.writes, maxDrained)
		l.noteReleased(len(writes))
	}
	l.mu.Unlock()
	for _, f := range writes {
		f()
	}
}

// take takes up to n from a queue. If there are more it has the loop come back.
func (l *loop) take(queue *[]func(), n int) []func() {
	q := *queue
	if len(q) <= n {
		*queue = nil
		return q
	}
	*queue = q[n:]
	l.rouse()
	return q[:n:n]
}

// letOut hands a message to its link, or to the peer's call it answers.
func (l *loop) letOut(m replica.Message) {
	var id uint64
	switch {
	case m.ClaimAnswer != nil:
		id = m.ClaimAnswer.ID
	case m.CollectAnswer != nil:
		id = m.CollectAnswer.ID
	default:
		l.send(m)
		return
	}
	if ch, ok := l.served[id]; ok {
		delete(l.served, id)
		l.claims.Leave()
		ch <- m
	}
}

func (l *loop) noteState() {
	state := l.replica.State()
	if state == l.state {
		return
	}
	l.state = state
	if l.onState != nil {
		l.onState(state)
	}
	if state != replica.Recovering && !l.isServed {
		l.isServed = true
		close(l.serving)
	}
}

// close lets every caller go.
func (l *loop) close() {
	l.mu.Lock()
	l.closed = true
	l.queue, l.writes = nil, nil
	l.mu.Unlock()
	close(l.ended)
}

// submit carries out a write and returns its reply. The replica answers by the
// deadline in op; ctx is for callers that go away earlier.
func (l *loop) submit(ctx context.Context, op replica.Operation) (replica.Reply, error) {
	return l.call(ctx, l.postWrite, func(id uint64) {
		op.ID = id
		l.replica.Submit(op)
	})
}

// ask carries out a read and returns its reply.
func (l *loop) ask(ctx context.Context, q replica.Query) (replica.Reply, error) {
	return l.call(ctx, l.post, func(id uint64) {
		q.ID = id
		l.replica.Ask(q)
	})
}

func (l *loop) call(ctx context.Context, post func(func()) bool, start func(id uint64)) (replica.Reply, error) {
	ch, err := l.begin(post, start)
	if err != nil {
		return replica.Reply{}, err
	}
	return l.await(ctx, ch)
}

// begin queues a call, after all that were begun before it. Its reply comes
// out of await.
func (l *loop) begin(post func(func()) bool, start func(id uint64)) (<-chan replica.Reply, error) {
	if !l.calls.Enter() {
		return nil, replica.ErrQueueFull
	}
	ch := make(chan replica.Reply, 1)
	ok := post(func() {
		l.nextID++
		l.waiting[l.nextID] = ch
		start(l.nextID)
	})
	if !ok {
		return nil, api.ErrStopping
	}
	return ch, nil
}

func (l *loop) await(ctx context.Context, ch <-chan replica.Reply) (replica.Reply, error) {
	select {
	case reply := <-ch:
		return reply, reply.Err
	case <-l.ended:
	case <-ctx.Done():
		return replica.Reply{}, ctx.Err()
	}
	select {
	case reply := <-ch: // the last thing that the loop did
		return reply, reply.Err
	default:
		return replica.Reply{}, api.ErrStopped
	}
}

// serve gives a peer's claim or look to the replica and returns its answer. post
// queues it: a claim waits as writes do, since a grant makes as much work as they
// do. message gets the id that the answer will carry.
func (l *loop) serve(ctx context.Context, post func(func()) bool, message func(id uint64) replica.Message) (replica.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	ch := make(chan replica.Message, 1)
	if !l.claims.Enter() {
		return replica.Message{}, replica.ErrQueueFull
	}
	ok := post(func() {
		l.nextID++
		l.served[l.nextID] = ch
		l.replica.Receive(message(l.nextID))
	})
	if !ok {
		return replica.Message{}, api.ErrStopped
	}
	select {
	case m := <-ch:
		return m, nil
	case <-l.ended:
		return replica.Message{}, api.ErrStopped
	case <-ctx.Done():
		return replica.Message{}, ctx.Err()
	}
}

// look runs f on the replica, between two steps, and returns when what f saw
// is committed.
func (l *loop) look(ctx context.Context, f func(*replica.Replica)) error {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	if !l.looks.Enter() {
		return replica.ErrQueueFull
	}
	done := make(chan struct{})
	ok := l.post(func() {
		f(l.replica)
		l.after = append(l.after, func() {
			l.looks.Leave()
			close(done)
		})
	})
	if !ok {
		return api.ErrStopped
	}
	select {
	case <-done:
		return nil
	case <-l.ended:
		return api.ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
