package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// writeOptions are the flags that deposit, withdraw and transfer have in
// common.
type writeOptions struct {
	target      target
	account     string
	requestID   string
	home        uint32
	acknowledge bankv1.Acknowledge
	session     string
	customer    int64
}

func (o *writeOptions) writeFlags(c *cobra.Command) {
	o.target.targetFlags(c)
	f := c.Flags()
	flags.Name(c, &o.requestID, "request-id", "the idempotency key: the same id again, with the same --home, counts once at whatever branch (default a new one)")
	f.Uint32Var(&o.home, "home", 0, "the `id` of the branch that the request id belongs to: that of the first try (default the branch that is called)")
	flags.Token(c, &o.session, "session", sessionUsage)
	f.Int64Var(&o.customer, "customer", 0, "the `id` of the customer, for statements")
	flags.Acknowledge(c, &o.acknowledge, "when the write counts as done (default what the bank was started with)")
}

// Usage texts of flags that several commands have.
const (
	sessionUsage = "the session `token` of an earlier reply's JSON: the branch first catches up with it"
	accountUsage = "the account: " + name.Rule + sharedUsage
	sharedUsage  = " (default the bank's shared account)"
)

func (a *app) depositCommand() *cobra.Command {
	o := &writeOptions{}
	c := &cobra.Command{
		Use:     "deposit AMOUNT",
		Short:   "Add an amount to an account",
		Long:    "Deposit adds an amount, in the smallest unit of the currency, to an account.",
		Example: "  passbook deposit 10 --branch 7\n  passbook deposit 10 --branch 7 --account savings --request-id rent-2026-05",
		Args:    amountArgument,
	}
	flags.Name(c, &o.account, "account", accountUsage)
	return a.write(c, o, "Deposited", func(ctx context.Context, client bankv1connect.BranchServiceClient, amount int64) (console.WriteReply, error) {
		return client.Deposit(ctx, &bankv1.DepositRequest{
			Account: o.account, Amount: amount, RequestId: o.requestID, HomeBranch: o.home,
			Acknowledge: o.acknowledge, Session: o.session, CustomerId: o.customer,
		})
	})
}

func (a *app) withdrawCommand() *cobra.Command {
	o := &writeOptions{}
	c := &cobra.Command{
		Use:   "withdraw AMOUNT",
		Short: "Take an amount from an account",
		Long: `Withdraw takes an amount, in the smallest unit of the currency, from an
account. Any branch does, as long as the balance over all branches covers it.`,
		Example: "  passbook withdraw 300 --branch 7\n  passbook withdraw 5 --branch 7 --account savings --acknowledge majority",
		Args:    amountArgument,
	}
	flags.Name(c, &o.account, "account", accountUsage)
	return a.write(c, o, "Withdrew", func(ctx context.Context, client bankv1connect.BranchServiceClient, amount int64) (console.WriteReply, error) {
		return client.Withdraw(ctx, &bankv1.WithdrawRequest{
			Account: o.account, Amount: amount, RequestId: o.requestID, HomeBranch: o.home,
			Acknowledge: o.acknowledge, Session: o.session, CustomerId: o.customer,
		})
	})
}

func (a *app) transferCommand() *cobra.Command {
	o := &writeOptions{}
	var to string
	c := &cobra.Command{
		Use:   "transfer AMOUNT",
		Short: "Move an amount from one account to another",
		Long: `Transfer moves an amount, in the smallest unit of the currency, from one
account to another in one step. The balance shown is that of the one that pays.`,
		Example: "  passbook transfer 150 --to savings --branch 7\n  passbook transfer 50 --from savings --to rent --branch 2",
		Args:    amountArgument,
	}
	flags.Name(c, &o.account, "from", "the account that pays: "+name.Rule+sharedUsage)
	flags.Name(c, &to, "to", "the account that is paid: "+name.Rule+sharedUsage)
	c.MarkFlagsOneRequired("from", "to")
	return a.write(c, o, "Transferred", func(ctx context.Context, client bankv1connect.BranchServiceClient, amount int64) (console.WriteReply, error) {
		return client.Transfer(ctx, &bankv1.TransferRequest{
			FromAccount: o.account, ToAccount: to, Amount: amount, RequestId: o.requestID, HomeBranch: o.home,
			Acknowledge: o.acknowledge, Session: o.session, CustomerId: o.customer,
		})
	})
}

// findHome makes the request id belong to the branch that is called, unless a flag
// names another one. A branch that is known only by its address is asked for its id.
func (o *writeOptions) findHome(ctx context.Context) error {
	if o.home == 0 {
		o.home = o.target.branch
	}
	if o.home != 0 {
		return nil
	}
	return o.target.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
		status, err := client.GetStatus(ctx, &bankv1.GetStatusRequest{})
		o.home = status.GetBranch()
		return err
	})
}

// write turns a call that writes into a command.
func (a *app) write(c *cobra.Command, o *writeOptions, done string, call func(context.Context, bankv1connect.BranchServiceClient, int64) (console.WriteReply, error)) *cobra.Command {
	c.GroupID = branchGroup
	o.writeFlags(c)
	return a.does(c, func(ctx context.Context, args []string) error {
		amount, err := parseAmount(args[0])
		if err != nil {
			return exit.Usage(err)
		}
		if o.requestID == "" {
			o.requestID = newRequestID()
		}
		if err := o.findHome(ctx); err != nil {
			return err
		}
		again := fmt.Sprintf("--request-id %s --home %d", o.requestID, o.home)
		return o.target.call(ctx, again, func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			reply, err := call(ctx, client, amount)
			switch {
			case err != nil:
				return err
			case o.target.json:
				return a.console.JSON(reply)
			}
			return a.console.Written(done, amount, reply)
		})
	})
}
