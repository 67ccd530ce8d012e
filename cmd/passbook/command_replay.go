package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/credentials"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// replayCommandOptions are the flags of replay.
type replayCommandOptions struct {
	network host.Network
	replay  replayOptions
	wait    time.Duration
	console console.Options
	// prove is how the customers prove who they are.
	prove credentials.Options
}

func (a *app) replayCommand() *cobra.Command {
	var o replayCommandOptions
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Replay the customers of a file against branches that run (the course's client.py)",
		Long: `Replay replays the customers of an input file against branches that run
already, such as those of 'passbook serve', and writes what the customers
received to output.json. It is what the course calls client.py.

It first waits until every branch of the file takes writes and reaches the
others; when that takes long, a line names the branches that it waits for and says until
when. The
events of a branch that can't be reached by then fail by name at once, and the
rest goes on; --fail-fast gives up instead.

Ctrl-C stops the replay, which then writes the answers that it has.`,
		Example: `  passbook replay examples/course-50.json
  passbook replay input.json --output result.json --output-form consistency
  passbook replay input.json --address 2=10.0.0.2:50052 --wait 1m`,
		GroupID:           bankGroup,
		Args:              inputFile,
		ValidArgsFunction: inputFiles,
	}
	flags.Place(c, &o.network)
	o.replay.replayFlags(c)
	flags.Trace(c, &o.replay.trace, traceUsage+"; the branches must have been started with 'passbook serve --trace'")
	flags.Elsewhere(c, &o.network, "address")
	flags.Credentials(c, &o.prove)
	c.Flags().DurationVar(&o.wait, "wait", 10*time.Second, "how long to wait for branches that aren't ready yet")
	flags.Console(c, &o.console)
	flags.Acknowledge(c, &o.replay.acknowledge, "when a write counts as done (default what the bank was started with)")
	return a.does(c, func(ctx context.Context, args []string) error {
		ctx, release := exit.Interruptible(ctx, exit.StopSignals...)
		defer release()
		if o.replay.failFast && !c.Flags().Changed("wait") {
			o.wait = 0
		}
		return a.replayFile(ctx, args[0], &o)
	})
}

// replayFile carries out replay.
func (a *app) replayFile(ctx context.Context, file string, o *replayCommandOptions) error {
	a.console.Configure(o.console)
	in, err := files.ReadInput(file)
	if err != nil {
		return err
	}
	ids := in.BranchIDs()
	if o.wait < 0 {
		return exit.Usagef("--wait must be at least 0, got %v", o.wait)
	}
	if err := errors.Join(o.network.Check(ids...), flags.CheckElsewhere(&o.network, "address", ids), o.replay.check(in)); err != nil {
		return err
	}
	a.console.Warnings(o.replay.doubts(in))
	client, err := newClient(&o.prove)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	to := callees{client, o.network.URLsOf(ids, o.prove.URL)}
	answers, err := a.await(ctx, survey.New(client, to.url, ids), o.wait, o.replay.failFast)
	if err != nil {
		return err
	}
	return a.replay(ctx, in, to, o.replay, answers)
}

// await waits until all branches are ready, and warns of those that aren't when
// time runs out. It returns what they said last, or an error if none can be
// reached at all, or, with failFast, not all are ready.
func (a *app) await(ctx context.Context, s *survey.Survey, wait time.Duration, failFast bool) ([]survey.Answer, error) {
	answers, ready := s.UntilNoticed(ctx, wait, a.console.Waiting)
	if err := s.Foreign(answers); err != nil {
		return nil, err
	}
	switch {
	case ready:
		return answers, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("stopped before the replay: %w", context.Cause(ctx))
	case !survey.AnyReached(answers):
		return nil, exit.Unreachable(fmt.Errorf("none of the %s can be reached; the first: %s; 'passbook serve FILE' starts them",
			words.Count(len(answers), "branch"), survey.UnreadyLine(answers[0])))
	case failFast:
		lines := survey.UnreadyLines(answers)
		return nil, exit.Unreachable(fmt.Errorf("%s, and --fail-fast doesn't wait; the first: %s",
			survey.NotReady(len(lines), len(answers)), lines[0]))
	}
	a.console.Warnings(survey.UnreadyLines(answers))
	return answers, nil
}
