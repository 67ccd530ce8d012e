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
describe the branch since it was started, such as a branch of another bank. They
end with a restart once their cause is mended.

Two kinds are kept on disk and stay until 'passbook alarms resolve': that several
entries have one request id, so a customer was served twice; and that a journal
has forked, so there are two batches in one place of it. Each branch keeps its
own alarms, and resolving one concerns only the branch that is called; an alarm
of these kinds has the same ID everywhere.`,
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
	var d decision
	c := &cobra.Command{
		Use:   "resolve ID",
		Short: "Resolve an alarm about a request id or a fork, at one branch",
		Long: `Resolve removes an alarm that you have dealt with, at one branch: it is no
longer on its disk when the command ends. Doing it again does nothing. An alarm
that describes the branch itself can't be resolved this way.

A fork is resolved by a decision: which of the two batches counts. Without --keep
the command asks all branches through the one that is called, and shows both
sides: their entries, which branch has applied which, what depends on each, and
what to do next. With --keep it records the decision at the one branch. Decide the
same at every branch that has the alarm. Then start those again that say so: they
leave out the other side, and fetch what counts. The decision stays on disk; it
can be changed by deciding again.`,
		Example: "  passbook alarms resolve k3f9q2xw --branch 7\n  passbook alarms resolve k3f9q2xw --branch 7 --keep 1f51f40efc13 --note disk-7",
		Args:    alarmArgument,
	}
	t.targetFlags(c)
	c.Flags().StringVar(&d.keep, "keep", "", "for a fork, the `hash` of the batch that counts, or how it begins")
	c.Flags().StringVar(&d.note, "note", "", "for a fork, a `text` that is recorded with the decision")
	return a.does(c, func(ctx context.Context, args []string) error {
		if err := name.Check(args[0]); err != nil {
			return exit.Usagef("the id of an alarm %w", err)
		}
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			fork, err := forkOf(ctx, client, args[0], d.keep != "")
			switch {
			case err != nil:
				return err
			case fork == nil && d.keep != "":
				return exit.Usagef("the branch has no fork with the alarm %s, and --keep decides about forks", args[0])
			case fork != nil && d.keep == "":
				return a.showFork(ctx, &t, client, args[0], fork)
			case fork != nil:
				if d.keep, err = d.side(fork); err != nil {
					return err
				}
			}
			reply, err := client.ResolveAlarm(ctx, &bankv1.ResolveAlarmRequest{Id: args[0], Keep: d.keep, Note: d.note})
			switch {
			case err != nil:
				return err
			case t.json:
				return a.console.JSON(reply)
			}
			if fork != nil {
				return a.console.Decided(args[0], d.keep, reply)
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
