package protocol

import (
	"passbook.example/passbook/branch/ledger"
)

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

// Frame is what one side of a link sends at once.
type Frame struct {
	// Hello opens a link: the first frame of a side has it. It is sent again until
	// the other side's has come.
	Hello *Hello
	// Outlines are the batches of a frame to be sent, of any journal, each journal's
	// in order.
	Outlines []*ledger.Outline
	// Batches are those of a received frame, opened by the owner.
	Batches []*ledger.Sealed
	// Ack is how far the sender has applied the receiver's journal.
	Ack *Ack
	// Wants name journals that the sender lacks a part of.
	Wants []ledger.Position
	// Sync asks the receiver to sync what it applies and to ack that.
	Sync bool
	// Contest is what is said of contested accounts; nil for nothing.
	Contest *Contest
	// Certificates are chains that the receiver may need for the signatures of batches
	// that come with the frame or after it. They are the links' owners' alone.
	Certificates [][]byte
	// Ping and Pong measure the link, and are its owner's: a side that gets a Ping sends
	// it back as Pong at once. 0 for none.
	Ping, Pong uint64
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

// ClaimAnswer says what was granted.
type ClaimAnswer struct {
	// ID is that of the claim.
	ID uint64
	// Granted is the amount; 0 for nothing.
	Granted ledger.Amount
	// Sequence is the answering branch's last entry, the grant included.
	Sequence uint64
	// Escrow is what the answering branch has left.
	Escrow ledger.Amount
	// Failed says that the call could not be made, and nothing else is known.
	Failed bool
	// Refused, when not empty, says why the claim was refused as a lie.
	Refused string
}

// Collect asks for one look of a double collect.
type Collect struct {
	// ID is what the answer names.
	ID uint64
	// Account is the account whose balance is to be found.
	Account string
	// Collect names the double collect, Look the look, from 1.
	Collect, Look uint64
	// Freeze asks the branch to let nothing change the account's balance until the
	// next look, for a short while: the account changes too often to be seen twice
	// alike.
	Freeze bool
	// Mark is for a snapshot, 0 for a double collect: the Lamport time below which
	// entries are in it. Its first look marks the branch, the second one asks whether
	// that has held.
	Mark uint64
	// Clock is the asking branch's Lamport time.
	Clock uint64
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
	// Marked says that the branch is marked: Paid is what its entries below that time
	// add up to. Intact says that since then it has acknowledged no write to the account
	// that some branch lacks.
	Marked, Intact bool
	// Clock is the answering branch's Lamport time.
	Clock uint64
	// Failed says that the call could not be made, or that the branch does not
	// know its own journal yet.
	Failed bool
	// Refused, when not empty, says why the look was refused as a lie.
	Refused string
}
