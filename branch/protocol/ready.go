package protocol

import "passbook.example/passbook/branch/ledger"

// Storage is how a replica reads back what it has committed to its journal. An error
// stops the branch.
type Storage interface {
	// Request finds the entry that was first recorded of a request.
	Request(key ledger.RequestKey) (ledger.Recorded, bool, error)
	// Positions returns where the entries recorded of requests are, in the order of
	// the keys; zero where there is none. It may return nil when there is none at
	// all.
	Positions(keys []ledger.RequestKey) ([]ledger.Position, error)
	// HashAt returns the hash of the batch of a branch that ends at sequence.
	HashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool, error)
	// Batches returns batches of a branch that come after sequence, in order,
	// at least one if there is any and about maxBytes of them at most.
	Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error)
}

// Ready is what a replica wants to happen: the commit first, then, only once
// it has succeeded, the messages and replies. The commit and the slices last until the
// next Ready, what the messages point to lasts.
type Ready struct {
	// Commit is what to commit first; nil for nothing.
	Commit *ledger.Commit
	// Messages are for peers.
	Messages []Message
	Replies  []Reply // for customers
	// Refusals are the refused messages that the owner is to log, or whose links it
	// is to end.
	Refusals []Refusal
}

// Config is what a replica is told when it starts.
type Config struct {
	// ID is this branch.
	ID ledger.BranchID
	// Opening is the opening balance of the shared account.
	Opening ledger.Amount
	// Ledger is the state on disk; the replica owns it from now on.
	Ledger *ledger.Ledger
	// Epoch is the number of this boot.
	Epoch uint64
	// Bank is the bank that the disk belongs to, as far as that was agreed on.
	Bank ledger.Bank
	// Proposal is a new random id, for a bank that this branch founds.
	Proposal ledger.BankID
	// Copied says that the disk is a copy of another one, or was restored from
	// one: its content may be old, whatever it says. The branch hears from every
	// peer before it writes.
	Copied bool
	// Settled says that this branch has written on the disk, or made sure that it
	// may. A disk that is not settled counts as empty.
	Settled bool
	// Bootstrap lets a branch with an empty or a copied disk write without having
	// heard from every peer. It is for the first start of a bank, and unsafe after.
	Bootstrap bool
	// Doubles are the request ids that several entries have, as the disk has them.
	Doubles []ledger.Double
	// Forks are those of journals that the disk has, with the decisions about them. None
	// of the batches that don't count is applied.
	Forks []ledger.Fork
	// Pending are batches of this branch's own journal that follow its end, and can't be
	// posted since a fork of another journal was mended.
	Pending []*ledger.Sealed
	// StartWait is how long a branch that has just started waits for peers that it
	// could serve without; never less than PeerTimeout.
	StartWait Millis
	// Storage reads back what was committed.
	Storage Storage
	// PeerTimeout is how long a peer may leave batches unacknowledged, or a
	// call unanswered, before it counts as unreachable.
	PeerTimeout Millis
	// MaxAccounts is the number of accounts beyond which no write may open one more;
	// 0 for no limit.
	MaxAccounts int
	// Signed says that every batch must have a signature, which the owner has checked
	// before it tells the replica of the batch.
	Signed bool
	// Now is the time.
	Now Millis
}

// State is whether a branch takes writes.
type State uint8

// The states of a branch.
const (
	// Recovering: it does not know yet what its peers have of its journal.
	Recovering State = iota + 1
	// Serving: it takes reads and writes.
	Serving
	// Halted: its own journal has forked, and an operator must mend that.
	Halted
)

// Status is how a branch sees itself and its peers.
type Status struct {
	// State is whether the branch takes writes, Reason why it takes none.
	State  State
	Reason string // empty while it serves
	// Bank is the bank that it belongs to.
	Bank ledger.Bank
	// Epoch is the number of this boot.
	Epoch uint64
	// Applied is how far each journal is applied here.
	Applied []ledger.MarkedPosition
	// Peers are the other branches.
	Peers []PeerStatus
	// Alarms are what needs an operator, in words.
	Alarms []string
}

// PeerStatus is how a branch sees a peer.
type PeerStatus struct {
	// Branch is the peer.
	Branch ledger.BranchID
	// Reachable says that it counts for the level [Reachable].
	Reachable bool
	// Exchanging says that there is a link on which batches are acked in time,
	// also while the peer still catches up.
	Exchanging bool
	// Since is when the peer became reachable or unreachable.
	Since Millis
	// Refused counts the messages in its name that were refused.
	Refused uint64
	// Acked is the last own entry that the peer has confirmed, Lag how many it
	// has not.
	Acked, Lag uint64
	// Trip is about how long a round trip to it takes; 0 if that is not known.
	Trip Micros
}
