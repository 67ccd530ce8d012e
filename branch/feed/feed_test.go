package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// still is a branch on which nothing happens: nothing runs its engine, and its
// peers say nothing.
type still struct {
	tasks sync.WaitGroup
}

// Visit implements Source.
func (*still) Visit(ctx context.Context, _ func(*replica.Replica)) error {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	<-ctx.Done()
	return ctx.Err()
}

// LastEntries implements Source.
func (*still) LastEntries(string, int) ([]Recorded, error) { return nil, nil }

// FollowPeer implements Source.
func (*still) FollowPeer(ctx context.Context, _ uint32, _ string, _ func(*bankv1.WatchResponse)) error {
	<-ctx.Done()
	return ctx.Err()
}

// Spawn implements Source.
func (s *still) Spawn(task func()) bool {
	s.tasks.Go(task)
	return true
}

// unwatchable is a branch whose peers can't be watched.
type unwatchable struct {
	still
	asked []time.Time
}

// FollowPeer implements Source.
func (u *unwatchable) FollowPeer(context.Context, uint32, string, func(*bankv1.WatchResponse)) error {
	u.asked = append(u.asked, time.Now())
	return errors.New("refused")
}

// feedOf is the feed of branch 1 of three.
func feedOf(t *testing.T, s Source) *Feed {
	t.Helper()
	f := New(Config{
		Branch: 1, Bank: "bank", Addresses: map[uint32]string{1: "one", 2: "two", 3: "three"}, Started: time.Now(), Logger: slog.New(slog.DiscardHandler),
	}, NewObserver(1), s)
	t.Cleanup(f.Stop)
	return f
}

// stillFeed is the feed of a branch on which nothing happens.
func stillFeed(t *testing.T) *Feed {
	t.Helper()
	s := &still{}
	t.Cleanup(s.tasks.Wait)
	return feedOf(t, s)
}
