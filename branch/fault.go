package branch

import (
	"context"
	"errors"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Faults breaks the branches of a bank on purpose and mends them, for the
// branch that was asked to. What can't be done now, it refuses with a
// [*FaultError]. Ids are those of branches of the bank.
type Faults interface {
	// List returns the branches with a fault, in order of their ids.
	List(ctx context.Context) ([]Fault, error)
	// Cut cuts a branch off from all others, and Heal ends that.
	Cut(ctx context.Context, id uint32) error
	Heal(ctx context.Context, id uint32) error
	// Pause freezes a branch, and Resume ends that.
	Pause(ctx context.Context, id uint32) error
	Resume(ctx context.Context, id uint32) error
	// Kill ends a branch at once, and Restart starts one that has ended.
	Kill(ctx context.Context, id uint32) error
	Restart(ctx context.Context, id uint32) error
}

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

// ErrKilled is why Serve returns after Kill.
var ErrKilled = errors.New("killed on purpose")

// Kill has Serve end the branch at once, in the middle of whatever it does:
// nobody who waits gets an answer, and what is not on disk is lost. A branch
// that is paused can be killed, too.
func (b *Branch) Kill() { b.fail(ErrKilled) }

// Pause freezes the branch until Resume: it keeps its connections, and reads,
// decides, writes and says nothing. It works only with Config.Faults.
func (b *Branch) Pause() { b.loop.freeze.begin() }

// Resume ends a pause.
func (b *Branch) Resume() { b.loop.freeze.end() }

// Cut cuts the branch off from all others until Heal, for what it asks of them
// and for what they ask of it. Customers still reach it. It works only with
// Config.Faults.
func (b *Branch) Cut() { b.cut.begin() }

// Heal ends a cut. The links are dialed again within about a second.
func (b *Branch) Heal() { b.cut.end() }

// faultService serves bank.v1.FaultService: it converts, and calls.
type faultService struct{ branch *Branch }

// ListFaults is FaultServiceHandler's.
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

// Cut is FaultServiceHandler's.
func (s faultService) Cut(ctx context.Context, req *bankv1.CutRequest) (*bankv1.CutResponse, error) {
	return &bankv1.CutResponse{}, s.change(ctx, req.GetBranch(), Faults.Cut)
}

// Heal is FaultServiceHandler's.
func (s faultService) Heal(ctx context.Context, req *bankv1.HealRequest) (*bankv1.HealResponse, error) {
	return &bankv1.HealResponse{}, s.change(ctx, req.GetBranch(), Faults.Heal)
}

// Pause is FaultServiceHandler's.
func (s faultService) Pause(ctx context.Context, req *bankv1.PauseRequest) (*bankv1.PauseResponse, error) {
	return &bankv1.PauseResponse{}, s.change(ctx, req.GetBranch(), Faults.Pause)
}

// Resume is FaultServiceHandler's.
func (s faultService) Resume(ctx context.Context, req *bankv1.ResumeRequest) (*bankv1.ResumeResponse, error) {
	return &bankv1.ResumeResponse{}, s.change(ctx, req.GetBranch(), Faults.Resume)
}

// Kill is FaultServiceHandler's.
func (s faultService) Kill(ctx context.Context, req *bankv1.KillRequest) (*bankv1.KillResponse, error) {
	return &bankv1.KillResponse{}, s.change(ctx, req.GetBranch(), Faults.Kill)
}

// Restart is FaultServiceHandler's.
func (s faultService) Restart(ctx context.Context, req *bankv1.RestartRequest) (*bankv1.RestartResponse, error) {
	return &bankv1.RestartResponse{}, s.change(ctx, req.GetBranch(), Faults.Restart)
}

// change makes or mends a fault. It gives up when this branch ends: it may be
// the one that somebody else kills and waits for.
func (s faultService) change(ctx context.Context, id uint32, change func(Faults, context.Context, uint32) error) error {
	b := s.branch
	if _, ok := b.cfg.Addresses[id]; !ok {
		return api.Fieldf("branch", "this bank has no branch %d", id)
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	defer context.AfterFunc(b.linksCtx, cancel)()
	return change(b.cfg.Faults, ctx, id)
}

var _ bankv1connect.FaultServiceHandler = faultService{}
