package customer

import (
	"fmt"
	"sync"
	"time"
)

const (
	// waitingNotice is how long an event waits for a branch before
	// Options.Waiting is told.
	waitingNotice = 1500 * time.Millisecond
	// waitingAgain is how long it is then not told of the same branch again.
	waitingAgain = time.Minute
)

// Waiting is an event that has been waiting for a branch.
type Waiting struct {
	Branch  int64
	Address string
	// Until is when the event fails, if the branch does not answer before.
	Until time.Time
	// Err is why the last attempt failed; nil if none has ended yet.
	Err *Error
}

// reach is what the customers of a replay know of the branches they call.
type reach struct {
	mu sync.Mutex
	// lost is why a branch was given up: it gave no answer to an event for as
	// long as an event may take. Later events don't wait for it again.
	lost map[int64]error
	// noticed is when Options.Waiting was last told of a branch.
	noticed map[int64]time.Time
}

// givenUp returns why an event fails without having been sent, or nil.
func (r *run) givenUp(e Event) error {
	r.reach.mu.Lock()
	lost := r.reach.lost[e.Branch]
	r.reach.mu.Unlock()
	switch {
	case lost != nil:
		return fmt.Errorf("given up before: %w", lost)
	case r.options.GivenUp != nil:
		return r.options.GivenUp(uint32(e.Branch), e.Interface)
	}
	return nil
}

// giveUp makes the later events of a branch fail at once.
func (r *run) giveUp(branch int64, err error) {
	r.reach.mu.Lock()
	defer r.reach.mu.Unlock()
	if r.reach.lost == nil {
		r.reach.lost = make(map[int64]error)
	}
	if r.reach.lost[branch] == nil {
		r.reach.lost[branch] = err
	}
}

// wait is one event's wait for a branch.
type wait struct {
	run   *run
	what  Waiting
	mu    sync.Mutex // guards what.Err
	timer *time.Timer
}

// wait tells Options.Waiting when an event waits for long.
func (r *run) wait(branch int64, address string, most time.Duration) *wait {
	w := &wait{run: r, what: Waiting{Branch: branch, Address: address, Until: time.Now().Add(most)}}
	if r.options.Waiting != nil && most > waitingNotice {
		w.timer = time.AfterFunc(waitingNotice, w.tell)
	}
	return w
}

// failed records why an attempt failed.
func (w *wait) failed(err *Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.what.Err = err
}

// end ends the wait.
func (w *wait) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *wait) tell() {
	w.mu.Lock()
	what := w.what
	w.mu.Unlock()
	w.run.tell(what)
}

// tell tells Options.Waiting of a branch, now and then.
func (r *run) tell(what Waiting) {
	r.reach.mu.Lock()
	if r.reach.noticed == nil {
		r.reach.noticed = make(map[int64]time.Time)
	}
	last, told := r.reach.noticed[what.Branch]
	again := !told || time.Since(last) >= waitingAgain
	if again {
		r.reach.noticed[what.Branch] = time.Now()
	}
	r.reach.mu.Unlock()
	if !again {
		return
	}
	r.mu.Lock() // as for Progress: one goroutine at a time
	defer r.mu.Unlock()
	r.options.Waiting(what)
}
