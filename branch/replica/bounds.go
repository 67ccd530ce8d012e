package replica

import "passbook.example/passbook/branch/protocol"

// Every queue of calls has a bound. What is over it is refused with an error that
// says so, or comes again.
const (
	// maxDeferred bounds the calls that wait for a session or for recovery.
	maxDeferred = 4096
	// maxListsAtOnce bounds the size of the bulks that one Ready decides; the last may be
	// over it.
	maxListsAtOnce = 1 << 20
	// maxWaiting bounds the withdrawals of one account that wait for escrow.
	maxWaiting = 4096
	// maxTallies bounds the tallies for branches that collect, and with them the
	// accounts that are frozen.
	maxTallies = 4096
	// maxSnapshots bounds the snapshots of this branch, maxMarks those of all branches
	// in which it takes part, maxSnapshotTries how often one begins.
	maxSnapshots     = 1024
	maxMarks         = 4096
	maxSnapshotTries = 4
	// maxTrail bounds the steps of a trail, maxTrails those of all.
	maxTrail  = 4096
	maxTrails = 128 << 10
	// snapshotLead is how far a snapshot's time runs ahead of the clock, so that no
	// branch is at it already, whose entries are still on their way.
	snapshotLead = 1 << 16
	// maxDemands bounds the accounts whose spending is followed, maxDemandCells those times
	// the branches.
	maxDemands     = 16384
	maxDemandCells = 128 << 10
	// maxContests bounds the contested accounts, maxContestWords what one frame may have
	// to say of them of each kind, maxContestWaits the withdrawals that an answer names.
	maxContests     = 1024
	maxContestWords = 64 << 10
	maxContestWaits = 128
	// maxSummons is how often a chair is summoned before a branch helps itself.
	maxSummons = 2
	// maxLook bounds the looks of one double collect, and of one chain.
	maxLook = 1 << 32
)

// patience is how many peer time-outs a call may take to a peer that is linked
// and silent.
const patience = 3

// How escrow is shared out.
const (
	// demandSpends is how often something was spent that counts, at least: less is mere
	// chance. leastSpends is how often until anything is granted ahead.
	demandSpends = 32
	leastSpends  = 8
	// reserveSpends is for how many withdrawals of the usual size a branch that spends an
	// account should own enough, whatever its part is.
	reserveSpends = 2
	// soonSpent says what a branch will lack soon: less than so many times what it has
	// spent of late.
	soonSpent = 4
	// keptPart says how much of a hot account stays here even if none is spent here: one
	// part in so many. Of others a branch keeps as if it spent one of so many even parts.
	keptPart = 8
	idlePart = 2
	// worthGranting says what is worth an entry: more than one part in so many of
	// what a branch should have, or lacks.
	worthGranting = 4
)

// Spans of time.
const (
	// claimPauseMin and claimPauseMax bound the pause after a round of claims
	// that brought nothing: the escrow is on its way between other branches.
	claimPauseMin protocol.Millis = 2
	claimPauseMax protocol.Millis = 64
	// hotFor is how long an account is hot after a claim, if there was another one no longer
	// before that.
	hotFor protocol.Millis = 500
	// grantPause is how long a branch grants none of an account ahead after it did.
	grantPause protocol.Millis = 250
	// demandSpan is how long what was spent counts at least.
	demandSpan protocol.Millis = 250
	// demandKept is how long an account's demand is kept if nothing is spent, demandKeptFull
	// how long if there are as many as there may be. demandSweep is how often they are
	// looked through for that.
	demandKept     protocol.Millis = 600_000
	demandKeptFull protocol.Millis = 500
	demandSweep    protocol.Millis = 250
	// lookRetry is how long a look waits for an answer
	// before it asks again; a lost message is all it costs.
	lookRetry protocol.Millis = 250
	// snapshotPause lies between the beginnings of two snapshots of an account.
	snapshotPause protocol.Millis = 3
	// contestedFor is how long an account is contested after it has shown to be.
	contestedFor protocol.Millis = 1000
	// chainRestMin and chainRestMax bound the rest after a look at a contested account
	// that has changed nothing. branchesARest is for how many branches a chair rests a
	// millisecond besides.
	chainRestMin protocol.Millis = 1
	chainRestMax protocol.Millis = 16
	// refusalRest is how long a chair rests after a look when all that waits is sure to be
	// refused, busyRefusalRest when others pay into the account meanwhile: a storm of such
	// withdrawals must not take the machine from them.
	refusalRest     protocol.Millis = 2
	busyRefusalRest protocol.Millis = 10
	branchesARest                   = 10
	// lookTogether is how long the chains of a chair wait for each other.
	lookTogether protocol.Millis = 16
	// freezeGrace is how long the freeze between two looks of a chain does not count as
	// one of the account.
	freezeGrace protocol.Millis = 20
)
