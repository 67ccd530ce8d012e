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
	"passbook.example/passbook/customer/lamport"
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
	// trace asks for logical clocks, and spelling is how their output is spelled.
	trace    bool
	spelling lamport.Spelling
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
	flags.Spelling(c, &o.spelling)
}

// formFor returns the form of the output of an input.
func (o *replayOptions) formFor(in *customer.Input) customer.OutputForm {
	if o.form == "" && o.trace {
		return customer.Lamport
	}
	return cmp.Or(o.form, in.Form)
}

// doubts returns what there is to warn of in an input.
func (o *replayOptions) doubts(in *customer.Input) []string {
	doubts := files.DoubtsAbout(in)
	if o.formFor(in).IsTrace() {
		doubts = append(doubts, in.TraceDoubts()...)
	}
	return doubts
}

// check says whether a replay of an input can start.
func (o *replayOptions) check(in *customer.Input) error {
	if err := flags.Positive("timeout", o.eventTimeout); err != nil {
		return err
	}
	if o.strict {
		if err := files.CheckStrictly(o.doubts(in)); err != nil {
			return err
		}
	}
	form := o.formFor(in)
	if err := o.checkTrace(form); err != nil {
		return err
	}
	for _, file := range customer.OutputFiles(o.output, form) {
		if err := files.CheckOutput(file, in.Name); err != nil {
			return err
		}
	}
	return nil
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
	form := o.formFor(in)
	tracer, err := traced(ctx, in, form, &options)
	if err != nil {
		return err
	}
	console.TellEvents(a.console.Log, &options)
	report, err := customer.Replay(ctx, in, options)
	bar.Finish()
	if err != nil && report.Succeeded+report.Refused+report.Failed == 0 {
		a.console.Stopped(report)
		return fmt.Errorf("%w; %s is not written", err, outputName(o.output))
	}
	report.Spelling = o.spelling
	agree := func() *survey.Agreement { return survey.New(to.client, to.url, in.BranchIDs()).Agree(ctx) }
	return a.finish(ctx, in, report, err, tracer, agree, &o)
}

// finish writes the output of a replay that has ended, with an error if it was stopped,
// and tells what became of it.
func (a *app) finish(ctx context.Context, in *customer.Input, report *customer.Report, stopped error, tracer *customer.Tracer, agree func() *survey.Agreement, o *replayOptions) error {
	var agreement *survey.Agreement
	if stopped == nil && tracer != nil {
		agreement = agree() // first, since then all that was sent has come
	}
	form := o.formFor(in)
	err := fetch(ctx, tracer, report)
	if err == nil {
		err = a.writeOutput(o.output, report, form)
	}
	if err != nil {
		return errors.Join(stopped, err)
	}
	if stopped != nil {
		a.console.Stopped(report)
		a.console.Summary(report, nil, len(in.Branches), writtenFiles(o.output, form))
		return stopped
	}
	if agreement == nil {
		agreement = agree()
	}
	a.console.Summary(report, agreement, len(in.Branches), writtenFiles(o.output, form))
	a.console.Gaps(report.Trace)
	a.console.Hint(in, o.form)
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
