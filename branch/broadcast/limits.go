package broadcast

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Everything that peers may fill has a bound. Anything over it is dropped and comes
// again, or is refused.
const (
	// maxRecentBytes bounds the own batches kept in memory for peers that are
	// almost up to date; older ones are read from disk.
	maxRecentBytes = 512 << 10
	// maxFetchBytes bounds the batches of other journals sent at once.
	maxFetchBytes = 1 << 20
	// maxEarlyBatches and maxEarlyBytes bound the batches of one journal that
	// wait for others.
	maxEarlyBatches = 4096
	maxEarlyBytes   = 8 << 20
	// maxAlarms bounds the alarms kept, maxRefusalAlarms those about messages that
	// were refused, so that a liar hides no other alarm.
	maxAlarms        = 64
	maxRefusalAlarms = 24
	// maxDoubles bounds the request ids kept that several entries have.
	maxDoubles = 64
	// maxFollow is how far a peer can move this branch's time ahead of the entries that are
	// applied. It can do that again after each entry. So it is a small part of what a
	// branch may be behind before it takes the messages of others for lies.
	maxFollow = ledger.MaxClockLead / 64
)

// How often a peer is asked, every fetchRetry, for what it has named, before its word
// no longer counts. These are counts and not times, since a clock may jump.
const (
	// doubtTries bounds the requests for the batch in which its copy of a journal
	// differs from the one here, doubtSteps the steps of that search.
	doubtTries = 6
	doubtSteps = 128
	// showTries bounds the requests for batches of a journal of which none comes.
	showTries = 30
	// maxClaims bounds how often those begin anew on a new link, when a branch asks
	// for its own journal.
	maxClaims = 3
)

// Spans of time.
const (
	// gapDelay is how long a batch that came early waits for what it depends
	// on before that is fetched from another peer, besides half of the longest round
	// trip.
	gapDelay protocol.Millis = 50
	// fetchRetry is how long a fetch may bring nothing before another peer is
	// asked; two round trips if that is longer.
	fetchRetry protocol.Millis = 500
	// strangerLasts is how long a branch that recovers counts a peer as a member of
	// another bank after the peer has last said so.
	strangerLasts protocol.Millis = 60_000
)
