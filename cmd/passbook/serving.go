package main

import (
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// servingOptions say how branches serve.
type servingOptions struct {
	data        string
	bank        string
	acknowledge bankv1.Acknowledge
	peerTimeout time.Duration
	maxAccounts int
	requireHome bool
	trace       bool
	browsers    flags.Browsers
	security    host.Security
}

// servingFlags adds the flags that run and serve have in common.
func (o *servingOptions) servingFlags(c *cobra.Command) {
	flags.Acknowledge(c, &o.acknowledge, "when a write that does not say so itself counts as done (default reachable)")
	o.browsers.Add(c)
	c.Flags().BoolVar(&o.requireHome, "require-home-branch", false, "refuse a request id that does not come with its home_branch: for a bank behind a load balancer, where a retry may land at another branch")
	c.Flags().StringVar(&o.bank, "bank", branch.DefaultBank, "the `name` of the bank; its branches refuse those of a bank with another name")
	c.Flags().IntVar(&o.maxAccounts, "max-accounts", branch.DefaultMaxAccounts, "the `number` of accounts from which on a branch opens no more; 0 for no bound")
	c.Flags().DurationVar(&o.peerTimeout, "peer-timeout", branch.DefaultPeerTimeout, "how long a peer may leave entries unconfirmed before it counts as unreachable; a far one three round trips, if that is longer")
}

// hosting returns how to host branches of an input with these options.
func (o *servingOptions) hosting(in *customer.Input, ids []uint32, n *host.Network, log *slog.Logger) host.Options {
	return host.Options{
		Input: in, IDs: ids, Network: n, Data: o.data, Bank: o.bank, Acknowledge: o.acknowledge, PeerTimeout: o.peerTimeout,
		MaxAccounts: o.maxAccounts, RequireHome: o.requireHome, Security: o.security, Trace: o.trace || in.Form == customer.Lamport,
		AllowedOrigins: o.browsers.Origins(), AllowedHosts: o.browsers.Hosts(), Version: buildVersion(), Logger: log,
	}
}

func (o *servingOptions) check(n *host.Network) error {
	if err := flags.CheckSecurity(&o.security, n); err != nil {
		return err
	}
	if err := branch.CheckBank(o.bank, ""); err != nil {
		return exit.Usagef("--bank: %w", err)
	}
	if o.maxAccounts < 0 {
		return exit.Usagef("--max-accounts must be 1 or more, or 0 for any number, is %d", o.maxAccounts)
	}
	return flags.Positive("peer-timeout", o.peerTimeout)
}
