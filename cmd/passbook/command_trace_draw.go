package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
)

// traceDrawOptions are the flags of trace draw.
type traceDrawOptions struct {
	output, format string
	choice         lamport.Choice
}

// The formats of trace draw.
const (
	formatSVG     = "svg"
	formatMermaid = "mermaid"
)

func (a *app) traceDrawCommand() *cobra.Command {
	var o traceDrawOptions
	c := &cobra.Command{
		Use:   "draw FILE...",
		Short: "Draw a trace of logical clocks as a space-time diagram",
		Long: `Draw makes the space-time diagram of a trace: a line for each customer and branch,
a dot with its clock for each event, and an arrow for each message. Clocks are
rows, so every message goes down; what is wrong is red. It reads what trace check
reads.

A picture of up to 10 processes and 150 events shows everything. Of more it shows the
first requests, and the branches that only receive propagations share one line, with
what one branch sends them in one dot. The picture says what it leaves out.
--request chooses the requests, and --whole draws all of them, with a line for each
process.

The SVG file needs nothing else: browsers show it in light or dark, with an explanation
of each event to point at. --format mermaid writes a sequence diagram for reports, as
GitHub and GitLab show it in Markdown.`,
		Example: `  passbook trace draw output.json -o trace.svg
  passbook trace draw output.json -o trace.svg --request 3 --request 4
  passbook trace draw output.json --format mermaid`,
		Args:              traceArguments,
		ValidArgsFunction: traceFiles,
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", console.StdoutName, "the `file` to write; - is standard output")
	f.StringVar(&o.format, "format", formatSVG, "svg, or mermaid for a sequence diagram")
	f.Int64SliceVar(&o.choice.Requests, "request", nil, "draw only the request with this `id`; may be repeated")
	f.BoolVar(&o.choice.Whole, "whole", false, "draw everything, with a line for each process, however large it gets")
	return a.does(c, func(_ context.Context, args []string) error { return a.traceDraw(args, &o) })
}

// traceDraw carries out trace draw.
func (a *app) traceDraw(args []string, o *traceDrawOptions) error {
	draw, ok := map[string]func(*lamport.Trace, lamport.Choice) ([]byte, error){formatSVG: lamport.Draw, formatMermaid: lamport.Mermaid}[o.format]
	if !ok {
		return exit.Usagef("unknown format %q; there are %s and %s", o.format, formatSVG, formatMermaid)
	}
	for _, file := range args {
		if err := files.CheckOutput(o.output, file); err != nil {
			return err
		}
	}
	trace, err := files.ReadTrace(args)
	if err != nil {
		return err
	}
	data, err := draw(trace, o.choice)
	if err != nil {
		return exit.Usage(err)
	}
	if found := lamport.Check(trace); len(found) > 0 {
		a.console.Warnings([]string{fmt.Sprintf("the trace is wrong, and drawn as it is: %s", found[0])})
	}
	if o.output == console.StdoutName {
		_, err := a.console.Out.Write(data)
		return err
	}
	return customer.WriteFile(o.output, data)
}
