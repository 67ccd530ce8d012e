package feed

import (
	"errors"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// reporter reports this branch, with one account, as long as anybody watches.
type reporter struct {
	display
	// escrow is what every branch may spend of the account in this branch's
	// view. It belongs to screen.mu.
	escrow []int64

	// balance is the account's after the last step, if balanceKnown. Both belong
	// to the engine's goroutine.
	balance      ledger.Amount
	balanceKnown bool

	// inbox has what the next report adds to the picture.
	inbox inbox
}

func newReporter(f *Feed, account string) *reporter {
	r := &reporter{}
	r.open(f, account, []uint32{f.cfg.Branch})
	return r
}

// inbox has the writes that are not in a reporter's picture yet.
type inbox struct {
	// mu guards what follows.
	mu sync.Mutex
	// entries are the newest of the writes, oldest first.
	entries []*bankv1.WatchedEntry
	// received counts all of them.
	received uint64
}

// put adds writes of which only the last few are given, and so many more.
func (b *inbox) put(entries []*bankv1.WatchedEntry, more uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received += uint64(len(entries)) + more
	b.entries = append(b.entries, entries...)
	b.trim()
}

func (b *inbox) trim() { b.entries = b.entries[max(0, len(b.entries)-maxWatchedEntries):] }

// empty returns what the inbox has, and then it has nothing.
func (b *inbox) empty() (entries []*bankv1.WatchedEntry, received uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries, received = b.entries, b.received
	b.entries, b.received = nil, 0
	return entries, received
}

// putBack returns to the inbox what empty returned.
func (b *inbox) putBack(entries []*bankv1.WatchedEntry, received uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries, b.received = append(entries, b.entries...), b.received+received
	b.trim()
}

// observe takes what a step has committed. It runs on the engine's goroutine.
func (r *reporter) observe(of *replica.Replica, commit *ledger.Commit) {
	r.balance, r.balanceKnown = of.Ledger().Balance(r.account), true
	if commit != nil {
		for i := range commit.Batches {
			if b := &commit.Batches[i]; uint32(b.Batch.Branch) == r.feed.cfg.Branch {
				r.observeBatch(b)
			}
		}
	}
	r.signal()
}

// observeBatch puts a batch's writes to the account into the inbox. Of many only
// the last are shown, so only those become messages.
func (r *reporter) observeBatch(b *ledger.StoredBatch) {
	var last []*bankv1.WatchedEntry
	more := uint64(0)
	for k := len(b.Batch.Entries) - 1; k >= 0; k-- {
		e := &b.Batch.Entries[k]
		switch {
		case !concerns(e, r.account):
		case len(last) == maxWatchedEntries:
			more++
		default:
			last = append(last, watchedEntryToProto(ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}, e, b.Posted[k].BalanceOf(e, r.account)))
		}
	}
	if len(last) > 0 {
		slices.Reverse(last)
		r.inbox.put(last, more)
	}
}

// refuse takes a write that was refused.
func (r *reporter) refuse(e *ledger.Entry, code, text string) {
	r.inbox.put([]*bankv1.WatchedEntry{{Branch: r.feed.cfg.Branch, Entry: shortToProto(e), RefusalCode: code, Refusal: text}}, 0)
	r.signal()
}

// run reports until nobody watches any more. It says nothing while the engine
// does nothing: silence means that the branch is stuck.
func (r *reporter) run() {
	defer r.cancel()
	r.begin()
	interval := reportInterval(len(r.picture.branches))
	var last int64 // the second that was reported last
	for r.ctx.Err() == nil {
		began := time.Now()
		open, err := r.report(&last)
		if errors.Is(err, api.ErrStopped) {
			return
		}
		r.rest(began, interval, open)
	}
}

// begin shows the last writes from before.
func (r *reporter) begin() {
	entries := r.feed.lastEntries(r.account)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		if e.GetBranch() == r.feed.cfg.Branch {
			r.picture.show(e)
		}
	}
}

// rest waits until there is something new, and at least for the interval, or
// until it is time for the next message. open says that the second that has not
// ended is worth telling as soon as it has.
func (r *reporter) rest(began time.Time, interval time.Duration, open bool) {
	next := watchHeartbeat
	if open {
		next = min(next, time.Until(time.Now().Truncate(time.Second).Add(time.Second+time.Millisecond)))
	}
	heartbeat := time.NewTimer(max(next, interval))
	defer heartbeat.Stop()
	select {
	case <-r.ctx.Done():
		return
	case <-heartbeat.C:
		return
	case <-r.wake:
	}
	pause := time.NewTimer(time.Until(began.Add(interval)))
	defer pause.Stop()
	select {
	case <-r.ctx.Done():
	case <-pause.C:
	}
}

// glance is what one visit of the replica shows.
type glance struct {
	// status is how the branch is.
	status protocol.Status
	// balance is the account's.
	balance ledger.Amount
	// escrow is what every branch may spend of the account.
	escrow []int64
	// p50 and p99 are how long own entries took of late, in microseconds.
	p50, p99 int64
	// seconds are those that have ended since the last report.
	seconds []second
	// open says that the second that has not ended has something to tell.
	open bool
	// spread has how long own entries took, of those that were asked for, in
	// microseconds.
	spread map[uint64]int64
}

