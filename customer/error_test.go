package customer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// answer returns an error that a branch has answered with.
func answer(t *testing.T, code connect.Code, detail proto.Message) error {
	t.Helper()
	err := connect.NewWireError(code, errors.New("said so"))
	if detail != nil {
		d, derr := connect.NewErrorDetail(detail)
		if derr != nil {
			t.Fatal(derr)
		}
		err.AddDetail(d)
	}
	return err
}

// What an error of a call means is told from its code, its details, and whether
// the branch said so.
func TestErrorSaysWhatItMeans(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	read := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	type meaning struct{ answered, sent, refused, unknown, retryable, late bool }
	tests := []struct {
		name string
		err  error
		want meaning
	}{
		{"insufficient funds", answer(t, connect.CodeFailedPrecondition, &bankv1.InsufficientFunds{}), meaning{answered: true, sent: true, refused: true}},
		{"used request id", answer(t, connect.CodeAlreadyExists, nil), meaning{answered: true, sent: true}},
		{"busy", answer(t, connect.CodeResourceExhausted, nil), meaning{answered: true, sent: true, retryable: true}},
		{"recovering", answer(t, connect.CodeUnavailable, nil), meaning{answered: true, sent: true, retryable: true}},
		{"escrow out of reach", answer(t, connect.CodeUnavailable, &bankv1.EscrowUnavailable{}), meaning{answered: true, sent: true}},
		{"the branch's time ran out", answer(t, connect.CodeDeadlineExceeded, nil), meaning{answered: true, sent: true, unknown: true, retryable: true}},
		{"recorded, not replicated", answer(t, connect.CodeDeadlineExceeded, &bankv1.NotReplicated{}), meaning{answered: true, sent: true, retryable: true}},
		{"internal", answer(t, connect.CodeInternal, nil), meaning{answered: true, sent: true}},
		{"nobody listens", connect.NewError(connect.CodeUnavailable, &url.Error{Op: "Post", URL: "http://x", Err: dial}), meaning{retryable: true}},
		{"broken connection", connect.NewError(connect.CodeUnavailable, read), meaning{sent: true, unknown: true, retryable: true}},
		{"broken in the answer", connect.NewError(connect.CodeInternal, errors.New("unexpected EOF")), meaning{sent: true, unknown: true, retryable: true}},
		{"no answer in time", connect.NewError(connect.CodeDeadlineExceeded, context.DeadlineExceeded), meaning{sent: true, unknown: true, retryable: true, late: true}},
		{"reply too large", connect.NewError(connect.CodeResourceExhausted, errors.New("too large")), meaning{sent: true, unknown: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := customer.ErrorOf(fmt.Errorf("around: %w", test.err))
			got := meaning{e.Answered, e.Sent, e.Refused(), e.Unknown(), e.Retryable(), e.Late()}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if e.Code != connect.CodeOf(test.err) || customer.ErrorOf(fmt.Errorf("again: %w", e)) != e {
				t.Errorf("code %v, or it is told apart a second time", e.Code)
			}
		})
	}
}

// What is no error of a call has no meaning as one.
func TestErrorOfOther(t *testing.T) {
	for _, err := range []error{nil, errors.New("disk full"), context.Canceled} {
		if e := customer.ErrorOf(err); e != nil {
			t.Errorf("%v: got %+v, want nil", err, e)
		}
	}
}

// A reason says neither the code nor the URL, which stand beside it.
func TestErrorReason(t *testing.T) {
	broken := &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
	tests := []struct {
		err  error
		want string
	}{
		{connect.NewError(connect.CodeUnavailable, &url.Error{Op: "Post", URL: "http://x", Err: broken}), "what listens there closed the connection before it had the request: it is not a branch, or one that is stopping"},
		{connect.NewError(connect.CodeUnavailable, &url.Error{Op: "Post", URL: "http://x", Err: errors.New("refused")}), "refused"},
		{connect.NewError(connect.CodeCanceled, nil), "canceled"},
		{connect.NewError(connect.CodeUnavailable, errors.New("http2: frame too large, note")), "what listens there does not speak HTTP/2: it is not a branch, or one that is stopping"},
	}
	for _, test := range tests {
		if got := customer.ErrorOf(test.err).Reason(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
