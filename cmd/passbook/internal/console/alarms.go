package console

import (
	"fmt"
	"strings"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Alarms prints the alarms of a branch.
func (c *Console) Alarms(r *bankv1.ListAlarmsResponse) error {
	if len(r.GetAlarms()) == 0 {
		_, err := fmt.Fprintf(c.Out, "Branch %d has no alarms\n", r.GetBranch())
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
	return t.write(c.Out, c.outTerminal, true)
}

// alarmKind is the word for a kind of alarm: "request id".
func alarmKind(k bankv1.AlarmKind) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "ALARM_KIND_")), "_", " ")
}

// Resolved reports an alarm that a branch no longer has.
func (c *Console) Resolved(id string, r *bankv1.ResolveAlarmResponse) error {
	line := fmt.Sprintf("Resolved alarm %s at branch %d", id, r.GetBranch())
	if !r.GetResolved() {
		line = fmt.Sprintf("Branch %d has no alarm %s: it was resolved before, or is one of another branch", r.GetBranch(), id)
	}
	_, err := fmt.Fprintln(c.Out, line)
	return err
}
