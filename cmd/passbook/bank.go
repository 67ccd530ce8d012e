package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/web"
)

const (
	// opening is how many branches are opened at once at most: opening one
	// waits for its disk.
	opening = 16
	// stopTimeout is how long branches that were told to stop may take. They
	// promise 5 seconds.
	stopTimeout = 8 * time.Second
	// minConnections are left to a branch however few files may be open.
	minConnections = 16
)

// bankOptions say which branches to open, and how.
type bankOptions struct {
	input *customer.Input
	// ids are the branches to open here, some or all of the input's.
	ids     []uint32
	network *network
	// data is the directory that has one for each branch.
	data        string
	bank        string
	bankID      string
	bootstrap   bool
	acknowledge bankv1.Acknowledge
	peerTimeout time.Duration
	maxAccounts int
	requireHome bool
	browsers    browserOptions
	logger      *slog.Logger
	// faults returns what breaks the bank on purpose at the word of one of its
	// branches; nil for nothing.
	faults func(b *bank, id uint32) branch.Faults
}

// bank is the branches that run in this process.
type bank struct {
	network *network
	logger  *slog.Logger
	// configs are what the branches were opened with, branches those that were.
	configs  map[uint32]branch.Config
	branches []*branch.Branch

	mu sync.Mutex
	// serving is what serve was given; nil before.
	serving context.Context
	// running are the branches that serve.
	running map[uint32]*runningBranch
	// ended is closed when none is left.
	ended chan struct{}
	// failures are the branches that ended though nobody stopped them.
	failures []error
}

// runningBranch is a branch that serves until ended is closed.
type runningBranch struct {
	branch *branch.Branch
	ended  chan struct{}
}

// openBank opens branches. On an error none stays open. The caller calls serve.
func openBank(ctx context.Context, o bankOptions) (*bank, error) {
	listeners, err := listenForAll(ctx, o.network, o.ids, o.logger)
	if err != nil {
		return nil, err
	}
	b := &bank{network: o.network, logger: o.logger, configs: map[uint32]branch.Config{}, running: map[uint32]*runningBranch{}, ended: make(chan struct{})}
	configs := o.configs(listeners)
	o.shareProcessors()
	for i := range configs {
		if o.faults != nil {
			configs[i].Faults = o.faults(b, configs[i].ID)
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

// openAll opens branches, some at a time. Each has its place in what it returns.
// Those with data come first: if one of them can't be opened, no directory is made
// for the others, which have the first error.
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

// errNotTried says that a branch was not opened, since another one can't be.
var errNotTried = errors.New("not opened")

// openSome opens those of the branches that are named, and puts them in their
// places.
func openSome(configs []branch.Config, which []int, open func(branch.Config) (*branch.Branch, error), branches []*branch.Branch, errs []error) {
	someAtOnce(len(which), func(k int) {
		i := which[k]
		branches[i], errs[i] = open(configs[i])
	})
}

// someAtOnce calls f with 0 to n-1, some at a time, and waits for all.
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

// firstOf returns the first error, and says how many more there are: what keeps
// one branch from being opened mostly keeps all.
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
		return fmt.Errorf("%w; and so for %s", first, words.Count(more, "more branch"))
	}
	return first
}

// configs returns what each of the branches is told.
func (o bankOptions) configs(listeners []net.Listener) []branch.Config {
	configs := make([]branch.Config, len(o.ids))
	transport := peernet.New()
	page := web.Handler()
	links := branch.NewLinkLog(o.logger)
	for i, id := range o.ids {
		all := o.network.addressesOf(o.input.BranchIDs())
		configs[i] = branch.Config{
			ID:          id,
			Addresses:   all,
			Opening:     o.input.Opening(),
			Dir:         branchDir(o.data, id),
			Listener:    listeners[i],
			Bank:        o.bank,
			BankID:      o.bankID,
			Bootstrap:   o.bootstrap,
			Acknowledge: o.acknowledge,
			PeerTimeout: o.peerTimeout,
			MaxAccounts: accountsBound(o.maxAccounts),

			RequireHomeBranch: o.requireHome,
			// One for all: so they reach each other through memory.
			PeerTransport:  transport,
			MaxConnections: connectionsEach(openFiles(), len(o.ids)),
			Page:           page,
			AllowedOrigins: o.browsers.origins.values,
			AllowedHosts:   append([]string{o.network.listen}, o.browsers.hosts.values...),
			LinkLog:        links,
			Logger:         o.logger,
		}
	}
	return configs
}

// accountsBound is how a branch is told what --max-accounts says: there, 0 stands
// for the default.
func accountsBound(most int) int {
	if most == 0 {
		return -1
	}
	return most
}

// connectionsEach returns how many connections each of some branches of this
// process may have open: half of the files go to connections, so that no flood
// of them keeps a journal from its disk. 0 stands for the default.
func connectionsEach(files, branches int) int {
	if each := files / 2 / branches; files > 0 && each < branch.DefaultMaxConnections {
		return max(each, minConnections)
	}
	return 0
}

// branchDir returns the data directory of one branch.
func branchDir(data string, id uint32) string {
	return filepath.Join(data, fmt.Sprintf("branch-%d", id))
}

// listenForAll opens the ports of all branches, or none.
func listenForAll(ctx context.Context, n *network, ids []uint32, logger *slog.Logger) ([]net.Listener, error) {
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

// serve serves until ctx is done and all branches have stopped. A branch that
// stops by itself says so in its log and does not stop the others; serve
// returns when none is left, with an error that names it.
func (b *bank) serve(ctx context.Context) error {
	b.mu.Lock()
	b.serving = ctx
	for _, open := range b.branches {
		b.start(open)
	}
	b.mu.Unlock()
	tellListening(b.logger, b.branches)
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

// start has a branch serve. The caller holds mu.
func (b *bank) start(open *branch.Branch) {
	r := &runningBranch{branch: open, ended: make(chan struct{})}
	b.running[open.ID()] = r
	go func() { // until ended, which serve waits for
		err := open.Serve(b.serving)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil && !errors.Is(err, branch.ErrKilled) {
			b.failures = append(b.failures, fmt.Errorf("branch %d stopped by itself: %w", open.ID(), err))
		}
		delete(b.running, open.ID())
		close(r.ended)
		if len(b.running) == 0 {
			close(b.ended)
		}
	}()
}

// close gives up branches that don't serve yet.
func (b *bank) close() error {
	var errs []error
	for _, open := range b.branches {
		errs = append(errs, open.Close())
	}
	return errors.Join(errs...)
}

// ready waits until all branches take writes. It returns the cause of ctx if
// that ends first.
func (b *bank) ready(ctx context.Context) error {
	for _, waiting := range b.branches {
		select {
		case <-waiting.Ready():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// temporaryData makes a data directory that remove removes.
func temporaryData() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "passbook-")
	if err != nil {
		return "", nil, exit.Usagef("no temporary directory for the data: %w; choose one with --data", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
