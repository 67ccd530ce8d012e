package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// call does one operation of a sequential caller, or a list of them, and
// returns how many it did.
type call func(ctx context.Context) (operations int, err error)

// patience is how much longer than planned a run may take before it fails.
const patience = 30 * time.Second

// Latencies are kept in nanoseconds from 1 µs to a minute, with three digits.
const (
	leastLatency = int64(time.Microsecond)
	mostLatency  = int64(time.Minute)
	digits       = 3
)

// sample is what one run measured.
type sample struct {
	operations int
	elapsed    time.Duration
	latency    *hdrhistogram.Histogram
}

func newSample() *sample {
	return &sample{latency: hdrhistogram.New(leastLatency, mostLatency, digits)}
}

// record notes a call, how many operations it did, and how long it took.
func (s *sample) record(operations int, latency time.Duration) {
	s.operations += operations
	_ = s.latency.RecordValue(min(max(int64(latency), leastLatency), mostLatency)) // always in range
}

// rate is operations a second.
func (s *sample) rate() float64 { return float64(s.operations) / s.elapsed.Seconds() }

// quantile returns a latency in µs, such as that of 99 for p99; NaN if no call ended.
func (s *sample) quantile(percent float64) float64 {
	if s.latency.TotalCount() == 0 {
		return math.NaN()
	}
	return float64(s.latency.ValueAtQuantile(percent)) / float64(time.Microsecond)
}

// Names of what loads measure.
const (
	perSecond = "operations/s"
	p50       = "p50 µs"
	p99       = "p99 µs"
	p999      = "p99.9 µs"
)

func (s *sample) reading() reading {
	return reading{perSecond: s.rate(), p50: s.quantile(50), p99: s.quantile(99), p999: s.quantile(99.9)}
}

// window is the part of a run that is measured: what comes before warms up.
type window struct{ from, to time.Time }

func newWindow(warm, duration time.Duration) window {
	from := time.Now().Add(warm)
	return window{from, from.Add(duration)}
}

func (w window) has(t time.Time) bool { return !t.Before(w.from) && t.Before(w.to) }

// closedLoop has each caller call again as soon as it is answered: it measures
// throughput, and with one caller the time that a call takes. Its latencies
// say nothing of a load that would have come meanwhile; those of openLoop do.
func closedLoop(ctx context.Context, calls []call, warm, duration time.Duration) (*sample, error) {
	w := newWindow(warm, duration)
	return together(ctx, calls, w, func(ctx context.Context, do call, s *sample) error {
		for {
			began := time.Now()
			if !began.Before(w.to) {
				return nil
			}
			n, err := do(ctx)
			if err != nil {
				return err
			}
			if ended := time.Now(); w.has(ended) {
				s.record(n, ended.Sub(began))
			}
		}
	})
}

// openLoop has operations begin on a schedule of perSecond operations a second,
// whether or not those before are answered, as customers come who don't know of
// each other. A latency counts from when the operation was to begin: one that
// finds all callers at work waits, and the wait counts (Tene, How NOT to Measure
// Latency: coordinated omission).
func openLoop(ctx context.Context, calls []call, perSecond float64, warm, duration time.Duration) (*sample, error) {
	if perSecond <= 0 {
		return nil, fmt.Errorf("a schedule of %v operations a second has none", perSecond)
	}
	due := schedule{start: time.Now(), interval: time.Duration(float64(time.Second) / perSecond)}
	w := window{due.start.Add(warm), due.start.Add(warm + duration)}
	// Roomy enough for the whole run, so that the pacer never waits for callers.
	intended := make(chan time.Time, due.before(w.to))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	paced := make(chan error, 1)
	go func() {
		defer close(intended)
		paced <- due.pace(ctx, w.to, intended)
	}()
	overdue := w.to.Add(duration)
	s, err := together(ctx, calls, w, func(ctx context.Context, do call, s *sample) error {
		for at := range intended {
			if time.Now().Before(overdue) {
				if _, err := do(ctx); err != nil {
					cancel()
					return err
				}
			} // else hopelessly late: it counts as if it were answered now
			if w.has(at) {
				s.record(1, time.Since(at))
			}
		}
		return nil
	})
	return s, errors.Join(err, <-paced)
}

// schedule is when operations are to begin: at equal intervals.
type schedule struct {
	start    time.Time
	interval time.Duration
}

// at is when operation n is to begin, from 0.
func (s schedule) at(n int) time.Time { return s.start.Add(time.Duration(n) * s.interval) }

// before is how many operations are to begin before t.
func (s schedule) before(t time.Time) int {
	d := t.Sub(s.start)
	if d <= 0 {
		return 0
	}
	return int((d + s.interval - 1) / s.interval)
}

// pace hands out each operation when it is to begin.
func (s schedule) pace(ctx context.Context, end time.Time, intended chan<- time.Time) error {
	clock, err := newClock()
	if err != nil {
		return err
	}
	defer clock.release()
	for n := range s.before(end) {
		at := s.at(n)
		clock.until(at)
		if ctx.Err() != nil {
			return nil // the error that ended it is the callers'
		}
		intended <- at
	}
	return nil
}

// together runs all callers and merges what they measured. The first error
// ends the run.
func together(ctx context.Context, calls []call, w window, one func(context.Context, call, *sample) error) (*sample, error) {
	ctx, cancel := context.WithDeadline(ctx, w.to.Add(w.to.Sub(w.from)+patience))
	defer cancel()
	samples, errs := make([]*sample, len(calls)), make([]error, len(calls))
	var running sync.WaitGroup
	for i, do := range calls {
		samples[i] = newSample()
		running.Go(func() {
			if errs[i] = one(ctx, do, samples[i]); errs[i] != nil {
				cancel()
			}
		})
	}
	running.Wait()
	all := newSample()
	all.elapsed = w.to.Sub(w.from)
	for _, s := range samples {
		all.operations += s.operations
		all.latency.Merge(s.latency)
	}
	return all, firstCause(errs)
}

// firstCause returns the error that ended a run: the others are of calls that
// were cut off because of it.
func firstCause(errs []error) error {
	var cut error
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			cut = err
		default:
			return fmt.Errorf("caller %d: %w", i+1, err)
		}
	}
	return cut
}
