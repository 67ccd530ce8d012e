package service

import (
	"context"
	"errors"
	"io"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/session"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// submission is a list that is being carried out.
type submission struct {
	// req is the list.
	req *bankv1.SubmitRequest
	// reply is where the engine answers; nil when it has, or when err says already
	// what becomes of the list.
	reply <-chan protocol.Reply
	// err is why the list was not given to the engine.
	err error
	// bytes is what the list counts for in maxListBytes.
	bytes int
}

// begin hands a list to the engine.
func (s *submitStream) begin(ctx context.Context, req *bankv1.SubmitRequest) submission {
	c := s.desk
	l := submission{req: req}
	op, err := c.bulk(ctx, req)
	if err != nil {
		l.err = err
		return l
	}
	c.cfg.Story.asked(&op.Entry)
	if bytes := op.Entry.MaxBytes(); c.lists.Take(bytes) {
		l.bytes = bytes
	} else {
		l.err = errTooManyLists
		return l
	}
	l.reply, l.err = c.cfg.Engine.Begin(op)
	return l
}

// answerList waits until it is known what becomes of a list, and returns the answer.
func (c *Customers) answerList(ctx context.Context, l *submission) *bankv1.SubmitResponse {
	res := &bankv1.SubmitResponse{RequestId: l.req.GetRequestId()}
	var reply protocol.Reply
	err := l.err
	if err == nil {
		reply, err = c.cfg.Engine.Await(ctx, l.reply)
		if reply.ID != 0 {
			l.reply = nil
		}
	}
	if err == nil && reply.Forward != 0 {
		forwarded, ferr := c.forwardList(ctx, reply.Forward, l.req)
		if ferr == nil {
			return forwarded
		}
		reply, err = otherwise(reply, ferr)
		if forwarded != nil && reply.Forward != 0 {
			return forwarded // its text says best why the list failed
		}
	}
	// Tell what became of the list even when it has not reached its level.
	if err == nil || isRecorded(err) {
		outcome(res, &reply)
	}
	if err != nil {
		c.failList(ctx, res, unknownOutcome(err, res.GetRequestId()))
	}
	c.cfg.Story.answeredList(l.req, res, err)
	return res
}

// isRecorded reports whether an error says that a write is recorded all the same.
func isRecorded(err error) bool {
	var late *protocol.NotReplicatedError
	return errors.As(err, &late)
}

// outcome fills in what became of a list.
func outcome(res *bankv1.SubmitResponse, reply *protocol.Reply) {
	res.Session = session.Encode(reply.Session)
	if o := reply.Operations; o != nil {
		res.Insufficient, res.Unavailable = o.Insufficient, o.Unavailable
	}
	if reply.Receipt.Sequence != 0 {
		res.Receipt = api.ReceiptToProto(reply.Receipt)
	}
	res.UnreachableBranches, res.Replay = api.BranchesToProto(reply.Unreachable), reply.Replay
}

// forwardList asks the home of a list to carry it out. When the home answers that
// the list as a whole failed, it returns that answer, and an error that names the
// home.
func (c *Customers) forwardList(ctx context.Context, home ledger.BranchID, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
	req.HomeBranch = uint32(home)
	res, err := forward(ctx, &c.cfg, home, req, func(client bankv1connect.BranchServiceClient, ctx context.Context, req *bankv1.SubmitRequest) (*bankv1.SubmitResponse, error) {
		stream, err := client.Submit(ctx)
		if err != nil {
			return nil, err
		}
		defer stream.CloseResponse() //nolint:errcheck // the answer is there by then, or why it is not
		if err := stream.Send(req); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err := stream.CloseRequest(); err != nil {
			return nil, err
		}
		return stream.Receive()
	})
	if err != nil || res.GetErrorCode() == "" {
		return res, err
	}
	failed := &api.ForwardedError{Home: home, Err: api.ErrorOfList(res)}
	res.Error = failed.Error()
	return res, failed
}

// failList fills in why a list as a whole failed.
func (c *Customers) failList(ctx context.Context, res *bankv1.SubmitResponse, err error) {
	var known *connect.Error
	errors.As(api.ConnectError(ctx, c.cfg.Logger, "Submit", err), &known)
	res.ErrorCode, res.Error, res.ErrorDetails = known.Code().String(), known.Message(), api.DetailsToProto(known)
	if known.Code() == connect.CodePermissionDenied && c.cfg.Denied != nil {
		c.cfg.Denied(ctx, bankv1connect.BranchServiceSubmitProcedure, known)
	}
}

// bulk checks a list and returns the write that it asks for.
func (c *Customers) bulk(ctx context.Context, req *bankv1.SubmitRequest) (protocol.Operation, error) {
	var op protocol.Operation
	level, err := c.cfg.level(req.GetAcknowledge())
	if err != nil {
		return op, err
	}
	seen, err := session.Decode(req.GetSession(), len(c.cfg.Addresses))
	if err != nil {
		return op, err
	}
	if req.GetRequestId() == "" {
		return op, api.Fieldf("request_id", "a list needs one, so that it is counted once however often it is sent")
	}
	if err := api.CheckName("request_id", req.GetRequestId()); err != nil {
		return op, err
	}
	if err := c.cfg.checkHome(req.GetHomeBranch(), req.GetRequestId()); err != nil {
		return op, err
	}
	operations, err := api.OperationsFromProto(req)
	if err != nil {
		return op, err
	}
	if err := mayUse(ctx, operations.Accounts...); err != nil {
		return op, err
	}
	return protocol.Operation{
		Entry: ledger.Entry{
			Kind: ledger.Bulk, Operations: operations, RequestID: req.GetRequestId(),
			Customer: identity.CustomerOf(ctx), CustomerID: req.GetCustomerId(), RecordedAt: time.Now().UnixMilli(),
		},
		Home: ledger.BranchID(req.GetHomeBranch()), Acknowledge: level, Session: seen, Deadline: c.cfg.deadline(ctx),
	}, nil
}
