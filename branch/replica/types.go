package replica

import (
	"passbook.example/passbook/branch/ledger"
)

// Millis is a moment or a span on the owner's monotonic clock, in
// milliseconds.
type Millis int64

// Level says when a write is acknowledged.
type Level uint8

// The levels, each with the promise of the one before it.
const (
	// Local: synced at the branch that took the write.
	Local Level = iota + 1
	// Reachable: and applied at every branch that is reachable now.
	Reachable
	// Majority: and synced at a majority of all branches.
	Majority
	// All: and synced at every branch.
	All
)

// Operation is a write that a customer asks for.
type Operation struct {
	// ID is the owner's name for the call; the reply carries it.
	ID uint64
	// Entry is what to record: its Kind (not Grant), accounts, amount,
	// customer, request id and wall time. The replica sets the rest.
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
	// Account is whose balance is asked for.
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
	// NotReplicatedError all else is as with a success.
	Err error
	// Balance is that of the account: right after the write, or as asked.
	Balance ledger.Amount
	// Available is this branch's escrow of the account, for a query.
	Available ledger.Amount
	// Receipt is where the write was recorded.
	Receipt ledger.Position
	// Session is what the customer has seen by now.
	Session []ledger.Position
	// Unreachable are the branches that were not reachable and have not
	// confirmed the write.
	Unreachable []ledger.BranchID
	// Operations are those of a bulk, with what of them was refused. They are
	// shared with the ledger and must not be changed.
	Operations *ledger.Operations
	// Replay says that this answers an earlier request with the same id.
	Replay bool
	// Forward, when not 0, says that nothing was done: this branch must not
	// carry the request out, and that one is to be asked.
	Forward ledger.BranchID
	// Otherwise is the reply when that one can't be asked; nil when this branch
	// does not know what became of the request.
	Otherwise *Reply
}

// Message goes from one branch to another. Exactly one of the pointers is set.
type Message struct {
	// From is the sender, To the receiver.
	From, To ledger.BranchID
	// Frame goes over a link.
	Frame *Frame
	// Claim and Collect are calls, the others their answers.
	Claim         *Claim
	ClaimAnswer   *ClaimAnswer   // to Claim
	Collect       *Collect       // a call too
	CollectAnswer *CollectAnswer // to Collect
}

// Frame is what one side of a link says at once.
type Frame struct {
	// Hello opens a link: the first frame of a side has it. It is said again
	// while the other side's has not come.
	Hello *Hello
	// Outlines are the batches of a frame to be sent, of any journal, each journal's
	// in order.
	Outlines []*ledger.Outline
	// Batches are those of a frame that was received, opened by the owner.
	Batches []*ledger.Sealed
	// Ack is how far the sender has applied the receiver's journal.
	Ack *Ack
	// Wants name journals that the sender lacks a part of.
	Wants []ledger.Position
	// Sync asks the receiver to sync what it applies and to ack that.
	Sync bool
}

// Hello tells which branch speaks, and how far it has applied and synced every
// journal.
type Hello struct {
	// Version is the speaker's.
	Version    uint32
	Branch, To ledger.BranchID
	Epoch      uint64
	Applied    []ledger.MarkedPosition
	// Bank is what [BankHash] returns, Identity the bank that the speaker has
	// recorded to belong to.
	Bank     ledger.Hash
	Identity ledger.Bank
}

// Ack tells how far the sender has applied the receiver's journal.
type Ack struct {
	// Applied is the last sequence applied, Synced the last one synced.
	Applied, Synced uint64
	// Forked says that the sender has another batch in the place of one of
	// the receiver's own.
	Forked bool
}

// Ticket is the age of a withdrawal that waits for escrow.
type Ticket struct {
	Clock  uint64          // the Lamport time at which it began to wait
	Branch ledger.BranchID // where it waits
}

// Older reports whether t comes before o: by Lamport time, and by branch
// between equals.
func (t Ticket) Older(o Ticket) bool {
	return t.Clock < o.Clock || t.Clock == o.Clock && t.Branch < o.Branch
}

// Claim asks for a grant. A call that fails in the network is answered by the
// owner with a ClaimAnswer that has Failed set.
type Claim struct {
	// ID is what the answer names.
	ID uint64
	// Account is the one whose escrow is asked for, Amount how much of it.
	Account string
	Amount  ledger.Amount // greater than 0
	// Ticket is the age of the oldest write that needs it.
	Ticket Ticket
}

// ClaimAnswer tells what was granted.
type ClaimAnswer struct {
	// ID is that of the claim.
	ID uint64
	// Granted is what was granted; 0 for nothing.
	Granted ledger.Amount
	// Sequence is the answering branch's last entry, the grant included.
	Sequence uint64
	// Escrow is what the answering branch has left.
	Escrow ledger.Amount
	// Failed says that the call could not be made, and nothing else is known.
	Failed bool
	// Refused, when not empty, says why the claim was refused: it lied.
	Refused string
}

// Collect asks for one look of a double collect.
type Collect struct {
	// ID is what the answer names.
	ID uint64
	// Account is whose balance is to be found.
	Account string
	// Collect names the double collect, Look the look, from 1.
	Collect, Look uint64
	// Freeze asks the branch to let nothing change the account's balance until the
	// next look, for a short while: the account changes too often to be seen twice
	// alike.
	Freeze bool
}

// CollectAnswer is a branch's answer to one look.
type CollectAnswer struct {
	// ID is that of the look.
	ID uint64
	// Last is the branch's last entry that changed the account's balance.
	Last uint64
	// Paid is what the branch's own entries, and its share of the opening
	// balance, add up to. The Paid of all branches sum to the balance.
	Paid ledger.Amount
	// Most is the most that Paid has been since the look before.
	Most ledger.Amount
	// MostKnown says that Most is known.
	MostKnown bool
	// Failed says that the call could not be made, or that the branch does not
	// know its own journal yet.
	Failed bool
	// Refused, when not empty, says why the look was refused: it lied.
	Refused string
}

// Storage is what a replica reads back from its journal: what was committed.
// An error stops the branch.
type Storage interface {
	// Request finds the entry recorded under a request id.
	Request(id string) (ledger.Recorded, bool, error)
	// Positions returns where the entries recorded under request ids are, in
	// the order of the ids; zero where there is none.
	Positions(ids []string) ([]ledger.Position, error)
	// HashAt returns the hash of the batch of a branch that ends at sequence.
	HashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool, error)
	// Batches returns batches of a branch that come after sequence, in order,
	// at least one if there is any and about maxBytes of them at most.
	Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error)
}

// Ready is what a replica wants to happen: the commit first, then, only once
// it has succeeded, the messages and replies.
type Ready struct {
	// Commit is what to commit first; nil for nothing.
	Commit *ledger.Commit
	// Messages are for peers.
	Messages []Message
	Replies  []Reply // for customers
	// Refusals are messages that were refused: those to be told of, and those
	// whose links are to be ended.
	Refusals []Refusal
}
