package feed

import (
	"context"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of watching.
const (
	// MaxBankWatchers bounds the watchers of the bank at this branch.
	MaxBankWatchers = 1024
	// MaxBranchWatchers bounds the watchers of this branch alone, which are its
	// peers, mostly.
	MaxBranchWatchers = 1024
	// maxBankAccounts bounds the accounts with which the bank is watched here at
	// once: for each, this branch watches every other one.
	maxBankAccounts = 16
	// maxBranchAccounts bounds the accounts with which this branch alone is
	// watched.
	maxBranchAccounts = 64
	// watchInterval is the time between two messages when much changes.
	watchInterval = 100 * time.Millisecond
	// watchHeartbeat is the time between two messages when nothing changes.
	watchHeartbeat = 900 * time.Millisecond
	// busyBranches is how many branches may report at full rate. Of more each
	// reports less often, so watching costs the same.
	busyBranches = 50
)

// Errors of watchers who are refused.
var (
	errTooManyWatchers        = code.New(code.ResourceExhausted, "as many watch at this branch as it serves at once; back off, or watch at another one")
	errTooManyWatchedAccounts = code.New(code.ResourceExhausted, "as many accounts are watched at this branch as it takes at once; back off, or watch at another one")
)

// Feed serves Watch at one branch.
type Feed struct {
	// cfg says of which branch it is.
	cfg Config
	// branches are those of the bank, ascending.
	branches []uint32
	// source is the branch.
	source Source
	// observer is told the reporters.
	observer *Observer
	// ctx ends when Stop is called.
	ctx context.Context
	// end ends ctx.
	end context.CancelFunc

	// mu guards what follows, and the watchers of each survey and reporter.
	mu sync.Mutex
	// surveys has the survey of each account with which the bank is watched.
	surveys map[string]*survey
	// reporters has the reporter of each account with which this branch is
	// watched, alone or for a survey.
	reporters map[string]*reporter
	// bankWatchers counts the watchers of the bank.
	bankWatchers int
	// branchWatchers counts the watchers of this branch alone.
	branchWatchers int
}

// New returns the feed of a branch. o must observe the engine that source
// visits. Nothing runs until somebody watches.
func New(cfg Config, o *Observer, source Source) *Feed {
	f := &Feed{
		cfg: cfg, branches: cfg.branches(), source: source, observer: o,
		surveys: map[string]*survey{}, reporters: map[string]*reporter{},
	}
	f.ctx, f.end = context.WithCancel(context.Background())
	return f
}

// Watch serves one watcher until ctx is done, send fails, or the feed stops. send
// is called once at a time. The errors are those of ctx and send, an
// api.InputError, api.ErrStopping, and that so many watch already.
func (f *Feed) Watch(ctx context.Context, req *bankv1.WatchRequest, send func(*bankv1.WatchResponse) error) error {
	account := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", account); err != nil {
		return err
	}
	join := f.joinBank
	switch req.GetScope() {
	case bankv1.WatchScope_WATCH_SCOPE_UNSPECIFIED, bankv1.WatchScope_WATCH_SCOPE_BANK:
	case bankv1.WatchScope_WATCH_SCOPE_BRANCH:
		join = f.joinBranch
	default:
		return api.Fieldf("scope", "%d is not one", req.GetScope())
	}
	seat, err := join(account)
	if err != nil {
		return err
	}
	defer seat.leave()
	return seat.screen.stream(ctx, seat.over, send)
}

// Refused shows the watchers of its account a write that was refused.
func (f *Feed) Refused(e *ledger.Entry, err error) {
	reporters := f.observer.reporting()
	if len(reporters) == 0 {
		return
	}
	code, ok := api.RefusalOf(err)
	if !ok || len(e.RequestID) > ledger.MaxNameBytes {
		return
	}
	for _, r := range reporters {
		if concerns(e, r.account) {
			r.refuse(e, code, err.Error())
		}
	}
}

// Stop tells all watchers that the branch stops, and lets no more in.
func (f *Feed) Stop() { f.end() }

// seat is a watcher's place before a screen.
type seat struct {
	// screen is what the watcher sees.
	screen *screen
	// over is closed when nothing more will be shown, because the branch stops.
	over <-chan struct{}
	// leave must be called in the end.
	leave func()
}

