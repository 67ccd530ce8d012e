package branch

import (
	"context"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of watching.
const (
	// maxBankWatchers bounds those who watch the bank at this branch,
	// maxBranchWatchers those who watch this branch alone: its peers, mostly.
	maxBankWatchers   = 1024
	maxBranchWatchers = 1024
	// maxBankAccounts bounds the accounts with which the bank is watched here
	// at once: for each, this branch watches every other one.
	maxBankAccounts = 16
	// maxBranchAccounts bounds those with which this branch alone is watched.
	maxBranchAccounts = 64
	// watchInterval is between two messages when much changes, watchHeartbeat
	// when nothing does.
	watchInterval  = 100 * time.Millisecond
	watchHeartbeat = 900 * time.Millisecond
	// busyBranches is how many branches may report at full rate. Of more each
	// reports less often, so that watching costs the same.
	busyBranches = 50
)

// Errors of callers who are refused.
var (
	errTooManyWatchers        = code.New(code.ResourceExhausted, "as many watch at this branch as it serves at once; back off, or watch at another one")
	errTooManyWatchedAccounts = code.New(code.ResourceExhausted, "as many accounts are watched at this branch as it takes at once; back off, or watch at another one")
)

// Watch is BranchServiceHandler's.
func (c customers) Watch(ctx context.Context, req *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	b := c.branch
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return err
	}
	var watched watched
	var err error
	switch req.GetScope() {
	case bankv1.WatchScope_WATCH_SCOPE_UNSPECIFIED, bankv1.WatchScope_WATCH_SCOPE_BANK:
		watched, err = b.watches.joinBank(b, name)
	case bankv1.WatchScope_WATCH_SCOPE_BRANCH:
		watched, err = b.watches.joinBranch(b, name)
	default:
		return api.Fieldf("scope", "%d is not one", req.GetScope())
	}
	if err != nil {
		return err
	}
	defer watched.leave()
	return watched.screen.show(ctx, watched.over, stream.Send)
}

// show sends what is new on a screen until the watcher goes or the watch is
// over. It sends at the watcher's pace: who is slow misses what is in between.
func (s *screen) show(ctx context.Context, over <-chan struct{}, send func(*bankv1.WatchResponse) error) error {
	var has seen
	next := (<-chan struct{})(s.first)
	for {
		select {
		case <-over:
			return api.ErrStopping
		case <-ctx.Done():
			return ctx.Err()
		case <-next:
		}
		var message *bankv1.WatchResponse
		message, has, next = s.look(has)
		if err := send(message); err != nil {
			return err
		}
	}
}

// watches are those that are on at a branch.
type watches struct {
	mu       sync.Mutex
	shut     bool
	banks    map[string]*bankWatch
	branches map[string]*branchWatch
	// bankWatchers and branchWatchers count those who watch.
	bankWatchers, branchWatchers int
	// last returns the last writes to an account; nil for none.
	last func(account string) []*bankv1.WatchedEntry
	// observer is given the values of branches.
	observer *loopObserver
}

// watched is a watch that was joined.
type watched struct {
	screen *screen
	// over is closed when the watch has ended, because the branch stops.
	over <-chan struct{}
	// leave must be called in the end.
	leave func()
}

// joinBank has one more watch the bank with an account.
func (w *watches) joinBank(b *Branch, account string) (watched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.banks[account]
	switch {
	case w.shut:
		return watched{}, api.ErrStopping
	case w.bankWatchers >= maxBankWatchers:
		return watched{}, errTooManyWatchers
	case h == nil && len(w.banks) >= maxBankAccounts:
		return watched{}, errTooManyWatchedAccounts
	}
	if h == nil {
		own, leave := w.joinOwn(b, account)
		h = newBankWatch(b, account, own)
		if w.banks == nil {
			w.banks = map[string]*bankWatch{}
		}
		w.banks[account] = h
		if !h.start(leave) {
			return watched{}, api.ErrStopping
		}
	}
	h.watchers++
	w.bankWatchers++
	return watched{screen: &h.screen, over: h.ctx.Done(), leave: func() { w.leaveBank(h) }}, nil
}

func (w *watches) leaveBank(h *bankWatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bankWatchers--
	if h.watchers--; h.watchers == 0 {
		h.cancel()
		delete(w.banks, h.account)
	}
}

// joinBranch has one more watch this branch alone with an account.
func (w *watches) joinBranch(b *Branch, account string) (watched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.shut:
		return watched{}, api.ErrStopping
	case w.branchWatchers >= maxBranchWatchers:
		return watched{}, errTooManyWatchers
	case w.branches[account] == nil && len(w.branches) >= maxBranchAccounts:
		return watched{}, errTooManyWatchedAccounts
	}
	w.branchWatchers++
	own, leave := w.joinOwn(b, account)
	return watched{screen: &own.screen, over: own.ctx.Done(), leave: func() {
		leave()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.branchWatchers--
	}}, nil
}

// joinOwn has one more need what this branch reports of itself. The caller
// holds w.mu, but not when it leaves.
func (w *watches) joinOwn(b *Branch, account string) (own *branchWatch, leave func()) {
	own = w.branches[account]
	if own == nil {
		own = newBranchWatch(b, account)
		if w.branches == nil {
			w.branches = map[string]*branchWatch{}
		}
		w.branches[account] = own
		w.noteBranches()
		if !b.spawn(own.run) {
			own.cancel()
		}
	}
	own.watchers++
	return own, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if own.watchers--; own.watchers == 0 {
			own.cancel()
			delete(w.branches, account)
			w.noteBranches()
		}
	}
}

func (w *watches) noteBranches() {
	noted := make([]*branchWatch, 0, len(w.branches))
	for _, own := range w.branches {
		noted = append(noted, own)
	}
	w.observer.watches.Store(&noted)
}

func (w *watches) lastEntries(account string) []*bankv1.WatchedEntry {
	if w.last == nil {
		return nil
	}
	return w.last(account)
}

// stop ends all watches, and lets no more begin.
func (w *watches) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut = true
	for _, h := range w.banks {
		h.cancel()
	}
	for _, own := range w.branches {
		own.cancel()
	}
}

// refused shows a write that was refused to those who watch its account.
func (b *Branch) refused(e *ledger.Entry, err error) {
	watches := b.watches.observer.own()
	if len(watches) == 0 {
		return
	}
	code, ok := api.RefusalOf(err)
	if !ok || len(e.RequestID) > ledger.MaxNameBytes {
		return
	}
	for _, own := range watches {
		if concerns(e, own.account) {
			own.refuse(e, code, err.Error())
		}
	}
}

// concerns reports whether an entry changes the balance of an account.
func concerns(e *ledger.Entry, account string) bool {
	found := false
	if e.ChangesBalance() {
		e.EachAccount(func(name string) { found = found || name == account })
	}
	return found
}

// branchIDs returns the branches of the bank, ascending.
func (b *Branch) branchIDs() []uint32 {
	ids := make([]uint32, 0, len(b.cfg.Addresses))
	for id := range b.cfg.Addresses {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// reportInterval is the time between two reports of a branch when much
// changes.
func reportInterval(branches int) time.Duration {
	return watchInterval * time.Duration(max(branches, busyBranches)) / busyBranches
}
