// Package metrics shows Prometheus how a branch does: GET /metrics answers in its text
// format, or in OpenMetrics where the scraper asks for it.
//
//	snapshot.go   Snapshot: what is shown, as it was at one moment
//	collector.go  the names, types and labels of it
//	handler.go    the handler, which takes a snapshot for each scrape
//
// Nothing is counted here between scrapes, so a branch that nobody scrapes pays nothing.
// Labels never name accounts, customers or requests: a bank has any number of those.
package metrics

import "time"

// Snapshot is how a branch is at one moment.
type Snapshot struct {
	// Bank is the name of the bank, BankID its id; empty before it is founded. Branch is the
	// branch.
	Bank, BankID string
	Branch       uint32
	// Version is that of the build.
	Version string
	// Started is when the branch was opened.
	Started time.Time
	// States are whether the branch is in each of the states that there are, by their
	// names: it is in one.
	States map[string]bool
	// Alarms are how many there are of each kind, by its name.
	Alarms map[string]int
	// Accounts are how many there are, MaxAccounts how many there may be before a write that
	// would open one more is refused; 0 for any number.
	Accounts, MaxAccounts int64
	// Applied is up to which entry each journal is applied here, by its branch.
	Applied map[uint32]uint64
	// Peers are the other branches.
	Peers []Peer
	// Certificates are those that the branch uses; none in a bank without.
	Certificates []Certificate
	// RefusedCalls counts the calls that the branch has turned away, by code. RefusedAccesses
	// counts those who lacked a proof or a right; it is nil where nobody has to prove
	// anything.
	RefusedCalls, RefusedAccesses map[string]uint64
}

// Peer is how a branch sees another one.
type Peer struct {
	// Branch is the peer.
	Branch uint32
	// Reachable says that it is connected and has caught up.
	Reachable bool
	// Lag is how many entries of this branch's journal it has not confirmed.
	Lag uint64
	// Refused counts the messages in its name that were refused.
	Refused uint64
	// RoundTrip is about how long a message to it and the answer take; 0 if that is not
	// known.
	RoundTrip time.Duration
}

// Certificate is one that a branch uses.
type Certificate struct {
	// File is its file, and Number the place in it, from 1.
	File   string
	Number int
	// Kind says what it is for, Subject and URI whom it is of. They are as the certificate
	// has them, so they may hold anything.
	Kind, Subject, URI string
	// NotAfter is when it ends.
	NotAfter time.Time
}
