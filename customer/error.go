package customer

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Error is a call to a branch that did not succeed. It says what that means for
// the customer: this is the one place on the customer's side that classifies the
// errors of calls.
type Error struct {
	// Code is the code that the branch ended the call with. Without an answer it is
	// the one that Connect has for the cause.
	Code connect.Code
	// Answered says that the branch itself ended the call, rather than that it
	// could not be heard.
	Answered bool
	// Sent says that the branch may have got the request: there was a connection.
	Sent bool
	// err is the call's own error.
	err error
}

// ErrorOf returns what the error of a call means. It returns nil for nil, and for
// an error in which there is none of a call.
func ErrorOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[*connect.Error](err); !ok {
		return nil
	}
	return classify(err)
}

// classify returns what it means that a call ended with an error.
func classify(err error) *Error {
	op, ok := errors.AsType[*net.OpError](err)
	return &Error{
		Code: connect.CodeOf(err), Answered: connect.IsWireError(err),
		Sent: !ok || op.Op != "dial", err: err,
	}
}

// Error implements error: it returns the text of the call's own error.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the call's own error.
func (e *Error) Unwrap() error { return e.err }

// Refused reports whether the bank refused what was asked for: for a withdrawal,
// there is too little in the account.
func (e *Error) Refused() bool { return e.Answered && e.Code == connect.CodeFailedPrecondition }

// TimedOut reports whether the time ran out, on either side, without a word on
// whether a write is recorded. A NotReplicated among the details says that it is.
func (e *Error) TimedOut() bool {
	return e.Code == connect.CodeDeadlineExceeded && !hasDetail[*bankv1.NotReplicated](e)
}

// Late reports whether no answer came before the time of the call was over.
func (e *Error) Late() bool { return !e.Answered && errors.Is(e.err, context.DeadlineExceeded) }

// Unknown reports whether a write that ended so may have been recorded.
func (e *Error) Unknown() bool {
	if e.Answered {
		return e.TimedOut()
	}
	return e.Sent
}

// Retryable reports whether the call ended without a verdict that another attempt,
// with the same request id, may bring.
func (e *Error) Retryable() bool {
	switch e.Code {
	case connect.CodeUnavailable:
		// With this detail the branch has tried, and asked its peers.
		return !e.Answered || !hasDetail[*bankv1.EscrowUnavailable](e)
	case connect.CodeDeadlineExceeded:
		return true
	case connect.CodeResourceExhausted:
		return e.Answered
	case connect.CodeUnknown, connect.CodeInternal, connect.CodeCanceled, connect.CodeAborted:
		// A connection that breaks in the middle of a call shows as one of these.
		return !e.Answered
	}
	return false
}

// Details returns the typed details of the error. It leaves out those of an
// unknown type, which come from a newer branch.
func (e *Error) Details() []proto.Message {
	call, ok := errors.AsType[*connect.Error](e.err)
	if !ok {
		return nil
	}
	var found []proto.Message
	for _, d := range call.Details() {
		if m, err := d.Value(); err == nil {
			found = append(found, m)
		}
	}
	return found
}

// hasDetail reports whether the error has a detail of a type.
func hasDetail[D proto.Message](e *Error) bool {
	for _, m := range e.Details() {
		if _, ok := m.(D); ok {
			return true
		}
	}
	return false
}

// Reason returns why the call failed, without the code and the URL.
func (e *Error) Reason() string {
	cause := e.cause()
	switch {
	case cause == nil || cause.Error() == "":
		return e.Code.String()
	case strings.Contains(cause.Error(), "http2: frame too large"), strings.Contains(cause.Error(), "http2: client conn could not be established"):
		// The first bytes of another protocol, read as the length of a frame, before
		// the first request was sent or after.
		return "what listens there does not speak HTTP/2: it is not a branch, or one that is stopping"
	case errors.Is(cause, syscall.EPIPE):
		// A server of another protocol often answers and closes the connection before
		// the request is sent, and then its answer can't be read any more.
		return "what listens there closed the connection before it had the request: it is not a branch, or one that is stopping"
	}
	return cause.Error()
}

// cause returns the error below the call's own, and below that of the HTTP client,
// whose URL the caller names anyway.
func (e *Error) cause() error {
	call, ok := errors.AsType[*connect.Error](e.err)
	if !ok {
		return e.err
	}
	cause := call.Unwrap()
	if request, ok := errors.AsType[*url.Error](cause); ok {
		return request.Err
	}
	return cause
}
