package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/issue"
)

func (a *app) certCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "cert",
		Short: "Make, renew, revoke and list certificates of branches and clients",
		Long: `Cert makes the certificates by which branches and clients prove who they are,
in one directory:

  ca-branch.crt, ca-client.crt   the CAs: one signs for branches, one for clients
  ca-branch.key, ca-client.key   their keys, which no branch and no client needs
  branch.1.crt, branch.1.key     the certificate of branch 1, and its key
  client.ann.crt, client.ann.key the certificate of the client ann, and its key
  revoked.json                   what is good no more
  signers.json                   which certificates have signed journals, of CAs that
                                 were dropped
  issued.json                    what was made; 'revoke' needs it

Give each branch its own .crt and .key, both ca-*.crt, revoked.json and signers.json; give
each client its own .crt and .key, and ca-branch.crt. Keep the CAs' keys elsewhere: who has one can
make certificates for anybody, and --ca-dir names their directory. Branches take up
files that change while they run.`,
		Example: `  passbook cert create-all bank.json --host bank.example.org
  passbook cert create-ca
  passbook cert create-branch 1 2 3
  passbook cert create-client ann --role teller
  passbook cert list`,
		GroupID: bankGroup,
		Args:    cobra.NoArgs,
	}
	flags.MakeCertsDir(c, &dir)
	c.AddCommand(a.createAllCommand(&dir), a.createCACommand(&dir), a.createBranchCommand(&dir), a.createClientCommand(&dir), a.renewCommand(&dir), a.revokeCommand(&dir), a.listCommand(&dir))
	return c
}

// caFlags adds the flags of commands that need a CA's key.
func caFlags(c *cobra.Command, f *issue.Folder) {
	caDirFlag(c, f)
	c.Flags().StringVar(&f.Bank, "bank", "", "the `name` of the bank, if the CAs' certificates don't say it, since they were made elsewhere")
}

// caDirFlag adds --ca-dir.
func caDirFlag(c *cobra.Command, f *issue.Folder) {
	c.Flags().StringVar(&f.CADir, "ca-dir", "", "the `directory` that has the CAs with their keys, the record of what they have made, and the list of what is revoked (default: that of --certs-dir)")
}

// daysFlag adds --days.
func daysFlag(c *cobra.Command, days *int, usual int, usage string) {
	c.Flags().IntVar(days, "days", usual, usage)
}

func (a *app) createCACommand(dir *string) *cobra.Command {
	var (
		f    issue.Folder
		days int
	)
	c := &cobra.Command{
		Use:   "create-ca",
		Short: "Make the CAs of a bank",
		Long: `Create-ca makes the two CAs of a bank: that of its branches, and that of its
clients. Their certificates say the bank's name, which is that of the bank's file:
"bank", unless the branches are served with another one.`,
		Example: "  passbook cert create-ca\n  passbook cert create-ca --bank acme --certs-dir /etc/passbook/ca",
		Args:    noArgument,
	}
	c.Flags().StringVar(&f.Bank, "bank", "bank", "the `name` of the bank: small letters, digits, hyphens, and dots between them")
	daysFlag(c, &days, issue.CADays, "for how many days the CAs are good")
	return a.does(c, func(context.Context, []string) error {
		f.Dir = *dir
		if err := issue.CheckDays(days); err != nil {
			return err
		}
		made, err := f.CreateCA(days)
		return errors.Join(err, a.console.Made(f.Dir, made))
	})
}

func (a *app) createBranchCommand(dir *string) *cobra.Command {
	var (
		f     issue.Folder
		hosts []string
		days  int
	)
	c := &cobra.Command{
		Use:   "create-branch ID...",
		Short: "Make the certificates of branches",
		Long: `Create-branch makes a certificate and a key for each branch that is named. A
branch that several machines may serve may have one on each: make them in a directory for
each machine, with --ca-dir.

Clients make sure that a branch's certificate is good for the host under which they call
it. Branches make sure of each other's ids instead.`,
		Example: `  passbook cert create-branch 1 2 3
  passbook cert create-branch 1 --host bank-1.example.org --host 10.0.0.1
  passbook cert create-branch 1 --host bank-1b.example.org --certs-dir ./for-bank-1b --ca-dir ./passbook-certs`,
		Args: cobra.MinimumNArgs(1),
	}
	caFlags(c, &f)
	c.Flags().StringArrayVar(&hosts, "host", issue.DefaultHosts, "a `name` or an IP address under which the branches are reached; may be given several times")
	daysFlag(c, &days, issue.BranchDays, "for how many days the certificates are good")
	return a.does(c, func(_ context.Context, args []string) error {
		f.Dir = *dir
		if err := issue.CheckDays(days); err != nil {
			return err
		}
		ids, err := branchIDs(args)
		if err != nil {
			return err
		}
		made, err := f.CreateBranches(ids, hosts, days)
		return errors.Join(err, a.console.Made(f.Dir, made))
	})
}

// branchIDs reads ids of branches, each of which may be there once.
func branchIDs(args []string) ([]uint32, error) {
	var ids []uint32
	for _, arg := range args {
		id, err := branchID(arg)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, id) {
			return nil, exit.Usagef("branch %d is named twice", id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// branchID reads the id of a branch.
func branchID(arg string) (uint32, error) {
	id, err := strconv.ParseUint(arg, 10, 32)
	if err != nil || id == 0 {
		return 0, exit.Usagef("the id of a branch must be an integer from 1 to %d, got %q", ^uint32(0), arg)
	}
	return uint32(id), nil
}

func (a *app) createClientCommand(dir *string) *cobra.Command {
	var (
		f    issue.Folder
		id   = identity.Identity{Role: identity.Customer}
		days int
	)
	c := &cobra.Command{
		Use:   "create-client NAME",
		Short: "Make the certificate of a client",
		Long: `Create-client makes a certificate and a key for a client of the bank. What the
client may do is its role:

  customer  uses accounts of its own, those of --accounts
  teller    uses all accounts
  auditor   reads everything, and changes nothing
  operator  sees to the branches: their status, alarms and faults`,
		Example: `  passbook cert create-client ann --accounts ann --accounts 'shop-*'
  passbook cert create-client till-7 --role teller --days 30
  passbook cert create-client oscar --role operator`,
		Args: clientArgument,
	}
	caFlags(c, &f)
	flags.Role(c, &id.Role, "what the client may do")
	c.Flags().StringArrayVar((*[]string)(&id.Accounts), "accounts", nil, "the `name` of an account that a customer may use, or shop-* for all that begin so, or * for all; may be given several times")
	daysFlag(c, &days, issue.ClientDays, "for how many days the certificate is good")
	return a.does(c, func(_ context.Context, args []string) error {
		f.Dir = *dir
		if err := issue.CheckDays(days); err != nil {
			return err
		}
		id.Client = args[0]
		if id.Role == identity.Customer && len(id.Accounts) == 0 {
			return exit.Usagef("a customer without --accounts may use none: name them, as in --accounts %s, or give another --role", id.Client)
		}
		made, err := f.CreateClient(id, days)
		return errors.Join(err, a.console.Made(f.Dir, made))
	})
}

// clientArgument takes exactly one argument, the name of a client.
func clientArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs the name of one client, got %d arguments", c.CommandPath(), len(args))
	}
	return checkClient(args[0])
}

// checkClient returns an error unless a client may be called so.
func checkClient(text string) error {
	if text == "" {
		return errors.New("the name of a client is empty")
	}
	if err := name.Check(text); err != nil {
		return fmt.Errorf("the name of a client %w", err)
	}
	return nil
}
