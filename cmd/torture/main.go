package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/faults"
	"passbook.example/passbook/cmd/torture/internal/torment"
)

// command is what the flags say.
type command struct {
	torment.Options
	// keep keeps the directory also when nothing was found.
	keep bool
}

func main() {
	if bank.IsLaunch() {
		fmt.Fprintln(os.Stderr, bank.BecomeBranch())
		os.Exit(bank.ExitLaunch)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as parameters. It returns the exit code:
// 0 when the bank kept its promises, 1 when it did not or the torture itself
// failed, 2 for a wrong flag, 130 after Ctrl-C.
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
	report, err := tortureOnce(ctx, o, errOut)
	if report != nil {
		report.Print(out)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "torture: stopped")
		return 130
	case err != nil:
		fmt.Fprintf(errOut, "torture: %v\n", err)
		return 1
	}
	fmt.Fprintln(out, "Nothing lost, nothing counted twice, never negative, all agree.")
	return 0
}

func parse(args []string, errOut io.Writer) (command, error) {
	var o command
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&o.Passbook, "passbook", "", "the passbook `binary`; built when not given")
	f.IntVar(&o.Rounds, "rounds", 200, "how many rounds of faults")
	f.Uint64Var(&o.Seed, "seed", 0, "what chooses the faults; 0 for a new one")
	f.StringVar(&o.Dir, "dir", "", "the `directory` where data and logs go and stay (default a temporary one)")
	f.BoolVar(&o.keep, "keep", false, "keep the temporary directory also when nothing was found")
	f.IntVar(&o.CheckEvery, "check-every", 4, "how many rounds lie between two checks")
	f.IntVar(&o.Customers, "customers", 8, "how many customers call at once")
	f.StringVar(&o.Only, "only", "", "the one `kind` of fault that strikes, as the table at the end names them")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	err := o.check(f.Args())
	if err != nil {
		fmt.Fprintf(errOut, "torture: %v\n", err)
	}
	return o, err
}

func (o *command) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.Rounds < 1, o.CheckEvery < 1, o.Customers < 1:
		return errors.New("--rounds, --check-every and --customers must be at least 1")
	case o.Only != "" && faults.KindOf(o.Only) == nil:
		return fmt.Errorf("--only %q is no kind of fault; there are %s", o.Only, faults.KindNames())
	}
	return nil
}

// tortureOnce prepares the directory and the binary, and torments one bank. It
// leaves no process, and no file unless it found something or is told to.
func tortureOnce(ctx context.Context, o command, errOut io.Writer) (*torment.Report, error) {
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32)
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "passbook-torture-")
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	} else {
		o.keep = true // it may have been there before
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(errOut, "torture: --seed %d, data and logs in %s\n", o.Seed, o.Dir)
	if o.Passbook == "" {
		o.Passbook = filepath.Join(o.Dir, "passbook")
		if err := build(ctx, o.Passbook); err != nil {
			return nil, err
		}
	}
	r, err := torment.Run(ctx, o.Options, errOut)
	if err != nil && ctx.Err() == nil {
		return r, fmt.Errorf("%w\ntorture: data and logs are kept in %s; the same faults again: --seed %d --rounds %d --check-every %d",
			err, o.Dir, o.Seed, o.Rounds, o.CheckEvery)
	}
	if !o.keep {
		err = errors.Join(err, os.RemoveAll(o.Dir))
	}
	return r, err
}

// build builds the passbook binary of the module in the current directory.
func build(ctx context.Context, to string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", to, "passbook.example/passbook/cmd/passbook").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build passbook: %w\n%s", err, out)
	}
	return nil
}
