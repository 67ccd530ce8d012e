package main

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"connectrpc.com/connect"
)

// TestWhatCallersSeeOfACut tells a cut in the order in which it happens.
func TestWhatCallersSeeOfACut(t *testing.T) {
	plan := cutPlan{before: 2 * cutBin, cut: 4 * cutBin, after: 4 * cutBin, mended: 2 * cutBin}
	c := newCutRun(plan, time.Unix(1000, 0))
	one, cut := c.watch(0), c.watch(cutSite)
	away := []uint32{1, 2}
	away3 := []uint32{3}
	for _, answer := range []struct {
		w           *watcher
		at          time.Duration
		unreachable []uint32
		err         error
	}{
		{one, -1, nil, nil}, // of the warm-up
		{one, 0, nil, nil},
		{one, cutBin - 1, nil, nil},
		{one, cutBin, nil, nil},
		{cut, cutBin, nil, nil},
		{cut, 3 * cutBin, nil, errors.New("out of reach")},
		{cut, 5 * cutBin, away, nil},
		{cut, 5 * cutBin, away, nil},
		{one, 5 * cutBin, away3, nil},
		{cut, 6*cutBin + 10*time.Millisecond, away, nil},
		{cut, 6*cutBin + 20*time.Millisecond, nil, nil},
		{cut, 6*cutBin + 30*time.Millisecond, away, nil},
		{cut, 6*cutBin + 50*time.Millisecond, nil, nil},
		{one, 7 * cutBin, nil, nil},
		{one, 9 * cutBin, nil, nil},
		{one, 10 * cutBin, nil, nil}, // it came too late to count
	} {
		answer.w.answered(c.from.Add(answer.at), answer.unreachable, answer.err)
	}
	r, err := c.reading()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		beforeCut + theOthers: 6, beforeCut + theCutOff: 2, // 3 and 1 in half a second
		duringCut + theOthers: 1, duringCut + theCutOff: 2,
		mendedCut + theOthers: 2, mendedCut + theCutOff: 8,
		normalCut: 50, cutErrors + theCutOff: 1, cutErrors + theOthers: 0,
		"operations/s at -0.50 s, the other sites": 8,
		"operations/s at -0.25 s, the other sites": 4,
		"operations/s at +0.00 s, the other sites": 0,
		"operations/s at +0.75 s, the cut site":    8,
	} {
		if got, ok := r[name]; !ok || got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestUntilAllAcksAreWhole(t *testing.T) {
	mended := time.Unix(1000, 0)
	at := func(ms int, whole bool) ack { return ack{mended.Add(time.Duration(ms) * time.Millisecond), whole} }
	for _, tt := range []struct {
		name string
		acks []ack
		want float64
	}{
		{"from the first on", []ack{at(7, true), at(3, true)}, 3},
		{"of several callers", []ack{at(1, true), at(9, true), at(5, false), at(8, true)}, 8},
		{"never", []ack{at(1, true), at(5, false)}, math.NaN()},
		{"nothing was answered", nil, math.NaN()},
	} {
		if got := untilWhole(tt.acks, mended); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestACallerGoesOnWhileBranchesAreOutOfReach(t *testing.T) {
	c := newCutRun(cutPlan{after: time.Minute, mended: time.Minute}, time.Now())
	calls, broken := 0, errors.New("broken")
	write := func(context.Context) ([]uint32, error) {
		calls++
		switch calls {
		case 1:
			return nil, connect.NewError(connect.CodeUnavailable, errors.New("out of reach"))
		case 2:
			return nil, connect.NewError(connect.CodeDeadlineExceeded, errors.New("too late"))
		case 3:
			return nil, nil
		}
		return nil, broken
	}
	w := c.watch(0)
	w.call(t.Context(), write)
	if calls != 4 || w.failed != 2 || w.done[0] != 1 || !errors.Is(w.err, broken) {
		t.Errorf("got %d calls, %d failed, %d done, error %v; want 4, 2, 1 and the last one's", calls, w.failed, w.done[0], w.err)
	}
	if _, err := c.reading(); !errors.Is(err, broken) {
		t.Errorf("got error %v, want that of the caller", err)
	}
}

func TestACallerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newCutRun(cutPlan{after: time.Minute}, time.Now()).watch(0)
	w.call(ctx, func(ctx context.Context) ([]uint32, error) {
		cancel()
		return nil, connect.NewError(connect.CodeUnavailable, ctx.Err())
	})
	if w.err == nil {
		t.Error("got no error")
	}
}
