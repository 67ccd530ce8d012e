// Package host runs the branches of a bank, in this process or each in one of its
// own: it opens their ports, checks their places on disk, tells them where the
// others are, stops them in time, and breaks them on purpose where faults are on. It
// knows branches, and serves them the page; the commands know it.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/web"
)

const (
	// opening bounds how many branches are opened at once: each waits for its disk.
	opening = 16
	// stopTimeout is how long branches may take to stop. They promise 5 seconds.
	stopTimeout = 8 * time.Second
	// minConnections is the least that a branch is allowed, however few files may be
	// open.
	minConnections = 16
)

// Options say which branches to open, and how.
type Options struct {
	// Input is the file of the bank.
	Input *customer.Input
	// IDs are the branches to open here, some or all of the input's.
	IDs []uint32
	// Network says where they are.
	Network *Network
	// Data is the directory with the directories of the branches.
	Data string
	// Bank and the fields down to RequireHome are as in [branch.Config].
	Bank        string
	BankID      string
	Bootstrap   bool
	Acknowledge bankv1.Acknowledge
	PeerTimeout time.Duration
	// MaxAccounts is 0 for no limit.
	MaxAccounts int
	RequireHome bool
	// Trace makes the branches keep logical clocks.
	Trace bool
	// Security says whom the branches believe.
	Security Security
	// AllowedOrigins are further origins from which browsers may call the branches,
	// AllowedHosts further names by which they may.
	AllowedOrigins, AllowedHosts []string
	// Version is that of the build.
	Version string
	// Logger is for all branches.
	Logger *slog.Logger
	// Faults, unless nil, returns the faults that the branch id offers to its
	// callers.
	Faults func(b *Bank, id uint32) fault.Faults
}

// Bank is the branches that run in this process.
type Bank struct {
	// network says where the branches are.
	network *Network
	// logger logs where they listen.
	logger *slog.Logger
	// guard has the certificates.
	guard *guard
	// configs has the config of each branch, branches those that were opened.
	configs  map[uint32]branch.Config
	branches []*branch.Branch

	// mu guards what follows.
	mu sync.Mutex
	// serving is the context of Serve; nil before Serve is called.
	serving context.Context
	// running are the branches that serve.
	running map[uint32]*runningBranch
	// ended is closed when no branch runs any more.
	ended chan struct{}
	// failures are the errors of branches that stopped by themselves.
	failures []error
}

// runningBranch is a branch that serves until ended is closed.
type runningBranch struct {
	branch *branch.Branch
	// ended is closed when it has ended.
	ended chan struct{}
}

