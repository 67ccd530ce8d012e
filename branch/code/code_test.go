package code_test

import (
	"errors"
	"fmt"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/code"
)

// An error keeps its code and its field however often it is wrapped.
func TestErrorSaysItsCode(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		name  string
		err   *code.Error
		text  string
		code  code.Code
		field string
		cause error
	}{
		{"New", code.New(code.Unavailable, "stopping"), "stopping", code.Unavailable, "", nil},
		{"Errorf", code.Errorf(code.DeadlineExceeded, "after %d s", 5), "after 5 s", code.DeadlineExceeded, "", nil},
		{"Errorf with a cause", code.Errorf(code.OutOfRange, "gap: %w", cause), "gap: cause", code.OutOfRange, "", cause},
		{"Field", code.Field("session", "not a token"), "not a token", code.InvalidArgument, "session", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var coded interface{ Code() code.Code }
			var about interface{ Field() string }
			wrapped := fmt.Errorf("around: %w", fmt.Errorf("around: %w", test.err))
			if !errors.As(wrapped, &coded) || coded.Code() != test.code {
				t.Errorf("code %v, want %v", coded, test.code)
			}
			if !errors.As(wrapped, &about) || about.Field() != test.field {
				t.Errorf("field %v, want %q", about, test.field)
			}
			if test.err.Error() != test.text {
				t.Errorf("text %q, want %q", test.err.Error(), test.text)
			}
			if !errors.Is(test.err.Unwrap(), test.cause) {
				t.Errorf("cause %v, want %v", test.err.Unwrap(), test.cause)
			}
		})
	}
}

// Two errors with the same text are two: callers compare with errors.Is.
func TestErrorsAreCompared(t *testing.T) {
	a, b := code.New(code.ResourceExhausted, "busy"), code.New(code.ResourceExhausted, "busy")
	if !errors.Is(fmt.Errorf("around: %w", a), a) || errors.Is(a, b) {
		t.Error("an error is to be itself, and no other with its text")
	}
}

// The numbers are those of Connect, by name.
func TestCodesAreThoseOfConnect(t *testing.T) {
	for c, want := range map[code.Code]connect.Code{
		code.Canceled:           connect.CodeCanceled,
		code.InvalidArgument:    connect.CodeInvalidArgument,
		code.DeadlineExceeded:   connect.CodeDeadlineExceeded,
		code.AlreadyExists:      connect.CodeAlreadyExists,
		code.PermissionDenied:   connect.CodePermissionDenied,
		code.ResourceExhausted:  connect.CodeResourceExhausted,
		code.FailedPrecondition: connect.CodeFailedPrecondition,
		code.OutOfRange:         connect.CodeOutOfRange,
		code.Unimplemented:      connect.CodeUnimplemented,
		code.Internal:           connect.CodeInternal,
		code.Unavailable:        connect.CodeUnavailable,
		code.DataLoss:           connect.CodeDataLoss,
		code.Unauthenticated:    connect.CodeUnauthenticated,
	} {
		if connect.Code(c) != want {
			t.Errorf("%d is %v, want %v", c, connect.Code(c), want)
		}
	}
}
