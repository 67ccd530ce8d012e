package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	network   host.Network
	serving   servingOptions
	branch    uint32
	processes bool
	bootstrap bool
	bankID    string
	console   console.Options
	// child is set where this process is a branch of serve --processes: it
	// writes a line to standard output when it is ready, and stops when its
	// standard input ends, which also happens when its parent is killed.
	child bool
	// faults lets branches be broken on purpose.
	faults bool
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve FILE",
		Short: "Serve the branches of a file until Ctrl-C (the course's server.py)",
		Long: `Serve serves the branches of an input file until Ctrl-C or SIGTERM; the
file's customers are left to 'passbook replay'. It is what the course calls
server.py. All branches run in this process; with --processes each has one of
its own, and with --branch only one runs, as on a machine of its own.

The data of three.json is kept in ./passbook-data/three (with --bank NAME in
./passbook-data/three-NAME), unless --data says where, and a branch goes on
from the data of its last run. A branch whose data directory is empty first
hears from every other branch, because it may have acknowledged writes before;
--bootstrap starts it without. The same holds for a directory that was copied, or
restored from a copy, because it may be old.

Branches that meet for the first time found a bank: all have to be there, and
agree on an id that tells it from every other one ('passbook status' shows it).
A branch with the data of another bank is refused by its peers. --bank-id says
which bank an empty directory belongs to; --bootstrap founds one alone, if no
other branch answers.`,
		Example: `  passbook serve examples/course-50.json
  passbook serve input.json --processes --data /var/lib/passbook
  passbook serve input.json --branch 1 --listen 0.0.0.0 --peer 2=10.0.0.2:50052`,
		GroupID:           bankGroup,
		Args:              inputFile,
		ValidArgsFunction: inputFiles,
	}
	flags.Place(c, &o.network)
	o.serving.servingFlags(c)
	flags.Security(c, &o.serving.security)
	f := c.Flags()
	f.StringVar(&o.serving.data, "data", "", "the `directory` of the data, one below it for each branch (default ./"+files.DataRoot+"/ and the name of FILE)")
	f.Uint32Var(&o.branch, "branch", 0, "serve only the branch with this `id`")
	f.BoolVar(&o.processes, "processes", false, "serve each branch in a process of its own")
	f.BoolVar(&o.bootstrap, "bootstrap", false, "let branches with empty or copied data write before they hear from all others")
	f.StringVar(&o.bankID, "bank-id", "", "the `id` of the bank: refuse data of another bank, and let empty data belong to this one only")
	flags.Elsewhere(c, &o.network, "peer")
	flags.Trace(c, &o.serving.trace, "keep logical clocks of deposits and withdrawals, which 'passbook replay' fetches; a file with customer-requests needs no --trace")
	f.BoolVar(&o.faults, "faults", false, "let the dashboard and FaultService break branches on purpose: cut off, pause, kill, restart (loopback only)")
	f.BoolVar(&o.child, "child", false, "this is a process of serve --processes")
	if err := f.MarkHidden("child"); err != nil {
		panic(err)
	}
	flags.Console(c, &o.console)
	c.MarkFlagsMutuallyExclusive("branch", "processes")
	return a.does(c, func(ctx context.Context, args []string) error {
		if !c.Flags().Changed("data") {
			o.serving.data = files.DefaultData(args[0], o.serving.bank)
		}
		return a.serve(ctx, args[0], &o, c.Flags().Changed("branch"))
	})
}

// serve carries out serve: it checks its flags, and serves here or in processes.
func (a *app) serve(ctx context.Context, file string, o *serveOptions, alone bool) error {
	a.console.Configure(o.console)
	in, err := files.ReadInput(file)
	if err != nil {
		return err
	}
	ids := in.BranchIDs()
	if err := errors.Join(o.network.Check(ids...), flags.CheckElsewhere(&o.network, "peer", ids), o.serving.check(&o.network)); err != nil {
		return err
	}
	if alone {
		if err := files.CheckBranch(in, o.branch); err != nil {
			return err
		}
		ids = []uint32{o.branch}
	}
	if err := o.checkFaults(alone); err != nil {
		return err
	}
	if err := o.checkPeerListen(alone); err != nil {
		return err
	}
	if err := branch.CheckBank(o.serving.bank, o.bankID); err != nil {
		return exit.Usagef("--bank-id: %w", err)
	}
	options := o.serving.hosting(in, ids, &o.network, a.console.Log)
	options.BankID, options.Bootstrap = o.bankID, o.bootstrap
	err = options.Check()
	switch {
	case err != nil:
	case o.processes:
		return a.serveProcesses(ctx, in, ids, o)
	default:
		err = a.serveHere(ctx, options, o)
	}
	if !o.child { // whose parent's command is the one to give again
		err = files.Occupied(err, in, o.serving.data, a.args)
	}
	return err
}

// checkPeerListen says whether the branches may have a port of their own.
func (o *serveOptions) checkPeerListen(alone bool) error {
	at := o.serving.security.PeerListen
	switch {
	case at == "":
		return nil
	case !alone:
		return exit.Usagef("--peer-listen is for one branch alone: say which with --branch")
	}
	if err := flags.CheckAddress(at); err != nil {
		return exit.Usagef("--peer-listen %w", err)
	}
	return nil
}
