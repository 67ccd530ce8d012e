// Package engine drives the replica: it queues what comes, has the replica
// decide, makes the result durable, and only then lets messages and replies out.
//
// One goroutine, that of [Engine.Run], owns the replica. Each step drains what has
// queued up and writes it as one commit. Group commit, group propagation and
// back-pressure follow from that: while one commit is on its way to disk, the
// next inputs queue up.
//
//	engine.go  New, Run and the step
//	queue.go   what waits for the next step
//	pacer.go   which writes wait so that a batch has many (a pure value)
//	calls.go   the calls that wait for an answer, and how to make one
//	write.go   Submit: a write that waits for its reply
//
// It knows the replica, and by interfaces declared here the journal, what signs
// batches, the freeze of a branch that is paused, where the results go, and who observes. Links, services
// and the feed know it; the wiring in package branch makes it.
package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Journal makes commits durable.
type Journal interface {
	// Commit writes a commit, and syncs it when it holds entries of this branch's
	// own. An error stops the engine.
	Commit(c *ledger.Commit) error
	// CommitMeanwhile is like Commit, and calls work while the disk writes: both have
	// returned when it does.
	CommitMeanwhile(c *ledger.Commit, work func()) error
	// Sign adds the signature of a batch that is committed already. It need not be durable
	// before the next commit that is synced. An error stops the engine.
	Sign(o *ledger.Outline) error
}

// Signer signs what the branch writes.
type Signer interface {
	// Sign signs the batches in a commit that the branch has made. An error stops the
	// engine: nothing unsigned leaves it.
	Sign(c *ledger.Commit) error
	// SignBeside returns a function that signs the one batch of a commit while the journal
	// writes it; nil if the commit has to be signed first.
	SignBeside(c *ledger.Commit) func() (*ledger.Signature, error)
}

// Freeze stops the engine while the branch is paused on purpose.
type Freeze interface {
	// PassUntil returns nil once the branch is not paused, and an error if ctx
	// ends before.
	PassUntil(ctx context.Context) error
}

// Outlet takes the results of a step, in the order of its methods. They are
// called on the engine's goroutine, once the commit of the step is durable, and
// must not block.
type Outlet interface {
	// Committed takes what was committed.
	Committed(c *ledger.Commit)
	// Send takes a message for a peer.
	Send(m protocol.Message)
	// Refused is told of messages of peers that were refused.
	Refused(r protocol.Refusal)
	// StateChanged is told the replica's state whenever it is another one.
	StateChanged(s protocol.State)
}

// Observer sees every step once its messages and replies are on their way. It is
// called on the engine's goroutine and must not block.
type Observer interface {
	// Observe takes what a step has committed, nil for nothing, and the replica
	// as it is then.
	Observe(r *replica.Replica, commit *ledger.Commit)
}

// Config has what an engine works with.
type Config struct {
	// Replica decides. Once the engine runs, it belongs to its goroutine.
	Replica *replica.Replica
	// Journal is where the replica's commits go.
	Journal Journal
	// Signer signs each commit before it goes to the journal; nil where nobody signs.
	Signer Signer
	// Started is when the replica's clock was at zero.
	Started time.Time
	// Freeze stops the engine before a step while the branch is paused.
	Freeze Freeze
	// Outlet takes the results of each step.
	Outlet Outlet
	// Observer sees each step.
	Observer Observer
}

// Engine owns the replica.
type Engine struct {
	cfg Config
	// queue has what waits for the next step, calls those that wait for an answer.
	queue queue
	calls calls
	// writes has the memory of writes that are answered.
	writes sync.Pool
	// ended is closed when the engine has ended. What is not answered by then
	// never will be.
	ended chan struct{}
	// serving is closed when the branch first takes writes.
	serving chan struct{}

	// What follows belongs to the engine's goroutine. pacer tells which writes wait.
	pacer pacer
	// state is what the outlet was told last, isServing whether serving is closed.
	state     protocol.State
	isServing bool
	// unkept is a batch that was let out with a signature that the journal does not have.
	unkept *ledger.Outline
}

// New returns an engine that waits for Run. What is posted before is done then.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg, queue: newQueue(), calls: newCalls(), pacer: newPacer(), ended: make(chan struct{}), serving: make(chan struct{})}
	e.writes.New = func() any { return newWrite(e) }
	return e
}

// Now returns the time on the replica's clock.
func (e *Engine) Now() protocol.Millis {
	return protocol.Millis(time.Since(e.cfg.Started).Milliseconds())
}

// Serving returns a channel that is closed once the branch has taken writes.
func (e *Engine) Serving() <-chan struct{} { return e.serving }

// Ended returns a channel that is closed when Run has returned.
func (e *Engine) Ended() <-chan struct{} { return e.ended }

// Run drives the replica until ctx is done, and then returns nil. It returns an
// error when a commit or a read fails: nothing of that step has been let out.
// Run can be called once.
func (e *Engine) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer e.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.queue.wake:
		case <-timer.C:
		}
		if e.cfg.Freeze.PassUntil(ctx) != nil {
			return nil
		}
		if err := e.Step(); err != nil {
			return err
		}
		e.setTimer(timer)
	}
}

