package admit

import (
	"context"
	"log/slog"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// CallLog logs each call that a branch has served.
type CallLog struct {
	// Logger is where it logs, at api.LevelCalls.
	Logger *slog.Logger
}

func (c CallLog) log(ctx context.Context, procedure string, peer connect.Peer, began time.Time, err error) {
	attrs := []slog.Attr{
		slog.String("procedure", procedure), slog.String("from", peer.Addr), slog.String("protocol", peer.Protocol),
		slog.Duration("took", time.Since(began)),
	}
	code := "ok"
	if err != nil {
		code = connect.CodeOf(err).String()
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	c.Logger.LogAttrs(ctx, api.LevelCalls, "call", append(attrs, slog.String("code", code))...)
}

// WrapUnary implements connect.Interceptor.
func (c CallLog) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		began := time.Now()
		res, err := next(ctx, req)
		c.log(ctx, req.Spec().Procedure, req.Peer(), began, err)
		return res, err
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (c CallLog) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (c CallLog) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		began := time.Now()
		err := next(ctx, conn)
		c.log(ctx, conn.Spec().Procedure, conn.Peer(), began, err)
		return err
	}
}
