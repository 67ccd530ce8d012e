package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer/answers"
)

func (a *app) checkCommand() *cobra.Command {
	var concurrent bool
	c := &cobra.Command{
		Use:   "check INPUT OUTPUT",
		Short: "Check that an output has the answers that its input asks for",
		Long: `Check compares an output of the course's first or third project, ours or a
student's, with what a right bank answers: event by event, read-your-writes and
monotonic writes included. It tells each difference with its place in the output,
what was expected, and the event in the input. It starts no branch.

Customers run one after the other, in file order, and there is one right output.
With --concurrent they run at once, and all queries come last. Then an output is
right if some order of the customers' writes explains all its results and
balances. For files of 2020 to 2022, in which queries have money, either will do.
An element for each customer, for each event, for each customer's last query, or
for each query (2025) is known by what the output looks like.

The exit code is 0 when the output is right, 1 when it is not, and 2 when a file
can't be read.`,
		Example: `  passbook check examples/course-50.json output.json
  passbook check input.json output.json --concurrent`,
		GroupID:           courseGroup,
		Args:              inputAndOutput,
		ValidArgsFunction: traceFiles,
	}
	c.Flags().BoolVar(&concurrent, "concurrent", false, "the customers ran at once, with all queries last")
	return a.does(c, func(_ context.Context, args []string) error {
		input, output, err := files.ReadAnswers(args[0], args[1])
		if err != nil {
			return err
		}
		verdict, err := answers.Check(input, output, concurrent)
		switch {
		case err != nil:
			return exit.Usage(err)
		case verdict.Undecided:
			return exit.Usage(errors.New("it is not known whether the output is right: there are too many orders of the customers' writes to try them all"))
		}
		a.console.CheckedAnswers(verdict)
		if n := len(verdict.Differences); n > 0 {
			return fmt.Errorf("the output is wrong: %s found", words.Count(n, "difference"))
		}
		return nil
	})
}

// inputAndOutput takes exactly two arguments.
func inputAndOutput(c *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%s needs an input and an output, such as input.json output.json, got %s", c.CommandPath(), words.Count(len(args), "argument"))
	}
	return nil
}
