package branch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// callTimeout is how long a call waits when it names no deadline.
const callTimeout = 10 * time.Second

// customers serves bank.v1.BranchService: it converts, and calls the loop.
type customers struct{ branch *Branch }

// write is what the three kinds of writes have in common.
type write struct {
	entry       ledger.Entry
	home        uint32
	acknowledge bankv1.Acknowledge
	session     string
}

// Deposit is BranchServiceHandler's.
func (c customers) Deposit(ctx context.Context, req *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	reply, err := c.branch.write(ctx, write{
		entry: ledger.Entry{Kind: ledger.Deposit, Account: account(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId()},
		home:  req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	})
	if err != nil {
		return nil, err
	}
	if reply.Forward != 0 {
		req.HomeBranch = uint32(reply.Forward)
		return forward(ctx, c.branch, reply.Forward, req, (customerClient).Deposit)
	}
	session, err := encodeSession(reply.Session)
	return &bankv1.DepositResponse{
		Balance: int64(reply.Balance), Receipt: receiptToProto(reply.Receipt), Session: session,
		UnreachableBranches: branchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, err
}

// Withdraw is BranchServiceHandler's.
func (c customers) Withdraw(ctx context.Context, req *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	reply, err := c.branch.write(ctx, write{
		entry: ledger.Entry{Kind: ledger.Withdrawal, Account: account(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId()},
		home:  req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	})
	if err != nil {
		return nil, err
	}
	if reply.Forward != 0 {
		req.HomeBranch = uint32(reply.Forward)
		return forward(ctx, c.branch, reply.Forward, req, (customerClient).Withdraw)
	}
	session, err := encodeSession(reply.Session)
	return &bankv1.WithdrawResponse{
		Balance: int64(reply.Balance), Receipt: receiptToProto(reply.Receipt), Session: session,
		UnreachableBranches: branchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, err
}

// Transfer is BranchServiceHandler's.
func (c customers) Transfer(ctx context.Context, req *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	reply, err := c.branch.write(ctx, write{
		entry: ledger.Entry{
			Kind: ledger.Transfer, Account: account(req.GetFromAccount()), ToAccount: account(req.GetToAccount()),
			Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId(),
		},
		home: req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	})
	if err != nil {
		return nil, err
	}
	if reply.Forward != 0 {
		req.HomeBranch = uint32(reply.Forward)
		return forward(ctx, c.branch, reply.Forward, req, (customerClient).Transfer)
	}
	session, err := encodeSession(reply.Session)
	return &bankv1.TransferResponse{
		Balance: int64(reply.Balance), Receipt: receiptToProto(reply.Receipt), Session: session,
		UnreachableBranches: branchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, err
}

// Query is BranchServiceHandler's.
func (c customers) Query(ctx context.Context, req *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	b := c.branch
	if _, ok := bankv1.Consistency_name[int32(req.GetConsistency())]; !ok {
		return nil, inputErrorf("consistency %d is not one", req.GetConsistency())
	}
	name := account(req.GetAccount())
	if err := checkName("account", name); err != nil {
		return nil, err
	}
	session, err := decodeSession(req.GetSession(), len(b.cfg.Addresses))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := b.loop.ask(ctx, replica.Query{
		Account: name, Strong: req.GetConsistency() == bankv1.Consistency_CONSISTENCY_STRONG,
		Session: session, Deadline: b.deadline(ctx),
	})
	if err != nil {
		return nil, err
	}
	token, err := encodeSession(reply.Session)
	return &bankv1.QueryResponse{Balance: int64(reply.Balance), Available: int64(reply.Available), Session: token}, err
}

// write checks a write and has the loop carry it out.
func (b *Branch) write(ctx context.Context, w write) (replica.Reply, error) {
	w.entry.RecordedAt = time.Now().UnixMilli()
	reply, err := b.tryWrite(ctx, w)
	if err != nil {
		b.refused(&w.entry, err)
	}
	return reply, err
}

func (b *Branch) tryWrite(ctx context.Context, w write) (replica.Reply, error) {
	if err := checkEntry(&w.entry); err != nil {
		return replica.Reply{}, err
	}
	level, err := b.level(w.acknowledge)
	if err != nil {
		return replica.Reply{}, err
	}
	session, err := decodeSession(w.session, len(b.cfg.Addresses))
	if err != nil {
		return replica.Reply{}, err
	}
	if w.home != 0 && w.entry.RequestID == "" {
		return replica.Reply{}, inputErrorf("home_branch: it goes with a request_id, and there is none")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := b.loop.submit(ctx, replica.Operation{
		Entry: w.entry, Home: ledger.BranchID(w.home), Acknowledge: level, Session: session, Deadline: b.deadline(ctx),
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return reply, fmt.Errorf("%w: it is not known whether the call was carried out, ask again with the same request id", err)
	}
	return reply, err
}

// account gives an empty account its name.
func account(name string) string {
	if name == "" {
		return ledger.SharedAccount
	}
	return name
}

func checkEntry(e *ledger.Entry) error {
	if e.Amount <= 0 {
		return inputErrorf("amount: must be greater than 0, is %d (amounts are integers in the smallest unit)", e.Amount)
	}
	if err := checkName("account", e.Account); err != nil {
		return err
	}
	if err := checkName("request_id", e.RequestID); err != nil {
		return err
	}
	if e.Kind != ledger.Transfer {
		return nil
	}
	if err := checkName("to_account", e.ToAccount); err != nil {
		return err
	}
	if e.Account == e.ToAccount {
		return inputErrorf("to_account: a transfer needs two different accounts, both are %q", e.Account)
	}
	return nil
}

// checkName bounds what customers name: accounts and request ids.
func checkName(field, name string) error {
	if len(name) > ledger.MaxNameBytes {
		return inputErrorf("%s: has %d bytes, at most %d are allowed", field, len(name), ledger.MaxNameBytes)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return inputErrorf("%s: must not contain control characters", field)
	}
	return nil
}

func (b *Branch) level(a bankv1.Acknowledge) (replica.Level, error) {
	if a == bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED {
		a = b.cfg.Acknowledge
	}
	switch a {
	case bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE:
		return replica.Reachable, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
		return replica.Local, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY:
		return replica.Majority, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_ALL:
		return replica.All, nil
	}
	return 0, inputErrorf("acknowledge: %d is not a level", a)
}

// deadline is when the replica gives up, a little before the caller does, so
// that its answer arrives.
func (b *Branch) deadline(ctx context.Context) replica.Millis {
	at, ok := ctx.Deadline()
	if !ok {
		return b.loop.now() + replica.Millis(callTimeout.Milliseconds())
	}
	left := time.Until(at)
	return b.loop.now() + replica.Millis((left - left/10).Milliseconds())
}

// forward asks the home of a request to carry it out: only one branch may, or
// it could be counted twice.
func forward[Req, Res any](ctx context.Context, b *Branch, home ledger.BranchID, req *Req, call func(customerClient, context.Context, *Req) (*Res, error)) (*Res, error) {
	p := b.peers[home]
	if p == nil {
		return nil, inputErrorf("home_branch: this bank has no branch %d", home)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := call(b.customers, p.call(ctx), req)
	if err != nil && isTransport(err) {
		return nil, &replica.UnavailableError{Reason: fmt.Sprintf("the request belongs to branch %d, which can't be reached; it is not known whether it was carried out", home)}
	}
	return res, err
}

// isTransport reports whether a call failed on its way, so that the error says
// nothing about what the other side thinks.
func isTransport(err error) bool {
	var known *connect.Error
	return errors.As(err, &known) && !connect.IsWireError(err)
}
