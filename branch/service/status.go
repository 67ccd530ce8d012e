package service

import (
	"context"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxStatusAccounts bounds the accounts that one status lists.
const maxStatusAccounts = 1000

// GetStatus implements BranchServiceHandler.
func (c *Customers) GetStatus(ctx context.Context, _ *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	self := uint32(c.cfg.ID)
	out := &bankv1.GetStatusResponse{Branch: self, Address: c.cfg.Scheme + c.cfg.Addresses[self], UptimeMs: time.Since(c.cfg.Started).Milliseconds()}
	err := c.cfg.Engine.Visit(ctx, func(r *replica.Replica) {
		s := r.Status()
		out.Epoch, out.StateReason, out.Alarms = s.Epoch, s.Reason, s.Alarms
		out.State, out.BankName = api.StateToProto(s.State), s.Bank.Name
		if s.Bank.Founded {
			out.BankId = s.Bank.ID.String()
		}
		out.Applied = api.MarkedToProto(s.Applied)
		for _, p := range s.Peers {
			out.Peers = append(out.Peers, &bankv1.PeerStatus{
				Branch: uint32(p.Branch), Address: c.cfg.Scheme + c.cfg.Addresses[uint32(p.Branch)],
				Reachable: p.Reachable, AckedSequence: p.Acked, Lag: p.Lag, RefusedMessages: p.Refused,
				RoundTripUs: int64(p.Trip),
			})
		}
		out.AccountCount, out.MaxAccounts = int64(r.Ledger().Count()), int64(max(0, c.cfg.MaxAccounts))
		addAccounts(out, r.Ledger(), c.cfg.ID)
	})
	if c.cfg.Certificates != nil {
		out.Certificates = c.cfg.Certificates()
	}
	return out, err
}

// addAccounts adds the first accounts to a status, each with what every branch may
// spend of it.
func addAccounts(out *bankv1.GetStatusResponse, l *ledger.Ledger, self ledger.BranchID) {
	own, _ := l.Index(self)
	for n, name := range l.FirstAccounts(maxStatusAccounts + 1) {
		if n == maxStatusAccounts {
			out.AccountsTruncated = true
			return
		}
		a := &bankv1.AccountStatus{Account: name, Balance: int64(l.Balance(name)), Available: int64(l.Escrow(name, own))}
		for i, b := range l.Branches() {
			a.Escrow = append(a.Escrow, &bankv1.BranchEscrow{Branch: uint32(b), Amount: int64(l.Escrow(name, i))})
		}
		out.Accounts = append(out.Accounts, a)
	}
}
