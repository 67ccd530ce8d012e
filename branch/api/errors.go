package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// InputError refuses a call for what it says. The customer mends and resends.
type InputError struct {
	// Field is the field of the request that is at fault; empty when it is not
	// one of them.
	Field string
	// Problem says what is wrong, and what would be right.
	Problem string
}

// Error implements error.
func (e *InputError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// Code returns invalid_argument.
func (e *InputError) Code() code.Code { return code.InvalidArgument }

// Inputf returns an [*InputError] about no field in particular.
func Inputf(format string, args ...any) error {
	return &InputError{Problem: fmt.Sprintf(format, args...)}
}

// Fieldf returns an [*InputError] about a field.
func Fieldf(field, format string, args ...any) error {
	return &InputError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// Errors of a branch that ends.
var (
	// ErrStopping refuses a call while the branch stops.
	ErrStopping = code.New(code.Unavailable, "this branch is stopping and takes no new calls; try another one")
	// ErrStopped tells a caller that the branch ended during the call.
	ErrStopped = code.New(code.Unavailable, "this branch has stopped before it had the answer")
)

// Errors of calls whose time-out has passed.
var (
	errTimeout    = errors.New("the time-out of the call passed before this branch had the answer, and nothing was recorded")
	errAnyTimeout = errors.New("the time-out of the call passed before this branch had the answer")
)

// timedOut is the error of a call whose time was up and that says no more itself:
// a write that may have been recorded does.
func timedOut(procedure string) error {
	for _, name := range []string{bankv1connect.BranchServiceName, bankconnect.BankName} {
		if strings.HasPrefix(procedure, "/"+name+"/") {
			return errTimeout
		}
	}
	return errAnyTimeout
}

// ConnectError is the one place where errors become Connect errors. An error says
// its code and its typed detail itself (package code). One that does not becomes
// internal, with a fixed text: the cause is only logged.
func ConnectError(ctx context.Context, logger *slog.Logger, procedure string, err error) error {
	var forwarded *ForwardedError
	if errors.As(err, &forwarded) {
		return forwarded.connectError()
	}
	var known *connect.Error
	if errors.As(err, &known) {
		return known // made by the library
	}
	c := CodeOf(err)
	switch {
	case c == connect.CodeInternal:
		logger.ErrorContext(ctx, "call failed", "procedure", procedure, "error", err)
		return connect.NewError(c, errors.New("internal error; the branch's log has the cause"))
	case c == connect.CodeDataLoss:
		logger.ErrorContext(ctx, "call failed: the data directory is damaged; stop the branch and run passbook verify", "procedure", procedure, "error", err)
		return connect.NewError(c, errors.New("this branch's disk is damaged where that is kept, its log says where; ask another branch"))
	case err == context.DeadlineExceeded: //nolint:errorlint // what is wrapped says more already
		err = timedOut(procedure)
	}
	out := connect.NewError(c, err)
	if detail := detailOf(err); detail != nil {
		if d, derr := connect.NewErrorDetail(detail); derr == nil {
			out.AddDetail(d)
		}
	}
	return out
}

// CodeOf returns the code that a call which fails with an error ends with.
func CodeOf(err error) connect.Code {
	var coded interface{ Code() code.Code }
	switch {
	case errors.As(err, &coded):
		return connect.Code(coded.Code())
	case errors.Is(err, context.DeadlineExceeded):
		return connect.CodeDeadlineExceeded
	case errors.Is(err, context.Canceled):
		return connect.CodeCanceled
	}
	return connect.CodeInternal
}

// RefusalOf returns the code of an error that says that nothing was recorded,
// or false.
func RefusalOf(err error) (name string, ok bool) {
	switch c := CodeOf(err); {
	case errors.Is(err, ErrStopping), errors.Is(err, ErrStopped):
		return "", false
	case c == connect.CodeInternal, c == connect.CodeDataLoss, c == connect.CodeDeadlineExceeded, c == connect.CodeCanceled:
		return "", false
	default:
		return c.String(), true
	}
}

// LieOf returns as what kind a message in a peer's name counts that is refused with
// an error: one that no branch of this bank would send. It returns false for any
// other error.
func LieOf(err error) (lie protocol.Lie, ok bool) {
	var lead *ledger.LeadError
	var signature *protocol.SignatureError
	switch {
	case errors.As(err, &lead):
		return protocol.LeadLie(lead), true
	case errors.As(err, &signature):
		return protocol.BadSignature, true
	case CodeOf(err) == connect.CodeInvalidArgument:
		return protocol.BadForm, true
	}
	return 0, false
}

// detailOf returns the typed detail of an error: its own, or else the field of the
// request that is at fault; nil for none.
func detailOf(err error) proto.Message {
	var detailed interface{ Detail() proto.Message }
	if errors.As(err, &detailed) {
		return detailed.Detail()
	}
	field, problem := fieldOf(err)
	if field == "" {
		return nil
	}
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem}}}
}

func fieldOf(err error) (field, problem string) {
	var input *InputError
	if errors.As(err, &input) {
		return input.Field, input.Problem
	}
	var about interface{ Field() string }
	if errors.As(err, &about) {
		return about.Field(), err.Error()
	}
	return "", ""
}

// ErrorInterceptor turns what handlers return into Connect errors.
type ErrorInterceptor struct {
	// Logger gets the causes that callers are not told.
	Logger *slog.Logger
}

// WrapUnary implements connect.Interceptor.
func (i ErrorInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		err := undecoded(req.Any())
		if err != nil {
			return nil, ConnectError(ctx, i.Logger, req.Spec().Procedure, err)
		}
		res, err := next(ctx, req)
		if err != nil {
			return nil, ConnectError(ctx, i.Logger, req.Spec().Procedure, err)
		}
		return res, nil
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (i ErrorInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (i ErrorInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if strings.Contains(conn.RequestHeader().Get("Content-Type"), "json") {
			conn = decodedConn{conn}
		}
		if err := next(ctx, conn); err != nil {
			return ConnectError(ctx, i.Logger, conn.Spec().Procedure, err)
		}
		return nil
	}
}

var _ connect.Interceptor = ErrorInterceptor{}