// report visits the replica and shows the watchers what it sees. It returns
// whether the second that has not ended has something to tell.
func (r *reporter) report(last *int64) (open bool, err error) {
	entries, received := r.inbox.empty()
	asked := r.spreadAsked(entries)
	var g glance
	err = r.feed.source.Visit(r.ctx, func(of *replica.Replica) { g = r.glance(of, *last, asked) })
	if err != nil {
		r.inbox.putBack(entries, received)
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.picture
	p.version++
	p.added += received - uint64(len(entries))
	for _, e := range entries {
		p.show(e)
	}
	r.showSpread(g.spread)
	for i := range g.seconds {
		*last = g.seconds[i].unix
		r.showSecond(&g.seconds[i])
	}
	r.showReport(&g)
	r.escrow = g.escrow
	r.publish()
	return g.open, nil
}

// spreadAsked returns the own entries of which it is not known yet how long they
// took. It needs no lock, since only run changes the picture.
func (r *reporter) spreadAsked(entries []*bankv1.WatchedEntry) []uint64 {
	var asked []uint64
	ask := func(e *bankv1.WatchedEntry) {
		if e.GetReceipt() != nil && e.GetSpreadUs() == 0 {
			asked = append(asked, e.GetReceipt().GetSequence())
		}
	}
	for i := range r.picture.entries {
		ask(r.picture.entries[i].message)
	}
	for _, e := range entries {
		ask(e)
	}
	return asked
}

// glance runs on the engine's goroutine.
func (r *reporter) glance(of *replica.Replica, last int64, asked []uint64) glance {
	now := time.Now()
	o := r.feed.observer
	o.turnPulse(now)
	view := of.Ledger()
	g := glance{status: of.Status(), balance: view.Balance(r.account), spread: map[uint64]int64{}, open: o.pulse.isEventful()}
	for i := range view.Branches() {
		g.escrow = append(g.escrow, int64(view.Escrow(r.account, i)))
	}
	g.p50, g.p99 = o.pulse.recent(now)
	g.seconds = append(g.seconds, o.pulse.since(last)...)
	for _, sequence := range asked {
		if us := o.pulse.spreadOf(sequence); us > 0 {
			g.spread[sequence] = us
		}
	}
	if !r.balanceKnown {
		r.balance, r.balanceKnown = g.balance, true
	}
	return g
}

// showSpread shows entries again that have been applied everywhere.
func (r *reporter) showSpread(spread map[uint64]int64) {
	p := &r.picture
	for i := range p.entries {
		e := p.entries[i].message
		if us := spread[e.GetReceipt().GetSequence()]; us > 0 && e.GetReceipt() != nil && e.GetSpreadUs() == 0 {
			p.entries[i].message, p.entries[i].changed = withSpread(e, us), p.version
		}
	}
}

// showSecond shows a second that has ended, unless the account's balance then is
// not known.
func (r *reporter) showSecond(s *second) {
	balance, known := s.balance(r.account)
	if !known {
		return
	}
	at := r.picture.second(s.unix)
	if at == nil {
		return
	}
	*at = sample{unix: s.unix, balance: int64(balance), known: true, entries: s.entries, spread: s.spread, changed: r.picture.version}
	var h histogram
	h.add(s.spread)
	at.p50, at.p99 = h.percentile(50), h.percentile(99)
}

// showReport shows how the branch is.
func (r *reporter) showReport(g *glance) {
	p, cfg := &r.picture, &r.feed.cfg
	at := &p.reports[0]
	own := 0
	for i, m := range g.status.Applied {
		p.move(at, i, m.Sequence)
		if uint32(m.Branch) == cfg.Branch {
			own = i
		}
	}
	fresh := report{
		branch: cfg.Branch, address: cfg.address(cfg.Branch), reason: g.status.Reason, balance: int64(g.balance), available: g.escrow[own],
		state: api.StateToProto(g.status.State), epoch: g.status.Epoch, uptime: time.Since(cfg.Started), alarms: g.status.Alarms, p50: g.p50, p99: g.p99,
	}
	switch g.status.State {
	case protocol.Recovering:
		fresh.health = bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING
	case protocol.Halted:
		fresh.health = bankv1.BranchHealth_BRANCH_HEALTH_HALTED
	}
	for _, peer := range g.status.Peers {
		if !peer.Exchanging {
			fresh.unreachable = append(fresh.unreachable, uint32(peer.Branch))
		}
	}
	if at.report.health != fresh.health || at.since.IsZero() {
		at.since = time.Now()
	}
	if at.report.address == "" {
		at.changed = p.version
	}
	p.change(at, fresh)
	p.showTrips(at, g.status.Peers)
}

// seenEscrow returns what every branch may spend in this branch's view.
func (r *reporter) seenEscrow() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.escrow
}
