// Package fault breaks a branch on purpose and mends it: it cuts it off from the
// others, freezes it, or ends it.
//
//	fault.go    what can be broken, and by whom
//	breaker.go  what breaks one branch: the wiring in package branch has one
//	freeze.go   a branch that is paused; cut.go: one that is cut off
//	service.go  bank.v1.FaultService
//
// It knows package api and no room. The engine, the connections and the transport
// between branches know a [Breaker] only as something that they pass before they go
// on. A program that runs a bank implements [Faults].
package fault

import (
	"context"
	"errors"

	"passbook.example/passbook/branch/code"
)

// Faults breaks the branches of a bank on purpose and mends them, for the
// branch that was asked to. An [*Error] refuses what can't be done now. Ids are
// those of branches of the bank.
type Faults interface {
	// List returns the branches with a fault, in order of their ids.
	List(ctx context.Context) ([]Fault, error)
	// Apply carries out an action at a branch, and returns when it is done.
	Apply(ctx context.Context, id uint32, action Action) error
}

// Action breaks a branch or mends it. Its text is a word for it.
type Action string

// The actions.
const (
	// Cut cuts a branch off from all others until Heal, both for its calls to
	// them and for their calls to it. Customers still reach it. The links are
	// dialed again within about a second after Heal.
	Cut Action = "cut"
	// Heal ends a Cut.
	Heal Action = "heal"
	// Pause freezes a branch until Resume: it keeps its connections, and reads,
	// decides, writes and says nothing.
	Pause Action = "pause"
	// Resume ends a Pause.
	Resume Action = "resume"
	// Kill ends a branch at once, in the middle of whatever it does: nobody who
	// waits gets an answer, and what is not on disk is lost. A branch that is
	// paused can be killed, too.
	Kill Action = "kill"
	// Restart starts a branch that has ended, and is done when it takes writes.
	Restart Action = "restart"
)

// Fault is what is broken at a branch.
type Fault struct {
	// Branch is the branch's id.
	Branch uint32
	// Cut is whether it is cut off, Paused whether it is frozen, Killed
	// whether it has ended, on purpose or not.
	Cut, Paused, Killed bool
}

// Error says why a fault can't be made or mended now.
type Error struct {
	// Problem is its text.
	Problem string
}

// Error returns the problem.
func (e *Error) Error() string { return e.Problem }

// Code returns failed_precondition.
func (e *Error) Code() code.Code { return code.FailedPrecondition }

// ErrKilled is why a branch has ended after [Kill].
var ErrKilled = errors.New("killed on purpose")
