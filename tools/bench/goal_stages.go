package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Stages: where the processor time of a deposit goes, with 32 callers over three
// processes, by a profile of the kernel's (perf). With --before, an older build takes
// turns. Perf costs some time of its own, and a stack counts for one stage only.

const (
	stagesGoal = "stages"
	// perfFrequency is how many stacks are taken in a second of processor time; a prime,
	// so that nothing that is done regularly is always met.
	perfFrequency = 997
	// perfStart is how long perf may take until it takes stacks.
	perfStart = 300 * time.Millisecond
)

func (b *bench) stages(ctx context.Context) error {
	perf, err := find("perf", "", "apt-get install linux-perf")
	if err != nil {
		if b.absent(err) {
			return nil
		}
		return err
	}
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	builds := []struct{ name, binary string }{{newer, b.options.passbook}}
	if b.options.before != "" {
		builds = append(builds, struct{ name, binary string }{older, b.options.before})
	}
	var contenders []contender
	var banks []*bank
	for _, build := range builds {
		k, err := b.openBank(ctx, bankSpec{name: "Passbook, 3 branches, " + build.name, branches: 3, binary: build.binary})
		if err != nil {
			return err
		}
		banks = append(banks, k)
		contenders = append(contenders, b.profiled(perf, k, b.with(k.processes, b.throughput(build.name, depositing(k.addresses(), t, callers)))))
	}
	m, err := b.alternate(ctx, stagesGoal, contenders...)
	if err != nil {
		return err
	}
	b.tellStages(m, builds[len(builds)-1].name)
	for _, k := range banks {
		if err := k.close(); err != nil {
			return err
		}
	}
	return nil
}

// tellStages adds a row for each stage, and one for all of them.
func (b *bench) tellStages(m map[string]measures, reference string) {
	quantities := []string{cpuPerOperation}
	for _, s := range stages {
		quantities = append(quantities, s.name)
	}
	for _, q := range append(quantities, otherStage) {
		r := row{Goal: stagesGoal, What: q + ", µs a deposit", Subject: newer, Figure: m[newer][q]}
		if q == cpuPerOperation {
			r.What = "CPU of the servers, µs a deposit"
		}
		if reference != newer {
			r.Reference, r.ReferenceFigure = reference, m[reference][q]
		}
		b.tell(r)
	}
}

// profiled adds to the figures of a contender how much of the processor time of an
// operation each stage takes.
func (b *bench) profiled(perf string, k *bank, c contender) contender {
	run := c.run
	c.run = func(ctx context.Context, round int) (reading, error) {
		file := filepath.Join(k.dir, "perf.data")
		stop, err := recordStacks(ctx, perf, file, k.processes)
		if err != nil {
			return nil, err
		}
		r, err := run(ctx, round)
		if err := errors.Join(err, stop()); err != nil {
			return nil, err
		}
		counts, all, err := stacksIn(ctx, perf, file)
		if err != nil {
			return nil, err
		}
		for _, s := range append(stages, stage{name: otherStage}) {
			r[s.name] = r[cpuPerOperation] * float64(counts[s.name]) / float64(max(all, 1))
		}
		return r, nil
	}
	return c
}

// recordStacks makes perf take stacks of the processes until stop is called.
func recordStacks(ctx context.Context, perf, file string, processes []*process) (stop func() error, err error) {
	var pids []string
	for _, p := range processes {
		pids = append(pids, fmt.Sprint(p.pid()))
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, perf, "record", "-q", "-g", "-F", fmt.Sprint(perfFrequency), "-o", file, "-p", strings.Join(pids, ","))
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	time.Sleep(perfStart)
	return func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return fmt.Errorf("perf record: %w: %s", err, said.String())
		}
		_ = cmd.Wait() // it says that it was interrupted
		return nil
	}, nil
}

// stacksIn counts the stacks that perf has recorded, by their stages.
func stacksIn(ctx context.Context, perf, file string) (map[string]int, int, error) {
	cmd := exec.CommandContext(ctx, perf, "script", "-i", file, "-F", "ip,sym", "--no-inline")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	counts, all, err := readStacks(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return nil, 0, fmt.Errorf("perf script: %w: %s", err, said.String())
	}
	return counts, all, nil
}
