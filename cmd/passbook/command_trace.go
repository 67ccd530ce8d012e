package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer/lamport"
)

func (a *app) traceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trace",
		Short: "Check and draw traces of logical clocks",
		Long: `Trace checks and draws the outputs of the course's second project: the events of
customers and branches with their logical clocks (Lamport, 1978), ours or a
student's, in any of the course's forms.`,
		Example: `  passbook trace check output.json
  passbook trace draw output.json -o trace.svg`,
		GroupID: courseGroup,
	}
	c.AddCommand(a.traceCheckCommand(), a.traceDrawCommand())
	return c
}

func (a *app) traceCheckCommand() *cobra.Command {
	var input string
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check that a trace of logical clocks can have come of a run",
		Long: `Check reads a trace: the one array of 2024 and 2025, the three files of 2023 in
any order, one of its parts alone, or the array of 2020 to 2022; propogate_ or
propagate_. It finds each event that no right run can have: a clock that is not
one more than the event before and the message, a message that is never received,
or twice, a request that is not propagated to all branches, and a list of all
events that says something else than the processes themselves. Each is told with
its place in the file, and with the other event that it contradicts.

What can't be concluded is no fault. Messages may overtake each other, and requests
may be worked on at the same time. A part alone is checked as far as it goes. With
--input, the trace must also have all requests and branches of its input, and no others.

The exit code is 0 when nothing is wrong, 1 when something is, and 2 when a file
can't be read.`,
		Example: `  passbook trace check output.json
  passbook trace check output.json --input input.json
  passbook trace check output-1-customers.json output-2-branches.json output-3-events.json`,
		Args:              traceArguments,
		ValidArgsFunction: traceFiles,
	}
	c.Flags().StringVar(&input, "input", "", "the `file` that the trace came of")
	return a.does(c, func(_ context.Context, args []string) error {
		trace, err := files.ReadTrace(args)
		if err != nil {
			return err
		}
		found := lamport.Check(trace)
		if input != "" {
			in, err := files.ReadTraceInput(input)
			if err != nil {
				return err
			}
			more, err := lamport.CheckAgainst(trace, in)
			if err != nil {
				return exit.Usage(err)
			}
			found = append(found, more...)
		}
		a.console.CheckedTrace(trace, found)
		if len(found) > 0 {
			return fmt.Errorf("the trace is wrong: %s found", words.Count(len(found), "fault"))
		}
		return nil
	})
}

// traceArguments takes at least one argument.
func traceArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a trace, such as output.json", c.CommandPath())
	}
	return nil
}

// traceFiles completes the names of traces in a shell.
func traceFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
}
