package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// frozen is a branch that is paused until it is closed.
type frozen chan struct{}

// PassUntil implements Freeze.
func (f frozen) PassUntil(ctx context.Context) error {
	select {
	case <-f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deposit is a customer's write.
func deposit() protocol.Operation {
	return protocol.Operation{Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}, Acknowledge: protocol.Local, Deadline: 60_000}
}

// A paused engine does nothing, and goes on where it stopped.
func TestAPausedEngineStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newOneStep(t)
		freeze := make(frozen)
		s.engine.cfg.Freeze = freeze
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.engine.Run(ctx) }()
		time.Sleep(time.Second)
		if out := s.out(); out != [4]int{} {
			t.Errorf("it has let out %v", out)
		}
		close(freeze)
		synctest.Wait()
		if out := s.out(); out != [...]int{1, 1, 1, 1} {
			t.Errorf("it has let out %v, want one of each", out)
		}
		if reply, err := s.engine.Submit(ctx, deposit()); err != nil || reply.Receipt.Sequence == 0 {
			t.Errorf("got %+v, %v", reply, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// When an engine has ended, nobody waits for it.
func TestAnEngineThatHasEndedRefuses(t *testing.T) {
	s := newOneStep(t)
	s.engine.cfg.Freeze = make(frozen)
	pending, err := s.engine.Begin(deposit())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Run(gone()); err != nil {
		t.Fatal(err)
	}
	<-s.engine.Ended()
	ctx := t.Context()
	calls := map[string]struct {
		call func() error
		want error
	}{
		"await": {func() error { _, err := s.engine.Await(ctx, pending); return err }, api.ErrStopped},
		"begin": {func() error { _, err := s.engine.Begin(deposit()); return err }, api.ErrStopping},
		"ask":   {func() error { _, err := s.engine.Ask(ctx, protocol.Query{}); return err }, api.ErrStopping},
		"serve": {func() error {
			_, err := s.engine.Serve(ctx, protocol.Message{Claim: &protocol.Claim{}})
			return err
		}, api.ErrStopped},
		"visit": {func() error { return s.engine.Visit(ctx, func(*replica.Replica) { t.Error("visited") }) }, api.ErrStopped},
	}
	for name, test := range calls {
		if err := test.call(); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if s.engine.Post(func(*replica.Replica) {}) {
		t.Error("something was posted")
	}
}
