package branch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/session"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// customers serves bank.v1.BranchService: it converts, and calls the engine.
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
	reply, forwarded, err := carryOut(ctx, c.branch, write{
		entry: ledger.Entry{Kind: ledger.Deposit, Account: api.AccountName(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId()},
		home:  req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	}, req, &req.HomeBranch, (customerClient).Deposit)
	if err != nil || forwarded != nil {
		return forwarded, err
	}
	return &bankv1.DepositResponse{
		Balance: int64(reply.Balance), Receipt: api.ReceiptToProto(reply.Receipt), Session: session.Encode(reply.Session),
		UnreachableBranches: api.BranchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, nil
}

// Withdraw is BranchServiceHandler's.
func (c customers) Withdraw(ctx context.Context, req *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	reply, forwarded, err := carryOut(ctx, c.branch, write{
		entry: ledger.Entry{Kind: ledger.Withdrawal, Account: api.AccountName(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId()},
		home:  req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	}, req, &req.HomeBranch, (customerClient).Withdraw)
	if err != nil || forwarded != nil {
		return forwarded, err
	}
	return &bankv1.WithdrawResponse{
		Balance: int64(reply.Balance), Receipt: api.ReceiptToProto(reply.Receipt), Session: session.Encode(reply.Session),
		UnreachableBranches: api.BranchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, nil
}

// Transfer is BranchServiceHandler's.
func (c customers) Transfer(ctx context.Context, req *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	reply, forwarded, err := carryOut(ctx, c.branch, write{
		entry: ledger.Entry{
			Kind: ledger.Transfer, Account: api.AccountName(req.GetFromAccount()), ToAccount: api.AccountName(req.GetToAccount()),
			Amount: ledger.Amount(req.GetAmount()), RequestID: req.GetRequestId(), CustomerID: req.GetCustomerId(),
		},
		home: req.GetHomeBranch(), acknowledge: req.GetAcknowledge(), session: req.GetSession(),
	}, req, &req.HomeBranch, (customerClient).Transfer)
	if err != nil || forwarded != nil {
		return forwarded, err
	}
	return &bankv1.TransferResponse{
		Balance: int64(reply.Balance), Receipt: api.ReceiptToProto(reply.Receipt), Session: session.Encode(reply.Session),
		UnreachableBranches: api.BranchesToProto(reply.Unreachable), Replay: reply.Replay,
	}, nil
}

// Query is BranchServiceHandler's.
func (c customers) Query(ctx context.Context, req *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	c.branch.story.askedQuery(req)
	res, err := c.branch.query(ctx, req)
	c.branch.story.answeredQuery(req, res, err)
	return res, err
}

// Watch implements BranchServiceHandler.
func (c customers) Watch(ctx context.Context, req *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	return c.branch.feed.Watch(ctx, req, stream.Send)
}

func (b *Branch) query(ctx context.Context, req *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	if _, ok := bankv1.Consistency_name[int32(req.GetConsistency())]; !ok {
		return nil, api.Fieldf("consistency", "%d is not one", req.GetConsistency())
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, err
	}
	seen, err := session.Decode(req.GetSession(), len(b.cfg.Addresses))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	reply, err := b.engine.Ask(ctx, replica.Query{
		Account: name, Strong: req.GetConsistency() == bankv1.Consistency_CONSISTENCY_STRONG,
		Session: seen, Deadline: b.deadline(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.QueryResponse{Balance: int64(reply.Balance), Available: int64(reply.Available), Session: session.Encode(reply.Session)}, nil
}

// carryOut has a write carried out here, or at its home, which home points at in
// the request: then it returns what that answered.
func carryOut[Req, Res any](ctx context.Context, b *Branch, w write, req *Req, home *uint32, call func(customerClient, context.Context, *Req) (*Res, error)) (replica.Reply, *Res, error) {
	reply, err := b.write(ctx, w)
	if err != nil || reply.Forward == 0 {
		return reply, nil, err
	}
	*home = uint32(reply.Forward)
	res, err := forward(ctx, b, reply.Forward, req, call)
	if err == nil {
		return reply, res, nil
	}
	reply, err = otherwise(reply, err)
	return reply, nil, err
}

// otherwise returns the reply to a request whose home has not told what became
// of it: what this branch knows, if it knows anything.
func otherwise(reply replica.Reply, err error) (replica.Reply, error) {
	var forwarded *api.ForwardedError
	if reply.Otherwise == nil || errors.As(err, &forwarded) && forwarded.Settles() {
		return reply, err
	}
	return *reply.Otherwise, reply.Otherwise.Err
}

// write checks a write and has the engine carry it out.
func (b *Branch) write(ctx context.Context, w write) (replica.Reply, error) {
	w.entry.RecordedAt = time.Now().UnixMilli()
	b.story.asked(&w.entry)
	reply, err := b.tryWrite(ctx, w)
	if err != nil {
		b.feed.Refused(&w.entry, err)
	}
	b.story.answered(&w.entry, &reply, err)
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
	seen, err := session.Decode(w.session, len(b.cfg.Addresses))
	if err != nil {
		return replica.Reply{}, err
	}
	if err := b.checkHome(w.home, w.entry.RequestID); err != nil {
		return replica.Reply{}, err
	}
	if err := ctx.Err(); err != nil {
		return replica.Reply{}, err // nothing was recorded, as errors.go says of it
	}
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	reply, err := b.engine.Submit(ctx, replica.Operation{
		Entry: w.entry, Home: ledger.BranchID(w.home), Acknowledge: level, Session: seen, Deadline: b.deadline(ctx),
	})
	return reply, unknownOutcome(err, w.entry.RequestID)
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

// checkHome checks the home of a request id.
func (b *Branch) checkHome(home uint32, requestID string) error {
	_, ok := b.cfg.Addresses[home]
	switch {
	case home != 0 && requestID == "":
		return api.Fieldf("home_branch", "it goes with a request_id, and there is none")
	case home != 0 && !ok:
		return api.Fieldf("home_branch", "this bank has no branch %d", home)
	case home == 0 && requestID != "" && b.cfg.RequireHomeBranch:
		return api.Fieldf("home_branch", "this bank wants each request id to come with the branch that it belongs to: name the branch that you call first, in that call and in every retry")
	}
	return nil
}

func checkEntry(e *ledger.Entry) error {
	if e.Amount <= 0 {
		return api.Fieldf("amount", "must be greater than 0, is %d (amounts are integers in the smallest unit)", e.Amount)
	}
	payer := "account"
	if e.Kind == ledger.Transfer {
		payer = "from_account"
	}
	if err := api.CheckName(payer, e.Account); err != nil {
		return err
	}
	if err := api.CheckName("request_id", e.RequestID); err != nil {
		return err
	}
	if e.Kind != ledger.Transfer {
		return nil
	}
	if err := api.CheckName("to_account", e.ToAccount); err != nil {
		return err
	}
	if e.Account == e.ToAccount {
		return api.Fieldf("to_account", "a transfer needs two different accounts, both are %q", e.Account)
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
	return 0, api.Fieldf("acknowledge", "%d is not a level", a)
}

// deadline is when the replica gives up, a little before the caller does, so
// that its answer arrives.
func (b *Branch) deadline(ctx context.Context) replica.Millis {
	at, ok := ctx.Deadline()
	if !ok {
		return b.engine.Now() + replica.Millis(api.CallTimeout.Milliseconds())
	}
	left := time.Until(at)
	return b.engine.Now() + replica.Millis((left - left/10).Milliseconds())
}

// forward asks the home of a request to carry it out: only one branch may, or
// it could be counted twice.
func forward[Req, Res any](ctx context.Context, b *Branch, home ledger.BranchID, req *Req, call func(customerClient, context.Context, *Req) (*Res, error)) (*Res, error) {
	p := b.peers[home]
	if p == nil {
		return nil, api.Fieldf("home_branch", "this bank has no branch %d", home)
	}
	limited, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	res, err := call(b.customers, p.call(limited), req)
	var known *connect.Error
	switch {
	case err == nil || !errors.As(err, &known):
		return res, err
	case connect.IsWireError(err):
		return nil, &api.ForwardedError{Home: home, Err: known}
	}
	const unknown = "it is not known whether the write was recorded; asking again with the same request id tells"
	if gone := ctx.Err(); gone != nil {
		return nil, fmt.Errorf("branch %d, the home of the request id, has not answered branch %d in time (%w): %s", home, b.id, gone, unknown)
	}
	return nil, &replica.UnavailableError{Reason: fmt.Sprintf("branch %d, the home of the request id, can't be reached from branch %d: %s", home, b.id, unknown)}
}
