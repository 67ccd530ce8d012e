package service

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// forward asks the home of a request to carry it out, in the name of whoever calls. No
// other branch may: the request could be counted twice.
func forward[Req, Res any](ctx context.Context, c *Config, home ledger.BranchID, req Req, call func(bankv1connect.BranchServiceClient, context.Context, Req) (Res, error)) (none Res, err error) {
	if !c.isOther(uint32(home)) {
		return none, api.Fieldf("home_branch", "this bank has no branch %d", home)
	}
	limited, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	to, client := c.Homes.Call(limited, home)
	res, err := call(client, onBehalf(to, ctx), req)
	var known *connect.Error
	switch {
	case err == nil || !errors.As(err, &known):
		return res, err
	case connect.IsWireError(err):
		return none, &api.ForwardedError{Home: home, Err: known}
	}
	const unknown = "it is not known whether the write was recorded; asking again with the same request id tells"
	if gone := ctx.Err(); gone != nil {
		return none, fmt.Errorf("branch %d, the home of the request id, has not answered branch %d in time (%w): %s", home, c.ID, gone, unknown)
	}
	return none, &protocol.UnavailableError{Reason: fmt.Sprintf("branch %d, the home of the request id, can't be reached from branch %d: %s", home, c.ID, unknown)}
}

// otherwise returns the reply to a request whose home has not told what became
// of it: what this branch knows, if it knows anything.
func otherwise(reply protocol.Reply, err error) (protocol.Reply, error) {
	var forwarded *api.ForwardedError
	if reply.Otherwise == nil || errors.As(err, &forwarded) && forwarded.Settles() {
		return reply, err
	}
	return *reply.Otherwise, reply.Otherwise.Err
}
