package branch

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// The typed details of errors.go.

// unavailableDetail says what is held where; nothing when the error is not about
// an account.
func unavailableDetail(e *replica.UnavailableError) proto.Message {
	if e.Account == "" {
		return nil
	}
	most, all, holding := e.Holdings()
	d := &bankv1.EscrowUnavailable{
		Account: e.Account, Amount: int64(e.Amount), Available: int64(e.Available),
		Branch: uint32(e.Branch), HeldTotal: int64(all), HeldBranches: uint32(holding),
	}
	for _, h := range most {
		d.Held = append(d.Held, &bankv1.BranchEscrow{Branch: uint32(h.Branch), Amount: int64(h.Escrow)})
	}
	return d
}

func notReplicatedDetail(e *replica.NotReplicatedError) proto.Message {
	session, err := encodeSession(e.Session)
	if err != nil {
		session = "" // the receipt is what counts
	}
	return &bankv1.NotReplicated{
		Receipt: receiptToProto(e.Receipt), MissingBranches: branchesToProto(e.Missing),
		Balance: int64(e.Balance), Session: session, Replay: e.Replay,
	}
}

func requestDetail(e *replica.RequestError) proto.Message {
	d := &bankv1.RequestIdUsed{RequestId: e.RequestID}
	if e.At.Sequence != 0 {
		d.Receipt = receiptToProto(e.At)
	}
	return d
}

// fieldDetail names the field that is at fault; nothing when there is none.
func fieldDetail(err error) proto.Message {
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
	var lead *ledger.LeadError
	if errors.As(err, &lead) {
		return lead.What, lead.Error()
	}
	var limit *ledger.LimitError
	fields := []struct {
		field string
		is    bool
	}{
		{"amount", errors.As(err, &limit) || errors.Is(err, ledger.ErrAmount)},
		{"account", errors.Is(err, ledger.ErrAccount)},
		{"request_id", errors.Is(err, ledger.ErrRequest)},
		{"to_account", errors.Is(err, ledger.ErrSelf)},
		{"session", errors.Is(err, replica.ErrUnknownBranch) || errors.Is(err, replica.ErrSessionAhead)}, // a home is checked before
	}
	for _, f := range fields {
		if f.is {
			return f.field, err.Error()
		}
	}
	return "", ""
}

// forwardedError is what another branch answered to a request that was forwarded
// to it.
type forwardedError struct {
	home ledger.BranchID
	err  *connect.Error
}

func (e *forwardedError) Error() string {
	return fmt.Sprintf("branch %d, the home of the request id, answers: %s", e.home, e.err.Message())
}

// connectError is the same error, said by name: "this branch" in it is not the
// one that was called.
func (e *forwardedError) connectError() *connect.Error {
	out := connect.NewError(e.err.Code(), e)
	for _, d := range e.err.Details() {
		out.AddDetail(d)
	}
	return out
}

// settles reports whether the answer says what became of the request, rather
// than that the home could not carry it out or look it up.
func (e *forwardedError) settles() bool {
	switch e.err.Code() {
	case connect.CodeInvalidArgument, connect.CodeAlreadyExists, connect.CodeFailedPrecondition:
		return true
	case connect.CodeDeadlineExceeded:
		for _, d := range e.err.Details() {
			if d.Type() == notReplicatedName {
				return true
			}
		}
	}
	return false
}

var notReplicatedName = string((&bankv1.NotReplicated{}).ProtoReflect().Descriptor().FullName())

// detailsToProto are the details of an error as the answer to a list has them.
func detailsToProto(e *connect.Error) []*anypb.Any {
	var out []*anypb.Any
	for _, d := range e.Details() {
		out = append(out, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type(), Value: d.Bytes()})
	}
	return out
}

// errorOfList is the error that the answer to a list names.
func errorOfList(res *bankv1.SubmitResponse) *connect.Error {
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
