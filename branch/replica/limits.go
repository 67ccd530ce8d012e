package replica

// Every queue of a replica has a bound. What is over it is dropped and comes
// again, or is refused with an error that says so.
const (
	// maxWindowBytes and maxWindowBatches bound the own batches on their way
	// to a peer.
	maxWindowBytes   = 1 << 20
	maxWindowBatches = 512
	// maxRecentBytes bounds the own batches kept in memory for peers that are
	// almost up to date; older ones are read from disk.
	maxRecentBytes = 512 << 10
	// maxFetchBytes bounds the batches of other journals sent at once.
	maxFetchBytes = 1 << 20
	// maxEarlyBatches and maxEarlyBytes bound the batches of one journal that
	// wait for others.
	maxEarlyBatches = 1024
	maxEarlyBytes   = 2 << 20
	// maxDeferred bounds the calls that wait for a session or for recovery.
	maxDeferred = 4096
	// maxWaiting bounds the withdrawals of one account that wait for escrow.
	maxWaiting = 4096
	// maxTallies bounds the tallies for branches that collect, and with them the
	// accounts that are frozen.
	maxTallies = 4096
	// maxDemands bounds the accounts whose spending is followed.
	maxDemands = 1024
	// maxAlarms bounds the alarms kept, maxRefusalAlarms those about messages that
	// were refused, so that a liar hides no other alarm.
	maxAlarms        = 64
	maxRefusalAlarms = 24
	// maxDoubles bounds the request ids kept that several entries have.
	maxDoubles = 64
	// maxLook bounds the looks of one double collect.
	maxLook = 1 << 32
)

// How often a peer is asked, at the pace of fetchRetry, for what it has named, until
// its word counts no longer. That is counted, since a clock may jump.
const (
	// doubtTries is how often for the batch in which its copy of a journal differs
	// from the one here, and doubtSteps in how many steps it may be looked for.
	doubtTries = 6
	doubtSteps = 128
	// showTries is how often for batches of a journal, while nothing of it comes.
	showTries = 30
	// maxClaims is how often that begins anew on a new link, for a branch that asks
	// for its own journal.
	maxClaims = 3
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
	// gapDelay is how long a batch that came early waits for what it depends
	// on before that is fetched from somebody else.
	gapDelay Millis = 50
	// fetchRetry is how long a fetch may bring nothing before another peer is
	// asked.
	fetchRetry Millis = 500
	// strangerLasts is how long a branch that recovers takes a peer for one of
	// another bank that has said so, and says so no more.
	strangerLasts Millis = 60_000
	// deadlineGrain is how exactly the deadlines of waiting calls are kept.
	deadlineGrain Millis = 20
	// claimPauseMin and claimPauseMax bound the pause after a round of claims
	// that brought nothing: the escrow is on its way between other branches.
	claimPauseMin Millis = 2
	claimPauseMax Millis = 64
	// demandWindow is how long what was spent counts, and then as long again.
	demandWindow Millis = 250
	// lookRetry is how long a look waits for an answer
	// before it asks again; a lost message is all it costs.
	lookRetry Millis = 250
	// lookPause is how long a double collect rests that has refused several
	// withdrawals at once.
	lookPause Millis = 20
)
