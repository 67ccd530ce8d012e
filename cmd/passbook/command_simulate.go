package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/simulation"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// simulateOptions are the flags of simulate.
type simulateOptions struct {
	run   simulation.Options
	seeds uint64
	json  bool
}

func (a *app) simulateCommand() *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run whole banks under faults, from a seed, and check the promises",
		Long: `Simulate runs a whole bank in this process, with the code that branches run,
and a clock, network, disks and customers that one seed decides. Messages are
lost, branches crash, disks fail. After each step it checks that no account
is overdrawn, nothing acknowledged is lost, and nothing is counted twice. Then
the faults end, and the bank has to heal by itself. With --journal the branches
also write to the journal that they use otherwise, on files in memory that lose
what was not synced, and boot from it: it must give back all that was written.

The same flags repeat a run exactly. A run that fails is cut down to the fewest
steps that still fail, and the last line says how to repeat it; the exit code
is then 1.`,
		Example: "  passbook simulate --seed 7 --steps 20000\n  passbook simulate --seeds 1000 --json",
		GroupID: bankGroup,
		Args:    noArgument,
	}
	f := c.Flags()
	f.Uint64Var(&o.run.Seed, "seed", 1, "the seed that decides everything, or the first of several")
	f.IntVar(&o.run.Steps, "steps", 2000, "how many events happen before the faults end")
	f.Uint64Var(&o.seeds, "seeds", 1, "how many seeds to run, one after the other")
	f.IntVar(&o.run.Branches, "branches", 0, "how many branches the bank has (default 2 to 9, as the seed picks)")
	f.BoolVar(&o.run.Calm, "calm", false, "leave all faults out, and check that nothing is unavailable")
	f.BoolVar(&o.run.Journal, "journal", false, "boot branches from the journal that they use otherwise, on files in memory")
	f.BoolVar(&o.run.Signed, "signed", false, "let the branches sign what they write; a liar forges whole batches then")
	f.BoolVar(&o.run.Liar, "liar", false, "let somebody lie in every branch's name, besides the other faults")
	f.BoolVar(&o.run.Fork, "fork", false, "start two processes with one branch id instead of other faults")
	f.BoolVar(&o.json, "json", false, "print the report as one line of JSON")
	return a.does(c, func(ctx context.Context, _ []string) error {
		ctx, release := exit.Interruptible(ctx, exit.StopSignals...)
		defer release()
		return a.simulate(ctx, &o)
	})
}

// maxSimulatedBranches bounds --branches.
const maxSimulatedBranches = 64

func (o *simulateOptions) check() error {
	switch {
	case o.run.Steps < 0:
		return exit.Usagef("--steps must be at least 0, got %d", o.run.Steps)
	case o.seeds < 1:
		return exit.Usagef("--seeds must be at least 1, got %d", o.seeds)
	case o.run.Branches < 0 || o.run.Branches > maxSimulatedBranches:
		return exit.Usagef("--branches must be at most %d, got %d", maxSimulatedBranches, o.run.Branches)
	case o.run.Fork && o.run.Branches > 0 && o.run.Branches < 3:
		return exit.Usagef("--fork needs at least 3 branches, got %d", o.run.Branches)
	case o.run.Fork && o.run.Calm:
		return exit.Usagef("--fork and --calm exclude each other")
	case o.run.Liar && (o.run.Fork || o.run.Calm):
		return exit.Usagef("--liar goes with neither --fork nor --calm")
	}
	return nil
}

// simulate runs the seeds until one fails.
func (a *app) simulate(ctx context.Context, o *simulateOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	began := time.Now()
	total := simulation.NewReport()
	seeds := 0
	var failure error
	for run := o.run; uint64(seeds) < o.seeds && failure == nil && ctx.Err() == nil; run.Seed++ {
		var report *simulation.Report
		report, failure = simulation.Run(run)
		total.Add(report)
		seeds++
		if failure != nil {
			_, failure = simulation.Shrink(run, simulation.Run)
		}
	}
	err := a.console.Simulated(total, seeds, time.Since(began), failure, o.json)
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return errors.Join(failure, err)
}