// Open opens branches. After an error none stays open. The caller must call Serve or
// During.
func Open(ctx context.Context, o Options) (*Bank, error) {
	guard, err := o.secure()
	if err != nil {
		return nil, err
	}
	listeners, err := listenForAll(ctx, o.Network, o.IDs, o.Logger)
	if err != nil {
		guard.close()
		return nil, err
	}
	b := &Bank{network: o.Network, logger: o.Logger, guard: guard, configs: map[uint32]branch.Config{}, running: map[uint32]*runningBranch{}, ended: make(chan struct{})}
	configs := o.configs(listeners)
	o.shareProcessors()
	for i := range configs {
		if o.Faults != nil {
			configs[i].Faults = o.Faults(b, configs[i].ID)
		}
		configs[i].Security, configs[i].Signatures = guard.of, guard.signatures
		if o.Security.PeerListen != "" { // and there is but one branch
			if configs[i].PeerListener, err = net.Listen("tcp", o.Security.PeerListen); err != nil {
				guard.close()
				return nil, errors.Join(fmt.Errorf("--peer-listen: %w", err), listeners[i].Close())
			}
		}
		b.configs[configs[i].ID] = configs[i]
	}
	branches, errs := openAll(configs, branch.Open)
	for i := range branches {
		if errs[i] != nil {
			continue // Open has closed the listener
		}
		b.branches = append(b.branches, branches[i])
	}
	if err := firstOf(errs); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// openAll opens branches, a few at a time. It returns each branch or its error at the
// index of its config. Branches with data come first: if one of them can't be opened,
// no directory is made for the others, which get errNotTried.
func openAll(configs []branch.Config, open func(branch.Config) (*branch.Branch, error)) ([]*branch.Branch, []error) {
	branches := make([]*branch.Branch, len(configs))
	errs := make([]error, len(configs))
	var old, fresh []int
	for i, c := range configs {
		if isThere(c.Dir) {
			old = append(old, i)
		} else {
			fresh = append(fresh, i)
		}
	}
	openSome(configs, old, open, branches, errs)
	if err := cmp.Or(errs...); err != nil {
		for _, i := range fresh {
			errs[i] = errors.Join(errNotTried, configs[i].Listener.Close())
		}
		return branches, errs
	}
	openSome(configs, fresh, open, branches, errs)
	return branches, errs
}

// errNotTried says that a branch was not opened because another one can't be.
var errNotTried = errors.New("not opened")

// openSome opens the branches at some indexes, and puts the results at the same
// indexes.
func openSome(configs []branch.Config, which []int, open func(branch.Config) (*branch.Branch, error), branches []*branch.Branch, errs []error) {
	someAtOnce(len(which), func(k int) {
		i := which[k]
		branches[i], errs[i] = open(configs[i])
	})
}

// someAtOnce calls f with 0 to n-1, a few at a time, and waits for all.
func someAtOnce(n int, f func(i int)) {
	slots := make(chan struct{}, opening)
	var running sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	running.Wait()
}

// firstOf returns the first error, and says how many more there are: most often all
// have the same cause.
func firstOf(errs []error) error {
	var first error
	more := -1
	for _, err := range errs {
		if err != nil && !errors.Is(err, errNotTried) {
			first = cmp.Or(first, err)
			more++
		}
	}
	if more > 0 {
		return fmt.Errorf("%w; the same goes for %s", first, words.Count(more, "more branch"))
	}
	return first
}

// configs returns the config of each branch.
func (o Options) configs(listeners []net.Listener) []branch.Config {
	configs := make([]branch.Config, len(o.IDs))
	transport := peernet.New()
	page := web.Handler()
	links := link.NewLog(o.Logger)
	for i, id := range o.IDs {
		all := o.Network.AddressesOf(o.Input.BranchIDs())
		configs[i] = branch.Config{
			ID:          id,
			Addresses:   all,
			Opening:     o.Input.Opening(),
			Dir:         BranchDir(o.Data, id),
			Listener:    listeners[i],
			Bank:        o.Bank,
			BankID:      o.BankID,
			Bootstrap:   o.Bootstrap,
			Acknowledge: o.Acknowledge,
			PeerTimeout: o.PeerTimeout,
			MaxAccounts: accountsBound(o.MaxAccounts),

			RequireHomeBranch: o.RequireHome,
			Trace:             o.Trace,
			// One for all, so that they reach each other through memory.
			PeerTransport:  transport,
			MaxConnections: connectionsEach(openFiles(), len(o.IDs)),
			Page:           page,
			AllowedOrigins: o.AllowedOrigins,
			AllowedHosts:   append([]string{o.Network.Listen}, o.AllowedHosts...),
			Version:        o.Version,
			LinkLog:        links,
			Logger:         o.Logger,
		}
	}
	return configs
}

// accountsBound converts --max-accounts, where 0 means no limit, for a config, where
// 0 means the default.
func accountsBound(most int) int {
	if most == 0 {
		return -1
	}
	return most
}

// connectionsEach returns how many connections each branch of this process may have
// open. Half of the files are for connections, so a flood of them can't keep a
// journal from its disk. 0 means the default.
func connectionsEach(files, branches int) int {
	if each := files / 2 / branches; files > 0 && each < branch.DefaultMaxConnections {
		return max(each, minConnections)
	}
	return 0
}

// BranchDir returns the data directory of one branch.
func BranchDir(data string, id uint32) string {
	return filepath.Join(data, fmt.Sprintf("branch-%d", id))
}

// listenForAll opens the ports of all branches, or none.
func listenForAll(ctx context.Context, n *Network, ids []uint32, logger *slog.Logger) ([]net.Listener, error) {
	listeners := make([]net.Listener, 0, len(ids))
	for _, id := range ids {
		l, err := n.listenFor(ctx, id, logger)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// Serve serves until ctx is done and all branches have stopped. A branch that
// stops by itself says so in its log and does not stop the others. Serve returns when
// none is left, with an error that names each such branch.
func (b *Bank) Serve(ctx context.Context) error {
	b.mu.Lock()
	b.serving = ctx
	for _, open := range b.branches {
		b.start(open)
	}
	b.mu.Unlock()
	defer b.guard.close()
	tellListening(b.logger, b.branches, b.guard.scheme())
	select {
	case <-b.ended:
	case <-ctx.Done():
		select {
		case <-b.ended:
		case <-time.After(stopTimeout):
			return fmt.Errorf("branches did not stop within %v", stopTimeout)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.failures...)
}

// start makes a branch serve. The caller holds mu.
func (b *Bank) start(open *branch.Branch) {
	r := &runningBranch{branch: open, ended: make(chan struct{})}
	b.running[open.ID()] = r
	go func() { // ends with the branch; Serve waits for that
		err := open.Serve(b.serving)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil && !errors.Is(err, fault.ErrKilled) {
			b.failures = append(b.failures, fmt.Errorf("branch %d stopped by itself: %w", open.ID(), err))
		}
		delete(b.running, open.ID())
		close(r.ended)
		if len(b.running) == 0 {
			close(b.ended)
		}
	}()
}

// close closes branches that don't serve yet.
func (b *Bank) close() error {
	defer b.guard.close()
	var errs []error
	for _, open := range b.branches {
		errs = append(errs, open.Close())
	}
	return errors.Join(errs...)
}

// Ready waits until all branches take writes. It returns the cause of ctx if
// that ends first.
func (b *Bank) Ready(ctx context.Context) error {
	for _, waiting := range b.branches {
		select {
		case <-waiting.Ready():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// During serves while f runs, and then stops the branches. It also fails if a branch
// stops by itself.
func (b *Bank) During(ctx context.Context, f func(context.Context) error) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() { served <- b.Serve(serving) }()
	err := f(ctx)
	stop()
	return errors.Join(err, <-served)
}
