package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// limits are the limits that run in processes of their own: they are this
// binary too, and the first argument says which.
var limits = map[string]func([]string) error{"echo": echoMain, "group": groupMain, "pong": pongMain, "fan": fanMain}

func main() {
	if len(os.Args) > 1 && limits[os.Args[1]] != nil {
		if err := limits[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as parameters. It returns the exit code: 0
// when everything asked for was measured, whether or not the goals are met, 1
// when something failed, 2 for a wrong flag, 130 after Ctrl-C.
func run(args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = measure(ctx, o, out, errOut)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "bench: stopped")
		return 130
	case err != nil:
		fmt.Fprintf(errOut, "bench: %v\n", err)
		return 1
	}
	return 0
}

// measure measures all goals asked for and prints what was measured, also when
// some of them failed. It leaves no process, and no file but the report unless
// something failed.
func measure(ctx context.Context, o options, out, errOut io.Writer) (err error) {
	b, err := newBench(o, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(err != nil && ctx.Err() == nil)) }()
	var failed []error
	for _, g := range goals {
		if !o.wants(g.name) || ctx.Err() != nil {
			continue
		}
		if err := g.measure(b, ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", g.name, err))
			b.progress("%s failed: %v", g.name, err)
		}
		// What a goal that failed has left running must not disturb the next.
		failed = append(failed, b.servers.stopAll(append([]*process(nil), b.servers.running...)))
	}
	b.print(out)
	if o.json != "" {
		failed = append(failed, b.writeJSON(o.json))
	}
	return errors.Join(failed...)
}

// print prints the machine, the table and what was skipped.
func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "Machine: %s\n", b.machine.String())
	for _, name := range sortedKeys(b.machine.Versions) {
		fmt.Fprintf(out, "%s: %s\n", name, b.machine.Versions[name])
	}
	fmt.Fprintf(out, "Medians of %d alternating runs of %s each; in parentheses the least and the greatest.\n\n", b.options.runs, b.options.duration)
	table(out, b.rows)
	fmt.Fprintln(out)
	for _, s := range b.skipped {
		fmt.Fprintln(out, "skipped: "+s)
	}
}

// report is what --json writes.
type report struct {
	Machine machine  `json:"machine"`
	Runs    int      `json:"runs"`
	Seconds float64  `json:"seconds"`
	Rows    []row    `json:"rows"`
	Skipped []string `json:"skipped,omitempty"`
	// Records are all single runs, in the order in which they ran.
	Records []record `json:"records"`
}

func (b *bench) writeJSON(file string) error {
	text, err := json.MarshalIndent(report{b.machine, b.options.runs, b.options.duration.Seconds(), b.rows, b.skipped, b.records}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if dir := filepath.Dir(file); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
