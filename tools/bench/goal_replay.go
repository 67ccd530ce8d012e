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
	alone := filepath.Join(k.dir, "writes.json")
	if err := withoutQueries(file, alone); err != nil {
		return err
	}
	const all, only = "passbook replay", "passbook replay, without the queries"
	m, err := b.alternate(ctx, "replay", contender{all, b.replayOf(k, file, writes)}, contender{only, b.replayOf(k, alone, writes)})
	if err != nil {
		return err
	}
	python := slices.Repeat(figure{1 / pythonWrite.Seconds()}, b.options.runs)
	compare := func(what, name, quantity string, asked *bound) {
		b.tell(row{Goal: "replay", What: fmt.Sprintf("writes/s, course-50.json: %d writes, %s", writes, what), Subject: name, Figure: m[name][quantity],
			Reference: "the course's Python, 13 ms a write", ReferenceFigure: python, Bound: asked})
	}
	compare("from the first event to the last answer, queries included", all, perSecond, atLeast(10))
	compare("from the first to the last answer, without its queries", only, perSecond, nil)
	compare("with all else the command does", all, whole, nil)
	return k.close()
}

// whole is the writes a second by the time that the command takes.
const whole = "writes/s of the command"

// replayOf replays a file, which has so many writes.
func (b *bench) replayOf(k *bank, file string, writes int) func(context.Context, int) (reading, error) {
	return func(ctx context.Context, round int) (reading, error) {
		began := time.Now()
		said, err := output(ctx, command{name: "passbook replay", path: b.options.passbook, dir: k.dir, args: []string{
			"replay", file, "--base-port", fmt.Sprint(k.base), "--output", filepath.Join(k.dir, fmt.Sprintf("output-%d.json", round)),
		}})
		if err != nil {
			return nil, err
		}
		all := time.Since(began)
		took, err := replayTime(said)
		return reading{perSecond: float64(writes) / took.Seconds(), whole: float64(writes) / all.Seconds()}, err
	}
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

// element is one of an input file: a branch or a customer.
type element map[string]any

// isQuery reports whether an event of an element is one.
func isQuery(event any) bool {
	e, ok := event.(map[string]any)
	return ok && e["interface"] == "query"
}

func readElements(file string) ([]element, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w; --examples names the folder", err)
	}
	var elements []element
	if err := json.Unmarshal(text, &elements); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return elements, nil
}

// countWrites returns how many writes and branches an input file has.
func countWrites(file string) (writes, branches int, err error) {
	elements, err := readElements(file)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range elements {
		if e["type"] == "branch" {
			branches++
		}
		events, _ := e["events"].([]any)
		for _, event := range events {
			if !isQuery(event) {
				writes++
			}
		}
	}
	return writes, branches, nil
}

// withoutQueries writes an input file that lacks the queries of another.
func withoutQueries(file, to string) error {
	elements, err := readElements(file)
	if err != nil {
		return err
	}
	for _, e := range elements {
		if events, ok := e["events"].([]any); ok {
			e["events"] = slices.DeleteFunc(events, isQuery)
		}
	}
	text, err := json.Marshal(elements)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
