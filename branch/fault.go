package branch

import "passbook.example/passbook/branch/fault"

// Faults breaks the branches of a bank on purpose; see [fault.Faults].
type (
	Faults     = fault.Faults
	Action     = fault.Action
	Fault      = fault.Fault
	FaultError = fault.Error
)

// The actions.
const (
	Cut     = fault.Cut
	Heal    = fault.Heal
	Pause   = fault.Pause
	Resume  = fault.Resume
	Kill    = fault.Kill
	Restart = fault.Restart
)

// ErrKilled is why Serve returns after Kill.
var ErrKilled = fault.ErrKilled

// Apply breaks or mends the branch itself. It works only with Config.Faults,
// except for [Kill]. A branch that has ended can't restart itself: that takes
// another [Open].
func (b *Branch) Apply(action Action) error { return b.breaker.Apply(action) }
