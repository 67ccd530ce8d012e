package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Replay: the course's file with 50 branches, against the course's own solution
// in Python. That one is not here: without its sleeps, a write takes it 13 ms on
// 2 cores.

const pythonWrite = 13 * time.Millisecond

func (b *bench) replay(ctx context.Context) error {
	file := filepath.Join(b.options.examples, "course-50.json")
	writes, branches, err := countWrites(file)
	if err != nil {
		return err
	}
	k, err := b.openBank(ctx, bankSpec{name: "course", branches: branches, oneProcess: true, file: file})
	if err != nil {
		return err
	}
	const name, whole = "passbook replay", "writes/s of the command"
	run := func(ctx context.Context, round int) (reading, error) {
		began := time.Now()
		said, err := output(ctx, command{name: name, path: b.options.passbook, dir: k.dir, args: []string{
			"replay", file, "--base-port", fmt.Sprint(k.base), "--output", filepath.Join(k.dir, fmt.Sprintf("output-%d.json", round)),
		}})
		if err != nil {
			return nil, err
		}
		all := time.Since(began)
		took, err := replayTime(said)
		return reading{perSecond: float64(writes) / took.Seconds(), whole: float64(writes) / all.Seconds()}, err
	}
	m, err := b.alternate(ctx, "replay", contender{name, run})
	if err != nil {
		return err
	}
	python := slices.Repeat(figure{1 / pythonWrite.Seconds()}, b.options.runs)
	compare := func(what, quantity string, asked *bound) {
		b.tell(row{Goal: "replay", What: fmt.Sprintf("writes/s, course-50.json: %d writes, %s", writes, what), Subject: name, Figure: m[name][quantity],
			Reference: "the course's Python, 13 ms a write", ReferenceFigure: python, Bound: asked})
	}
	compare("from the first event to the last answer, queries included", perSecond, atLeast(10))
	compare("with all else the command does", whole, nil)
	return k.close()
}

// replayed is what the command says of itself: the time from the first event,
// which a process that has started and found all branches sends, to the last
// answer.
var replayed = regexp.MustCompile(`(?m)^Replayed .* in (\S+): `)

func replayTime(said string) (time.Duration, error) {
	found := replayed.FindStringSubmatch(said)
	if found == nil {
		return 0, fmt.Errorf("passbook replay says nothing of its time: %q", said)
	}
	return time.ParseDuration(found[1])
}

// countWrites returns how many writes and branches an input file has.
func countWrites(file string) (writes, branches int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, fmt.Errorf("%w; --examples names the folder", err)
	}
	var elements []struct {
		Type   string
		Events []struct{ Interface string }
	}
	if err := json.Unmarshal(text, &elements); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", file, err)
	}
	for _, e := range elements {
		if e.Type == "branch" {
			branches++
		}
		for _, event := range e.Events {
			if event.Interface != "query" {
				writes++
			}
		}
	}
	return writes, branches, nil
}
