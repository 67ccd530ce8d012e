package feed

import (
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/redial"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Times of a survey.
const (
	// silenceTimeout is after how long without a word a branch counts as
	// unreachable.
	silenceTimeout = 2 * time.Second
	// firstTimeout bounds the wait for the first reports.
	firstTimeout = 500 * time.Millisecond
	// grace is how long an entry may be known and not applied, and a link be
	// down, before any branch counts as behind or cut off.
	grace = time.Second
	// sampleDelay is how long after a second has ended it is shown, since the
	// other branches tell about it, too.
	sampleDelay = 300 * time.Millisecond
	// maxMarks bounds the marks that are kept: those of the last grace, and one
	// from before.
	maxMarks = int(2 * grace / watchInterval)
	// failedAttempts is how many attempts in a row to watch a branch must have
	// failed for it to count as unreachable at once.
	failedAttempts = 2
	// settleTime is how much longer a survey waits when something has happened:
	// the other branches are about to report the same.
	settleTime = 25 * time.Millisecond
)

// survey is the bank with one account, as this branch sees it: what every branch
// reports, and what follows from all the reports together. All who watch that
// account here share it, and it lasts as long as any of them does.
type survey struct {
	display
	// own reports this branch.
	own *reporter

	// What follows belongs to screen.mu. Slices are by the order of the branches.

	// started is when the survey began.
	started time.Time
	// subjects are the branches that are watched.
	subjects []subject
	// known is how far each journal goes, as far as any branch has reported.
	known []uint64
	// marks are what was known before, oldest first.
	marks []mark
}

// subject is a branch that is watched for a survey.
type subject struct {
	// heard is when it last said anything.
	heard time.Time
	// failed is how many attempts to watch it have failed since.
	failed int
	// failure is why the last of them did, in words.
	failure string
	// reported says that it has ever reported.
	reported bool
	// notServing is why it takes no writes, in words.
	notServing string
	// apart is since when it has reported that it can't exchange entries with
	// another branch.
	apart map[uint32]time.Time
	// second is the last one it has told about.
	second int64
}

// mark is what was known at a time.
type mark struct {
	// at is that time.
	at time.Time
	// known is how far each journal went.
	known []uint64
	// applied is how many entries this branch had applied.
	applied uint64
}

func newSurvey(f *Feed, account string, own *reporter) *survey {
	ids := f.branches
	v := &survey{own: own, started: time.Now(), subjects: make([]subject, len(ids)), known: make([]uint64, len(ids))}
	v.open(f, account, ids)
	for i := range v.picture.reports {
		at := &v.picture.reports[i]
		at.report.address, at.since = f.cfg.address(ids[i]), v.started
		v.subjects[i].apart = map[uint32]time.Time{}
	}
	return v
}

// start begins to watch every branch. It calls leave when the reporter of this
// branch is no longer needed. It reports false when the branch stops.
func (v *survey) start(leave func()) bool {
	spawn := v.feed.source.Spawn
	ok := spawn(func() {
		defer leave()
		_ = v.own.stream(v.ctx, v.own.ctx.Done(), func(m *bankv1.WatchResponse) error {
			v.hear(v.self(), m)
			return nil
		})
	})
	if !ok {
		v.cancel()
		return false
	}
	for _, id := range v.picture.branches {
		if id != v.self() {
			ok = ok && spawn(func() { v.follow(id) })
		}
	}
	if ok = ok && spawn(v.run); !ok {
		v.cancel()
	}
	return ok
}

// self returns the id of the branch whose survey it is.
func (v *survey) self() uint32 { return v.feed.cfg.Branch }

// follow watches another branch until the survey ends: when the stream breaks, it
// asks again.
func (v *survey) follow(id uint32) {
	redial.Keep(v.ctx, func() error {
		return v.feed.source.FollowPeer(v.ctx, id, v.account, func(m *bankv1.WatchResponse) { v.hear(id, m) })
	}, func(err error) { v.miss(id, err) })
}

// miss takes that a branch can't be watched.
func (v *survey) miss(id uint32, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.subjects[v.place(id)]
	s.failed++
	s.failure = missing(err)
	if s.failed <= failedAttempts {
		v.signal()
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

// place returns the place of a branch in the order of the branches.
func (v *survey) place(id uint32) int {
	i, _ := slices.BinarySearch(v.picture.branches, id)
	return i
}

// isMissing reports whether a branch does not report now.
func (v *survey) isMissing(s *subject, now time.Time) bool {
	return s.failed >= failedAttempts || now.Sub(s.heardOr(v.started)) >= silenceTimeout
}

// heardOr returns when the branch last said anything; started if it never has.
func (s *subject) heardOr(started time.Time) time.Time {
	if s.heard.IsZero() {
		return started
	}
	return s.heard
}

// run judges and publishes until the survey ends.
func (v *survey) run() {
	v.awaitFirst()
	for v.ctx.Err() == nil {
		began := time.Now()
		next := v.update(began)
		heartbeat := time.NewTimer(next)
		select {
		case <-v.ctx.Done():
		case <-heartbeat.C:
		case <-v.wake:
			pause := time.NewTimer(max(settleTime, time.Until(began.Add(watchInterval))))
			select {
			case <-v.ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
		heartbeat.Stop()
	}
}

// awaitFirst waits a moment for every branch's first report, and puts the last
// entries before those that have come meanwhile.
func (v *survey) awaitFirst() {
	entries := v.feed.lastEntries(v.account)
	v.mu.Lock()
	for _, e := range entries {
		v.picture.show(e)
	}
	v.mu.Unlock()
	timeout := time.NewTimer(firstTimeout)
	defer timeout.Stop()
	for !v.isComplete() {
		select {
		case <-v.ctx.Done():
			return
		case <-timeout.C:
			return
		case <-v.wake:
		}
	}
}

// isComplete reports whether every branch has reported, or can't be reached.
func (v *survey) isComplete() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	for i := range v.subjects {
		if s := &v.subjects[i]; !s.reported && !v.isMissing(s, now) {
			return false
		}
	}
	return true
}
