package fault

import (
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
)

// Breaker breaks one branch and mends it. Whatever the branch does goes through
// one of its methods: its engine and its connections through Pass and PassUntil,
// its calls to other branches through Client, and theirs to it through Handler.
type Breaker struct {
	// self is the branch's id.
	self uint32
	// kill ends the branch at once; it is told why.
	kill func(error)
	// freeze is whether it is paused, cut whether it is cut off.
	freeze freeze
	cut    cut
}

// New returns what breaks branch self, which is whole. kill ends that branch at
// once.
func New(self uint32, kill func(error)) *Breaker { return &Breaker{self: self, kill: kill} }

// Apply breaks or mends the branch. A branch that has ended can't restart itself,
// which an [*Error] says.
func (b *Breaker) Apply(action Action) error {
	switch action {
	case Cut:
		b.cut.begin()
	case Heal:
		b.cut.end()
	case Pause:
		b.freeze.begin()
	case Resume:
		b.freeze.end()
	case Kill:
		b.kill(ErrKilled)
	default:
		return &Error{Problem: fmt.Sprintf("a branch can't %s itself", action)}
	}
	return nil
}

// Pass returns when the branch is not paused.
func (b *Breaker) Pass() { b.freeze.pass() }

// PassUntil is Pass for those who may have to give up: it returns ctx's error if
// that ends before.
func (b *Breaker) PassUntil(ctx context.Context) error { return b.freeze.passUntil(ctx) }

// Lift ends a pause, and there will be no other one: the branch ends.
func (b *Breaker) Lift() { b.freeze.lift() }

// Client returns the way to other branches, which a cut and a pause interrupt.
func (b *Breaker) Client(next connect.HTTPClient) connect.HTTPClient {
	return &client{breaker: b, next: next}
}

// Handler serves everybody with next, but other branches only while this one is
// not cut off. A cut fails their calls under way without an answer, and those
// that come later before they reach the branch.
func (b *Breaker) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if isFromBranch(req) {
			b.cut.serve(next, w, req)
		} else {
			next.ServeHTTP(w, req)
		}
	})
}
