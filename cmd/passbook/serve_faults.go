package main

import (
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"

	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
)

// checkFaults says whether the branches may be broken on purpose: whoever
// reaches one of them can.
func (o *serveOptions) checkFaults(alone bool) error {
	switch {
	case !o.faults || o.child:
		return nil
	case alone:
		return exit.Usagef("--faults is for all branches of a file, not for --branch: what serves one branch alone can't stop, start or cut off the others")
	case !flags.IsLoopback(o.network.Listen):
		return exit.Usagef("--faults lets everybody break the branches, so they must be on this machine alone: --listen must be a loopback address such as %s, got %q", flags.DefaultListen, o.network.Listen)
	}
	for _, id := range slices.Sorted(maps.Keys(o.network.Elsewhere)) {
		address := o.network.Elsewhere[id]
		if host, _, err := net.SplitHostPort(address); err != nil || !flags.IsLoopback(host) {
			return exit.Usagef("--faults lets everybody break the branches, so they must be on this machine alone: --peer must name a loopback address such as %d=%s:50057, got %d=%s", id, flags.DefaultListen, id, address)
		}
	}
	return nil
}

// faultsHere is how the branches of this process are broken on purpose.
type faultsHere struct {
	// of is for host.Options.Faults.
	of func(b *host.Bank, id uint32) fault.Faults
	// listen hears what a parent says, until it ends.
	listen func(io.Reader)
}

// faultsHere returns how to break the branches that serve serves here: by
// itself, or as the process of a branch by its parent, or not at all.
func (a *app) faultsHere(ids []uint32, o *serveOptions, logger *slog.Logger) faultsHere {
	switch {
	case !o.faults:
		return faultsHere{listen: func(from io.Reader) { _, _ = io.Copy(io.Discard, from) }}
	case o.child:
		of, listen := host.ChildFaults(o.branch, a.console.Out, logger)
		return faultsHere{of: of, listen: listen}
	}
	return faultsHere{of: host.BankFaults(ids, logger)}
}
