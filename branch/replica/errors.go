package replica

import (
	"errors"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// InsufficientError refuses a withdrawal: at one moment during the call the
// balance over all branches was below the amount.
type InsufficientError struct {
	Account         string
	Balance, Amount ledger.Amount
}

func (e *InsufficientError) Error() string {
	return fmt.Sprintf("insufficient funds: account %q has %d over all branches, %d was asked for", e.Account, e.Balance, e.Amount)
}

// Held is escrow that can't be had because its branch can't be reached.
type Held struct {
	Branch ledger.BranchID
	Escrow ledger.Amount
}

// UnavailableError says that an answer needs branches that can't be reached,
// or more time than the call had. Nothing was recorded.
type UnavailableError struct {
	Account string
	// Amount is what was asked for; 0 for a query.
	Amount ledger.Amount
	// Available is what this branch can pay right now.
	Available ledger.Amount
	// Held is what the unreachable branches hold, as far as this branch knows.
	Held []Held
	// Reason says what is missing.
	Reason string
}

func (e *UnavailableError) Error() string {
	s := e.Reason
	if e.Account != "" {
		s += fmt.Sprintf("; this branch can pay %d of account %q", e.Available, e.Account)
	}
	for _, h := range e.Held {
		s += fmt.Sprintf(", branch %d holds %d", h.Branch, h.Escrow)
	}
	return s
}

// RequestError refuses a request id that was used with other content.
type RequestError struct {
	RequestID string
	At        ledger.Position
}

func (e *RequestError) Error() string {
	if e.At.Sequence == 0 {
		return fmt.Sprintf("request id %q is in use for another request", e.RequestID)
	}
	return fmt.Sprintf("request id %q was used for another request, recorded by branch %d as entry %d", e.RequestID, e.At.Branch, e.At.Sequence)
}

// NotReplicatedError says that a write is recorded and will spread, but that
// fewer branches have confirmed it than the customer asked for.
type NotReplicatedError struct {
	Receipt ledger.Position
	Missing []ledger.BranchID
}

func (e *NotReplicatedError) Error() string {
	return fmt.Sprintf("recorded by branch %d as entry %d, not yet replicated to branches %v; ask again with the same request id", e.Receipt.Branch, e.Receipt.Sequence, e.Missing)
}

// ErrUnknownBranch refuses a session or a home that names a branch which this
// bank does not have.
var ErrUnknownBranch = errors.New("this bank does not have that branch")
