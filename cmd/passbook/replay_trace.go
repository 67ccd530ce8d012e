package main

import (
	"context"
	"errors"
	"time"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// traceUsage explains --trace of the commands that replay.
const traceUsage = "write the logical clocks of deposits and withdrawals; a file with customer-requests needs no --trace"

// checkTrace says whether the flags about traces go together.
func (o *replayOptions) checkTrace(form customer.OutputForm) error {
	level := o.acknowledge
	switch {
	case !form.IsTrace() && o.trace:
		return exit.Usagef("--trace writes logical clocks, and --output-form %s has none: leave one of them out, or choose lamport, lamport-parts or lamport-2020", form)
	case !form.IsTrace() && o.spelling != "":
		return exit.Usagef("--spelling is for traces, and the output is of the form %s; --trace asks for one", form)
	case form == customer.LamportParts && o.output == console.StdoutName:
		return exit.Usagef("--output-form lamport-parts writes three files, so --output must name one to call them after, not %s", o.output)
	case form == customer.Lamport2020 && level != bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED && level != bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE && level != bankv1.Acknowledge_ACKNOWLEDGE_ALL:
		return exit.Usagef("--output-form lamport-2020 needs --acknowledge reachable or all: by its rules a branch answers its customer once its peers have answered")
	}
	return nil
}

// traced makes a replay trace, if the form of the output needs that, and returns what
// fetches the trace; nil for none.
func traced(ctx context.Context, in *customer.Input, form customer.OutputForm, options *customer.Options) (*customer.Tracer, error) {
	if !form.IsTrace() {
		return nil, nil
	}
	tracer := customer.NewTracer(in, form, *options)
	options.Trace = tracer.Name()
	err := tracer.Check(ctx)
	if errors.Is(err, customer.ErrNoTrace) {
		err = exit.Usage(err)
	}
	return tracer, err
}

// traceTimeout is how long the traces of all branches may take after a replay that was
// stopped.
const traceTimeout = 5 * time.Second

// fetch fetches the trace of a replay, also of one that was stopped.
func fetch(ctx context.Context, t *customer.Tracer, report *customer.Report) (err error) {
	if t == nil {
		return nil
	}
	if ctx.Err() != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
		defer cancel()
		ctx = limited
	}
	report.Trace, err = t.Trace(ctx, report)
	return err
}

// writtenFiles returns the files of an output, or that it goes to standard output.
func writtenFiles(path string, form customer.OutputForm) []string {
	if path == console.StdoutName {
		return nil
	}
	return customer.OutputFiles(path, form)
}
