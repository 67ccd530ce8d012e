package main

import (
	"context"
	"fmt"
	"net/http"
)

// Before: two builds of Passbook take turns at the same load. So the cost of a change
// shows beside the build that it replaced, in the same minutes. A
// bank that nobody calls costs next to nothing while it waits for its turn.

const (
	beforeGoal = "before"
	older      = "before"
	newer      = "now"
)

// notSlower is the share of the older build's throughput that the newer one must keep.
// Medians of five runs in turns differ by a few parts in a hundred between two
// runs of the very same build.
const notSlower = 0.95

// halfLoad is a schedule of about half of what three branches can do on two processors,
// in deposits a second.
const halfLoad = 4000

// pairing is one load that both builds are put under.
type pairing struct {
	what     string
	branches int
	// oneProcess means the same as in bankSpec.
	oneProcess bool
	// load returns the contender that measures a bank. Whatever it opens lasts until ctx ends.
	load func(ctx context.Context, name string, k *bank) (contender, error)
}

func (b *bench) pair(ctx context.Context) error {
	h2, h1 := customerTransport(true), customerTransport(false)
	defer h2.CloseIdleConnections()
	defer h1.CloseIdleConnections()
	deposits := func(t *http.Transport, n int) func(context.Context, string, *bank) (contender, error) {
		return func(_ context.Context, name string, k *bank) (contender, error) {
			return b.with(k.processes, b.throughput(name, depositing(k.addresses(), t, n))), nil
		}
	}
	for _, p := range []pairing{
		{"deposits/s, 32 callers, h2c", 3, false, deposits(h2, callers)},
		{"deposits/s, 32 callers, HTTP/1.1", 3, false, deposits(h1, callers)},
		{"deposits/s, 1 caller, h2c", 3, false, deposits(h2, 1)},
		{"deposits/s, 32 callers on a schedule, h2c", 3, false, func(_ context.Context, name string, k *bank) (contender, error) {
			return b.with(k.processes, b.latency(name, depositing(k.addresses(), h2, callers), halfLoad)), nil
		}},
		{"deposits/s, 32 callers, h2c, one process", 3, true, deposits(h2, callers)},
		{"deposits/s, 32 callers, h2c, one process", 50, true, deposits(h2, callers)},
		{"operations/s in lists", 3, false, b.submitting},
		{"withdrawals/s, contested", 3, false, b.contesting(h2)},
		{"deposits/s at the other branches, in a storm", 3, false, b.storming(h2)},
		{"answers/s, scarce, 32 callers", 3, false, b.scarceness(h2, scarceLoads[0])},
		{"answers/s, scarce, 8 accounts", 3, false, b.scarceness(h2, scarceLoads[2])},
		{"answers/s, scarce, 2 callers", 3, false, b.scarceness(h2, scarceLoads[3])},
		{"answers/s, all refused", 3, false, b.scarceness(h2, scarceLoads[4])},
		{"answers/s, scarce, 32 callers, one process", 50, true, b.scarceness(h2, scarceLoads[0])},
	} {
		if err := b.pairOne(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
	}
	return nil
}

func (b *bench) submitting(ctx context.Context, name string, k *bank) (contender, error) {
	calls, err := lists{addresses: k.addresses(), streams: submitters, size: list, ahead: 1}.calls(ctx)
	return b.with(k.processes, b.throughput(name, calls)), err
}

func (b *bench) contesting(t *http.Transport) func(context.Context, string, *bank) (contender, error) {
	return func(ctx context.Context, name string, k *bank) (contender, error) {
		c := newContest(newBankTill(k, hotAccount, t))
		return b.contest(name, c), c.cover(ctx, withdrawers*floats[len(floats)-1])
	}
}

func (b *bench) scarceness(t *http.Transport, l scarceLoad) func(context.Context, string, *bank) (contender, error) {
	return func(_ context.Context, name string, k *bank) (contender, error) {
		return b.with(k.processes, b.throughput(name, l.calls(k, "scarce", t))), nil
	}
}

func (b *bench) storming(t *http.Transport) func(context.Context, string, *bank) (contender, error) {
	return func(_ context.Context, name string, k *bank) (contender, error) {
		calm := b.throughput(name, depositing(k.addresses(1, 2), t, callers-stormers))
		return stormy(name, calm, k, t, hotAccount), nil
	}
}

// pairOne puts both builds under one load, by turns.
func (b *bench) pairOne(ctx context.Context, p pairing) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var contenders []contender
	var banks []*bank
	for _, build := range []struct{ name, binary string }{{older, b.options.before}, {newer, b.options.passbook}} {
		name := fmt.Sprintf("Passbook, %d branches, %s", p.branches, build.name)
		k, err := b.openBank(ctx, bankSpec{name: name, branches: p.branches, oneProcess: p.oneProcess, binary: build.binary})
		if err != nil {
			return err
		}
		c, err := p.load(ctx, build.name, k)
		if err != nil {
			return err
		}
		banks, contenders = append(banks, k), append(contenders, c)
	}
	m, err := b.alternate(ctx, beforeGoal+", "+p.what, contenders...)
	if err != nil {
		return err
	}
	compare := func(what, quantity string, asked *bound) {
		if len(m[newer][quantity]) > 0 {
			b.tell(row{Goal: beforeGoal, What: what, Subject: banks[1].name, Figure: m[newer][quantity],
				Reference: older, ReferenceFigure: m[older][quantity], Bound: asked})
		}
	}
	compare(p.what, perSecond, atLeast(notSlower))
	compare("CPU of the servers, µs an operation", cpuPerOperation, nil)
	compare(p50, p50, nil)
	compare(p99, p99, nil)
	for _, k := range banks {
		if err := k.close(); err != nil {
			return err
		}
	}
	return nil
}
