package api

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/anypb"

	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// ForwardedError is what another branch answered to a request that was forwarded
// to it.
type ForwardedError struct {
	// Home is the branch that answered.
	Home ledger.BranchID
	// Err is its answer.
	Err *connect.Error
}

// Error implements error. It names the home.
func (e *ForwardedError) Error() string {
	return fmt.Sprintf("branch %d, the home of the request id, answers: %s", e.Home, e.Err.Message())
}

// connectError returns the home's error with its code and its details, in a text
// that names the home: "this branch" in it is not the one that was called.
func (e *ForwardedError) connectError() *connect.Error {
	out := connect.NewError(e.Err.Code(), e)
	for _, d := range e.Err.Details() {
		out.AddDetail(d)
	}
	return out
}

// Settles reports whether the answer says what became of the request, rather
// than that the home could not carry it out or look it up.
func (e *ForwardedError) Settles() bool {
	switch e.Err.Code() {
	case connect.CodeInvalidArgument, connect.CodeAlreadyExists, connect.CodeFailedPrecondition:
		return true
	case connect.CodeDeadlineExceeded:
		for _, d := range e.Err.Details() {
			if d.Type() == notReplicatedName {
				return true
			}
		}
	}
	return false
}

var notReplicatedName = string((&bankv1.NotReplicated{}).ProtoReflect().Descriptor().FullName())

// DetailsToProto are the details of an error as the answer to a list has them.
func DetailsToProto(e *connect.Error) []*anypb.Any {
	var out []*anypb.Any
	for _, d := range e.Details() {
		out = append(out, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type(), Value: d.Bytes()})
	}
	return out
}

// ErrorOfList is the error that the answer to a list names.
func ErrorOfList(res *bankv1.SubmitResponse) *connect.Error {
	var code connect.Code
	if code.UnmarshalText([]byte(res.GetErrorCode())) != nil {
		code = connect.CodeUnknown
	}
	err := connect.NewError(code, errors.New(res.GetError()))
	for _, d := range res.GetErrorDetails() {
		if detail, derr := connect.NewErrorDetail(d); derr == nil {
			err.AddDetail(detail)
		}
	}
	return err
}
