package branch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/gen/bank/bankconnect"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// InputError refuses a call for what it says. The customer mends and resends.
type InputError struct {
	// Field is the field of the request that is at fault; empty when it is not
	// one of them.
	Field   string
	Problem string
}

func (e *InputError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

func inputErrorf(format string, args ...any) error {
	return &InputError{Problem: fmt.Sprintf(format, args...)}
}

func fieldErrorf(field, format string, args ...any) error {
	return &InputError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// ForbiddenError refuses what a browser asks for a page that may not have it.
type ForbiddenError struct{ Problem string }

func (e *ForbiddenError) Error() string { return e.Problem }

func forbiddenf(format string, args ...any) error {
	return &ForbiddenError{Problem: fmt.Sprintf(format, args...)}
}

// Errors that are made by the shell.
var (
	errStopping = errors.New("this branch is stopping and takes no new calls; try another one")
	errGap      = errors.New("send what is missing first")
	errForked   = errors.New("the journal of that branch has forked and is stopped here: see the alarms in GetStatus")

	errTooManyConnections     = errors.New("customers have calls in hand on as many connections as this branch serves at once; back off, or try another branch")
	errTooManyOfAddress       = errors.New("customers at your address have calls in hand on three quarters of the connections that this branch serves at once, which is as many as one address may; close some, back off, or try another branch")
	errGaveWay                = errors.New("more requests are on their way to this branch than it waits for, and this one had said nothing for longest; send it again, at once")
	errTooManyRequests        = errors.New("this branch has as many requests in hand as it takes at once; back off and try again")
	errTooManyWatchers        = errors.New("as many watch at this branch as it serves at once; back off, or watch at another one")
	errTooManyWatchedAccounts = errors.New("as many accounts are watched at this branch as it takes at once; back off, or watch at another one")
	errTooManyListings        = errors.New("this branch has as many listings and statuses in hand as it makes at once; back off and try again")
	errTooManyLinks           = errors.New("that branch has more links here than it needs; close some")
	errTooManyOpenings        = errors.New("more links wait to say hello than this branch lets wait, and this one had waited longest")
	errTooManySubmits         = errors.New("this branch has as many streams of Submit as it takes at once; close some, or try another branch")
	errTooManyLists           = errors.New("this branch has as many lists in hand as it takes at once; back off and try again")
	errTimeout                = errors.New("the time-out of the call passed before this branch had the answer, and nothing was recorded")
	errAnyTimeout             = errors.New("the time-out of the call passed before this branch had the answer")
	errSlowRequest            = fmt.Errorf("the request did not arrive within %s; send it again", requestTimeout)
	errSilentStream           = fmt.Errorf("nothing has come on this stream for %s; open another when there is something to ask", streamSilence)
	errSilentSubmit           = fmt.Errorf("no list has come on this stream for %s; open another when there is one", submitSilence)
	errLongStream             = fmt.Errorf("a stream like this one lasts %s at most; open another", streamTimeout)
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

func overloaded(err error) bool {
	for _, e := range []error{replica.ErrQueueFull, errTooManyConnections, errTooManyOfAddress, errGaveWay, errTooManyRequests, errTooManyListings, errTooManyWatchers, errTooManyWatchedAccounts, errTooManyLinks, errTooManyOpenings, errTooManySubmits, errTooManyLists} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errParted says that a peer that had dialed a link ended it in an orderly way: one
// that was killed, or can't be reached any more, breaks it.
var errParted = errors.New("the peer ended it")

// isParting reports whether a link is down because the peer has ended it, as one
// does that stops.
func isParting(err error) bool {
	if errors.Is(err, errParted) {
		return true
	}
	var said *connect.Error
	return errors.As(err, &said) && connect.IsWireError(err) && said.Code() == connect.CodeUnavailable && said.Message() == errStopping.Error()
}

// GapError refuses an entry that is not the next one of its journal.
type GapError struct {
	Branch ledger.BranchID
	// Want is the next sequence.
	Want, Got uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("entry %d of branch %d is not the next one: sequence %d is expected", e.Got, e.Branch, e.Want)
}

func (e *GapError) Unwrap() error { return errGap }

// UnimplementedError says that an operation can't be had, and what to use.
type UnimplementedError struct{ Problem string }

func (e *UnimplementedError) Error() string { return e.Problem }

// RangeError says that an answer does not fit the contract it was asked by.
type RangeError struct{ Problem string }

func (e *RangeError) Error() string { return e.Problem }

// connectError is the one place where errors become Connect errors. What it
// does not know becomes internal, with a fixed text: the cause is only logged.
func connectError(ctx context.Context, logger *slog.Logger, procedure string, err error) error {
	var forwarded *forwardedError
	if errors.As(err, &forwarded) {
		return forwarded.connectError()
	}
	var known *connect.Error
	if errors.As(err, &known) {
		return known // made by the library
	}
	code, detail := codeOf(err)
	switch {
	case code == connect.CodeInternal:
		logger.ErrorContext(ctx, "call failed", "procedure", procedure, "error", err)
		return connect.NewError(code, errors.New("internal error; the branch's log has the cause"))
	case code == connect.CodeDataLoss:
		logger.ErrorContext(ctx, "call failed: the data directory is damaged; stop the branch and run passbook verify", "procedure", procedure, "error", err)
		return connect.NewError(code, errors.New("this branch's disk is damaged where that is kept, its log says where; ask another branch"))
	case err == context.DeadlineExceeded: //nolint:errorlint // what is wrapped says more already
		err = timedOut(procedure)
	}
	out := connect.NewError(code, err)
	if detail != nil {
		if d, derr := connect.NewErrorDetail(detail); derr == nil {
			out.AddDetail(d)
		}
	}
	return out
}

func codeOf(err error) (connect.Code, proto.Message) {
	var (
		input         *InputError
		lead          *ledger.LeadError
		forbidden     *ForbiddenError
		limit         *ledger.LimitError
		escrow        *ledger.EscrowError
		accounts      *replica.AccountsError
		insufficient  *replica.InsufficientError
		unavailable   *replica.UnavailableError
		request       *replica.RequestError
		notReplicated *replica.NotReplicatedError
		fault         *FaultError
		unimplemented *UnimplementedError
		outOfRange    *RangeError
		stranger      *replica.StrangerError
	)
	switch {
	case errors.As(err, &accounts):
		return connect.CodeResourceExhausted, &bankv1.TooManyAccounts{Account: accounts.Account, Opens: int64(accounts.Opens), Accounts: int64(accounts.Accounts), Limit: int64(accounts.Limit)}
	case errors.As(err, &insufficient):
		return connect.CodeFailedPrecondition, &bankv1.InsufficientFunds{Account: insufficient.Account, Balance: int64(insufficient.Balance), Amount: int64(insufficient.Amount)}
	case errors.As(err, &unavailable):
		return connect.CodeUnavailable, unavailableDetail(unavailable)
	case errors.As(err, &notReplicated):
		return connect.CodeDeadlineExceeded, notReplicatedDetail(notReplicated)
	case errors.As(err, &request):
		return connect.CodeAlreadyExists, requestDetail(request)
	case errors.As(err, &input), errors.As(err, &limit), errors.As(err, &lead), errors.Is(err, replica.ErrUnknownBranch), errors.Is(err, replica.ErrSessionAhead), malformed(err):
		return connect.CodeInvalidArgument, fieldDetail(err)
	case errors.As(err, &forbidden):
		return connect.CodePermissionDenied, nil
	case errors.As(err, &escrow), errors.As(err, &fault), errors.As(err, &stranger), errors.Is(err, errForked), errors.Is(err, replica.ErrAlarmHolds):
		return connect.CodeFailedPrecondition, nil
	case journal.IsDamage(err):
		return connect.CodeDataLoss, nil
	case errors.Is(err, errGap), errors.As(err, &outOfRange):
		return connect.CodeOutOfRange, nil
	case errors.As(err, &unimplemented):
		return connect.CodeUnimplemented, nil
	case overloaded(err):
		return connect.CodeResourceExhausted, nil
	case errors.Is(err, errStopping), errors.Is(err, errStopped):
		return connect.CodeUnavailable, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSlowRequest), errors.Is(err, errLongStream), errors.Is(err, errSilentStream), errors.Is(err, errSilentSubmit):
		return connect.CodeDeadlineExceeded, nil
	case errors.Is(err, context.Canceled):
		return connect.CodeCanceled, nil
	}
	return connect.CodeInternal, nil
}

// refusalOf returns the code of an error that says that nothing was recorded,
// or false.
func refusalOf(err error) (code string, ok bool) {
	switch c, _ := codeOf(err); {
	case errors.Is(err, errStopping), errors.Is(err, errStopped):
		return "", false
	case c == connect.CodeInternal, c == connect.CodeDataLoss, c == connect.CodeDeadlineExceeded, c == connect.CodeCanceled:
		return "", false
	default:
		return c.String(), true
	}
}

func malformed(err error) bool {
	for _, m := range []error{ledger.ErrAmount, ledger.ErrAccount, ledger.ErrRequest, ledger.ErrSelf, ledger.ErrKind, ledger.ErrClock, ledger.ErrOperations} {
		if errors.Is(err, m) {
			return true
		}
	}
	return false
}

// errorInterceptor turns what handlers return into Connect errors.
type errorInterceptor struct{ logger *slog.Logger }

// WrapUnary is connect.Interceptor's.
func (i errorInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		err := undecoded(req.Any())
		if err != nil {
			return nil, connectError(ctx, i.logger, req.Spec().Procedure, err)
		}
		res, err := next(ctx, req)
		if err != nil {
			return nil, connectError(ctx, i.logger, req.Spec().Procedure, err)
		}
		return res, nil
	}
}

// WrapStreamingClient is connect.Interceptor's.
func (i errorInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler is connect.Interceptor's.
func (i errorInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := next(ctx, decodedConn{conn}); err != nil {
			return connectError(ctx, i.logger, conn.Spec().Procedure, err)
		}
		return nil
	}
}
