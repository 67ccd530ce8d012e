package main

import (
	"context"
	"fmt"
	"strings"

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
				return a.ui.json(reply)
			}
			return a.ui.alarms(reply)
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
				return a.ui.json(reply)
			}
			return a.ui.resolved(args[0], reply)
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

// alarms tells of the alarms of a branch.
func (u *ui) alarms(r *bankv1.ListAlarmsResponse) error {
	if len(r.GetAlarms()) == 0 {
		_, err := fmt.Fprintf(u.out, "Branch %d has no alarms\n", r.GetBranch())
		return err
	}
	t := table{header: []string{"ID", "KIND", "STAYS UNTIL", "ALARM"}}
	for _, alarm := range r.GetAlarms() {
		stays := "a restart"
		if alarm.GetDurable() {
			stays = "it is resolved"
		}
		t.add(alarm.GetId(), alarmKind(alarm.GetKind()), stays, alarm.GetText())
	}
	return t.write(u.out, u.outTerminal, true)
}

// alarmKind is the word for a kind of alarm: "request id".
func alarmKind(k bankv1.AlarmKind) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "ALARM_KIND_")), "_", " ")
}

// resolved tells of an alarm that a branch does not have any more.
func (u *ui) resolved(id string, r *bankv1.ResolveAlarmResponse) error {
	line := fmt.Sprintf("Resolved alarm %s at branch %d", id, r.GetBranch())
	if !r.GetResolved() {
		line = fmt.Sprintf("Branch %d has no alarm %s: it was resolved before, or is one of another branch", r.GetBranch(), id)
	}
	_, err := fmt.Fprintln(u.out, line)
	return err
}
