package protocol

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/session"
	"passbook.example/passbook/branch/words"
)

// InsufficientError refuses a withdrawal: at one moment during the call the
// balance over all branches was below the amount.
type InsufficientError struct {
	Account         string
	Balance, Amount ledger.Amount
}

// Error implements error.
func (e *InsufficientError) Error() string {
	return fmt.Sprintf("insufficient funds: account %q has %d over all branches, %d was asked for", e.Account, e.Balance, e.Amount)
}

// Code returns failed_precondition.
func (e *InsufficientError) Code() code.Code { return code.FailedPrecondition }

// Detail returns the figures as the API has them.
func (e *InsufficientError) Detail() proto.Message {
	return &bankv1.InsufficientFunds{Account: e.Account, Balance: int64(e.Balance), Amount: int64(e.Amount)}
}

// Held is the escrow of a branch that can't be reached.
type Held struct {
	Branch ledger.BranchID
	Escrow ledger.Amount
}

// UnavailableError says that an answer needs branches that can't be reached,
// or more time than the call had. Nothing was recorded.
type UnavailableError struct {
	// Branch is the branch that returns the error; 0 when Account is empty.
	Branch  ledger.BranchID
	Account string
	// Amount is what was asked for; 0 for a query.
	Amount ledger.Amount
	// Available is what that branch can pay right now.
	Available ledger.Amount
	// Held is what the unreachable branches own, as far as this branch knows.
	Held []Held
	// Reason says what is missing.
	Reason string
}

// Error implements error.
func (e *UnavailableError) Error() string {
	s := e.Reason
	if e.Account != "" {
		s += fmt.Sprintf("; branch %d can pay %d of account %q", e.Branch, e.Available, e.Account)
	}
	most, all, _ := e.Holdings()
	named := ledger.Amount(0)
	for _, h := range most {
		s += fmt.Sprintf(", branch %d holds %d", h.Branch, h.Escrow)
		named += h.Escrow
	}
	if rest := len(e.Held) - len(most); rest > 0 {
		s += fmt.Sprintf(", and %d more hold %d together", rest, all-named)
	}
	return s
}

// Code returns unavailable.
func (e *UnavailableError) Code() code.Code { return code.Unavailable }

