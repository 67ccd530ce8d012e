package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// healTimeout is how long the bank may take to be whole again when nothing
// hinders it any more.
const healTimeout = 30 * time.Second

// prefix says what an error is about.
func prefix(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// serving waits until a branch takes writes.
func (b *bank) serving(ctx context.Context, id uint32) error {
	return b.waitFor(ctx, fmt.Sprintf("branch %d takes no writes", id), func() error {
		s, err := status(ctx, b.asking[id])
		if err == nil && s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			err = fmt.Errorf("%v: %s %q", s.GetState(), s.GetStateReason(), s.GetAlarms())
		}
		return err
	})
}

// whole waits until every branch takes writes and reaches every other.
func (b *bank) whole(ctx context.Context) error {
	return b.waitFor(ctx, "the bank is not whole", func() error {
		for _, id := range branchIDs {
			s, err := status(ctx, b.asking[id])
			if err != nil {
				return prefix(err, "branch %d", id)
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
func (b *bank) waitFor(ctx context.Context, what string, ask func() error) error {
	began := time.Now()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		for _, n := range b.nodes {
			if ended := n.ended(); ended != nil {
				return ended
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(began) > healTimeout:
			return fmt.Errorf("unavailable: %s, %v after nothing hinders it any more: %w", what, healTimeout, err)
		}
		pause(20*time.Millisecond, ctx.Done())
	}
}

// probe makes one REACHABLE deposit at a branch.
func (b *bank) probe(ctx context.Context, id uint32, level bankv1.Acknowledge, limit time.Duration) *attempt {
	b.probes.Lock()
	b.probed++
	c := &customer{bank: b, clients: b.asking}
	w := &write{ID: fmt.Sprintf("probe-%d", b.probed), Kind: deposit, Account: probeAccount, Amount: 1, Home: id}
	b.probes.Unlock()
	b.history.addWrite(w)
	a := &attempt{Asked: id, Level: level}
	c.attempt(ctx, w, a, limit)
	return a
}

// whileWriting does something while a branch is asked to write, again and
// again.
func (b *bank) whileWriting(ctx context.Context, id uint32, do func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			b.probe(ctx, id, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, time.Second)
			pause(50*time.Millisecond, ctx.Done())
		}
	})
	err := do()
	cancel()
	writing.Wait()
	return err
}

// available waits until a REACHABLE write and a strong query succeed at every
// branch, and returns how long that took.
func (b *bank) available(ctx context.Context) (time.Duration, error) {
	began := b.now()
	errs := make([]error, len(branchIDs))
	var all sync.WaitGroup
	for i, id := range branchIDs {
		all.Go(func() {
			errs[i] = b.waitFor(ctx, fmt.Sprintf("no write at branch %d", id), func() error {
				if a := b.probe(ctx, id, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, 3*time.Second); a.Outcome != success {
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
				_, err := b.asking[id].Query(ctx, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
				return err
			})
		})
	}
	all.Wait()
	return b.now() - began, errors.Join(errs...)
}
