package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/issue"
)

// The kinds of certificates, as commands name them.
const (
	branchWord = "branch"
	clientWord = "client"
	caWord     = "ca"
)

func (a *app) renewCommand(dir *string) *cobra.Command {
	var (
		f       issue.Folder
		hosts   []string
		days    int
		dropOld bool
	)
	c := &cobra.Command{
		Use:   "renew branch ID... | client NAME... | ca [branches|clients]",
		Short: "Make a certificate once more, with another key; or replace a CA",
		Long: `Renew makes a certificate once more for the same holder, with another key. The one
before stays good until it ends or is revoked.

A CA is replaced in three steps, and nobody is refused meanwhile. Carry the ca-*.crt to
all branches and clients after the first and the last, and their certificates after the
second:

  1. 'renew ca' puts a new certificate in front of the old one: both are believed.
  2. 'renew branch' and 'renew client' make certificates that the new CA signs.
  3. 'renew ca --drop-old' drops the old one. It refuses while a certificate in the
     directory needs it.

The key of the old CA is replaced in step 1. In step 3, signers.json takes down which
certificates branches have signed their journals with, so that those still count; carry
it to all branches, too.`,
		Example: `  passbook cert renew branch 1 2 3
  passbook cert renew client ann --days 30
  passbook cert renew ca
  passbook cert renew ca --drop-old`,
		Args: renewArguments,
	}
	caFlags(c, &f)
	c.Flags().StringArrayVar(&hosts, "host", nil, "for branches: a `name` or an IP address under which they are reached from now on, instead of those before; may be given several times")
	daysFlag(c, &days, 0, fmt.Sprintf("for how many days it is good (default %d for branches, %d for clients, %d for CAs)", issue.BranchDays, issue.ClientDays, issue.CADays))
	c.Flags().BoolVar(&dropOld, "drop-old", false, "for CAs: drop the old ones")
	c.MarkFlagsMutuallyExclusive("days", "drop-old")
	return a.does(c, func(_ context.Context, args []string) error {
		f.Dir = *dir
		kind, of := args[0], args[1:]
		if len(hosts) > 0 && kind != branchWord {
			return exit.Usagef("--host is for branches: only they are reached somewhere")
		}
		switch {
		case dropOld && kind != caWord:
			return exit.Usagef("--drop-old is for CAs: others have no old certificates in their files")
		case dropOld:
			dropped, err := f.DropOldCAs(of)
			if err != nil {
				return err
			}
			return a.console.Dropped(dropped)
		}
		if c.Flags().Changed("days") {
			if err := issue.CheckDays(days); err != nil {
				return err
			}
		}
		made, err := renew(&f, kind, of, hosts, days)
		return errors.Join(err, a.console.Made(f.Dir, made))
	})
}

// renew makes certificates once more, good for so many days, or for as many as is usual.
func renew(f *issue.Folder, kind string, of, hosts []string, days int) ([]issue.Entry, error) {
	usual := map[string]int{branchWord: issue.BranchDays, clientWord: issue.ClientDays, caWord: issue.CADays}
	if days == 0 {
		days = usual[kind]
	}
	if kind == caWord {
		return f.RenewCA(of, days)
	}
	var names []string
	for _, arg := range of {
		name, err := fileOf(kind, arg)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return f.Renew(names, hosts, days)
}

// fileOf returns the name of somebody's files, without .crt and .key.
func fileOf(kind, arg string) (string, error) {
	if kind == clientWord {
		return certs.ClientFile(arg), checkClient(arg)
	}
	id, err := branchID(arg)
	return certs.BranchFile(id), err
}

// renewArguments takes a kind of certificate, and of which branches or clients.
func renewArguments(c *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] == caWord {
		return nil
	}
	if len(args) < 2 || args[0] != branchWord && args[0] != clientWord && args[0] != caWord {
		return fmt.Errorf("%s needs what to renew: branch 1, client ann, or ca; got %q", c.CommandPath(), args)
	}
	return nil
}

