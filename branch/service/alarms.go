package service

import (
	"context"
	"log/slog"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// ListAlarms implements BranchServiceHandler.
func (c *Customers) ListAlarms(ctx context.Context, _ *bankv1.ListAlarmsRequest) (*bankv1.ListAlarmsResponse, error) {
	out := &bankv1.ListAlarmsResponse{Branch: uint32(c.cfg.ID)}
	var alarms []protocol.Alarm
	if err := c.cfg.Engine.Visit(ctx, func(r *replica.Replica) { alarms = r.Alarms() }); err != nil {
		return nil, err
	}
	for i := range alarms {
		out.Alarms = append(out.Alarms, alarmToProto(&alarms[i]))
	}
	return out, nil
}

// ResolveAlarm implements BranchServiceHandler.
func (c *Customers) ResolveAlarm(ctx context.Context, req *bankv1.ResolveAlarmRequest) (*bankv1.ResolveAlarmResponse, error) {
	if !protocol.IsAlarmID(req.GetId()) {
		return nil, api.Fieldf("id", "%.50q is no id of an alarm; ListAlarms lists them", req.GetId())
	}
	if req.GetKeep() != "" {
		return c.decideFork(ctx, req)
	}
	out := &bankv1.ResolveAlarmResponse{Branch: uint32(c.cfg.ID)}
	var refused error
	// Visit returns once the commit is synced.
	err := c.cfg.Engine.Visit(ctx, func(r *replica.Replica) { out.Resolved, refused = r.ResolveAlarm(req.GetId()) })
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	if out.GetResolved() {
		c.cfg.Logger.InfoContext(ctx, "alarm resolved", "id", req.GetId())
	}
	return out, nil
}

// alarmKinds are the kinds of alarms as the API has them.
var alarmKinds = map[protocol.AlarmKind]bankv1.AlarmKind{
	protocol.AlarmRequestID: bankv1.AlarmKind_ALARM_KIND_REQUEST_ID,
	protocol.AlarmFork:      bankv1.AlarmKind_ALARM_KIND_FORK,
	protocol.AlarmStopped:   bankv1.AlarmKind_ALARM_KIND_JOURNAL_STOPPED,
	protocol.AlarmOtherBank: bankv1.AlarmKind_ALARM_KIND_OTHER_BANK,
	protocol.AlarmRefused:   bankv1.AlarmKind_ALARM_KIND_REFUSED_MESSAGE,
}

// alarmToProto converts an alarm.
func alarmToProto(a *protocol.Alarm) *bankv1.Alarm {
	out := &bankv1.Alarm{Id: a.ID, Kind: alarmKinds[a.Kind], Text: a.Text}
	if a.Fork != nil {
		out.Durable, out.Fork = true, forkToProto(a.Fork, true)
	}
	if d := a.Double; d != nil {
		out.Durable, out.RequestId, out.More = true, d.RequestID, d.More
		for i := range d.Entries {
			entry := alarmEntryToProto(&d.Entries[i])
			entry.Customer = d.Customer
			out.Entries = append(out.Entries, entry)
		}
	}
	return out
}

func alarmEntryToProto(e *ledger.DoubleEntry) *bankv1.AlarmEntry {
	return &bankv1.AlarmEntry{
		Receipt: api.ReceiptToProto(e.At), What: e.Kind.String(), Account: e.Account, ToAccount: e.ToAccount, Amount: int64(e.Amount),
		Operations: uint32(e.Operations), CustomerId: e.CustomerID, RecordedAtUnixMs: e.RecordedAt,
	}
}

// LogDouble logs that a request id counts twice. Each request id is logged once. Those
// for which there is no room are logged as one, when the first of them is found.
func LogDouble(logger *slog.Logger, d *ledger.Double) {
	if d.Resolved || d.RequestID == "" && d.More > 1 {
		return
	}
	a := protocol.AlarmOf(*d)
	logger.Error("a request id counts twice; see passbook alarms", "alarm", a.ID, "problem", a.Text)
}
