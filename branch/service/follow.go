package service

import (
	"context"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// FollowRequest implements BranchServiceHandler.
func (c *Customers) FollowRequest(ctx context.Context, req *bankv1.FollowRequestRequest, stream *connect.ServerStream[bankv1.FollowRequestResponse]) error {
	return c.follow(ctx, req, stream.Send)
}

func (c *Customers) follow(ctx context.Context, req *bankv1.FollowRequestRequest, send func(*bankv1.FollowRequestResponse) error) error {
	name := identity.CustomerOf(ctx)
	switch {
	case req.GetCustomer() == "":
		req.Customer = name
	case req.GetCustomer() != name && isCustomer(ctx):
		// The same text whether there is such a client, or such a request, or not.
		return code.Errorf(code.PermissionDenied, "you are %s, and may follow your own requests only", identity.CallerOf(ctx))
	}
	return c.cfg.Follower.Follow(ctx, req, name, send)
}

// isCustomer reports whether a customer calls, who sees little of what others do.
func isCustomer(ctx context.Context) bool {
	who := identity.CallerOf(ctx)
	return who != nil && who.Role == identity.Customer
}
