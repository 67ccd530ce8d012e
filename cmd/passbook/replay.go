package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// replayOptions say how the customers of a file are replayed.
type replayOptions struct {
	output       string
	form         customer.OutputForm
	concurrent   bool
	eventTimeout time.Duration
	acknowledge  bankv1.Acknowledge
	failFast     bool
	// strict refuses an input that there is anything to warn of.
	strict bool
}

// replayFlags adds the flags that run and replay have in common.
func (o *replayOptions) replayFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", files.UsualOutput, "the `file` to write; - for standard output, with the summary on stderr")
	f.BoolVar(&o.concurrent, "concurrent", false, "run the customers at once, all queries after all writes")
	f.BoolVar(&o.failFast, "fail-fast", false, "stop at the first event that gets no answer, and don't wait for a branch that refuses connections")
	f.DurationVar(&o.eventTimeout, "timeout", 15*time.Second, "how long one event may take, all attempts included")
	f.BoolVar(&o.strict, "strict", false, "refuse a file that there is a warning of: keys that mean nothing, branches that it doesn't have")
	flags.OutputForm(c, &o.form)
}

// check says whether a replay of an input can start.
func (o *replayOptions) check(in *customer.Input) error {
	if err := flags.Positive("timeout", o.eventTimeout); err != nil {
		return err
	}
	if o.strict {
		if err := files.CheckStrictly(in); err != nil {
			return err
		}
	}
	return files.CheckOutput(o.output, in.Name)
}

// callees are the branches that a replay calls.
type callees struct {
	// client calls them, and urls has where they are, by their ids.
	client *http.Client
	urls   map[uint32]string
}

// url returns where a branch is; empty for one that the file doesn't have.
func (c callees) url(id uint32) string { return c.urls[id] }

// replay replays an input against branches that run, writes the output, and
// tells what became of it; answers are what the branches said before. It returns
// nil only if every event got an answer and all branches agree.
func (a *app) replay(ctx context.Context, in *customer.Input, to callees, o replayOptions, answers []survey.Answer) error {
	a.console.Held(answers)
	bar := a.console.Progress(in.Events())
	options := customer.Options{
		Address:    to.url,
		Concurrent: o.concurrent,
		Progress:   bar.Show,
		Waiting: func(w customer.Waiting) {
			bar.Finish() // until the next event
			a.console.WaitingFor(w)
		},
		GivenUp:      survey.GivenUp(answers),
		FailFast:     o.failFast,
		Acknowledge:  o.acknowledge,
		EventTimeout: o.eventTimeout,
		HTTPClient:   to.client,
	}
	console.TellEvents(a.console.Log, &options)
	report, err := customer.Replay(ctx, in, options)
	bar.Finish()
	if err != nil && report.Succeeded+report.Refused+report.Failed == 0 {
		a.console.Stopped(report)
		return fmt.Errorf("%w; %s is not written", err, outputName(o.output))
	}
	if writing := a.writeOutput(o.output, report, cmp.Or(o.form, in.Form)); writing != nil {
		return errors.Join(err, writing)
	}
	if err != nil {
		a.console.Stopped(report)
		a.console.Summary(report, nil, len(in.Branches), o.output)
		return err
	}
	agreement := survey.New(to.client, to.url, in.BranchIDs()).Agree(ctx)
	a.console.Summary(report, agreement, len(in.Branches), o.output)
	return verdict(report, agreement)
}

// writeOutput writes the output.json of a report.
func (a *app) writeOutput(path string, report *customer.Report, form customer.OutputForm) error {
	if path != console.StdoutName {
		return customer.WriteOutput(path, report, form)
	}
	data, err := customer.Encode(report, form)
	if err == nil {
		_, err = a.console.Out.Write(data)
	}
	return err
}

// verdict returns what a replay ends with.
func verdict(report *customer.Report, agreement *survey.Agreement) error {
	var errs []error
	if report.Failed > 0 {
		errs = append(errs, fmt.Errorf("%s got no answer", words.Count(report.Failed, "event")))
	}
	switch {
	case len(agreement.Alarms) > 0:
		errs = append(errs, errors.New("a branch has raised an alarm"))
	case !agreement.Reached():
		errs = append(errs, errors.New("not all branches agree"))
	}
	return errors.Join(errs...)
}

// outputName is how messages call the output.
func outputName(path string) string {
	if path == console.StdoutName {
		return "the output"
	}
	return path
}
