package branch

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// serverErrors logs what goes wrong with connections. Each has a text of its own,
// with the caller's port: as an attribute it doesn't keep a log from seeing that
// the line is the same again.
type serverErrors struct{ logger *slog.Logger }

// Write implements io.Writer, for a log.Logger.
func (e serverErrors) Write(p []byte) (int, error) {
	e.logger.Warn("a connection was given up", "error", strings.TrimSpace(string(p)))
	return len(p), nil
}

// callLog logs each call that a branch has served.
type callLog struct{ logger *slog.Logger }

func (c callLog) log(ctx context.Context, procedure string, peer connect.Peer, began time.Time, err error) {
	attrs := []slog.Attr{
		slog.String("procedure", procedure), slog.String("from", peer.Addr), slog.String("protocol", peer.Protocol),
		slog.Duration("took", time.Since(began)),
	}
	code := "ok"
	if err != nil {
		code = connect.CodeOf(err).String()
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	c.logger.LogAttrs(ctx, api.LevelCalls, "call", append(attrs, slog.String("code", code))...)
}

// WrapUnary is connect.Interceptor's.
func (c callLog) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		began := time.Now()
		res, err := next(ctx, req)
		c.log(ctx, req.Spec().Procedure, req.Peer(), began, err)
		return res, err
	}
}

// WrapStreamingClient is connect.Interceptor's.
func (c callLog) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler is connect.Interceptor's.
func (c callLog) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		began := time.Now()
		err := next(ctx, conn)
		c.log(ctx, conn.Spec().Procedure, conn.Peer(), began, err)
		return err
	}
}
