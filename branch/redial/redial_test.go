package redial_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/redial"
)

// What was up for a while is tried again soon, and what never comes up about once
// a second.
func TestPausesGrowUntilSomethingWasUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var pauses []time.Duration
		ended := time.Now()
		broke := errors.New("it broke")
		redial.Keep(ctx, func() error {
			if pauses = append(pauses, time.Since(ended)); len(pauses)%20 == 1 {
				time.Sleep(redial.MaxPause + time.Millisecond)
			}
			ended = time.Now()
			return broke
		}, func(err error) {
			if !errors.Is(err, broke) {
				t.Errorf("broken is told %v", err)
			}
		})
		for i, pause := range pauses[1:] {
			doublings := i % 20
			most := min(redial.MinPause<<doublings, redial.MaxPause)
			if pause < most/2 || pause >= 3*most/2 {
				t.Fatalf("pause %d is %v, want %v to %v", i+1, pause, most/2, 3*most/2)
			}
		}
		if len(pauses) < 2400 {
			t.Errorf("%d attempts in an hour", len(pauses))
		}
	})
}

// The end of ctx is nobody's failure.
func TestNothingIsBrokenWhenKeepEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	redial.Keep(ctx, func() error {
		cancel()
		return errors.New("cancelled")
	}, func(err error) { t.Errorf("told %v", err) })
}