// Detail returns the figures as the API has them; nil when the error is not about
// an account.
func (e *UnavailableError) Detail() proto.Message {
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

// maxHoldings bounds the unreachable branches whose holdings an error names.
const maxHoldings = 5

// Holdings returns the unreachable branches that own most, the largest first,
// what all of them own together, and how many own something.
func (e *UnavailableError) Holdings() (most []Held, all ledger.Amount, holding int) {
	most = slices.Clone(e.Held)
	slices.SortStableFunc(most, func(a, b Held) int { return cmp.Compare(b.Escrow, a.Escrow) })
	for _, h := range most {
		all += h.Escrow
		if h.Escrow > 0 {
			holding++
		}
	}
	return most[:min(len(most), maxHoldings)], all, holding
}

// RequestError refuses a request id that was used with other content.
type RequestError struct {
	RequestID string
	At        ledger.Position
}

// Error implements error.
func (e *RequestError) Error() string {
	if e.At.Sequence == 0 {
		return fmt.Sprintf("request id %q is in use for another request", e.RequestID)
	}
	return fmt.Sprintf("request id %q was used for another request, recorded by branch %d as entry %d", e.RequestID, e.At.Branch, e.At.Sequence)
}

// Code returns already_exists.
func (e *RequestError) Code() code.Code { return code.AlreadyExists }

// Detail returns the request id, and the receipt of the write that used it.
func (e *RequestError) Detail() proto.Message {
	d := &bankv1.RequestIdUsed{RequestId: e.RequestID}
	if e.At.Sequence != 0 {
		d.Receipt = receipt(e.At)
	}
	return d
}

func receipt(at ledger.Position) *bankv1.Receipt {
	return &bankv1.Receipt{Branch: uint32(at.Branch), Sequence: at.Sequence}
}

// NotReplicatedError says that a write is recorded and will spread, but that
// fewer branches have confirmed it than the customer asked for. The reply that
// carries it also has the results of the write, as after a success.
type NotReplicatedError struct {
	Receipt ledger.Position
	Missing []ledger.BranchID
	// Unasked says that the branch that recorded the write can't be asked. Only that
	// branch knows which others have the write, so Missing are those that may not.
	Unasked bool
	// RequestID is the request id of the write; empty when it had none.
	RequestID string
	// Balance, Session and Replay are those of the reply.
	Balance ledger.Amount
	Session []ledger.Position
	Replay  bool
}

// Error implements error.
func (e *NotReplicatedError) Error() string {
	s := fmt.Sprintf("recorded by branch %d as entry %d, not yet replicated to %s", e.Receipt.Branch, e.Receipt.Sequence, words.Branches(e.Missing, 8))
	switch {
	case len(e.Missing) == 0:
		s = fmt.Sprintf("recorded by branch %d as entry %d, not yet synced on as many branches as asked for", e.Receipt.Branch, e.Receipt.Sequence)
	case e.Unasked:
		s = fmt.Sprintf("recorded by branch %d as entry %d; that branch can't be asked whether it is replicated to %s", e.Receipt.Branch, e.Receipt.Sequence, words.Branches(e.Missing, 8))
	}
	if e.RequestID == "" {
		return s + "; it spreads by itself, and as it had no request id, it would count again if it were sent again"
	}
	return s + "; it spreads by itself, and asking again with the same request id tells when it has"
}

// Code returns deadline_exceeded.
func (e *NotReplicatedError) Code() code.Code { return code.DeadlineExceeded }

// Detail returns the receipt, the reply, and the branches that may lack the write.
func (e *NotReplicatedError) Detail() proto.Message {
	d := &bankv1.NotReplicated{
		Receipt: receipt(e.Receipt), MissingBranches: make([]uint32, len(e.Missing)),
		Balance: int64(e.Balance), Session: session.Encode(e.Session), Replay: e.Replay,
	}
	for i, b := range e.Missing {
		d.MissingBranches[i] = uint32(b)
	}
	return d
}

// ErrUnknownBranch refuses a session or a home that names a branch which this
// bank does not have.
var ErrUnknownBranch = code.Field("session", "this bank does not have that branch")

// ErrSessionAhead refuses a session that names an entry which no branch can have
// shown: it is further ahead than a branch may be behind.
var ErrSessionAhead = code.Field("session", "no branch can have given that session out")

// AccountsError refuses a write that would open more accounts than there may be at
// this branch. Nothing was recorded.
type AccountsError struct {
	// Account is new here, the first of Opens.
	Account string
	Opens   int
	// Accounts is how many there are, Limit how many there may be.
	Accounts, Limit int
}

// Error implements error.
func (e *AccountsError) Error() string {
	what := fmt.Sprintf("account %q is new here", e.Account)
	if e.Opens > 1 {
		what = fmt.Sprintf("%d accounts are new here, account %q first", e.Opens, e.Account)
	}
	return fmt.Sprintf("%s, and this branch has %d accounts of the %d that it may open: use accounts that are there, or ask its operator to raise --max-accounts", what, e.Accounts, e.Limit)
}

// Code returns resource_exhausted.
func (e *AccountsError) Code() code.Code { return code.ResourceExhausted }

// Detail returns the figures as the API has them.
func (e *AccountsError) Detail() proto.Message {
	return &bankv1.TooManyAccounts{Account: e.Account, Opens: int64(e.Opens), Accounts: int64(e.Accounts), Limit: int64(e.Limit)}
}

// ErrQueueFull refuses a call because too many wait already.
var ErrQueueFull = code.New(code.ResourceExhausted, "too many calls wait at this branch; back off and try again")

// NotReplicated returns the error of a reply whose write has not reached its level.
func NotReplicated(op *Operation, reply *Reply, missing []ledger.BranchID, unasked bool) error {
	return &NotReplicatedError{
		Receipt: reply.Receipt, Missing: missing, Unasked: unasked, RequestID: op.Entry.RequestID,
		Balance: reply.Balance, Session: reply.Session, Replay: reply.Replay,
	}
}
