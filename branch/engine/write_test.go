package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/api"
)

// The memory of a write is used again, and never before its reply has come: the reply
// to a caller who has gone reaches nobody else.
func TestAReplyReachesItsCallerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newOneStep(t)
		step := func() {
			t.Helper()
			if err := s.engine.Step(); err != nil {
				t.Fatal(err)
			}
		}
		step() // the one entry that newOneStep has prepared, and a grant
		for round := range 4 {
			if _, err := s.engine.Submit(gone(), deposit()); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want that the caller has gone", err)
			}
			if _, err := s.engine.Submit(gone(), deposit()); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want that the caller has gone", err)
			}
			replied := make(chan uint64, 1)
			go func() {
				reply, err := s.engine.Submit(t.Context(), deposit())
				if err != nil {
					t.Error(err)
				}
				replied <- reply.Receipt.Sequence
			}()
			synctest.Wait()
			time.Sleep(maxLinger) // for the batch before
			step()
			if got, want := <-replied, uint64(2+3*(round+1)); got != want {
				t.Errorf("round %d: got the reply of entry %d, want %d", round, got, want)
			}
		}
	})
}

func TestAWriteWaitsForAsLongAsACallMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{}) // and nothing runs it
		began := time.Now()
		if _, err := e.Submit(t.Context(), deposit()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != api.CallTimeout {
			t.Errorf("took %v, want %v", took, api.CallTimeout)
		}
	})
}
