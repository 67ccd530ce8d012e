package branch

import (
	"context"
	"errors"
	"fmt"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Faults breaks the branches of a bank on purpose and mends them, for the
// branch that was asked to. A [*FaultError] refuses what can't be done now. Ids
// are those of branches of the bank.
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
	Cut  Action = "cut"
	Heal Action = "heal"
	// Pause freezes a branch until Resume: it keeps its connections, and reads,
	// decides, writes and says nothing.
	Pause  Action = "pause"
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
	Branch uint32
	// Cut is whether it is cut off, Paused whether it is frozen, Killed
	// whether it has ended, on purpose or not.
	Cut, Paused, Killed bool
}

// FaultError says why a fault can't be made or mended now.
type FaultError struct{ Problem string }

func (e *FaultError) Error() string { return e.Problem }

// Code returns failed_precondition.
func (e *FaultError) Code() code.Code { return code.FailedPrecondition }

// ErrKilled is why Serve returns after [Kill].
var ErrKilled = errors.New("killed on purpose")

// Apply breaks or mends the branch itself. It works only with Config.Faults,
// except for [Kill]. A branch that has ended can't restart itself: that takes
// another [Open].
func (b *Branch) Apply(action Action) error {
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
		b.fail(ErrKilled)
	default:
		return &FaultError{Problem: fmt.Sprintf("a branch can't %s itself", action)}
	}
	return nil
}

// faultService serves bank.v1.FaultService: it converts, and calls.
type faultService struct{ branch *Branch }

// ListFaults implements FaultServiceHandler.
func (s faultService) ListFaults(ctx context.Context, _ *bankv1.ListFaultsRequest) (*bankv1.ListFaultsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	list, err := s.branch.cfg.Faults.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListFaultsResponse{}
	for _, f := range list {
		out.Faults = append(out.Faults, &bankv1.BranchFault{Branch: f.Branch, Cut: f.Cut, Paused: f.Paused, Killed: f.Killed})
	}
	return out, nil
}

// Cut implements FaultServiceHandler.
func (s faultService) Cut(ctx context.Context, req *bankv1.CutRequest) (*bankv1.CutResponse, error) {
	return &bankv1.CutResponse{}, s.apply(ctx, req.GetBranch(), Cut)
}

// Heal implements FaultServiceHandler.
func (s faultService) Heal(ctx context.Context, req *bankv1.HealRequest) (*bankv1.HealResponse, error) {
	return &bankv1.HealResponse{}, s.apply(ctx, req.GetBranch(), Heal)
}

// Pause implements FaultServiceHandler.
func (s faultService) Pause(ctx context.Context, req *bankv1.PauseRequest) (*bankv1.PauseResponse, error) {
	return &bankv1.PauseResponse{}, s.apply(ctx, req.GetBranch(), Pause)
}

// Resume implements FaultServiceHandler.
func (s faultService) Resume(ctx context.Context, req *bankv1.ResumeRequest) (*bankv1.ResumeResponse, error) {
	return &bankv1.ResumeResponse{}, s.apply(ctx, req.GetBranch(), Resume)
}

// Kill implements FaultServiceHandler.
func (s faultService) Kill(ctx context.Context, req *bankv1.KillRequest) (*bankv1.KillResponse, error) {
	return &bankv1.KillResponse{}, s.apply(ctx, req.GetBranch(), Kill)
}

// Restart implements FaultServiceHandler.
func (s faultService) Restart(ctx context.Context, req *bankv1.RestartRequest) (*bankv1.RestartResponse, error) {
	return &bankv1.RestartResponse{}, s.apply(ctx, req.GetBranch(), Restart)
}

// apply carries out an action. It gives up when this branch ends, which may be
// the one that somebody else kills and waits for.
func (s faultService) apply(ctx context.Context, id uint32, action Action) error {
	b := s.branch
	if _, ok := b.cfg.Addresses[id]; !ok {
		return api.Fieldf("branch", "this bank has no branch %d", id)
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	defer context.AfterFunc(b.linksCtx, cancel)()
	return b.cfg.Faults.Apply(ctx, id, action)
}

var _ bankv1connect.FaultServiceHandler = faultService{}
