package protocol

import "passbook.example/passbook/branch/ledger"

// Contest is what branches say to each other about contested accounts: in a frame, after
// its batches. For each such account one branch is the chair, which sends a chain of
// looks to the others, its seats.
type Contest struct {
	// Summons are accounts whose chair is to begin a chain.
	Summons []string
	// Looks are the chair's, Answers those of seats.
	Looks   []ContestLook
	Answers []ContestAnswer
	// Ends are chains that end.
	Ends []ContestEnd
	// Clock is the sender's Lamport time.
	Clock uint64
}

// ContestLook is one look of a chain.
type ContestLook struct {
	// Account is the contested one.
	Account string
	// Chain names the chain; a later one of the same chair has a higher number. Step
	// counts its looks from 1.
	Chain, Step uint64
	// Proven is the step at whose moment the balance over all branches was Balance at
	// most; 0 when none is proven.
	Proven  uint64
	Balance ledger.Amount
	// Want is the escrow that the chair lacks for what waits, Oldest the age of the
	// oldest write that lacks it.
	Want   ledger.Amount
	Oldest Ticket
	// Freeze says that nothing may change the account until the next look. Unless Firm says
	// so, too, a write may that also concerns another contested account.
	Freeze, Firm bool
}

// ContestAnswer is a seat's answer to a look.
type ContestAnswer struct {
	// Account, Chain and Step are the look's.
	Account     string
	Chain, Step uint64
	// Before is the seat's last entry that had changed the balance when the look came,
	// Last the last one now.
	Before, Last uint64
	// Paid is what the seat's own entries, and its share of the opening balance, add up
	// to.
	Paid ledger.Amount
	// Most is the most that Paid has been from the answer before to this look, if MostKnown
	// says so.
	Most      ledger.Amount
	MostKnown bool
	// Waiting are the oldest withdrawals that wait there, oldest first.
	Waiting []ContestWait
	// Failed says that the branch can't take part.
	Failed bool
}

// ContestWait is a withdrawal that waits at a seat.
type ContestWait struct {
	// Clock is that of its ticket, Amount what it withdraws.
	Clock  uint64
	Amount ledger.Amount
}

// ContestEnd ends a chain.
type ContestEnd struct {
	// Account is the contested one, Chain the chain; 0 for one that was summoned.
	Account string
	Chain   uint64
	// Failed says that it has not ended by itself: each branch helps itself for a while.
	Failed bool
}
