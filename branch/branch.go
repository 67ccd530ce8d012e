package branch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/grpchealth"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/browser"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/branch/follow"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/login"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/service"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/trace"
)

// Branch is one replica server: its journal, its engine, its links to the other
// branches and the services it offers on one port. It has more than twenty fields
// because it holds one of each room, which it opens and closes in their order, and
// because nobody else sees it.
type Branch struct {
	cfg    Config          // with its defaults filled in
	id     ledger.BranchID // cfg.ID
	logger *slog.Logger    // names the branch in each line
	// journal is the disk, engine decides what is written to it, and feed shows
	// that to those who watch.
	journal *journal.Journal
	engine  *engine.Engine
	feed    *feed.Feed
	// follower shows the lives of requests to those who follow them.
	follower *follow.Follower
	// signatures are those of the branch; nil where nobody signs.
	signatures *signature.Branch
	// listener is the port.
	listener net.Listener
	// near takes the calls of the other branches in this process, through memory.
	near        *peernet.Neighbour
	connections *admit.Connections // bounds what listener accepts
	accepting   net.Listener       // what server accepts from: connections, or those over TLS
	ofPeers     *admit.Connections // what Config.PeerListener accepts; nil without one
	fromPeers   net.Listener       // what server accepts from there, over TLS
	unsecure    []func()           // stop what Config.Security calls
	logins      *login.Logins      // who has logged in on the page; nil where nobody has to
	openings    *admit.Openings    // accepted links that have not said hello yet
	// proven are the branches that are known to have certificates.
	proven access.Proven
	// refusedAccesses counts those who lacked a proof or a right.
	refusedAccesses admit.Tally
	// desk serves customers.
	desk   *service.Customers
	server *http.Server              // serves desk and all else that comes on the port
	health *grpchealth.StaticChecker // tells whether the branch takes writes
	// services are the names of what the server offers for calls.
	services []string
	links    *link.Links     // to every other branch, and the calls to them
	story    *service.Story  // logs each event in a line, as the course prints it
	trace    *trace.Recorder // keeps the logical clocks; nil if there are none
	started  time.Time       // when open began

	// linksCtx ends when the links and the calls to peers are to end.
	linksCtx context.Context
	cutLinks context.CancelFunc // ends linksCtx
	tasks    admit.Gate         // counts the calls and goroutines that Serve waits for
	// failed has the first reason why the branch must stop.
	failed    chan error
	gate      admit.Gate         // counts customers' calls, and is shut when the branch stops
	breaker   *fault.Breaker     // breaks the branch on purpose
	transport *peernet.Transport // carries links and calls to peers; the branches of a process may share it
	proxy     *browser.Proxy     // passes calls on to the branch that they name
}

// Times of a graceful stop, which is over within 5 s.
const (
	finishTimeout = 3 * time.Second
	closeTimeout  = time.Second
)

// Open opens the branch's data directory and its port. It serves nothing until
// Serve is called. When it errs, it has closed what it opened, Config.Listener
// included. An error to listen wraps that of the net package, one of the data
// directory that of package journal.
func Open(cfg Config) (*Branch, error) {
	b, err := open(cfg)
	if err != nil {
		if b.listener != nil {
			_ = b.listener.Close()
		}
		if cfg.PeerListener != nil {
			_ = cfg.PeerListener.Close()
		}
		if b.near != nil {
			b.near.Leave()
		}
		if b.journal != nil {
			_ = b.journal.Close()
		}
		return nil, err
	}
	return b, nil
}