func (a *app) revokeCommand(dir *string) *cobra.Command {
	var (
		f           issue.Folder
		r           issue.Revoke
		fingerprint string
	)
	c := &cobra.Command{
		Use:   "revoke branch ID | client NAME",
		Short: "Say that certificates are good no more",
		Long: `Revoke adds the certificates of a branch or a client to revoked.json: the one in the
directory, and those of the record that may still count. Carry revoked.json to all
branches: within a second each refuses the certificates, and ends what goes on on
connections that were opened with them. Then 'passbook cert renew' makes another one, if
the holder is to go on.

A branch's certificate also signs the entries of its journal, and what it has signed
counts after it has expired. --after says up to which entry: the last one that the
branch itself has written, as its peers have it. 'passbook status' shows it.`,
		Example: `  passbook cert revoke client ann --reason stolen
  passbook cert revoke branch 1 --after 4711
  passbook cert revoke branch 1 --after 4711 --fingerprint 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef`,
		Args: revokeArguments,
	}
	caFlags(c, &f)
	c.Flags().Uint64Var(&r.After, "after", 0, "for a branch: the `sequence` of the last entry of its journal that the certificates may have signed; 0 for none")
	c.Flags().StringVar(&r.Reason, "reason", "", "why, for people who read the list")
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "revoke only the certificate with this SHA-256, in `hexadecimal` digits, wherever it was made; 'passbook cert list --all --json' shows those of all")
	return a.does(c, func(_ context.Context, args []string) error {
		f.Dir = *dir
		after := c.Flags().Changed("after")
		if args[0] == clientWord {
			if after {
				return exit.Usagef("--after is for branches: a client has no journal")
			}
			r.Client = args[1]
		} else {
			id, err := branchID(args[1])
			if err != nil {
				return err
			}
			if !after {
				return exit.Usagef("the certificates of a branch sign its journal: say with --after up to which entry that counts, or 0 for none; 'passbook status' shows its last one")
			}
			r.Branch = id
		}
		if fingerprint != "" {
			r.Only = new(certs.Fingerprint)
			if err := r.Only.UnmarshalText([]byte(fingerprint)); err != nil {
				return exit.Usagef("--fingerprint: %w", err)
			}
		}
		added, err := f.Revoke(r)
		if err != nil {
			return err
		}
		return a.console.Revoked(added)
	})
}

// revokeArguments takes the kind of a holder, and which one.
func revokeArguments(c *cobra.Command, args []string) error {
	if len(args) != 2 || args[0] != branchWord && args[0] != clientWord {
		return fmt.Errorf("%s needs whose certificates to revoke: branch 1, or client ann; got %q", c.CommandPath(), args)
	}
	if args[0] == clientWord {
		return checkClient(args[1])
	}
	return nil
}

func (a *app) listCommand(dir *string) *cobra.Command {
	var (
		f           issue.Folder
		all, asJSON bool
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List certificates: who, what for, until when, and how each is",
		Long: `List shows the certificates of the directory and how each is: good, soon to
expire, expired, revoked, or why nobody would believe it. The exit code does not
depend on that; programs read "good" from --json.`,
		Example: "  passbook cert list\n  passbook cert list --certs-dir ./for-bank-1b --ca-dir ./passbook-certs --all --json",
		Args:    noArgument,
	}
	caDirFlag(c, &f)
	c.Flags().BoolVar(&all, "all", false, "list also the certificates that are in no file any more, of the record and of the list of what is revoked")
	c.Flags().BoolVar(&asJSON, "json", false, "print the list as one line of JSON")
	return a.does(c, func(context.Context, []string) error {
		f.Dir = *dir
		entries, err := f.List(all)
		switch {
		case err != nil:
			return err
		case asJSON:
			return a.console.CertificatesJSON(entries)
		}
		return a.console.Certificates(entries)
	})
}
