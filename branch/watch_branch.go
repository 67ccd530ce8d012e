package branch

import (
	"context"
	"errors"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// branchWatch is what this branch reports of itself, with one account, as long
// as somebody watches.
type branchWatch struct {
	screen
	branch  *Branch
	account string
	ctx     context.Context
	cancel  context.CancelFunc
	// watchers belongs to watches.mu.
	watchers int
	// wake tells that there is something new.
	wake chan struct{}
	// escrow is what every branch may spend of the account in this branch's
	// view. It belongs to screen.mu.
	escrow []int64

	// balance is the account's after the last step, if noted. They belong to
	// the engine's goroutine.
	balance ledger.Amount
	noted   bool

	// inbox has the writes that are not in the picture yet, newest last, and
	// how many there have been in all.
	mu       sync.Mutex
	inbox    []*bankv1.WatchedEntry
	received uint64
}

func newBranchWatch(b *Branch, account string) *branchWatch {
	w := &branchWatch{branch: b, account: account, wake: make(chan struct{}, 1)}
	w.screen = newScreen(newPicture(uint32(b.id), b.cfg.Bank, b.cfg.Faults != nil, b.branchIDs(), []uint32{uint32(b.id)}))
	w.ctx, w.cancel = context.WithCancel(b.linksCtx)
	return w
}

// note takes what a step has committed. It runs on the engine's goroutine.
func (w *branchWatch) note(r *replica.Replica, commit *ledger.Commit) {
	w.balance, w.noted = r.Ledger().Balance(w.account), true
	if commit != nil {
		for i := range commit.Batches {
			if b := &commit.Batches[i]; b.Batch.Branch == w.branch.id {
				w.noteBatch(b)
			}
		}
	}
	w.signal()
}

func (w *branchWatch) noteBatch(b *ledger.StoredBatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Of many only the last are shown, so only they are made messages.
	kept := 0
	for k := len(b.Batch.Entries) - 1; k >= 0; k-- {
		e := &b.Batch.Entries[k]
		if !concerns(e, w.account) {
			continue
		}
		w.received++
		if kept++; kept <= maxWatchedEntries {
			w.inbox = append(w.inbox, &bankv1.WatchedEntry{
				Branch: uint32(b.Batch.Branch), Receipt: api.ReceiptToProto(ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}),
				Entry: watchedEntryToProto(e), Balance: int64(b.Posted[k].BalanceOf(e, w.account)),
			})
		}
	}
	reverse := w.inbox[len(w.inbox)-min(kept, maxWatchedEntries):]
	for i, k := 0, len(reverse)-1; i < k; i, k = i+1, k-1 {
		reverse[i], reverse[k] = reverse[k], reverse[i]
	}
	w.trim()
}

// refuse takes a write that was refused.
func (w *branchWatch) refuse(e *ledger.Entry, code, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received++
	w.inbox = append(w.inbox, &bankv1.WatchedEntry{Branch: uint32(w.branch.id), Entry: watchedEntryToProto(e), RefusalCode: code, Refusal: text})
	w.trim()
	w.signal()
}

// watchedEntryToProto encodes an entry for a watcher: a bulk without its
// operations, of which there may be thousands.
func watchedEntryToProto(e *ledger.Entry) *bankv1.Entry {
	if e.Kind == ledger.Bulk {
		short := *e
		short.Kind, short.Operations = 0, nil
		return api.EntryToProto(&short)
	}
	return api.EntryToProto(e)
}

func (w *branchWatch) trim() { w.inbox = w.inbox[max(0, len(w.inbox)-maxWatchedEntries):] }

