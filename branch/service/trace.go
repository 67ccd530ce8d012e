package service

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// errNoTrace says that the branch keeps no logical clock.
var errNoTrace = code.New(code.FailedPrecondition, "this branch keeps no logical clock: start it with 'passbook serve --trace'")

// GetTrace implements BranchServiceHandler.
func (c *Customers) GetTrace(_ context.Context, req *bankv1.GetTraceRequest) (*bankv1.GetTraceResponse, error) {
	if c.cfg.Trace == nil {
		return nil, errNoTrace
	}
	return c.cfg.Trace.Page(req)
}

// tick records that a customer's write has come, with the clock in the headers of its
// call. A write that belongs to another branch is no event here; that branch, which it is
// forwarded to without the headers, takes it for one that nobody traces.
func (c *Customers) tick(ctx context.Context, e *ledger.Entry, home uint32) error {
	if c.cfg.Trace == nil || home != 0 && ledger.BranchID(home) != c.cfg.ID {
		return nil
	}
	call, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok {
		return nil
	}
	return c.cfg.Trace.Asked(call.RequestHeader(), e)
}

// isRefusal reports whether an error is the bank's no to a write, for want of funds.
func isRefusal(err error) bool {
	var insufficient *protocol.InsufficientError
	return errors.As(err, &insufficient)
}
