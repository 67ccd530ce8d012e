package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

func (a *app) alarmsCommand() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "alarms",
		Short: "List what needs an operator at a branch, and put away what is dealt with",
		Long: `Alarms lists what needs an operator at a branch. Most alarms say how the
branch is since it was started: a journal that has forked, a branch of another
bank. They end with a restart once that is mended.

One kind is kept on disk and stays until 'passbook alarms resolve': that several
entries have one request id, so that a customer was served twice. Such an alarm
names the entries. Each branch keeps its own alarms, and resolving one concerns
the branch that is told; an alarm about a request id has the same ID everywhere.`,
		Example: "  passbook alarms --branch 7\n  passbook alarms --address 10.0.0.2:50052 --json",
		GroupID: branchGroup,
		Args:    cobra.NoArgs,
	}
	t.targetFlags(c)
	c.AddCommand(a.resolveCommand())
	return a.does(c, func(ctx context.Context, _ []string) error {
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			reply, err := client.ListAlarms(ctx, &bankv1.ListAlarmsRequest{})
			switch {
			case err != nil:
				return err
			case t.json:
				return a.console.JSON(reply)
			}
			return a.console.Alarms(reply)
		})
	})
}

func (a *app) resolveCommand() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "resolve ID",
		Short: "Put away an alarm about a request id, at one branch",
		Long: `Resolve puts away an alarm that you have dealt with, at one branch: it is no
longer on its disk when the command ends. Doing it again does nothing. An alarm
that says how the branch is can't be resolved so.`,
		Example: "  passbook alarms resolve k3f9q2xw --branch 7",
		Args:    alarmArgument,
	}
	t.targetFlags(c)
	return a.does(c, func(ctx context.Context, args []string) error {
		if err := name.Check(args[0]); err != nil {
			return exit.Usagef("the id of an alarm %w", err)
		}
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			reply, err := client.ResolveAlarm(ctx, &bankv1.ResolveAlarmRequest{Id: args[0]})
			switch {
			case err != nil:
				return err
			case t.json:
				return a.console.JSON(reply)
			}
			return a.console.Resolved(args[0], reply)
		})
	})
}

// alarmArgument takes exactly one argument, the id of an alarm.
func alarmArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs the id of one alarm, got %d arguments; 'passbook alarms' lists the alarms of a branch", c.CommandPath(), len(args))
	}
	return nil
}
