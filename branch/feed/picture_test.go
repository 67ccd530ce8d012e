package feed

import (
	"context"
	"errors"
	"testing"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// wrote is an entry as a picture shows it.
func wrote(branch uint32, sequence uint64) *bankv1.WatchedEntry {
	return &bankv1.WatchedEntry{
		Branch: branch, Receipt: &bankv1.Receipt{Branch: branch, Sequence: sequence}, Entry: &bankv1.Entry{Sequence: sequence, RecordedAtUnixMs: int64(sequence)},
	}
}

// add shows entries of branch 1 in one version.
func (s *screen) add(from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.version++
	for n := from; n <= to; n++ {
		s.picture.show(wrote(1, n))
	}
	s.publish()
}

// A slow watcher is skipped forward to the latest picture, and is told how much
// was left out. Nobody waits for it.
func TestASlowWatcherIsSkippedForward(t *testing.T) {
	s := newScreen(newPicture(Config{Branch: 1}, []uint32{1, 2}, []uint32{1}))
	s.add(1, 3)
	got := make(chan *bankv1.WatchResponse)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() {
		done <- s.stream(ctx, nil, func(m *bankv1.WatchResponse) error {
			got <- m
			return nil
		})
	}()
	if m := <-got; !m.GetComplete() || len(m.GetEntries()) != 3 || m.GetSkippedEntries() != 0 || len(m.GetReports()[0].GetApplied()) != 2 {
		t.Fatalf("first %v", m)
	}
	// It takes the next picture before it is changed a thousand times, or after
	// some of them, as it happens; then the last one.
	for n := uint64(4); n <= 1003; n++ {
		s.mu.Lock()
		s.picture.move(&s.picture.reports[0], 1, n)
		s.mu.Unlock()
		s.add(n, n)
	}
	entries, skipped := 0, uint64(0)
	var last *bankv1.WatchResponse
	for last == nil || last.GetEntries()[len(last.GetEntries())-1].GetReceipt().GetSequence() != 1003 {
		last = <-got
		entries += len(last.GetEntries())
		skipped += last.GetSkippedEntries()
	}
	if last.GetComplete() || uint64(entries)+skipped != 1000 || len(last.GetEntries()) > maxWatchedEntries || skipped < 1000-2*maxWatchedEntries {
		t.Errorf("%d entries came and %d were left out: %v", entries, skipped, last)
	}
	if a := last.GetReports()[0].GetApplied(); len(a) != 1 || a[0].GetBranch() != 2 || a[0].GetSequence() != 1003 {
		t.Errorf("only what has changed is told: %v", a)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestTheEntriesOfAPictureAreBounded(t *testing.T) {
	s := newScreen(newPicture(Config{Branch: 1}, []uint32{1}, []uint32{1}))
	s.add(101, 100+2*maxWatchedEntries)
	p := &s.picture
	if len(p.entries) != maxWatchedEntries || p.added != 2*maxWatchedEntries {
		t.Errorf("%d entries of %d", len(p.entries), p.added)
	}
	s.add(1, 50) // old ones, from a branch that has come back
	if p.added != 2*maxWatchedEntries {
		t.Errorf("old entries are shown as new: %d", p.added)
	}
	_, has, _ := s.latest(seen{})
	s.mu.Lock()
	p.version++
	p.show(withSpread(wrote(1, 150), 7))
	p.show(wrote(1, 151)) // as it is already
	s.mu.Unlock()
	m, has, _ := s.latest(has)
	if len(m.GetEntries()) != 1 || m.GetEntries()[0].GetSpreadUs() != 7 || m.GetSkippedEntries() != 0 {
		t.Errorf("an entry that has spread: %v", m)
	}
	s.add(150, 150) // told again by somebody who does not know
	if m, _, _ = s.latest(has); len(m.GetEntries()) != 0 {
		t.Errorf("nothing is new: %v", m)
	}
	refusal := &bankv1.WatchedEntry{Branch: 1, Entry: &bankv1.Entry{RecordedAtUnixMs: time.Now().UnixMilli()}, RefusalCode: "unavailable"}
	p.show(refusal)
	p.show(refusal)
	if p.added != 2*maxWatchedEntries+1 {
		t.Errorf("a refusal counts once: %d", p.added)
	}
}

// Watchers who have seen the same are sent the same message, made once.
func TestWatchersShareMessages(t *testing.T) {
	s := newScreen(newPicture(Config{Branch: 1}, []uint32{1}, []uint32{1}))
	a, has, _ := s.latest(seen{})
	b, _, _ := s.latest(seen{})
	if a != b {
		t.Error("the first picture is made twice")
	}
	s.add(1, 1)
	a, _, _ = s.latest(has)
	if b, _, _ = s.latest(has); a != b || len(a.GetEntries()) != 1 {
		t.Error("what is new is made twice")
	}
}
