package main

import (
	"context"
	"fmt"
	"time"
)

// Idle: what a bank of 50 branches costs in which nobody does anything.

const idleBranches = 50

func (b *bench) idle(ctx context.Context) error {
	k, err := b.openBank(ctx, bankSpec{name: "idle bank", branches: idleBranches, oneProcess: true})
	if err != nil {
		return err
	}
	// One write everywhere, so that it is not a bank that has never worked.
	if _, err := (&oneByOneSet{b: b, bank: k}).usualReply(ctx); err != nil {
		return fmt.Errorf("first deposits: %w", err)
	}
	if _, err := k.settled(ctx); err != nil {
		return err
	}
	const cpu, mib = "CPU %", "MiB"
	name := fmt.Sprintf("Passbook, %d branches in one process", idleBranches)
	m, err := b.alternate(ctx, "idle", contender{name, func(ctx context.Context, _ int) (reading, error) {
		before, err := cpuTimes(k.processes)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		select {
		case <-time.After(b.options.idle):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		after, err := cpuTimes(k.processes)
		if err != nil {
			return nil, err
		}
		used := (after - before).Seconds() / time.Since(began).Seconds()
		bytes, err := memory(k.processes)
		return reading{cpu: 100 * used, mib: float64(bytes) / (1 << 20)}, err
	}})
	if err != nil {
		return err
	}
	b.tell(row{Goal: "idle", What: fmt.Sprintf("%% of a core, over %s", b.options.idle), Subject: name, Figure: m[name][cpu], Bound: atMost(1)})
	b.tell(row{Goal: "idle", What: "resident memory, MB", Subject: name, Figure: m[name][mib].times((1 << 20) / 1e6), Bound: atMost(150)})
	return k.close()
}
