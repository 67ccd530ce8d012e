package feed

import (
	"context"
	"sync"
	"time"

	"passbook.example/passbook/branch/api"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// screen is where watchers see a picture. There is no queue for a watcher: each
// is shown what has changed since it was shown anything last.
type screen struct {
	// mu guards what follows.
	mu      sync.Mutex
	picture picture
	// first is closed when the picture is shown for the first time.
	first chan struct{}
	// changed is closed when the picture is shown anew; then there is another
	// one.
	changed chan struct{}
	// isShown says that first is closed.
	isShown bool
	// last is the message that was made last, for the watchers who have seen as
	// much as the one it was made for.
	last update
}

// update is a message that brings a watcher from one state of a picture to a
// later one.
type update struct {
	// from is what the watcher has seen before the message.
	from seen
	// to is what the watcher has seen after it.
	to seen
	// message is what is new; nil before there is any.
	message *bankv1.WatchResponse
}

func newScreen(p picture) screen {
	return screen{picture: p, first: make(chan struct{}), changed: make(chan struct{})}
}

// display is the screen of all who watch one account alike: a reporter's or a
// survey's. It lasts as long as anybody watches.
type display struct {
	screen
	// feed is whose display it is.
	feed *Feed
	// account is the account that is shown.
	account string
	// ctx ends when the last watcher leaves, or the feed stops.
	ctx context.Context
	// cancel ends ctx.
	cancel context.CancelFunc
	// watchers counts those who watch. It belongs to Feed.mu.
	watchers int
	// wake says that there is something new.
	wake chan struct{}
}

// open readies the display for the branches that are reporting.
func (d *display) open(f *Feed, account string, reporting []uint32) {
	d.screen = newScreen(newPicture(f.cfg, f.branches, reporting))
	d.feed, d.account, d.wake = f, account, make(chan struct{}, 1)
	d.ctx, d.cancel = context.WithCancel(f.ctx)
}

// signal says that there is something new.
func (d *display) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// stream sends a watcher what is new until ctx ends or over is closed. It sends
// at the watcher's pace: a slow one misses what is in between.
func (s *screen) stream(ctx context.Context, over <-chan struct{}, send func(*bankv1.WatchResponse) error) error {
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
		message, has, next = s.latest(has)
		if err := send(message); err != nil {
			return err
		}
	}
}

// publish shows the picture to the watchers. The caller holds s.mu.
func (s *screen) publish() {
	if !s.isShown {
		s.isShown = true
		close(s.first)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// latest returns what is new to a watcher, what it has seen then, and a channel
// that is closed when there is more.
func (s *screen) latest(from seen) (*bankv1.WatchResponse, seen, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := seen{version: s.picture.version, added: s.picture.added}
	if s.last.message == nil || from != s.last.from || to != s.last.to {
		s.last = update{from: from, to: to, message: s.picture.since(from, time.Now())}
	}
	return s.last.message, to, s.changed
}
