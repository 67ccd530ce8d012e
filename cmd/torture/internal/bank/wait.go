package bank

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/check"
	"passbook.example/passbook/cmd/torture/internal/customers"
	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// HealTimeout is how long the bank may take to be whole again when nothing
// hinders it any more.
const HealTimeout = 30 * time.Second

// Prefix says what an error is about.
func Prefix(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Serving waits until a branch takes writes.
func (b *Bank) Serving(ctx context.Context, id uint32) error {
	return b.waitFor(ctx, fmt.Sprintf("branch %d takes no writes", id), func() error {
		s, err := check.Status(ctx, b.Asking[id])
		if err == nil && s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			err = fmt.Errorf("%v: %s %q", s.GetState(), s.GetStateReason(), s.GetAlarms())
		}
		return err
	})
}

// Whole waits until every branch takes writes and reaches every other.
func (b *Bank) Whole(ctx context.Context) error {
	return b.waitFor(ctx, "the bank is not whole", func() error {
		for _, id := range history.BranchIDs {
			s, err := check.Status(ctx, b.Asking[id])
			if err != nil {
				return Prefix(err, "branch %d", id)
			}
			if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
				return fmt.Errorf("branch %d is %v: %s %q", id, s.GetState(), s.GetStateReason(), s.GetAlarms())
			}
			for _, p := range s.GetPeers() {
				if !p.GetReachable() {
					return fmt.Errorf("branch %d does not reach branch %d", id, p.GetBranch())
				}
			}
		}
		return nil
	})
}

// waitFor asks until there is no error, for as long as healing may take.
func (b *Bank) waitFor(ctx context.Context, what string, ask func() error) error {
	began := time.Now()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		for _, n := range b.Nodes {
			if ended := n.ended(); ended != nil {
				return ended
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(began) > HealTimeout:
			return fmt.Errorf("unavailable: %s, %v after nothing hinders it any more: %w", what, HealTimeout, err)
		}
		road.Pause(20*time.Millisecond, ctx.Done())
	}
}

// probe makes one REACHABLE deposit at a branch.
func (b *Bank) probe(ctx context.Context, id uint32, level bankv1.Acknowledge, limit time.Duration) *history.Attempt {
	b.probes.Lock()
	b.probed++
	c := customers.NewCaller(b.World, b.Asking)
	w := &history.Write{ID: fmt.Sprintf("probe-%d", b.probed), Kind: history.Deposit, Account: history.ProbeAccount, Amount: 1, Home: id}
	b.probes.Unlock()
	b.History.AddWrite(w)
	a := &history.Attempt{Asked: id, Level: level}
	c.Attempt(ctx, w, a, limit)
	return a
}

// WhileWriting does something while a branch is asked to write, again and
// again.
func (b *Bank) WhileWriting(ctx context.Context, id uint32, do func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			b.probe(ctx, id, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, time.Second)
			road.Pause(50*time.Millisecond, ctx.Done())
		}
	})
	err := do()
	cancel()
	writing.Wait()
	return err
}

// Available waits until a REACHABLE write and a strong query succeed at every
// branch, and returns how long that took.
func (b *Bank) Available(ctx context.Context) (time.Duration, error) {
	began := b.Now()
	errs := make([]error, len(history.BranchIDs))
	var all sync.WaitGroup
	for i, id := range history.BranchIDs {
		all.Go(func() {
			errs[i] = b.waitFor(ctx, fmt.Sprintf("no write at branch %d", id), func() error {
				if a := b.probe(ctx, id, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, 3*time.Second); a.Outcome != history.Success {
					return fmt.Errorf("%s: %s", a.Outcome, a.Text)
				}
				return nil
			})
			if errs[i] != nil {
				return
			}
			errs[i] = b.waitFor(ctx, fmt.Sprintf("no strong query at branch %d", id), func() error {
				ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
				defer cancel()
				_, err := b.Asking[id].Query(ctx, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
				return err
			})
		})
	}
	all.Wait()
	return b.Now() - began, errors.Join(errs...)
}
