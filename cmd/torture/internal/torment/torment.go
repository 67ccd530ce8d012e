// Package torment is one run of torture: a bank suffers round after round of
// faults while customers call, and all of it is checked in between. It knows all
// other rooms; main knows it.
package torment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/check"
	"passbook.example/passbook/cmd/torture/internal/customers"
	"passbook.example/passbook/cmd/torture/internal/faults"
	"passbook.example/passbook/cmd/torture/internal/history"
)

// Options say how to torture a bank.
type Options struct {
	// Passbook is the binary to torture; empty to build it.
	Passbook string
	// Rounds is how many rounds of faults there are.
	Rounds int
	// Seed chooses the faults; 0 for a new one.
	Seed uint64
	// Dir is where data and logs go, and stay; empty for a temporary directory,
	// which is removed when nothing was found.
	Dir string
	// CheckEvery is how many rounds lie between two checks.
	CheckEvery int
	// Customers is how many customers call at once.
	Customers int
	// Only, when not empty, is the one kind of fault that strikes.
	Only string
	// Plan, when not nil, names the faults of each round, instead of the seed.
	Plan [][]string
}

// torturer is a run: a bank, its customers and what came of it.
type torturer struct {
	// options say how to torture the bank.
	options Options
	// bank is the one that suffers.
	bank *bank.Bank
	// report is what came of it so far.
	report *Report
	// window is the time since the last check.
	window check.Window
}

// Run runs a bank through all rounds. It returns what came of it also with
// an error, which is the first promise that was broken. No process is left.
func Run(ctx context.Context, o Options, progress io.Writer) (*Report, error) {
	b, err := bank.Open(o.Dir, o.Passbook, progress)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	t := &torturer{options: o, bank: b, report: newReport(o)}
	err = t.run(ctx)
	if err != nil {
		b.Say("%v", err)
		err = errors.Join(err, b.History.Save(o.Dir))
	}
	t.report.finish(b)
	return t.report, err
}

func (t *torturer) run(ctx context.Context) error {
	if err := t.bank.Start(); err != nil {
		return err
	}
	if err := t.bank.Whole(ctx); err != nil {
		return err
	}
	t.window.Balances, t.window.Start = map[string]int64{"": history.Opening}, history.Positions{}
	ctx, cancel := context.WithCancel(ctx)
	var living sync.WaitGroup
	for id := range t.options.Customers {
		c := customers.New(t.bank.World, int64(id+1), t.options.Seed)
		living.Go(func() { c.Live(ctx) })
	}
	err := t.rounds(ctx)
	cancel()
	living.Wait()
	return err
}

func (t *torturer) rounds(ctx context.Context) error {
	for n := 1; n <= t.options.Rounds; n++ {
		r := t.plan(n)
		t.bank.Say("round %d: %v", n, r)
		if r.Alone {
			if err := errors.Join(t.bank.Mend(), t.bank.Whole(ctx)); err != nil {
				return bank.Prefix(err, "before round %d", n)
			}
		}
		if err := r.Strike(ctx); err != nil {
			return bank.Prefix(err, "round %d (%v)", n, r)
		}
		t.report.rounds++
		for _, k := range r.Faults {
			t.report.Faults[k.Name]++
		}
		if r.Alone || n%t.options.CheckEvery == 0 || n == t.options.Rounds {
			if err := t.check(ctx, n == t.options.Rounds); err != nil {
				return bank.Prefix(err, "after round %d", n)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (t *torturer) plan(n int) *faults.Round {
	switch {
	case t.options.Plan != nil:
		return faults.Plan(t.bank, t.options.Seed, n, t.options.Plan[n-1]...)
	case t.options.Only != "":
		return faults.Plan(t.bank, t.options.Seed, n, t.options.Only)
	}
	return faults.Plan(t.bank, t.options.Seed, n)
}

// check mends everything, waits until the bank works again, has the customers
// pause, and checks all there is to be checked.
func (t *torturer) check(ctx context.Context, last bool) error {
	b := t.bank
	if err := b.Mend(); err != nil {
		return err
	}
	mended := b.Now()
	down, err := b.Available(ctx)
	if err != nil {
		return err
	}
	t.report.down = max(t.report.down, down)
	if err := b.Whole(ctx); err != nil {
		return err
	}
	t.report.apart = max(t.report.apart, b.Now()-mended)
	b.Quiet.Lock()
	defer b.Quiet.Unlock()
	began := b.Now()
	ev, err := t.settledEvidence(ctx)
	if err != nil {
		return err
	}
	gathered := b.Now()
	if err := check.All(b.History, ev); err != nil {
		return err
	}
	tale := ev.Reference()
	w := t.window
	w.Until, w.End = began, tale.Applied()
	if err := check.Cuts(b.History, tale, b.History.Reads[t.report.ReadsChecked:]); err != nil {
		return err
	}
	n, err := check.Linear(b.History, tale, w, b.Dir)
	if err != nil {
		return err
	}
	t.report.checked(b.History, ev, n)
	b.Say("checked: all agree; available after %v, settled and read in %v, checked %d operations in %v",
		down.Round(time.Millisecond), (gathered - began).Round(time.Millisecond), n, (b.Now() - gathered).Round(time.Millisecond))
	t.window = check.Window{From: b.Now(), Start: w.End, Balances: tale.Balances}
	return nil
}

// settledEvidence reads all branches, once more when something changed
// meanwhile: a call that nobody waits for any more may still take effect.
func (t *torturer) settledEvidence(ctx context.Context) (*check.Evidence, error) {
	names := append([]string{history.ProbeAccount}, history.Accounts...)
	ctx, cancel := context.WithTimeout(ctx, bank.HealTimeout)
	defer cancel()
	for {
		before, err := check.Settle(ctx, t.bank.Asking)
		if err != nil {
			return nil, err
		}
		ev, err := check.Gather(ctx, t.bank.Asking, names, t.bank.Now())
		if err != nil {
			return nil, err
		}
		after, err := check.Common(ctx, t.bank.Asking)
		if err == nil && after.Covers(before) && before.Covers(after) {
			return ev, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the branches don't settle: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
}
