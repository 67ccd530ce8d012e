package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
)

// app is one execution of the binary.
type app struct {
	console *console.Console
	// running is whether a command's own code has begun: an error before that is
	// one of usage.
	running bool
	// args is the command line.
	args []string
}

// run carries out one command line and returns the exit code.
func run(args []string, u *console.Console) int {
	a := &app{console: u, args: args}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(u.Out)
	root.SetErr(u.Err)
	c, err := root.ExecuteContextC(context.Background())
	if err != nil && !a.running {
		err = exit.Usagef("%w\nSee '%s --help'.", flags.InWords(c, err), c.CommandPath())
	}
	if err != nil && !exit.IsOrderly(err) {
		u.Failure(err)
	}
	return exit.Code(err)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "passbook",
		Short: "A bank with many branches and one set of balances",
		Long: `Passbook keeps one set of account balances at many branches at once. Any
branch takes deposits, withdrawals, transfers and queries; no account is ever
overdrawn, nothing acknowledged is lost, and all branches agree.

` + exit.Codes,
		Example: `  # All branches of a file in one process, its customers replayed
  passbook run examples/course-50.json

  # The same in two terminals
  passbook serve examples/course-50.json
  passbook replay examples/course-50.json

  # By hand, while the branches run
  passbook deposit 10 --branch 7
  passbook status --branch 7`,
		Version:       versionLine(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	a.does(root, a.start)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "show the version") // without cobra's -v
	root.AddGroup(
		&cobra.Group{ID: bankGroup, Title: "A whole bank:"},
		&cobra.Group{ID: branchGroup, Title: "One branch that runs:"},
		&cobra.Group{ID: courseGroup, Title: "Outputs of the course:"},
	)
	root.AddCommand(
		a.runCommand(), a.serveCommand(), a.replayCommand(),
		a.depositCommand(), a.withdrawCommand(), a.transferCommand(),
		a.queryCommand(), a.statementCommand(), a.statusCommand(), a.alarmsCommand(), a.dashboardCommand(),
		a.verifyCommand(), a.journalCommand(), a.certCommand(), a.simulateCommand(), a.versionCommand(),
		a.checkCommand(), a.traceCommand(),
	)
	return root
}

// The groups of commands that the help lists.
const (
	bankGroup   = "bank"
	branchGroup = "branch"
	courseGroup = "course"
)

// does makes f what a command does.
func (a *app) does(c *cobra.Command, f func(ctx context.Context, args []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		a.running = true
		return f(c.Context(), args)
	}
	return c
}

// inputFile takes exactly one argument, the input.
func inputFile(c *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs an input file, such as examples/course-50.json", c.CommandPath())
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one input file, got %d", c.CommandPath(), len(args))
}

// inputFiles completes the names of input files in a shell.
func inputFiles(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
}

// noArgument refuses an argument of a command that takes none.
func noArgument(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, got %q", c.CommandPath(), args[0])
	}
	return nil
}
