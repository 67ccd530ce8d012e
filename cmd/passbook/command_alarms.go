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
		Short: "List the alarms of a branch, and resolve those you have dealt with",
		Long: `Alarms lists the alarms of a branch, which need an operator. Most alarms
describe the branch since it was started: a journal that has forked, a branch
of another bank. They end with a restart once their cause is mended.

One kind is kept on disk and stays until 'passbook alarms resolve': that several
entries have one request id, so a customer was served twice. Such an alarm
names the entries. Each branch keeps its own alarms, and resolving one concerns
only the branch that is called; an alarm about a request id has the same ID
everywhere.`,
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
		Short: "Resolve an alarm about a request id, at one branch",
		Long: `Resolve removes an alarm that you have dealt with, at one branch: it is no
longer on its disk when the command ends. Doing it again does nothing. An alarm
that describes the branch itself can't be resolved this way.`,
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
