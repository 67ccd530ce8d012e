package replica

import "passbook.example/passbook/branch/protocol"

// Every queue of calls has a bound. What is over it is refused with an error that
// says so, or comes again.
const (
	// maxDeferred bounds the calls that wait for a session or for recovery.
	maxDeferred = 4096
	// maxWaiting bounds the withdrawals of one account that wait for escrow.
	maxWaiting = 4096
	// maxTallies bounds the tallies for branches that collect, and with them the
	// accounts that are frozen.
	maxTallies = 4096
	// maxDemands bounds the accounts whose spending is followed.
	maxDemands = 1024
	// maxLook bounds the looks of one double collect.
	maxLook = 1 << 32
)

// patience is how many peer time-outs a call may take to a peer that is linked
// and silent.
const patience = 3

// How what is paid in is shared out.
const (
	// keptPart says how much of it stays here even if none is spent here: one
	// part in so many.
	keptPart = 8
	// worthGranting says what is worth an entry: more than one part in so many of
	// what a branch should have.
	worthGranting = 4
)

// Spans of time.
const (
	// claimPauseMin and claimPauseMax bound the pause after a round of claims
	// that brought nothing: the escrow is on its way between other branches.
	claimPauseMin protocol.Millis = 2
	claimPauseMax protocol.Millis = 64
	// demandWindow is how long what was spent counts, and then as long again.
	demandWindow protocol.Millis = 250
	// lookRetry is how long a look waits for an answer
	// before it asks again; a lost message is all it costs.
	lookRetry protocol.Millis = 250
	// lookPause is how long a double collect rests that has refused several
	// withdrawals at once.
	lookPause protocol.Millis = 20
)
