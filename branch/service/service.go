// Package service has the handlers of the calls at a branch: bank.v1.BranchService for
// customers, the course's bank.Bank, which is served by the same handlers, and the
// calls of bank.v1.PeerService that are no stream.
//
// A handler converts and checks what was asked, gives it to the engine, and
// converts the answer. It decides nothing about money.
//
//	service.go    Config: what the handlers work with
//	write.go      Deposit, Withdraw and Transfer, on one path
//	forward.go    a write that belongs to another branch, its home
//	check.go      what is checked of each write, and how long it may take
//	customer.go   which accounts a customer may use, and what it sees of others
//	tokens.go     the sessions of replies
//	submit.go     Submit: a stream of lists; list.go: one list of operations
//	query.go      Query; status.go: GetStatus; entries.go: ListEntries; batch.go:
//	              GetBatch; watch.go: Watch, which the feed serves
//	follow.go     FollowRequest, which package follow serves
//	identity.go   GetIdentity and OpenDashboard
//	alarms.go     ListAlarms and ResolveAlarm
//	trace.go      GetTrace, and the clocks of customers' calls
//	course.go     bank.Bank
//	peers.go      Claim and Collect; propagate.go: PropagateDeposit and
//	              PropagateWithdraw
//	story.go      what a branch logs of each event
//
// It knows the replica, the ledger, the journal's listings, and how package admit
// gives places to streams. It knows the engine, the feed, the gate, connections, and
// other branches by interfaces that it declares. Only the wiring in package branch
// knows it.
package service

import (
	"context"
	"log/slog"
	"time"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/follow"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/trace"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Config has what the handlers work with.
type Config struct {
	// ID is this branch. It is among Addresses.
	ID ledger.BranchID
	// Addresses are host:port of every branch of the bank.
	Addresses map[uint32]string
	// Scheme begins the URLs of branches: "http://" or "https://".
	Scheme string
	// Acknowledge is the level of writes that name none; unspecified stands for
	// REACHABLE.
	Acknowledge bankv1.Acknowledge
	// RequireHomeBranch refuses a request id that comes without its home.
	RequireHomeBranch bool
	// MaxAccounts is how many accounts there may be for a write to open one more;
	// 0 or less for any number. It is only told.
	MaxAccounts int
	// Started is when the branch was opened.
	Started time.Time

	// Engine carries out what is asked.
	Engine Engine
	// Journal is listed by ListEntries.
	Journal *journal.Journal
	// Homes are the branches that writes are forwarded to.
	Homes Homes
	// Gate is shut when the branch stops.
	Gate Gate
	// Connection returns the connection that a call came on.
	Connection func(context.Context) Connection
	// Spawn runs a function on a goroutine that the branch waits for when it stops.
	// It reports false, and does not run it, once the branch has stopped.
	Spawn func(func()) bool
	// Identities are what is known of callers; nil where they prove nothing.
	Identities Identities
	// Signatures checks those of entries that peers send alone; nil where nobody signs.
	Signatures Signatures
	// Certificates returns until when the certificates are good that the branch uses; nil
	// where there are none.
	Certificates func() []*bankv1.CertificateStatus
	// Denied, unless nil, is told of lists that are refused for want of a right. Of calls
	// that end with such an error others hear.
	Denied func(ctx context.Context, procedure string, err error)
	// Feed serves Watch.
	Feed Feed
	// Follower serves FollowRequest, and is told of each write; nil follows nothing.
	Follower *follow.Follower
	// Story tells of each event; nil tells nothing.
	Story *Story
	// Trace keeps the branch's logical clocks; nil keeps none.
	Trace *trace.Recorder
	// Logger is where handlers log.
	Logger *slog.Logger
}

// Signatures tells who has written what comes. Package signature has the real ones.
type Signatures interface {
	// Required reports whether what comes must be signed.
	Required() bool
	// Learn takes the certificates that come with an entry. It returns an error if one
	// of them is not that of a branch of this bank.
	Learn(chains [][]byte) error
	// Check checks the signature of a batch. It returns an error if the writer of the
	// batch has not made it.
	Check(o *ledger.Outline, said ledger.BankID) (ok bool, err error)
}

// Engine owns the replica and carries out what is asked of it.
type Engine interface {
	// Submit carries out a write and returns its reply.
	Submit(ctx context.Context, op protocol.Operation) (protocol.Reply, error)
	// Begin queues a write, after all that were begun before it. Its reply comes
	// out of Await.
	Begin(op protocol.Operation) (<-chan protocol.Reply, error)
	// Await returns the reply of a write that was begun.
	Await(ctx context.Context, reply <-chan protocol.Reply) (protocol.Reply, error)
	// Ask carries out a read and returns its reply.
	Ask(ctx context.Context, q protocol.Query) (protocol.Reply, error)
	// Serve gives a peer's claim or collect to the replica and returns its answer.
	// It sets the message's id.
	Serve(ctx context.Context, m protocol.Message) (protocol.Message, error)
	// Visit runs f on the replica, between two steps, and returns once what f saw
	// and did is durable.
	Visit(ctx context.Context, f func(*replica.Replica)) error
	// Post does something to the replica before the next step. It reports false
	// when the engine has ended.
	Post(f func(*replica.Replica)) bool
	// Now returns the time on the replica's clock.
	Now() protocol.Millis
}

// Feed shows what happens at the branch.
type Feed interface {
	// Watch sends what is new until the watcher goes or the feed ends.
	Watch(ctx context.Context, req *bankv1.WatchRequest, send func(*bankv1.WatchResponse) error) error
	// Refused shows a write that was refused, and why.
	Refused(e *ledger.Entry, err error)
}

// Homes reaches the branches that writes are forwarded to.
type Homes interface {
	// Call returns the client of a branch, and the context of calls with it. The
	// branch is another one of this bank.
	Call(ctx context.Context, home ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient)
}

// Gate counts what customers have in hand. Calls that aren't streams are counted
// before they get here.
type Gate interface {
	// Enter counts one more. It reports false, and counts nothing, once the gate is
	// shut.
	Enter() bool
	// Leave counts one less. Each Enter that succeeded needs one.
	Leave()
	// Shutting returns a channel that is closed when the gate is shut.
	Shutting() <-chan struct{}
}

// Connection is what a stream came on. It may be closed while nothing on it is at
// work.
type Connection interface {
	// EnterCustomer notes that a customer's call is at work on the connection, or
	// says why it may not be.
	EnterCustomer() error
	// Leave notes that it is at work no more. Each EnterCustomer that succeeded
	// needs one.
	Leave()
}

// isOther reports whether an id is that of another branch of this bank.
func (c *Config) isOther(id uint32) bool {
	_, ok := c.Addresses[id]
	return ok && ledger.BranchID(id) != c.ID
}

// Customers serves bank.v1.BranchService.
type Customers struct {
	// cfg has what the handlers work with.
	cfg Config
	// streams has a place for each stream of Submit. When all are taken, a new one
	// takes the place of the one that has had no list in hand for longest.
	streams *admit.Share
	// tokens writes the sessions of replies.
	tokens tokens
	// lists is what their lists take, in bytes.
	lists bound.Weight
}

// NewCustomers returns the handlers of customers' calls.
func NewCustomers(cfg Config) *Customers {
	return &Customers{cfg: cfg, streams: admit.NewShare(maxSubmits, maxSubmits), lists: bound.Weight{Most: maxListBytes}}
}

// ListBytes returns what the lists in hand take, in bytes.
func (c *Customers) ListBytes() int64 { return c.lists.Taken() }

var _ bankv1connect.BranchServiceHandler = (*Customers)(nil)
