// Package exit has the exit codes of passbook: the errors that they belong to,
// and the signals that end a command. It knows the errors of calls to branches;
// all of the binary knows it.
package exit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer"
)

// The exit codes. As in shells, 128 + n says that signal n ended the command.
const (
	OK          = 0
	Failed      = 1
	BadUsage    = 2
	Refused     = 3
	Unavailable = 4
	signalled   = 128
)

// Codes documents the exit codes in the help.
const Codes = `Exit codes:
  0  success; for run and replay: every event got an answer (a refused
     withdrawal is one), and all branches agree
  1  the command failed
  2  a wrong flag, argument or input file; nothing was started or sent
  3  the bank refused: insufficient funds, or a request id that was used for
     another request
  4  no answer that counts: a branch can't be reached, or it is not known, or
     not yet on as many branches as asked for; the same --request-id tells
  130, 143  stopped by Ctrl-C or SIGTERM, which is how serve ends`

// usageError is an error that the user mends in the command line or in a file.
type usageError struct{ error }

// Usage returns an error that the user mends in the command line or in a file:
// its code is [BadUsage].
func Usage(err error) error { return usageError{err} }

// Usagef is [Usage] with a text.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Unwrap returns the error within.
func (e usageError) Unwrap() error { return e.error }

// signalError says that a signal stopped the command.
type signalError struct{ signal os.Signal }

// Error implements error.
func (e signalError) Error() string { return e.signal.String() }

// orderlyStop says that a signal stopped a command in the way that it usually
// ends, of which nobody needs to be told.
type orderlyStop struct{ error }

// Unwrap returns the error within.
func (e orderlyStop) Unwrap() error { return e.error }

// IsOrderly reports whether the error is one of [StoppedBy].
func IsOrderly(err error) bool {
	var quiet orderlyStop
	return errors.As(err, &quiet)
}

// StoppedBy returns an error if a signal ended ctx, and else nil. It is for
// commands that usually end so: nobody needs to be told.
func StoppedBy(ctx context.Context) error {
	var stopped signalError
	if !errors.As(context.Cause(ctx), &stopped) {
		return nil
	}
	return orderlyStop{stopped}
}

// unreachableError says that branches that the command needs can't be reached.
type unreachableError struct{ error }

// Unwrap returns the error within.
func (e unreachableError) Unwrap() error { return e.error }

// Unreachable returns an error that says that branches which the command needs
// can't be reached: its code is [Unavailable].
func Unreachable(err error) error { return unreachableError{err} }

// Code returns the exit code that belongs to an error.
func Code(err error) int {
	var (
		stopped     signalError
		usage       usageError
		unreachable unreachableError
	)
	switch {
	case err == nil:
		return OK
	case errors.As(err, &stopped):
		if number, ok := stopped.signal.(syscall.Signal); ok {
			return signalled + int(number)
		}
		return Failed
	case errors.As(err, &usage):
		return BadUsage
	case errors.As(err, &unreachable):
		return Unavailable
	}
	if call := customer.ErrorOf(err); call != nil {
		return codeOfCall(call.Code)
	}
	return Failed
}

// codeOfCall returns the exit code that belongs to the code of a call.
func codeOfCall(code connect.Code) int {
	switch code {
	case connect.CodeInvalidArgument:
		return BadUsage
	case connect.CodeFailedPrecondition, connect.CodeAlreadyExists:
		return Refused
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded,
		connect.CodeResourceExhausted, connect.CodeCanceled:
		return Unavailable
	}
	return Failed
}
