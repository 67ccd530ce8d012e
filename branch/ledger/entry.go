package ledger

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"passbook.example/passbook/branch/code"
)

// BranchID names a branch. 0 names none.
type BranchID uint32

// Amount is money in the smallest unit of the account's currency.
type Amount int64

// MaxAmount is the largest amount a balance can have.
const MaxAmount Amount = math.MaxInt64

// SharedAccount is the account that the input file opens and that an empty
// account name stands for.
const SharedAccount = "shared"

// MaxNameBytes bounds the names of accounts and customers, and request ids.
const MaxNameBytes = 128

// Kind is the kind of an entry: what happened.
type Kind uint8

// The kinds of entries.
const (
	Deposit Kind = iota + 1
	Withdrawal
	Transfer
	Grant
	// Bulk: many deposits, withdrawals and transfers at once.
	Bulk
)

// String returns the kind's name as in the API.
func (k Kind) String() string {
	switch k {
	case Deposit:
		return "deposit"
	case Withdrawal:
		return "withdrawal"
	case Transfer:
		return "transfer"
	case Grant:
		return "grant"
	case Bulk:
		return "bulk"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Entry is one immutable fact in the journal of the branch that wrote it.
type Entry struct {
	// Sequence is the position in the writer's journal, from 1, without gaps.
	Sequence uint64
	// Clock is the writer's Lamport time, greater than that of every entry the
	// writer had applied.
	Clock uint64
	// RecordedAt is wall time at the writer in milliseconds since 1970, for
	// people only; no rule reads it.
	RecordedAt int64
	// CustomerID is the customer who asked, as the request named it.
	CustomerID int64
	// Customer is the name of the customer who asked, as it was proven to the branch;
	// empty where nobody has to prove anything. A request id is that customer's alone.
	Customer string
	// RequestID is the idempotency key, or empty.
	RequestID string
	// Kind is what happened.
	Kind Kind
	// ToBranch is the branch that a grant gives escrow to.
	ToBranch BranchID
	// Account is the account that is paid into, paid from, or granted.
	Account string
	// ToAccount is the account a transfer pays into.
	ToAccount string
	// Amount is greater than 0.
	Amount Amount
	// Operations are the operations of a bulk, which has no account and no amount of
	// its own; nil for all other kinds. They never change once the entry is posted.
	Operations *Operations
}

// EachAccount visits the accounts that the entry is about.
func (e *Entry) EachAccount(visit func(account string)) {
	if e.Kind == Bulk {
		for _, name := range e.Operations.Accounts {
			visit(name)
		}
		return
	}
	visit(e.Account)
	if e.Kind == Transfer {
		visit(e.ToAccount)
	}
}

// MaxBytes is the most that the entry takes in a batch.
func (e *Entry) MaxBytes() int {
	n := 80 + len(e.Customer) + len(e.RequestID) + len(e.Account) + len(e.ToAccount)
	if e.Kind == Bulk {
		n += e.Operations.maxBytes()
	}
	return n
}

// ChangesBalance reports whether the entry changes any balance. Only grants don't.
func (e *Entry) ChangesBalance() bool { return e.Kind != Grant }

// SameRequest reports whether two entries ask for the same thing, so that one
// request id may stand for both.
func (e *Entry) SameRequest(o *Entry) bool {
	if e.Customer != o.Customer || e.CustomerID != o.CustomerID {
		return false
	}
	if e.Kind == Bulk && o.Kind == Bulk {
		return e.Operations.SameAs(o.Operations)
	}
	return e.Kind == o.Kind && e.Account == o.Account && e.ToAccount == o.ToAccount && e.Amount == o.Amount
}

// Errors of Check, which Post returns too.
var (
	ErrAmount   = code.Field("amount", "amount must be greater than 0")
	ErrKind     = code.New(code.InvalidArgument, "entry has no known kind")
	ErrAccount  = code.Field("account", fmt.Sprintf("account name must have 1 to %d bytes of UTF-8", MaxNameBytes))
	ErrCustomer = code.Field("customer", fmt.Sprintf("name of the customer must have at most %d bytes of UTF-8", MaxNameBytes))
	ErrRequest  = code.Field("request_id", fmt.Sprintf("request id must have at most %d bytes of UTF-8", MaxNameBytes))
	ErrSelf     = code.Field("to_account", "transfer needs two different accounts")
	ErrClock    = code.New(code.InvalidArgument, "clock is too large")
	ErrField    = errors.New("entry has a field that is not of its kind")
)

// Check returns an error if the entry itself is malformed, whatever the ledger.
func (e *Entry) Check() error {
	switch {
	case e.Kind < Deposit || e.Kind > Bulk:
		return ErrKind
	case e.Clock > MaxClock:
		return ErrClock
	case !isName(e.Customer):
		return ErrCustomer
	case !isName(e.RequestID):
		return ErrRequest
	case (e.Kind == Bulk) != (e.Operations != nil):
		return ErrField
	case e.Kind == Bulk && (e.Amount != 0 || e.Account != "" || e.ToAccount != "" || e.ToBranch != 0):
		return ErrField
	case e.Kind == Bulk:
		return e.Operations.Check()
	case e.Amount <= 0:
		return ErrAmount
	case !isAccount(e.Account):
		return ErrAccount
	case e.Kind == Transfer && !isAccount(e.ToAccount):
		return ErrAccount
	case e.Kind == Transfer && e.Account == e.ToAccount:
		return ErrSelf
	case e.Kind != Transfer && e.ToAccount != "", e.Kind != Grant && e.ToBranch != 0:
		return ErrField
	}
	return nil
}

func isAccount(name string) bool { return name != "" && isName(name) }

// isName reports whether a text may be a name; the empty one names nothing.
func isName(text string) bool { return len(text) <= MaxNameBytes && utf8.ValidString(text) }

// EscrowError says that a branch's escrow does not cover an amount.
type EscrowError struct {
	Branch  BranchID // the owner of the escrow
	Account string   // the account that was to pay
	Escrow  Amount   // all that the branch may spend of the account
	Amount  Amount   // what it was to pay
}

// Error implements error.
func (e *EscrowError) Error() string {
	return fmt.Sprintf("branch %d holds escrow %d of account %q, which does not cover %d", e.Branch, e.Escrow, e.Account, e.Amount)
}

// Code returns failed_precondition.
func (e *EscrowError) Code() code.Code { return code.FailedPrecondition }

// LimitError says that with an amount, one branch would have paid more than Limit
// into an account. Limit is the largest balance, divided by the number of branches,
// so that all branches together can't overflow it.
type LimitError struct {
	Account string // the account that was to get the amount
	Amount  Amount // the one that was refused
	Limit   Amount // what the sum must not be over
	// Taken says that operations would take more than Limit from the account. Limit
	// is the largest balance in that case.
	Taken bool
}

// Error implements error.
func (e *LimitError) Error() string {
	if e.Taken {
		return fmt.Sprintf("amount %d would take what the operations take of account %q over the limit of %d", e.Amount, e.Account, e.Limit)
	}
	return fmt.Sprintf("amount %d would take what this branch has paid into account %q over the limit of %d", e.Amount, e.Account, e.Limit)
}

// Code returns invalid_argument.
func (e *LimitError) Code() code.Code { return code.InvalidArgument }

// Field names the field of a request that is at fault.
func (e *LimitError) Field() string { return "amount" }
