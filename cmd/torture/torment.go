package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// torturer is a run: a bank, its customers and what came of it.
type torturer struct {
	options options
	bank    *bank
	report  *report
	window  window
}

// torment runs a bank through all rounds. It returns what came of it also with
// an error, which is the first promise that was broken. No process is left.
func torment(ctx context.Context, o options, progress io.Writer) (*report, error) {
	b, err := openBank(o.dir, o.passbook, progress)
	if err != nil {
		return nil, err
	}
	defer b.close()
	t := &torturer{options: o, bank: b, report: newReport(o)}
	err = t.run(ctx)
	if err != nil {
		b.say("%v", err)
		err = errors.Join(err, b.history.save(o.dir))
	}
	t.report.finish(b)
	return t.report, err
}

func (t *torturer) run(ctx context.Context) error {
	if err := t.bank.start(); err != nil {
		return err
	}
	if err := t.bank.whole(ctx); err != nil {
		return err
	}
	t.window.balances, t.window.start = map[string]int64{"": opening}, positions{}
	ctx, cancel := context.WithCancel(ctx)
	var customers sync.WaitGroup
	for id := range t.options.customers {
		c := newCustomer(t.bank, int64(id+1), t.options.seed)
		customers.Go(func() { c.live(ctx) })
	}
	err := t.rounds(ctx)
	cancel()
	customers.Wait()
	return err
}

func (t *torturer) rounds(ctx context.Context) error {
	for n := 1; n <= t.options.rounds; n++ {
		r := t.plan(n)
		t.bank.say("round %d: %v", n, r)
		if r.alone {
			if err := errors.Join(t.bank.mend(), t.bank.whole(ctx)); err != nil {
				return prefix(err, "before round %d", n)
			}
		}
		if err := r.strike(ctx); err != nil {
			return prefix(err, "round %d (%v)", n, r)
		}
		t.report.rounds++
		for _, k := range r.faults {
			t.report.faults[k.name]++
		}
		if r.alone || n%t.options.checkEvery == 0 || n == t.options.rounds {
			if err := t.check(ctx, n == t.options.rounds); err != nil {
				return prefix(err, "after round %d", n)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (t *torturer) plan(n int) *round {
	switch {
	case t.options.plan != nil:
		return planRound(t.bank, t.options.seed, n, t.options.plan[n-1]...)
	case t.options.only != "":
		return planRound(t.bank, t.options.seed, n, t.options.only)
	}
	return planRound(t.bank, t.options.seed, n)
}

// strike has all faults of the round strike at once, and waits for them.
func (r *round) strike(ctx context.Context) error {
	errs := make([]error, len(r.acts))
	var all sync.WaitGroup
	for i, act := range r.acts {
		all.Go(func() { errs[i] = act(ctx) })
	}
	all.Wait()
	errs = append(errs, r.bank.history.accused())
	return errors.Join(errs...)
}

// check mends everything, waits until the bank works again, has the customers
// pause, and checks all there is to be checked.
func (t *torturer) check(ctx context.Context, last bool) error {
	b := t.bank
	if err := b.mend(); err != nil {
		return err
	}
	mended := b.now()
	down, err := b.available(ctx)
	if err != nil {
		return err
	}
	t.report.down = max(t.report.down, down)
	if err := b.whole(ctx); err != nil {
		return err
	}
	t.report.apart = max(t.report.apart, b.now()-mended)
	b.pause.Lock()
	defer b.pause.Unlock()
	began := b.now()
	ev, err := t.settledEvidence(ctx)
	if err != nil {
		return err
	}
	gathered := b.now()
	if err := check(b.history, ev); err != nil {
		return err
	}
	tale := ev.reference()
	w := t.window
	w.until, w.end = began, tale.applied()
	if err := checkCuts(b.history, tale, b.history.reads[t.report.readsChecked:]); err != nil {
		return err
	}
	n, err := checkLinear(b.history, tale, w, b.dir)
	if err != nil {
		return err
	}
	t.report.checked(b.history, ev, n)
	b.say("checked: all agree; available after %v, settled and read in %v, checked %d operations in %v",
		down.Round(time.Millisecond), (gathered - began).Round(time.Millisecond), n, (b.now() - gathered).Round(time.Millisecond))
	t.window = window{from: b.now(), start: w.end, balances: tale.balances}
	return nil
}

// settledEvidence reads all branches, once more when something changed
// meanwhile: a call that nobody waits for any more may still take effect.
func (t *torturer) settledEvidence(ctx context.Context) (*evidence, error) {
	names := append([]string{probeAccount}, accounts...)
	ctx, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	for {
		before, err := settle(ctx, t.bank.asking)
		if err != nil {
			return nil, err
		}
		ev, err := gather(ctx, t.bank.asking, names, t.bank.now())
		if err != nil {
			return nil, err
		}
		after, err := common(ctx, t.bank.asking)
		if err == nil && after.covers(before) && before.covers(after) {
			return ev, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the branches don't settle: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
}