// close lets every caller go.
func (e *Engine) close() {
	e.queue.close()
	close(e.ended)
}

// setTimer sets the timer to when the replica wants to be told the time, or to
// when writes have lingered for long enough.
func (e *Engine) setTimer(timer *time.Timer) {
	pause, ok := time.Duration(0), false
	if at, wanted := e.cfg.Replica.NextTick(); wanted {
		pause, ok = max(time.Millisecond, time.Until(e.cfg.Started.Add(time.Duration(at)*time.Millisecond))), true
	}
	if e.queue.lingering { // only this goroutine sets it
		if linger := time.Until(e.pacer.until()); !ok || linger < pause {
			pause, ok = linger, true
		}
	}
	if ok {
		timer.Reset(pause)
	}
}

// Step drains the queue once: it decides, commits and lets out. Run does so
// whenever something waits; where nothing runs the engine, a test may.
func (e *Engine) Step() error {
	r := e.cfg.Replica
	r.Tick(e.Now())
	e.drain()
	ready := r.Ready()
	if err := r.Err(); err != nil {
		return err
	}
	if ready.Commit != nil {
		if err := e.commit(ready.Commit); err != nil {
			return err
		}
	}
	r.Advance()
	e.letOut(&ready)
	if err := e.keepSignature(); err != nil {
		return err
	}
	e.noteState()
	e.cfg.Observer.Observe(r, ready.Commit)
	return nil
}

// commit makes a step durable, signed where the branch signs. The messages of the step
// point to what is signed here.
func (e *Engine) commit(c *ledger.Commit) error {
	if err := e.write(c); err != nil {
		return err
	}
	if c.Sync {
		// Its own batch goes to the peers now.
		e.pacer.sent(time.Now(), writesOf(c, e.cfg.Replica.ID()), e.cfg.Replica.Propagating())
	}
	e.cfg.Outlet.Committed(c)
	return nil
}

// write signs a commit and writes it. A small batch is signed while the disk syncs it: a
// single caller would wait for one after the other. Then its signature goes to disk with
// what comes next. It leaves the branch signed all the same, and a branch that crashes in
// between signs it again.
func (e *Engine) write(c *ledger.Commit) error {
	var sign func() (*ledger.Signature, error)
	if e.cfg.Signer != nil {
		if sign = e.cfg.Signer.SignBeside(c); sign == nil {
			if err := e.cfg.Signer.Sign(c); err != nil {
				return err
			}
		}
	}
	if sign != nil {
		return e.writeBeside(c, sign)
	}
	return written(e.cfg.Journal.Commit(c))
}

// writeBeside writes a commit, and signs its one batch meanwhile.
func (e *Engine) writeBeside(c *ledger.Commit, sign func() (*ledger.Signature, error)) error {
	var signature *ledger.Signature
	var unsigned error
	err := written(e.cfg.Journal.CommitMeanwhile(c, func() { signature, unsigned = sign() }))
	if err = errors.Join(err, unsigned); err != nil {
		return err
	}
	e.unkept = &c.Batches[0].Outline
	e.unkept.Signature = signature
	return nil
}

// keepSignature hands the journal the signature of what was just let out, if it has
// none yet.
func (e *Engine) keepSignature() error {
	if e.unkept == nil {
		return nil
	}
	o := e.unkept
	e.unkept = nil
	return written(e.cfg.Journal.Sign(o))
}

// written says that an error came from the journal.
func written(err error) error {
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// letOut hands out the results of a step that is durable.
func (e *Engine) letOut(ready *protocol.Ready) {
	for _, m := range ready.Messages {
		if !e.calls.answerPeer(m) {
			e.cfg.Outlet.Send(m)
		}
	}
	for _, f := range ready.Refusals {
		e.cfg.Outlet.Refused(f)
	}
	for i := range ready.Replies {
		e.calls.reply(&ready.Replies[i])
	}
	e.calls.endVisits()
}

// drain runs what has queued up, as far as one commit may follow it: first what
// may tell that the last batch has arrived, and then the writes, unless they
// have to wait for that.
func (e *Engine) drain() {
	e.enter(e.queue.takeInputs())
	now, due, propagating := time.Now(), e.cfg.Replica.Due(), e.cfg.Replica.Propagating()
	e.enter(e.queue.takeWrites(&e.pacer, now, due, propagating))
}

// enter runs inputs, and lets go of each: the memory of some is used again.
func (e *Engine) enter(all []Input) {
	for i, in := range all {
		all[i] = nil
		in.Enter(e.cfg.Replica)
	}
}

// noteState tells when the replica's state is another one.
func (e *Engine) noteState() {
	state := e.cfg.Replica.State()
	if state == e.state {
		return
	}
	e.state = state
	e.cfg.Outlet.StateChanged(state)
	if state != protocol.Recovering && !e.isServing {
		e.isServing = true
		close(e.serving)
	}
}