// joinBank adds a watcher of the bank with an account.
func (f *Feed) joinBank(account string) (seat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.surveys[account]
	switch {
	case f.ctx.Err() != nil:
		return seat{}, api.ErrStopping
	case f.bankWatchers >= MaxBankWatchers:
		return seat{}, errTooManyWatchers
	case v == nil && len(f.surveys) >= maxBankAccounts:
		return seat{}, errTooManyWatchedAccounts
	}
	if v == nil {
		own, leave := f.joinReporter(account)
		v = newSurvey(f, account, own)
		f.surveys[account] = v
		if !v.start(leave) {
			return seat{}, api.ErrStopping
		}
	}
	v.watchers++
	f.bankWatchers++
	return seat{screen: &v.screen, over: v.ctx.Done(), leave: func() { f.leaveBank(v) }}, nil
}

func (f *Feed) leaveBank(v *survey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bankWatchers--
	if v.watchers--; v.watchers == 0 {
		v.cancel()
		delete(f.surveys, v.account)
	}
}

// joinBranch adds a watcher of this branch alone with an account.
func (f *Feed) joinBranch(account string) (seat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil:
		return seat{}, api.ErrStopping
	case f.branchWatchers >= MaxBranchWatchers:
		return seat{}, errTooManyWatchers
	case f.reporters[account] == nil && len(f.reporters) >= maxBranchAccounts:
		return seat{}, errTooManyWatchedAccounts
	}
	f.branchWatchers++
	own, leave := f.joinReporter(account)
	return seat{screen: &own.screen, over: own.ctx.Done(), leave: func() {
		leave()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.branchWatchers--
	}}, nil
}

// joinReporter adds a watcher of the reporter of an account. The caller holds
// f.mu, but not when it calls leave.
func (f *Feed) joinReporter(account string) (own *reporter, leave func()) {
	own = f.reporters[account]
	if own == nil {
		own = newReporter(f, account)
		f.reporters[account] = own
		f.tellObserver()
		if !f.source.Spawn(own.run) {
			own.cancel()
		}
	}
	own.watchers++
	return own, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if own.watchers--; own.watchers == 0 {
			own.cancel()
			delete(f.reporters, account)
			f.tellObserver()
		}
	}
}

// tellObserver gives the observer the reporters that there are now. The caller
// holds f.mu.
func (f *Feed) tellObserver() {
	reporters := make([]*reporter, 0, len(f.reporters))
	for _, r := range f.reporters {
		reporters = append(reporters, r)
	}
	f.observer.reporters.Store(&reporters)
}

// lastEntries returns the last writes to an account from the journal, oldest
// first.
func (f *Feed) lastEntries(account string) []*bankv1.WatchedEntry {
	recorded, err := f.source.LastEntries(account, maxWatchedEntries)
	if err != nil {
		f.cfg.Logger.Warn("can't read the last entries for those who watch", "error", err)
		return nil
	}
	out := make([]*bankv1.WatchedEntry, len(recorded))
	for i := range recorded {
		e := &recorded[i]
		out[len(recorded)-1-i] = watchedEntryToProto(e.At, &e.Entry, e.Balance)
	}
	return out
}

// concerns reports whether an entry changes the balance of an account.
func concerns(e *ledger.Entry, account string) bool {
	found := false
	if e.ChangesBalance() {
		e.EachAccount(func(name string) { found = found || name == account })
	}
	return found
}

// watchedEntryToProto encodes an entry that a journal has.
func watchedEntryToProto(at ledger.Position, e *ledger.Entry, balance ledger.Amount) *bankv1.WatchedEntry {
	return &bankv1.WatchedEntry{
		Branch: uint32(at.Branch), Receipt: api.ReceiptToProto(at), Entry: shortToProto(e), Balance: int64(balance),
	}
}

// shortToProto encodes an entry for a watcher: a bulk without its operations, of
// which there may be thousands.
func shortToProto(e *ledger.Entry) *bankv1.Entry {
	if e.Kind == ledger.Bulk {
		short := *e
		short.Kind, short.Operations = 0, nil
		return api.EntryToProto(&short)
	}
	return api.EntryToProto(e)
}

// reportInterval is the time between two reports of a branch when much changes.
func reportInterval(branches int) time.Duration {
	return watchInterval * time.Duration(max(branches, busyBranches)) / busyBranches
}
