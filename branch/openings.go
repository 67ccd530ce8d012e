package branch

import (
	"context"
	"sync"

	"passbook.example/passbook/branch/code"
)

// maxOpenings bounds the accepted links that have not said hello yet.
const maxOpenings = 64

// openings are the accepted links that have not said hello yet. Over the
// bound the one that has waited longest gives way: a peer says hello at once.
type openings struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]context.CancelCauseFunc
	// oldest is no higher than the lowest number in waiting.
	oldest uint64
}

// enter counts one more, which ends is to end. The caller calls leave once it
// has said hello, or is gone.
func (o *openings) enter(end context.CancelCauseFunc) (leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == nil {
		o.waiting = map[uint64]context.CancelCauseFunc{}
	}
	for ; len(o.waiting) >= maxOpenings; o.oldest++ {
		if longest := o.waiting[o.oldest]; longest != nil {
			longest(errTooManyOpenings)
			delete(o.waiting, o.oldest)
		}
	}
	n := o.next
	o.next++
	o.waiting[n] = end
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.waiting, n)
	}
}

// errTooManyOpenings refuses a caller.
var errTooManyOpenings = code.New(code.ResourceExhausted, "more links wait to say hello than this branch lets wait, and this one had waited longest")
