package exit

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"connectrpc.com/connect"
)

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, OK},
		{errors.New("anything"), Failed},
		{Usagef("no such file"), BadUsage},
		{fmt.Errorf("stopped: %w", signalError{os.Interrupt}), 130},
		{fmt.Errorf("stopped: %w", signalError{syscall.SIGTERM}), 143},
		{errors.Join(signalError{os.Interrupt}, connect.NewError(connect.CodeCanceled, nil)), 130},
		{Unreachable(errors.New("none")), Unavailable},
		{connect.NewError(connect.CodeFailedPrecondition, nil), Refused},
		{connect.NewError(connect.CodeAlreadyExists, nil), Refused},
		{connect.NewError(connect.CodeUnavailable, nil), Unavailable},
		{connect.NewError(connect.CodeDeadlineExceeded, nil), Unavailable},
		{connect.NewError(connect.CodeResourceExhausted, nil), Unavailable},
		{connect.NewError(connect.CodeInvalidArgument, nil), BadUsage},
		{connect.NewError(connect.CodeInternal, nil), Failed},
	} {
		if got := Code(tt.err); got != tt.want {
			t.Errorf("Code(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}
