package fault

import (
	"context"

	"passbook.example/passbook/branch/api"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Service serves bank.v1.FaultService: it converts, and calls.
type Service struct {
	// faults carries out what is asked.
	faults Faults
	// addresses are those of the bank's branches.
	addresses map[uint32]string
	// open ends when the branch that serves ends.
	open context.Context
}

// NewService returns a service that breaks the branches of a bank, which
// addresses names, until open ends.
func NewService(open context.Context, faults Faults, addresses map[uint32]string) *Service {
	return &Service{faults: faults, addresses: addresses, open: open}
}

// ListFaults implements FaultServiceHandler.
func (s *Service) ListFaults(ctx context.Context, _ *bankv1.ListFaultsRequest) (*bankv1.ListFaultsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	list, err := s.faults.List(ctx)
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
func (s *Service) Cut(ctx context.Context, req *bankv1.CutRequest) (*bankv1.CutResponse, error) {
	return &bankv1.CutResponse{}, s.apply(ctx, req.GetBranch(), Cut)
}

// Heal implements FaultServiceHandler.
func (s *Service) Heal(ctx context.Context, req *bankv1.HealRequest) (*bankv1.HealResponse, error) {
	return &bankv1.HealResponse{}, s.apply(ctx, req.GetBranch(), Heal)
}

// Pause implements FaultServiceHandler.
func (s *Service) Pause(ctx context.Context, req *bankv1.PauseRequest) (*bankv1.PauseResponse, error) {
	return &bankv1.PauseResponse{}, s.apply(ctx, req.GetBranch(), Pause)
}

// Resume implements FaultServiceHandler.
func (s *Service) Resume(ctx context.Context, req *bankv1.ResumeRequest) (*bankv1.ResumeResponse, error) {
	return &bankv1.ResumeResponse{}, s.apply(ctx, req.GetBranch(), Resume)
}

// Kill implements FaultServiceHandler.
func (s *Service) Kill(ctx context.Context, req *bankv1.KillRequest) (*bankv1.KillResponse, error) {
	return &bankv1.KillResponse{}, s.apply(ctx, req.GetBranch(), Kill)
}

// Restart implements FaultServiceHandler.
func (s *Service) Restart(ctx context.Context, req *bankv1.RestartRequest) (*bankv1.RestartResponse, error) {
	return &bankv1.RestartResponse{}, s.apply(ctx, req.GetBranch(), Restart)
}

// apply carries out an action. It gives up when this branch ends, which may be
// the one that somebody else kills and waits for.
func (s *Service) apply(ctx context.Context, id uint32, action Action) error {
	if _, ok := s.addresses[id]; !ok {
		return api.Fieldf("branch", "this bank has no branch %d", id)
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	defer context.AfterFunc(s.open, cancel)()
	return s.faults.Apply(ctx, id, action)
}

var _ bankv1connect.FaultServiceHandler = (*Service)(nil)
