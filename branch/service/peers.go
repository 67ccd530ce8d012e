package service

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Peers serves bank.v1.PeerService but for Propagate, which the links answer.
type Peers struct {
	bankv1connect.UnimplementedPeerServiceHandler
	// cfg has what the handlers work with.
	cfg Config
}

var _ bankv1connect.PeerServiceHandler = (*Peers)(nil)

// NewPeers returns the handlers of peers' calls. They use the ids, the engine and
// the journal.
func NewPeers(cfg Config) *Peers { return &Peers{cfg: cfg} }

// Claim implements PeerServiceHandler.
func (p *Peers) Claim(ctx context.Context, req *bankv1.ClaimRequest) (*bankv1.ClaimResponse, error) {
	from, err := p.fromPeer(ctx, req.GetBranch())
	if err != nil {
		return nil, err
	}
	if req.GetAmount() <= 0 {
		return nil, p.lied(from, api.Fieldf("amount", "must be greater than 0, is %d", req.GetAmount()))
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, p.lied(from, err)
	}
	ticket := protocol.Ticket{Clock: req.GetTicket().GetClock(), Branch: from}
	if t := req.GetTicket(); t != nil {
		ticket.Branch = ledger.BranchID(t.GetBranch())
	}
	m, err := p.cfg.Engine.Serve(ctx, protocol.Message{From: from, To: p.cfg.ID, Claim: &protocol.Claim{
		Account: name, Amount: ledger.Amount(req.GetAmount()), Ticket: ticket,
	}})
	if err != nil {
		return nil, err
	}
	a := m.ClaimAnswer
	if a.Refused != "" {
		return nil, &api.InputError{Field: "ticket", Problem: a.Refused}
	}
	return &bankv1.ClaimResponse{Granted: int64(a.Granted), Sequence: a.Sequence, Escrow: int64(a.Escrow)}, nil
}

// Collect implements PeerServiceHandler.
func (p *Peers) Collect(ctx context.Context, req *bankv1.CollectRequest) (*bankv1.CollectResponse, error) {
	from, err := p.fromPeer(ctx, req.GetBranch())
	if err != nil {
		return nil, err
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, p.lied(from, err)
	}
	m, err := p.cfg.Engine.Serve(ctx, protocol.Message{From: from, To: p.cfg.ID, Collect: &protocol.Collect{
		Account: name, Collect: req.GetCollect(), Look: req.GetLook(), Freeze: req.GetHold(),
		Mark: req.GetMark(), Clock: req.GetClock(),
	}})
	if err != nil {
		return nil, err
	}
	a := m.CollectAnswer
	switch {
	case a.Refused != "":
		return nil, &api.InputError{Field: "look", Problem: a.Refused}
	case a.Failed:
		return nil, &protocol.UnavailableError{Reason: "this branch does not take part yet, or no longer"}
	}
	return &bankv1.CollectResponse{
		LastSequence: a.Last, Paid: int64(a.Paid), MostPaid: int64(a.Most), Watched: a.MostKnown,
		Marked: a.Marked, Intact: a.Intact, Clock: a.Clock,
	}, nil
}

// fromPeer returns the branch that calls, if it is another one of this bank, and the one
// that it has proven to be.
func (p *Peers) fromPeer(ctx context.Context, id uint32) (ledger.BranchID, error) {
	if !p.cfg.isOther(id) {
		return 0, api.Fieldf("branch", "%d is no peer of branch %d in this bank", id, p.cfg.ID)
	}
	return ledger.BranchID(id), identity.CheckBranch(ctx, id)
}

// lied counts a call in a peer's name that is refused for what it says, and
// returns the error.
func (p *Peers) lied(peer ledger.BranchID, err error) error {
	if lie, ok := api.LieOf(err); ok {
		p.cfg.Engine.Post(func(r *replica.Replica) { r.Refuse(peer, lie, err.Error()) })
	}
	return err
}
