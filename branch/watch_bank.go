package branch

import (
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/redial"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Times of watching the bank.
const (
	// silenceTimeout is after how long without a word a branch counts as
	// unreachable.
	silenceTimeout = 2 * time.Second
	// firstTimeout bounds the wait for the first reports.
	firstTimeout = 500 * time.Millisecond
	// grace is how long an entry may be known and not applied, and a link be
	// down, before anybody counts as behind or cut off.
	grace = time.Second
	// sampleDelay is how long after a second has ended it is shown: the other
	// branches tell about it, too.
	sampleDelay = 300 * time.Millisecond
	// maxMarks bounds the marks that are kept: those of the last grace, and one
	// from before.
	maxMarks = int(2 * grace / watchInterval)
	// failedDials is how many attempts in a row to watch a branch must have
	// failed for it to count as unreachable at once.
	failedDials = 2
	// settleTime is how long more is waited for when something has happened:
	// the other branches are about to report the same.
	settleTime = 25 * time.Millisecond
)

// bankWatch is the bank with one account, as this branch sees it: what every
// branch reports of itself, and what follows from all the reports together.
// It is shared by all who watch that account here, and lasts as long as any
// does.
type bankWatch struct {
	screen
	branch  *Branch
	account string
	ctx     context.Context
	cancel  context.CancelFunc
	// watchers belongs to watches.mu.
	watchers int
	own      *branchWatch
	// wake tells that there is something new.
	wake chan struct{}

	// What follows belongs to screen.mu. Slices are by the order of the
	// branches.
	started time.Time
	sources []source
	// known is how far each journal goes, as far as any branch has reported.
	known []uint64
	// marks are what was known before, oldest first.
	marks []mark
}

// source is how a branch is watched.
type source struct {
	// heard is when it last said anything, failed how many attempts to watch
	// it have failed since, and why the last one did.
	heard   time.Time
	failed  int
	failure string
	// reported says that it has ever reported, notServing why it takes no
	// writes.
	reported   bool
	notServing string
	// apart is since when it has reported that it can't exchange entries with
	// another branch.
	apart map[uint32]time.Time
	// second is the last one it has told about.
	second int64
}

// mark is what was known at a time.
type mark struct {
	at    time.Time
	known []uint64
	// applied is how many entries this branch had applied.
	applied uint64
}

func newBankWatch(b *Branch, account string, own *branchWatch) *bankWatch {
	ids := b.branchIDs()
	h := &bankWatch{
		branch: b, account: account, own: own, wake: make(chan struct{}, 1),
		started: time.Now(), sources: make([]source, len(ids)), known: make([]uint64, len(ids)),
	}
	h.screen = newScreen(newPicture(uint32(b.id), b.cfg.Bank, b.cfg.Faults != nil, ids, ids))
	for i := range h.picture.reports {
		at := &h.picture.reports[i]
		at.report.address, at.since = "http://"+b.cfg.Addresses[ids[i]], h.started
		h.sources[i].apart = map[uint32]time.Time{}
	}
	h.ctx, h.cancel = context.WithCancel(b.linksCtx)
	return h
}

// start begins to watch every branch. It calls leave when the own branch is no
// longer needed. It reports false when the branch stops.
func (h *bankWatch) start(leave func()) bool {
	ok := h.branch.spawn(func() {
		defer leave()
		_ = h.own.show(h.ctx, h.own.ctx.Done(), func(m *bankv1.WatchResponse) error {
			h.take(uint32(h.branch.id), m)
			return nil
		})
	})
	if !ok {
		h.cancel()
		return false
	}
	for _, p := range h.branch.peers {
		ok = ok && h.branch.spawn(func() { h.watchPeer(p) })
	}
	if ok = ok && h.branch.spawn(h.run); !ok {
		h.cancel()
	}
	return ok
}

// watchPeer watches a peer until the watch ends: when the stream breaks it asks
// again.
func (h *bankWatch) watchPeer(p *peer) {
	redial.Keep(h.ctx, func() error { return h.follow(p) }, func(err error) { h.miss(uint32(p.id), err) })
}

// follow takes what a peer reports until the stream ends.
func (h *bankWatch) follow(p *peer) error {
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	stream, err := h.branch.customers.Watch(p.call(ctx), &bankv1.WatchRequest{Account: h.account, Scope: bankv1.WatchScope_WATCH_SCOPE_BRANCH})
	if err != nil {
		return err
	}
	for stream.Receive() {
		h.take(uint32(p.id), stream.Msg())
	}
	err = stream.Err()
	cancel()
	_ = stream.Close()
	// A peer that is stopping waits for its connections to be closed.
	h.branch.transport.CloseIdleConnections()
	return err
}

// miss notes that a branch can't be watched.
func (h *bankWatch) miss(id uint32, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.sources[h.place(id)]
	s.failed++
	s.failure = missing(err)
	if s.failed <= failedDials {
		h.signal()
	}
}

// missing says in words why a branch can't be watched.
func missing(err error) string {
	var known *connect.Error
	switch {
	case err == nil:
		return "it has ended its report"
	case errors.As(err, &known) && connect.IsWireError(err):
		return "it does not report: " + known.Message()
	}
	return "it can't be reached"
}

func (h *bankWatch) place(id uint32) int {
	i, _ := slices.BinarySearch(h.picture.branches, id)
	return i
}

func (h *bankWatch) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// isMissing reports whether a branch does not report now.
func (h *bankWatch) isMissing(s *source, now time.Time) bool {
	return s.failed >= failedDials || now.Sub(s.heardOr(h.started)) >= silenceTimeout
}

func (s *source) heardOr(started time.Time) time.Time {
	if s.heard.IsZero() {
		return started
	}
	return s.heard
}

// run judges and publishes until the watch ends.
func (h *bankWatch) run() {
	h.awaitFirst()
	for h.ctx.Err() == nil {
		began := time.Now()
		next := h.update(began)
		heartbeat := time.NewTimer(next)
		select {
		case <-h.ctx.Done():
		case <-heartbeat.C:
		case <-h.wake:
			pause := time.NewTimer(max(settleTime, time.Until(began.Add(watchInterval))))
			select {
			case <-h.ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
		heartbeat.Stop()
	}
}

// awaitFirst waits a moment for every branch's first report, and puts the last
// entries before those that have come meanwhile.
func (h *bankWatch) awaitFirst() {
	entries := h.branch.watches.lastEntries(h.account)
	h.mu.Lock()
	for _, e := range entries {
		h.picture.show(e)
	}
	h.mu.Unlock()
	timeout := time.NewTimer(firstTimeout)
	defer timeout.Stop()
	for !h.isComplete() {
		select {
		case <-h.ctx.Done():
			return
		case <-timeout.C:
			return
		case <-h.wake:
		}
	}
}

// isComplete reports whether every branch has reported, or can't be reached.
func (h *bankWatch) isComplete() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for i := range h.sources {
		if s := &h.sources[i]; !s.reported && !h.isMissing(s, now) {
			return false
		}
	}
	return true
}

// update judges what is known and publishes it. It returns when to do so again
// if nothing happens.
func (h *bankWatch) update(now time.Time) time.Duration {
	escrow := h.own.seenEscrow()
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.picture
	p.version++
	if !h.isShown {
		slices.SortStableFunc(p.entries, func(a, b shown) int { return int(recordedAt(a.message) - recordedAt(b.message)) })
	}
	rate := h.mark(now)
	for i, v := range judge(h.observe(now)) {
		at := &p.reports[i]
		fresh := at.report
		fresh.health, fresh.reason = v.health, v.reason
		if fresh.health != at.report.health {
			switch at.since = now; v.health {
			case bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE:
				at.since = h.sources[i].heardOr(h.started)
			case bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF, bankv1.BranchHealth_BRANCH_HEALTH_BEHIND:
				at.since = now.Add(-grace)
			}
		}
		p.change(at, fresh)
	}
	n := h.news(now, rate, escrow)
	if line := n.headline(); p.headline == nil || p.headline.GetText() != line.GetText() || p.headline.GetAgree() != line.GetAgree() {
		p.headline, p.headlineAt = line, p.version
	}
	next := min(watchHeartbeat, h.showSamples(now))
	h.publish()
	return next
}

// mark remembers what is known now, and returns how many entries a second this
// branch has applied of late.
func (h *bankWatch) mark(now time.Time) (rate uint64) {
	var applied uint64
	for _, n := range h.picture.reports[h.place(uint32(h.branch.id))].applied {
		applied += n
	}
	for k := len(h.marks) - 1; k >= 0; k-- {
		if m := h.marks[k]; now.Sub(m.at) >= grace || k == 0 && h.marks[k].at.Before(now) {
			rate = uint64(float64(applied-min(applied, m.applied)) / now.Sub(m.at).Seconds())
			break
		}
	}
	for len(h.marks) > 1 && now.Sub(h.marks[1].at) >= 2*grace || len(h.marks) >= maxMarks {
		h.marks = h.marks[1:]
	}
	h.marks = append(h.marks, mark{at: now, known: slices.Clone(h.known), applied: applied})
	return rate
}

// observe gathers what the branches are judged by.
func (h *bankWatch) observe(now time.Time) []observed {
	out := make([]observed, len(h.sources))
	for i := range h.sources {
		s, at := &h.sources[i], &h.picture.reports[i]
		o := &out[i]
		*o = observed{branch: at.report.branch, reporting: s.reported, state: at.report.state, reason: s.notServing}
		switch {
		case s.failed >= failedDials:
			o.silence = s.failure
		case h.isMissing(s, now):
			o.silence = "it says nothing"
		}
		if o.silence != "" {
			o.reporting = false
			h.count(i, now) // when it reported last, it may not have known less
		}
		o.behind = at.report.behind
		for peer, since := range s.apart {
			if k, ok := slices.BinarySearch(h.picture.branches, peer); ok && now.Sub(since) >= grace {
				o.unreachable = append(o.unreachable, k)
			}
		}
	}
	return out
}

// news gathers what the headline is made of. escrow is what this branch sees.
func (h *bankWatch) news(now time.Time, rate uint64, escrow []int64) news {
	p := &h.picture
	self := h.place(uint32(h.branch.id))
	n := news{balance: p.reports[self].report.balance, alike: true, rate: rate}
	for i := range p.reports {
		at := &p.reports[i]
		b := newsBranch{branch: at.report.branch, health: at.report.health, lasts: now.Sub(at.since), behind: at.report.behind, escrow: at.report.available}
		// Who has applied more of its journal knows better what it holds.
		if escrow != nil && (!h.sources[i].reported || p.reports[self].applied[i] > at.applied[i]) {
			b.escrow = escrow[i]
		}
		n.alike = n.alike && slices.Equal(at.applied, p.reports[0].applied)
		n.branches = append(n.branches, b)
	}
	return n
}

// showSamples shows the seconds that have ended, and returns when the next one
// is to be shown.
func (h *bankWatch) showSamples(now time.Time) time.Duration {
	p := &h.picture
	next := watchHeartbeat
	for i := range p.samples {
		at := &p.samples[i]
		if at.changed > 0 {
			continue
		}
		if due := time.Unix(at.unix+1, 0).Add(sampleDelay).Sub(now); due > 0 {
			next = min(next, due)
			continue
		}
		if at.changed = p.version; !at.known {
			at.balance = h.balanceBefore(i)
		}
	}
	return next
}

// balanceBefore returns the balance at the end of a second in which this
// branch has applied nothing.
func (h *bankWatch) balanceBefore(i int) int64 {
	for i--; i >= 0; i-- {
		if at := &h.picture.samples[i]; at.known {
			return at.balance
		}
	}
	return h.picture.reports[h.place(uint32(h.branch.id))].report.balance
}

// seenEscrow returns what every branch may spend in this branch's view.
func (w *branchWatch) seenEscrow() []int64 {
	w.screen.mu.Lock()
	defer w.screen.mu.Unlock()
	return w.escrow
}
