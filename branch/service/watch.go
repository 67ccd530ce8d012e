package service

import (
	"cmp"
	"context"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Watch implements BranchServiceHandler.
func (c *Customers) Watch(ctx context.Context, req *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	return c.watch(ctx, req, stream.Send)
}

func (c *Customers) watch(ctx context.Context, req *bankv1.WatchRequest, send func(*bankv1.WatchResponse) error) error {
	name := api.AccountName(req.GetAccount())
	if err := cmp.Or(api.CheckName("account", name), mayUse(ctx, name)); err != nil {
		return err
	}
	discreet := discretionOf(ctx)
	if discreet.customer == nil {
		return c.cfg.Feed.Watch(ctx, req, send)
	}
	return c.cfg.Feed.Watch(ctx, req, func(m *bankv1.WatchResponse) error { return send(discreet.watched(m)) })
}
