package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/issue"
)

// The clients that create-all makes, by their roles.
var firstClients = []identity.Identity{
	{Client: "teller", Role: identity.Teller},
	{Client: "operator", Role: identity.Operator},
}

func (a *app) createAllCommand(dir *string) *cobra.Command {
	var (
		f     issue.Folder
		hosts []string
	)
	c := &cobra.Command{
		Use:   "create-all FILE",
		Short: "Make everything that the bank of a file needs to begin with",
		Long: `Create-all makes the CAs of a bank, the certificates of all branches of an input
file, and those of two clients: the teller "teller" and the operator "operator". It
is create-ca, create-branch and create-client in one.`,
		Example: `  passbook cert create-all bank.json --host bank.example.org
  passbook serve bank.json --listen 0.0.0.0 --certs-dir passbook-certs`,
		Args:              inputFile,
		ValidArgsFunction: inputFiles,
	}
	c.Flags().StringVar(&f.Bank, "bank", "bank", "the `name` of the bank: small letters, digits, hyphens, and dots between them")
	c.Flags().StringArrayVar(&hosts, "host", issue.DefaultHosts, "a `name` or an IP address under which the branches are reached; may be given several times")
	return a.does(c, func(_ context.Context, args []string) error {
		f.Dir = *dir
		in, err := files.ReadInput(args[0])
		if err != nil {
			return err
		}
		made, err := f.CreateCA(issue.CADays)
		if err == nil {
			var branches []issue.Entry
			branches, err = f.CreateBranches(in.BranchIDs(), hosts, issue.BranchDays)
			made = append(made, branches...)
		}
		for _, client := range firstClients {
			if err == nil {
				var clients []issue.Entry
				clients, err = f.CreateClient(client, issue.ClientDays)
				made = append(made, clients...)
			}
		}
		return errors.Join(err, a.console.Made(f.Dir, made))
	})
}
