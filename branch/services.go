package branch

import (
	"context"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/service"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// serviceConfig returns what the handlers of calls work with.
func (b *Branch) serviceConfig() service.Config {
	return service.Config{
		ID:                b.id,
		Addresses:         b.cfg.Addresses,
		Acknowledge:       b.cfg.Acknowledge,
		RequireHomeBranch: b.cfg.RequireHomeBranch,
		MaxAccounts:       b.cfg.MaxAccounts,
		Started:           b.started,
		Engine:            b.engine,
		Journal:           b.journal,
		Homes:             homes{b},
		Gate:              &b.gate,
		Connection:        func(ctx context.Context) service.Connection { return admit.ConnectionOf(ctx) },
		Spawn:             b.spawn,
		Feed:              b.feed,
		Story:             b.story,
		Logger:            b.logger,
	}
}

// homes reaches the branches that writes are forwarded to.
type homes struct{ branch *Branch }

// Call implements service.Homes.
func (h homes) Call(ctx context.Context, home ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient) {
	return h.branch.peers[home].call(ctx), h.branch.customers
}
