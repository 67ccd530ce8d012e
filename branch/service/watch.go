package service

import (
	"context"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Watch implements BranchServiceHandler.
func (c *Customers) Watch(ctx context.Context, req *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	return c.cfg.Feed.Watch(ctx, req, stream.Send)
}
