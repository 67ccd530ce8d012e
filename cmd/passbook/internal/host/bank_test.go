package host

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch"
)

func TestBranchesOpenedAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		release := make(chan struct{})
		open := func(c branch.Config) (*branch.Branch, error) {
			begun.Add(1)
			<-release
			if c.ID == 3 {
				return nil, errors.New("its disk")
			}
			return &branch.Branch{}, nil
		}
		configs := make([]branch.Config, opening+10)
		for i := range configs {
			configs[i].ID = uint32(i + 1)
		}
		done := make(chan struct{})
		var branches []*branch.Branch
		var errs []error
		go func() {
			defer close(done)
			branches, errs = openAll(configs, open)
		}()
		synctest.Wait()
		if got := begun.Load(); got != opening {
			t.Errorf("%d branches are being opened, want %d", got, opening)
		}
		close(release)
		<-done
		for i, id := range configs {
			if failed := errs[i] != nil; failed != (id.ID == 3) || failed != (branches[i] == nil) {
				t.Errorf("branch %d: %v, %v", id.ID, branches[i], errs[i])
			}
		}
	})
}

// Serve stops waiting for a branch that never ends.
func TestABankStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b := &Bank{ended: make(chan struct{}), guard: &guard{stop: func() {}}}
		began := time.Now()
		err := b.Serve(ctx)
		if err == nil || !strings.Contains(err.Error(), "did not stop within 8s") {
			t.Errorf("got %v, want an error that names the bound", err)
		}
		if took := time.Since(began); took != time.Hour+stopTimeout {
			t.Errorf("took %v, want %v after it was told to stop", took-time.Hour, stopTimeout)
		}
	})
}
