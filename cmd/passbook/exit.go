package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer"
)

// The exit codes. 128 + n says, as shells do, that signal n ended the command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnavailable = 4
	exitSignal      = 128
)

// exitCodes documents them in the help.
const exitCodes = `Exit codes:
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

// usagef returns a usageError with a text.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func (e usageError) Unwrap() error { return e.error }

// signalError says that a signal stopped the command.
type signalError struct{ signal os.Signal }

func (e signalError) Error() string { return e.signal.String() }

// orderlyStop says that a signal stopped a command in the way that it usually
// ends, of which nobody needs to be told.
type orderlyStop struct{ error }

func (e orderlyStop) Unwrap() error { return e.error }

// stoppedBy returns an orderlyStop if a signal ended ctx, and else nil.
func stoppedBy(ctx context.Context) error {
	var stopped signalError
	if !errors.As(context.Cause(ctx), &stopped) {
		return nil
	}
	return orderlyStop{stopped}
}

// unreachableError says that branches that the command needs can't be reached.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// exitCode returns the exit code that belongs to an error.
func exitCode(err error) int {
	var (
		stopped     signalError
		usage       usageError
		unreachable unreachableError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &stopped):
		if number, ok := stopped.signal.(syscall.Signal); ok {
			return exitSignal + int(number)
		}
		return exitFailed
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unreachable):
		return exitUnavailable
	}
	if call := customer.ErrorOf(err); call != nil {
		return exitCodeOfCall(call.Code)
	}
	return exitFailed
}

// exitCodeOfCall returns the exit code that belongs to the code of a call.
func exitCodeOfCall(code connect.Code) int {
	switch code {
	case connect.CodeInvalidArgument:
		return exitUsage
	case connect.CodeFailedPrecondition, connect.CodeAlreadyExists:
		return exitRefused
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded,
		connect.CodeResourceExhausted, connect.CodeCanceled:
		return exitUnavailable
	}
	return exitFailed
}
