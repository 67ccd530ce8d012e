package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	s := newSample()
	for i := 1; i <= 1000; i++ {
		s.record(1, time.Duration(i)*time.Millisecond)
	}
	s.elapsed = 2 * time.Second
	got := s.reading()
	for name, want := range map[string]float64{p50: 500e3, p99: 990e3, p999: 999e3, perSecond: 500} {
		if ratio := got[name] / want; ratio < 0.998 || ratio > 1.002 { // three digits
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
}

func TestNoCallsHaveNoLatency(t *testing.T) {
	s := newSample()
	s.elapsed = time.Second
	got := s.reading()
	for _, name := range []string{p50, p99, p999} {
		if !math.IsNaN(got[name]) {
			t.Errorf("%s: got %v, want NaN", name, got[name])
		}
	}
	if got[perSecond] != 0 {
		t.Errorf("%s: got %v, want 0", perSecond, got[perSecond])
	}
}

func TestLatenciesOutOfRangeAreKept(t *testing.T) {
	s := newSample()
	s.record(1, 0)
	s.record(1, time.Hour)
	if got := s.latency.TotalCount(); got != 2 {
		t.Errorf("got %d latencies, want 2", got)
	}
}

func TestSchedule(t *testing.T) {
	start := time.Unix(1000, 0)
	s := schedule{start: start, interval: 250 * time.Millisecond}
	for _, tt := range []struct {
		end  time.Duration
		want int
	}{{-time.Second, 0}, {0, 0}, {1, 1}, {250 * time.Millisecond, 1}, {time.Second, 4}, {1001 * time.Millisecond, 5}} {
		if got := s.before(start.Add(tt.end)); got != tt.want {
			t.Errorf("operations before %v: got %d, want %d", tt.end, got, tt.want)
		}
	}
	if got, want := s.at(4), start.Add(time.Second); !got.Equal(want) {
		t.Errorf("operation 4: got %v, want %v", got, want)
	}
}

// TestPace checks that no operation begins before it is due, and that each is
// handed out with the time when it is.
func TestPace(t *testing.T) {
	s := schedule{start: time.Now(), interval: 2 * time.Millisecond}
	end := s.start.Add(50 * time.Millisecond)
	intended := make(chan time.Time) // so that each is taken when it is handed out
	go func() {
		defer close(intended)
		if err := s.pace(t.Context(), end, intended); err != nil {
			t.Error(err)
		}
	}()
	n := 0
	for at := range intended {
		if want := s.at(n); !at.Equal(want) {
			t.Errorf("operation %d is due at %v, want %v", n, at, want)
		}
		if early := time.Until(at); early > 0 {
			t.Errorf("operation %d began %v early", n, early)
		}
		n++
	}
	if want := s.before(end); n != want {
		t.Errorf("got %d operations, want %d", n, want)
	}
}

// TestOpenLoopCountsWaiting has one call stall: all those that were due
// meanwhile count as late, though each of them is answered at once.
func TestOpenLoopCountsWaiting(t *testing.T) {
	const stall = 200 * time.Millisecond
	var calls atomic.Int64
	do := func(context.Context) (int, error) {
		if calls.Add(1) == 1 {
			time.Sleep(stall) // what is tested is that this shows
		}
		return 1, nil
	}
	s, err := openLoop(t.Context(), []call{do}, 1000, 0, 400*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.operations, 400; got != want {
		t.Errorf("got %d operations, want %d: one for each that was due", got, want)
	}
	if got, want := s.quantile(99.9), 190e3; got < want {
		t.Errorf("p99.9: got %v µs, want the stall of %v", got, stall)
	}
	// Half of the run was due during the stall, and on average half a stall late.
	if got, want := s.quantile(75), 80e3; got < want {
		t.Errorf("p75: got %v µs, want about half the stall: those that waited must count", got)
	}
}

func TestClosedLoop(t *testing.T) {
	var mu sync.Mutex
	used := map[int]int{}
	var calls []call
	for i := range 4 {
		calls = append(calls, func(context.Context) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			used[i]++
			return 10, nil
		})
	}
	s, err := closedLoop(t.Context(), calls, 10*time.Millisecond, 30*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(used) != len(calls) {
		t.Errorf("%d of %d callers called", len(used), len(calls))
	}
	if s.operations == 0 || s.operations%10 != 0 {
		t.Errorf("got %d operations, want a multiple of 10", s.operations)
	}
	sum := 0
	for _, n := range used {
		sum += n
	}
	if s.operations >= 10*sum {
		t.Errorf("got %d operations of %d calls, want fewer: the warm-up does not count", s.operations, sum)
	}
}

func TestTheFirstErrorEndsARun(t *testing.T) {
	broken := errors.New("broken")
	waits := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	fails := func(context.Context) (int, error) { return 0, broken }
	began := time.Now()
	_, err := closedLoop(t.Context(), []call{waits, fails, waits}, 0, time.Minute)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "caller 2") {
		t.Errorf("got error %v, want %v of caller 2", err, broken)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := openLoop(t.Context(), []call{waits, fails, waits}, 1000, 0, 10*time.Second); !errors.Is(err, broken) {
		t.Errorf("on a schedule: got error %v, want %v", err, broken)
	}
}

func TestContendersTakeTurns(t *testing.T) {
	b := &bench{options: options{runs: 3, duration: time.Millisecond}, errOut: t.Output()}
	var order []string
	one := func(name string, v float64) contender {
		return contender{name, func(_ context.Context, round int) (reading, error) {
			order = append(order, name)
			return reading{perSecond: v + float64(round)}, nil
		}}
	}
	m, err := b.alternate(t.Context(), "test", one("A", 1), one("B", 10))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, " "), "A B A B A B"; got != want {
		t.Errorf("order: got %s, want %s", got, want)
	}
	if got, want := m["B"][perSecond], (figure{10, 11, 12}); !slices.Equal(got, want) {
		t.Errorf("figures of B: got %v, want %v", []float64(got), []float64(want))
	}
	if got, want := len(b.records), 6; got != want {
		t.Errorf("got %d raw figures, want %d", got, want)
	}
	if _, err := b.alternate(t.Context(), "test", one("A", 1), one("A", 2)); err == nil {
		t.Error("two contenders of one name: got no error")
	}
}
