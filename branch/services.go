package branch

import (
	"context"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/service"
)

// serviceConfig returns what the handlers of calls work with.
func (b *Branch) serviceConfig() service.Config {
	cfg := service.Config{
		ID:                b.id,
		Addresses:         b.cfg.Addresses,
		Scheme:            b.cfg.scheme(),
		Acknowledge:       b.cfg.Acknowledge,
		RequireHomeBranch: b.cfg.RequireHomeBranch,
		MaxAccounts:       b.cfg.MaxAccounts,
		Started:           b.started,
		Engine:            b.engine,
		Journal:           b.journal,
		Signatures:        b.entrySignatures(),
		Homes:             b.links,
		Gate:              &b.gate,
		Connection:        func(ctx context.Context) service.Connection { return admit.ConnectionOf(ctx) },
		Spawn:             b.spawn,
		Feed:              b.feed,
		Follower:          b.follower,
		Story:             b.story,
		Trace:             b.trace,
		Logger:            b.logger,
	}
	if b.logins != nil {
		cfg.Identities, cfg.Denied, cfg.Certificates = identities{b.logins}, b.denied, b.certificates
	}
	return cfg
}