func (w *branchWatch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run reports until the watch ends. It says nothing while the engine does
// nothing: silence means that the branch is stuck.
func (w *branchWatch) run() {
	defer w.cancel()
	w.begin()
	interval := reportInterval(len(w.picture.branches))
	var last int64 // the second that was reported last
	for w.ctx.Err() == nil {
		began := time.Now()
		open, err := w.report(&last)
		if errors.Is(err, api.ErrStopped) {
			return
		}
		w.rest(began, interval, open)
	}
}

// rest waits until there is something new, and at least for the interval, or
// until it is time for the next message.
func (w *branchWatch) rest(began time.Time, interval time.Duration, open bool) {
	next := watchHeartbeat
	if open { // a second that is worth to be told as soon as it has ended
		next = min(next, time.Until(time.Now().Truncate(time.Second).Add(time.Second+time.Millisecond)))
	}
	heartbeat := time.NewTimer(max(next, interval))
	defer heartbeat.Stop()
	select {
	case <-w.ctx.Done():
		return
	case <-heartbeat.C:
		return
	case <-w.wake:
	}
	pause := time.NewTimer(time.Until(began.Add(interval)))
	defer pause.Stop()
	select {
	case <-w.ctx.Done():
	case <-pause.C:
	}
}

// begin shows the last writes of before.
func (w *branchWatch) begin() {
	entries := w.branch.watches.lastEntries(w.account)
	w.screen.mu.Lock()
	defer w.screen.mu.Unlock()
	for _, e := range entries {
		if e.GetBranch() == uint32(w.branch.id) {
			w.picture.show(e)
		}
	}
}

// lastEntries returns the last writes to an account from the journal, oldest
// first.
func (b *Branch) lastEntries(account string) []*bankv1.WatchedEntry {
	listed, _, err := b.journal.Statement(account, journal.Page{Newest: true, Limit: maxWatchedEntries})
	if err != nil {
		b.logger.Warn("can't read the last entries for those who watch", "error", err)
		return nil
	}
	out := make([]*bankv1.WatchedEntry, len(listed))
	for i := range listed {
		l := &listed[i]
		out[len(listed)-1-i] = &bankv1.WatchedEntry{
			Branch: uint32(l.At.Branch), Receipt: api.ReceiptToProto(l.At), Entry: watchedEntryToProto(&l.Entry), Balance: int64(l.Balance),
		}
	}
	return out
}

// glance is what one look at the replica sees.
type glance struct {
	status   replica.Status
	balance  ledger.Amount
	escrow   []int64
	p50, p99 int64
	seconds  []second
	// open says that the second that has not ended has something to tell.
	open bool
	// spread has the own entries that were asked for, and how long they took.
	spread map[uint64]int64
}

// report looks at the replica and shows what it sees. It returns whether the
// second that has not ended has something to tell.
func (w *branchWatch) report(last *int64) (open bool, err error) {
	w.mu.Lock()
	inbox, received := w.inbox, w.received
	w.inbox, w.received = nil, 0
	w.mu.Unlock()
	asked := w.spreadAsked(inbox)
	var g glance
	err = w.branch.engine.Visit(w.ctx, func(r *replica.Replica) { g = w.glance(r, *last, asked) })
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.inbox, w.received = append(inbox, w.inbox...), w.received+received
		w.trim()
		return false, err
	}
	w.screen.mu.Lock()
	defer w.screen.mu.Unlock()
	p := &w.picture
	p.version++
	p.added += received - uint64(len(inbox))
	for _, e := range inbox {
		p.show(e)
	}
	w.showSpread(g.spread)
	for _, s := range g.seconds {
		balance, known := s.balance(w.account)
		if *last = s.unix; !known {
			continue
		}
		if at := p.second(s.unix); at != nil {
			*at = sample{unix: s.unix, balance: int64(balance), known: true, entries: s.entries, spread: s.spread, changed: p.version}
			var h histogram
			h.add(s.spread)
			at.p50, at.p99 = h.percentile(50), h.percentile(99)
		}
	}
	w.showReport(&g)
	w.escrow = g.escrow
	w.publish()
	return g.open, nil
}

// spreadAsked returns the own entries of which it is not known yet how long
// they took. Only run changes the picture.
func (w *branchWatch) spreadAsked(inbox []*bankv1.WatchedEntry) []uint64 {
	var asked []uint64
	ask := func(e *bankv1.WatchedEntry) {
		if e.GetReceipt() != nil && e.GetSpreadUs() == 0 {
			asked = append(asked, e.GetReceipt().GetSequence())
		}
	}
	for i := range w.picture.entries {
		ask(w.picture.entries[i].message)
	}
	for _, e := range inbox {
		ask(e)
	}
	return asked
}

// glance runs on the engine's goroutine.
func (w *branchWatch) glance(r *replica.Replica, last int64, asked []uint64) glance {
	now := time.Now()
	o := w.branch.watches.observer
	o.turnPulse(now)
	view := r.Ledger()
	g := glance{status: r.Status(), balance: view.Balance(w.account), spread: map[uint64]int64{}, open: o.pulse.isEventful()}
	for i := range view.Branches() {
		g.escrow = append(g.escrow, int64(view.Escrow(w.account, i)))
	}
	g.p50, g.p99 = o.pulse.recent(now)
	g.seconds = append(g.seconds, o.pulse.since(last)...)
	for _, sequence := range asked {
		if us := o.pulse.spreadOf(sequence); us > 0 {
			g.spread[sequence] = us
		}
	}
	if !w.noted {
		w.balance, w.noted = g.balance, true
	}
	return g
}

// showSpread shows entries again that have been applied everywhere.
func (w *branchWatch) showSpread(spread map[uint64]int64) {
	p := &w.picture
	for i := range p.entries {
		e := p.entries[i].message
		if us := spread[e.GetReceipt().GetSequence()]; us > 0 && e.GetReceipt() != nil && e.GetSpreadUs() == 0 {
			p.entries[i].message, p.entries[i].changed = withSpread(e, us), p.version
		}
	}
}

func (w *branchWatch) showReport(g *glance) {
	p, b := &w.picture, w.branch
	at := &p.reports[0]
	own := 0
	for i, m := range g.status.Applied {
		p.move(at, i, m.Sequence)
		if m.Branch == b.id {
			own = i
		}
	}
	r := report{
		branch: uint32(b.id), address: "http://" + b.cfg.Addresses[uint32(b.id)], reason: g.status.Reason, balance: int64(g.balance), available: g.escrow[own],
		state: api.StateToProto(g.status.State), epoch: g.status.Epoch, uptime: time.Since(b.started), alarms: g.status.Alarms, p50: g.p50, p99: g.p99,
	}
	switch g.status.State {
	case replica.Recovering:
		r.health = bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING
	case replica.Halted:
		r.health = bankv1.BranchHealth_BRANCH_HEALTH_HALTED
	}
	for _, peer := range g.status.Peers {
		if !peer.Exchanging {
			r.unreachable = append(r.unreachable, uint32(peer.Branch))
		}
	}
	if at.report.health != r.health || at.since.IsZero() {
		at.since = time.Now()
	}
	if at.report.address == "" {
		at.changed = p.version
	}
	p.change(at, r)
}