// open returns what it has opened also with an error.
func open(cfg Config) (*Branch, error) {
	b := &Branch{cfg: cfg.withDefaults(), id: ledger.BranchID(cfg.ID), started: time.Now(), listener: cfg.Listener, openings: admit.NewOpenings(), failed: make(chan error, 1)}
	cfg = b.cfg
	b.logger = cfg.Logger.With("branch", cfg.ID)
	b.story = service.NewStory(b.logger, b.id)
	if cfg.Trace {
		b.trace = trace.New(b.id)
	}
	b.breaker = fault.New(cfg.ID, b.fail)
	id, err := cfg.check()
	if err != nil {
		return b, err
	}
	if b.listener == nil {
		l, err := net.Listen("tcp", cfg.Addresses[cfg.ID])
		if err != nil {
			return b, fmt.Errorf("branch %d: %w", cfg.ID, err)
		}
		b.listener = l
	}
	b.near = cfg.PeerTransport.Add(b.addresses()...)
	j, state, err := journal.Open(cfg.Dir, id, journal.Options{Logger: b.logger, OnFailure: b.fail})
	if err != nil {
		return b, fmt.Errorf("branch %d: %w", cfg.ID, err)
	}
	b.journal = j
	if state.Copied != "" {
		b.logger.Warn("the data directory is a copy, or was restored from one, and may be old: the branch hears from every other one before it writes", "directory", cfg.Dir, "why", state.Copied)
	}
	b.tellMended(state.Mended)
	if err := b.openSignatures(state.Bank); err != nil {
		return b, fmt.Errorf("branch %d: %w", cfg.ID, err)
	}
	r, err := replica.New(protocol.Config{
		ID: b.id, Opening: ledger.Amount(cfg.Opening), Ledger: state.Ledger, Epoch: state.Epoch, Settled: state.Settled, Doubles: state.Doubles, Forks: b.unsign(state.Forks), Pending: state.Pending,
		Bank: state.Bank, Proposal: newBankID(), Copied: state.Copied != "",
		Bootstrap: cfg.Bootstrap, Storage: b.storage(), Signed: b.signatures != nil && b.signatures.Required(), PeerTimeout: protocol.Millis(cfg.PeerTimeout.Milliseconds()), StartWait: protocol.Millis(cfg.StartWait.Milliseconds()),
		MaxAccounts: max(0, cfg.MaxAccounts),
	})
	if err != nil {
		return b, fmt.Errorf("branch %d: %w", cfg.ID, err)
	}
	observer := feed.NewObserver(b.id)
	b.follower = b.newFollower()
	b.engine = engine.New(engine.Config{Replica: r, Journal: j, Signer: b.signer(), Started: b.started, Freeze: b.breaker, Outlet: outlet{b}, Observer: observers{observer, b.follower}})
	b.feed = feed.New(b.feedConfig(), observer, feedSource{b})
	b.linksCtx, b.cutLinks = context.WithCancel(context.Background())
	b.links = link.New(b.linkConfig())
	b.newServer()
	return b, nil
}

// ID returns the branch's id.
func (b *Branch) ID() uint32 { return uint32(b.id) }

// Address returns host:port where the branch listens.
func (b *Branch) Address() string { return b.listener.Addr().String() }

// addresses returns where the branch is for those of its process: where it
// listens, and the name that the bank has for that. A name with another port is
// that of something in between, which they are to go through.
func (b *Branch) addresses() []string {
	at, named := b.Address(), b.cfg.Addresses[b.cfg.ID]
	_, port, err := net.SplitHostPort(at)
	_, namedPort, namedErr := net.SplitHostPort(named)
	if err != nil || namedErr != nil || port != namedPort {
		return []string{at}
	}
	return []string{at, named}
}

// Ready returns a channel that is closed once the branch takes writes: it has
// heard what its peers hold of its journal, or knows that they can't be
// reached.
func (b *Branch) Ready() <-chan struct{} { return b.engine.Serving() }

