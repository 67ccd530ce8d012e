package service

import (
	"context"
	"errors"
	"fmt"
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

// Deposit implements BranchServiceHandler.
func (c *Customers) Deposit(ctx context.Context, req *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return carryOut(ctx, c, req, &deposits)
}

// Withdraw implements BranchServiceHandler.
func (c *Customers) Withdraw(ctx context.Context, req *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	return carryOut(ctx, c, req, &withdrawals)
}

// Transfer implements BranchServiceHandler.
func (c *Customers) Transfer(ctx context.Context, req *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	return carryOut(ctx, c, req, &transfers)
}

// writeRequest is what the requests of the three calls have in common.
type writeRequest interface {
	GetAmount() int64
	GetRequestId() string
	GetHomeBranch() uint32
	GetAcknowledge() bankv1.Acknowledge
	GetSession() string
	GetCustomerId() int64
}

// form is how one of the three calls differs from the others: by the types of its
// messages, and the accounts in them.
type form[Req writeRequest, Res any] struct {
	// kind is the kind of entry that the call records.
	kind ledger.Kind
	// accounts returns the account that is asked about, and the one that is paid
	// by a transfer.
	accounts func(Req) (account, to string)
	// setHome sets the home of the request id.
	setHome func(Req, uint32)
	// response converts what became of the write.
	response func(*Customers, protocol.Reply) Res
	// forward makes the same call at another branch.
	forward func(bankv1connect.BranchServiceClient, context.Context, Req) (Res, error)
}

var deposits = form[*bankv1.DepositRequest, *bankv1.DepositResponse]{
	kind:     ledger.Deposit,
	accounts: func(r *bankv1.DepositRequest) (string, string) { return api.AccountName(r.GetAccount()), "" },
	setHome:  func(r *bankv1.DepositRequest, home uint32) { r.HomeBranch = home },
	forward:  bankv1connect.BranchServiceClient.Deposit,
	response: func(c *Customers, r protocol.Reply) *bankv1.DepositResponse {
		return &bankv1.DepositResponse{
			Balance: int64(r.Balance), Receipt: api.ReceiptToProto(r.Receipt), Session: c.tokens.of(r.Session),
			UnreachableBranches: api.BranchesToProto(r.Unreachable), Replay: r.Replay,
		}
	},
}

var withdrawals = form[*bankv1.WithdrawRequest, *bankv1.WithdrawResponse]{
	kind:     ledger.Withdrawal,
	accounts: func(r *bankv1.WithdrawRequest) (string, string) { return api.AccountName(r.GetAccount()), "" },
	setHome:  func(r *bankv1.WithdrawRequest, home uint32) { r.HomeBranch = home },
	forward:  bankv1connect.BranchServiceClient.Withdraw,
	response: func(c *Customers, r protocol.Reply) *bankv1.WithdrawResponse {
		return &bankv1.WithdrawResponse{
			Balance: int64(r.Balance), Receipt: api.ReceiptToProto(r.Receipt), Session: c.tokens.of(r.Session),
			UnreachableBranches: api.BranchesToProto(r.Unreachable), Replay: r.Replay,
		}
	},
}

var transfers = form[*bankv1.TransferRequest, *bankv1.TransferResponse]{
	kind: ledger.Transfer,
	accounts: func(r *bankv1.TransferRequest) (string, string) {
		return api.AccountName(r.GetFromAccount()), api.AccountName(r.GetToAccount())
	},
	setHome: func(r *bankv1.TransferRequest, home uint32) { r.HomeBranch = home },
	forward: bankv1connect.BranchServiceClient.Transfer,
	response: func(c *Customers, r protocol.Reply) *bankv1.TransferResponse {
		return &bankv1.TransferResponse{
			Balance: int64(r.Balance), Receipt: api.ReceiptToProto(r.Receipt), Session: c.tokens.of(r.Session),
			UnreachableBranches: api.BranchesToProto(r.Unreachable), Replay: r.Replay,
		}
	},
}

// carryOut carries out a write here, or at the home of its request id. Then it
// returns what that branch answered.
func carryOut[Req writeRequest, Res any](ctx context.Context, c *Customers, req Req, f *form[Req, Res]) (none Res, err error) {
	account, to := f.accounts(req)
	entry := ledger.Entry{
		Kind: f.kind, Account: account, ToAccount: to, Amount: ledger.Amount(req.GetAmount()),
		RequestID: req.GetRequestId(), Customer: identity.CustomerOf(ctx), CustomerID: req.GetCustomerId(), RecordedAt: time.Now().UnixMilli(),
	}
	c.cfg.Follower.Asked(&entry)
	reply, err := c.write(ctx, &entry, req)
	if err == nil && reply.Forward != 0 {
		c.cfg.Follower.Forwarded(&entry, reply.Forward)
		f.setHome(req, uint32(reply.Forward))
		res, ferr := forward(ctx, &c.cfg, reply.Forward, req, f.forward)
		if ferr == nil {
			c.cfg.Follower.Answered(&entry, nil)
			return res, nil
		}
		reply, err = otherwise(reply, ferr)
	}
	c.cfg.Follower.Answered(&entry, err)
	if err != nil {
		return none, err
	}
	return f.response(c, reply), nil
}

// write checks a write and carries it out.
func (c *Customers) write(ctx context.Context, e *ledger.Entry, req writeRequest) (protocol.Reply, error) {
	c.cfg.Story.asked(e)
	reply, err := c.tryWrite(ctx, e, req)
	// Whoever may not use an account must not be seen by those who watch it.
	if err != nil && api.CodeOf(err) != connect.CodePermissionDenied {
		refused := *e // so that only one that is refused is allocated
		c.cfg.Feed.Refused(&refused, err)
	}
	c.cfg.Story.answered(e, &reply, err)
	return reply, err
}

func (c *Customers) tryWrite(ctx context.Context, e *ledger.Entry, req writeRequest) (protocol.Reply, error) {
	if err := checkEntry(e); err != nil {
		return protocol.Reply{}, err
	}
	if err := mayUse(ctx, e.Account, e.ToAccount); err != nil {
		return protocol.Reply{}, err
	}
	level, err := c.cfg.level(req.GetAcknowledge())
	if err != nil {
		return protocol.Reply{}, err
	}
	seen, err := session.Decode(req.GetSession(), len(c.cfg.Addresses))
	if err != nil {
		return protocol.Reply{}, err
	}
	if err := c.cfg.checkHome(req.GetHomeBranch(), e.RequestID); err != nil {
		return protocol.Reply{}, err
	}
	if err := ctx.Err(); err != nil {
		return protocol.Reply{}, err // nothing was recorded, as api.ConnectError says of it
	}
	if err := c.tick(ctx, e, req.GetHomeBranch()); err != nil {
		return protocol.Reply{}, err
	}
	reply, err := c.cfg.Engine.Submit(ctx, protocol.Operation{
		Entry: *e, Home: ledger.BranchID(req.GetHomeBranch()), Acknowledge: level, Session: seen, Deadline: c.cfg.deadline(ctx),
	})
	c.cfg.Trace.Answered(e, err == nil || isRefusal(err))
	return reply, unknownOutcome(err, e.RequestID)
}

// unknownOutcome says of a write that got no answer what its customer can do.
func unknownOutcome(err error, requestID string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("the time-out of the call has passed (%w)", err)
	case errors.Is(err, context.Canceled), errors.Is(err, api.ErrStopped):
	default:
		return err
	}
	if requestID == "" {
		return fmt.Errorf("%w: it is not known whether the write was recorded, and as it had no request id, the statement of the account tells", err)
	}
	return fmt.Errorf("%w: it is not known whether the write was recorded; asking again with the same request id tells", err)
}
