package service

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/session"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Query implements BranchServiceHandler.
func (c *Customers) Query(ctx context.Context, req *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	c.cfg.Story.askedQuery(req)
	res, err := c.query(ctx, req)
	c.cfg.Story.answeredQuery(req, res, err)
	return res, err
}

func (c *Customers) query(ctx context.Context, req *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	if _, ok := bankv1.Consistency_name[int32(req.GetConsistency())]; !ok {
		return nil, api.Fieldf("consistency", "%d is not one", req.GetConsistency())
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, err
	}
	if err := mayUse(ctx, name); err != nil {
		return nil, err
	}
	seen, err := session.Decode(req.GetSession(), len(c.cfg.Addresses))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	reply, err := c.cfg.Engine.Ask(ctx, protocol.Query{
		Account: name, Strong: req.GetConsistency() == bankv1.Consistency_CONSISTENCY_STRONG,
		Session: seen, Deadline: c.cfg.deadline(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.QueryResponse{Balance: int64(reply.Balance), Available: int64(reply.Available), Session: c.tokens.of(reply.Session)}, nil
}