// Serve runs the branch until ctx is done, and then stops it gracefully: it
// refuses new calls, finishes those in hand, closes the links and returns nil,
// within 5 s. When the journal can't be written or read, Serve stops the
// branch at once and returns why: what is not on disk was not acknowledged.
// After [fault.Kill] it does the same and returns [fault.ErrKilled].
// Serve can be called once.
func (b *Branch) Serve(ctx context.Context) error {
	engineCtx, stopEngine := context.WithCancel(context.Background())
	defer stopEngine()
	b.links.Join()
	defer b.links.Leave()
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.engine.Run(engineCtx); err != nil {
			b.fail(err)
		}
	})
	running.Go(func() {
		if err := b.server.Serve(b.accepting); err != nil && !errors.Is(err, http.ErrServerClosed) {
			b.fail(fmt.Errorf("serve: %w", err))
		}
	})
	if b.fromPeers != nil {
		running.Go(func() {
			if err := b.server.Serve(b.fromPeers); err != nil && !errors.Is(err, http.ErrServerClosed) {
				b.fail(fmt.Errorf("serve peers: %w", err))
			}
		})
	}
	b.near.Open(b.server, b.pause())
	b.links.Dial()
	var err error
	select {
	case <-ctx.Done():
		b.links.Leave() // from here on its links are to be down
		b.breaker.Lift()
		b.finishCalls()
		stopEngine() // which answers the calls that have not finished: the end of the links must not
		<-b.engine.Ended()
	case err = <-b.failed:
		if errors.Is(err, fault.ErrKilled) {
			b.hangUp() // before anybody is told that the branch has stopped
		} else {
			b.logger.Error("branch stops at once: it can't go on without its disk, or without a key to sign with", "error", err)
		}
	}
	b.feed.Stop()
	b.follower.Stop()
	b.cutLinks()
	stopEngine()
	b.breaker.Lift()
	b.stop(err)
	running.Wait()
	b.near.Wait()
	b.tasks.Wait()
	b.transport.CloseIdleConnections()
	b.proxy.CloseIdleConnections()
	for _, stop := range b.unsecure {
		stop()
	}
	if cerr := b.journal.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("branch %d: close journal: %w", b.id, cerr)
	}
	return err
}

// Close gives up a branch that was opened and not served.
func (b *Branch) Close() error {
	b.cutLinks()
	b.near.Leave()
	for _, stop := range b.unsecure {
		stop()
	}
	errs := []error{b.listener.Close(), b.journal.Close()}
	if l := b.cfg.PeerListener; l != nil {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Apply breaks or mends the branch itself. It works only with Config.Faults,
// except for [fault.Kill]. A branch that has ended can't restart itself: that
// takes another [Open].
func (b *Branch) Apply(action fault.Action) error { return b.breaker.Apply(action) }

// finishCalls refuses new calls, ends the watches and waits for the calls in
// hand.
func (b *Branch) finishCalls() {
	b.feed.Stop()
	b.follower.Stop()
	b.setHealth(grpchealth.StatusNotServing)
	if !b.gate.Close(finishTimeout) {
		b.logger.Warn("calls in hand did not finish in time")
	}
}

// fail makes Serve stop the branch. The first cause counts.
func (b *Branch) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// stop lets replies out and closes the server.
func (b *Branch) stop(cause error) {
	b.setHealth(grpchealth.StatusNotServing)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	b.near.Leave()
	if cause != nil || b.server.Shutdown(ctx) != nil || !b.near.Finish(ctx) {
		b.hangUp()
	}
}

// hangUp ends all calls, and lets no more in.
func (b *Branch) hangUp() {
	_ = b.server.Close()
	b.near.Abort()
}

// spawn runs a task that Serve waits for. It reports false when Serve is over.
func (b *Branch) spawn(f func()) bool { return b.tasks.Go(f) }

func (b *Branch) noteState(s protocol.State) {
	switch {
	case b.gate.IsShut(): // and no later state changes that
	case s == protocol.Serving:
		b.setHealth(grpchealth.StatusServing)
		b.logger.Debug("branch takes writes")
	case s == protocol.Halted:
		b.setHealth(grpchealth.StatusNotServing)
		b.logger.Error("branch takes no more writes: its journal has forked; see the alarms in GetStatus")
	}
}

func (c Config) withDefaults() Config {
	if c.PeerTimeout == 0 {
		c.PeerTimeout = DefaultPeerTimeout
	}
	if c.StartWait == 0 {
		c.StartWait = DefaultStartWait
	}
	c.Bank = cmp.Or(c.Bank, DefaultBank)
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	if c.MaxAccounts == 0 {
		c.MaxAccounts = DefaultMaxAccounts
	}
	if c.PeerTransport == nil {
		c.PeerTransport = peernet.New()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.LinkLog == nil {
		c.LinkLog = link.NewLog(c.Logger)
	}
	return c
}
