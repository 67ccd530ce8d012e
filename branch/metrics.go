package branch

import (
	"cmp"
	"context"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/metrics"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// states and alarmKinds are the names of what metrics count.
var (
	states     = map[protocol.State]string{protocol.Recovering: "recovering", protocol.Serving: "serving", protocol.Halted: "halted"}
	alarmKinds = map[protocol.AlarmKind]string{
		protocol.AlarmRequestID: "request_id", protocol.AlarmFork: "fork", protocol.AlarmStopped: "journal_stopped",
		protocol.AlarmOtherBank: "other_bank", protocol.AlarmRefused: "refused_message",
	}
)

// snapshot returns what takes snapshots for metrics, on the way that GetStatus takes: between
// two steps of the engine.
func (b *Branch) snapshot(refusals *admit.Refusals) func(context.Context) (*metrics.Snapshot, error) {
	return func(ctx context.Context) (*metrics.Snapshot, error) {
		s := &metrics.Snapshot{
			Bank: b.cfg.Bank, Branch: b.cfg.ID, Version: cmp.Or(b.cfg.Version, "(devel)"), Started: b.started,
			States: map[string]bool{}, Alarms: map[string]int{}, Applied: map[uint32]uint64{}, RefusedCalls: refusals.Told().Of(),
			MaxAccounts: int64(max(0, b.cfg.MaxAccounts)),
		}
		for _, kind := range alarmKinds {
			s.Alarms[kind] = 0
		}
		err := b.engine.Visit(ctx, func(r *replica.Replica) { seen(s, r) })
		if b.cfg.Security != nil {
			s.RefusedAccesses = b.refusedAccesses.Of(connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeResourceExhausted)
			for _, e := range b.cfg.Security.Certificates.Expiries() {
				s.Certificates = append(s.Certificates, metrics.Certificate{File: e.File, Number: e.Number, Kind: e.Kind, Subject: e.Subject, URI: e.URI, NotAfter: e.At})
			}
		}
		return s, err
	}
}

// seen adds what a replica knows.
func seen(s *metrics.Snapshot, r *replica.Replica) {
	status := r.Status()
	if status.Bank.Founded {
		s.BankID = status.Bank.ID.String()
	}
	for is, name := range states {
		s.States[name] = is == status.State
	}
	for _, a := range r.Alarms() {
		s.Alarms[cmp.Or(alarmKinds[a.Kind], "other")]++
	}
	s.Accounts = int64(r.Ledger().Count())
	for _, at := range status.Applied {
		s.Applied[uint32(at.Branch)] = at.Sequence
	}
	for _, p := range status.Peers {
		s.Peers = append(s.Peers, metrics.Peer{
			Branch: uint32(p.Branch), Reachable: p.Reachable, Lag: p.Lag, Refused: p.Refused, RoundTrip: time.Duration(p.Trip) * time.Microsecond,
		})
	}
}
