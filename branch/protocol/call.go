package protocol

import (
	"math"

	"passbook.example/passbook/branch/ledger"
)

// Millis is a moment or a span on the owner's monotonic clock, in
// milliseconds.
type Millis int64

// Micros is a span of time in microseconds.
type Micros int64

// Never is later than any moment.
const Never Millis = math.MaxInt64

// DeadlineGrain is how precisely the deadlines of waiting calls are kept.
const DeadlineGrain Millis = 20

// Level says when a write is acknowledged.
type Level uint8

// The levels. Reachable promises what Local does, and All what each of them does.
const (
	// Local: synced at the branch that took the write.
	Local Level = iota + 1
	// Reachable: and applied at every branch that is reachable now.
	Reachable
	// Majority: synced at a majority of all branches, whichever is first.
	Majority
	// All: synced at every branch.
	All
	// Nearest: synced here and at one other branch, whichever is first. In a bank of one it
	// is Local.
	Nearest
)

// Syncs reports whether other branches have to sync the write.
func (l Level) Syncs() bool { return l >= Majority }

// Operation is a write that a customer asks for.
type Operation struct {
	// ID is the owner's name for the call; the reply carries it.
	ID uint64
	// Entry is what to record: its Kind (not Grant), accounts, amount, customer and
	// the customer's label, request id and wall time. The replica sets the rest.
	Entry ledger.Entry
	// Home is the branch where the request id was first used; 0 for this one.
	Home ledger.BranchID
	// Acknowledge is when to answer.
	Acknowledge Level
	// Session is what the customer has seen: the operation waits for it.
	Session []ledger.Position
	// Deadline is when to give up waiting.
	Deadline Millis
}

// Query is a read that a customer asks for.
type Query struct {
	// ID is the owner's name for the call; the reply carries it.
	ID uint64
	// Account is the account whose balance is asked for.
	Account string
	// Strong asks for the balance over all branches at one moment during the
	// call, instead of this branch's view.
	Strong bool
	// Session is what the customer has seen: the query waits for it.
	Session []ledger.Position
	// Deadline is when to give up waiting.
	Deadline Millis
}

// Reply answers an Operation or a Query.
type Reply struct {
	// ID is that of the operation or query.
	ID uint64
	// Err is nil for a success, or one of this package's errors. With a
	// NotReplicatedError the other fields are as with a success.
	Err error
	// Balance is that of the account: right after the write, or as asked.
	Balance ledger.Amount
	// Available is this branch's escrow of the account, for a query.
	Available ledger.Amount
	// Snapshot is for a strong query that was answered by a snapshot: the Lamport time
	// below which entries are in Balance.
	Snapshot uint64
	// Receipt is where the write was recorded.
	Receipt ledger.Position
	// Session is what the customer has seen by now.
	Session []ledger.Position
	// Unreachable are the branches that were not reachable and have not
	// confirmed the write.
	Unreachable []ledger.BranchID
	// Operations are those of a bulk, and say which of them were refused. They are
	// shared with the ledger and must not be changed.
	Operations *ledger.Operations
	// Replay says that this answers an earlier request with the same id.
	Replay bool
	// Forward, when not 0, is the branch to ask: this branch must not carry the
	// request out, and has done nothing.
	Forward ledger.BranchID
	// Otherwise is the reply when the branch Forward can't be asked; nil when this
	// branch does not know what became of the request.
	Otherwise *Reply
}
