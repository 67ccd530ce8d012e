package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/credentials"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/customer"
)

// readyTimeout is how long the branches of run may take until all of them
// take writes and reach each other. They are in one process.
const readyTimeout = 30 * time.Second

// runOptions are the flags of run.
type runOptions struct {
	network host.Network
	replay  replayOptions
	serving servingOptions
	console console.Options
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Start all branches of a file, replay its customers, write output.json",
		Long: `Run starts all branches of an input file in this process, each on its own
port, replays the file's customers against them over the network, writes what
they received to output.json, and says whether all branches agree.

A file with customer-requests, the course's project with logical clocks, runs with
tracing: output.json has the Lamport clock of each event, as it ticked at the real
sends and receipts. --trace asks for that on other files, --output-form for other
forms of it.

The data is on disk and synced, in a temporary directory that is removed at the
end. With --data it stays, and the next run goes on from its balances.`,
		Example: `  passbook run examples/course-50.json
  passbook run input.json --output - --concurrent
  passbook run lamport.json --output-form lamport-parts
  passbook run input.json --data ./bank --base-port 20000`,
		GroupID:           bankGroup,
		Args:              inputFile,
		ValidArgsFunction: inputFiles,
	}
	flags.Place(c, &o.network)
	o.replay.replayFlags(c)
	flags.Trace(c, &o.replay.trace, traceUsage)
	o.serving.servingFlags(c)
	flags.Insecure(c, &o.serving.security)
	c.Flags().StringVar(&o.serving.data, "data", "", "the `directory` of the data, one below it for each branch (default a temporary one)")
	flags.Console(c, &o.console)
	return a.does(c, func(ctx context.Context, args []string) error {
		ctx, release := exit.Interruptible(ctx, exit.StopSignals...)
		defer release()
		return a.runBank(ctx, args[0], &o)
	})
}

// runBank carries out run: it opens the branches of a file, replays, and closes them.
func (a *app) runBank(ctx context.Context, file string, o *runOptions) (err error) {
	a.console.Configure(o.console)
	in, err := files.ReadInput(file)
	if err != nil {
		return err
	}
	o.replay.acknowledge = o.serving.acknowledge
	if err := errors.Join(o.network.Check(in.BranchIDs()...), o.replay.check(in), o.serving.check(&o.network)); err != nil {
		return err
	}
	a.console.Warnings(o.replay.doubts(in))
	o.serving.trace = o.replay.formFor(in).IsTrace()
	if o.serving.data == "" {
		temporary, remove, err2 := temporaryData()
		if err2 != nil {
			return err2
		}
		defer func() { err = errors.Join(err, remove()) }()
		o.serving.data = temporary
	}
	options := o.serving.hosting(in, in.BranchIDs(), &o.network, a.console.Log)
	if err := options.Check(); err != nil {
		return files.Occupied(err, in, o.serving.data, a.args)
	}
	bank, err := host.Open(ctx, options)
	if err != nil {
		return files.Occupied(err, in, o.serving.data, a.args)
	}
	return bank.During(ctx, func(ctx context.Context) error {
		return a.replayReady(ctx, bank, in, o)
	})
}

// replayReady replays as soon as the branches are ready.
func (a *app) replayReady(ctx context.Context, bank *host.Bank, in *customer.Input, o *runOptions) error {
	client := customer.NewHTTPClient()
	defer client.CloseIdleConnections()
	to := callees{client, o.network.URLsOf(in.BranchIDs(), (&credentials.Options{}).URL)}
	answers, err := awaitReachable(ctx, bank, survey.New(client, to.url, in.BranchIDs()))
	if err != nil {
		return err
	}
	return a.replay(ctx, in, to, o.replay, answers)
}

// awaitReachable waits until all branches take writes and reach each other, and
// returns what they report.
func awaitReachable(ctx context.Context, b *host.Bank, s *survey.Survey) ([]survey.Answer, error) {
	soon, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	wait := readyTimeout
	if err := b.Ready(soon); err != nil {
		wait = 0 // only ask what they wait for
	}
	answers, ok := s.Until(ctx, wait, survey.AllReady)
	switch {
	case ok:
		return answers, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("stopped before the replay: %w", context.Cause(ctx))
	}
	return nil, fmt.Errorf("the branches were not ready within %v:\n%s", readyTimeout, strings.Join(survey.UnreadyLines(answers), "\n"))
}

// temporaryData makes a data directory that remove removes.
func temporaryData() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "passbook-")
	if err != nil {
		return "", nil, exit.Usagef("no temporary directory for the data: %w; choose one with --data", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
