package main

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// checkFaults says whether the branches may be broken on purpose: whoever
// reaches one of them can.
func (o *serveOptions) checkFaults(alone bool) error {
	switch {
	case !o.faults || o.child:
		return nil
	case alone:
		return exit.Usagef("--faults is for all branches of a file, not for --branch: what serves one branch alone can't stop, start or cut off the others")
	case !isLoopback(o.network.listen):
		return exit.Usagef("--faults lets everybody break the branches, so they must be on this machine alone: --listen must be a loopback address such as %s, got %q", defaultListen, o.network.listen)
	}
	for _, id := range slices.Sorted(maps.Keys(o.network.elsewhere)) {
		address := o.network.elsewhere[id]
		if host, _, err := net.SplitHostPort(address); err != nil || !isLoopback(host) {
			return exit.Usagef("--faults lets everybody break the branches, so they must be on this machine alone: --peer must name a loopback address such as %d=%s:50057, got %d=%s", id, defaultListen, id, address)
		}
	}
	return nil
}

// isLoopback tells whether only this machine reaches a host.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
