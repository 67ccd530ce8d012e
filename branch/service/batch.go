package service

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// GetBatch implements BranchServiceHandler.
func (c *Customers) GetBatch(ctx context.Context, req *bankv1.GetBatchRequest) (*bankv1.GetBatchResponse, error) {
	if _, ok := c.cfg.Addresses[req.GetBranch()]; !ok {
		return nil, api.Fieldf("branch", "this bank has no branch %d", req.GetBranch())
	}
	o, err := c.cfg.Journal.BatchOf(ledger.Position{Branch: ledger.BranchID(req.GetBranch()), Sequence: req.GetSequence()})
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, code.Errorf(code.OutOfRange, "entry %d of branch %d is not here", req.GetSequence(), req.GetBranch())
	}
	out := &bankv1.GetBatchResponse{Batch: api.SealedToProto(o)}
	if o.Signature != nil {
		if out.Certificates, err = c.cfg.Journal.Certificate(o.Signature.Certificate); err != nil {
			return nil, err
		}
	}
	var bank ledger.Bank
	if err := c.cfg.Engine.Visit(ctx, func(r *replica.Replica) { bank = r.Bank() }); err != nil {
		return nil, err
	}
	out.BankName, out.BankId = bank.Name, bank.ID.String()
	return out, nil
}
