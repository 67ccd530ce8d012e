package access

import (
	"context"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/identity"
)

// Outcomes is an interceptor that tells of what became of calls which somebody who looks
// after the bank wants to know of: those that were refused for want of a right, and all by
// which an operator changes something, or for which another branch vouches. It is to be the
// first of the interceptors, so it sees errors as the caller is told them.
type Outcomes struct {
	// Tell is told of each.
	Tell func(Event)
}

// WrapUnary implements connect.Interceptor.
func (o Outcomes) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		o.tell(ctx, req.Spec().Procedure, req.Peer().Addr, err)
		return res, err
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (o Outcomes) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		err := next(ctx, conn)
		o.tell(ctx, conn.Spec().Procedure, conn.Peer().Addr, err)
		return err
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (o Outcomes) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (o Outcomes) tell(ctx context.Context, procedure, from string, err error) {
	who := identity.CallerOf(ctx)
	if who == nil {
		return
	}
	refused := err != nil && (connect.CodeOf(err) == connect.CodePermissionDenied || connect.CodeOf(err) == connect.CodeUnauthenticated)
	by := identity.ProofOf(ctx).By
	if refused || (who.Role == identity.Operator || by != nil) && isWrite(procedure) {
		o.Tell(Event{Who: who, By: by, From: from, Procedure: procedure, Err: err})
	}
}
