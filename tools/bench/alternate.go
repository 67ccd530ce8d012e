package main

import (
	"context"
	"fmt"
	"time"
)

// contender takes turns with others.
type contender struct {
	name string
	// run measures once. Rounds count from 0.
	run func(ctx context.Context, round int) (reading, error)
}

// record is one run, for the raw figures.
type record struct {
	Goal      string  `json:"goal"`
	Contender string  `json:"contender"`
	Round     int     `json:"round"`
	Reading   reading `json:"reading"`
}

// alternate runs the contenders in turns, each once in every round, and returns the
// measurements of each.
func (b *bench) alternate(ctx context.Context, goal string, contenders ...contender) (map[string]measures, error) {
	return b.rounds(ctx, goal, b.options.runs, contenders...)
}

// rounds is alternate for another number of rounds.
func (b *bench) rounds(ctx context.Context, goal string, runs int, contenders ...contender) (map[string]measures, error) {
	all := make(map[string]measures, len(contenders))
	for _, c := range contenders {
		if all[c.name] != nil {
			return nil, fmt.Errorf("%s: two contenders are called %q", goal, c.name)
		}
		all[c.name] = measures{}
	}
	for round := range runs {
		for _, c := range contenders {
			b.progress("%s: run %d of %d: %s", goal, round+1, runs, c.name)
			r, err := c.run(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", goal, c.name, err)
			}
			all[c.name].add(r)
			b.records = append(b.records, record{goal, c.name, round, r})
		}
	}
	return all, nil
}

// throughput is a contender whose callers call as fast as they are answered.
func (b *bench) throughput(name string, calls []call) contender {
	return contender{name, func(ctx context.Context, _ int) (reading, error) {
		s, err := closedLoop(ctx, calls, b.options.warm(), b.options.duration)
		if err != nil {
			return nil, err
		}
		return s.reading(), nil
	}}
}

// latency is a contender whose callers call on a schedule.
func (b *bench) latency(name string, calls []call, rate float64) contender {
	return contender{name, func(ctx context.Context, _ int) (reading, error) {
		s, err := openLoop(ctx, calls, rate, b.options.warm(), b.options.duration)
		if err != nil {
			return nil, err
		}
		return s.reading(), nil
	}}
}

// Processor time per operation: of the servers, and of this process, which
// makes the load and competes with them for the same cores.
const (
	cpuPerOperation = "server CPU µs/operation"
	cpuOfLoad       = "generator CPU µs/operation"
)

// with adds the processor time per operation to the figures of a contender. That
// time includes the warm-up, whose operations are not counted, so they are added
// in proportion.
func (b *bench) with(servers []*process, c contender) contender {
	run := c.run
	c.run = func(ctx context.Context, round int) (reading, error) {
		before, own, err := bothCPUTimes(servers)
		if err != nil {
			return nil, err
		}
		r, err := run(ctx, round)
		if err != nil {
			return nil, err
		}
		after, ownAfter, err := bothCPUTimes(servers)
		if err != nil {
			return nil, err
		}
		operations := r[perSecond] * (b.options.warm() + b.options.duration).Seconds()
		r[cpuPerOperation] = (after - before).Seconds() * 1e6 / operations
		r[cpuOfLoad] = (ownAfter - own).Seconds() * 1e6 / operations
		return r, nil
	}
	return c
}

// bothCPUTimes returns the processor time of the servers and of this process.
func bothCPUTimes(servers []*process) (theirs, own time.Duration, err error) {
	if theirs, err = cpuTimes(servers); err != nil {
		return 0, 0, err
	}
	own, err = ownCPUTime()
	return theirs, own, err
}
