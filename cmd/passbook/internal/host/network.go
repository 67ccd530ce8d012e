package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"passbook.example/passbook/branch/port"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// Network says where the branches of a bank are: branch i on port base + i.
type Network struct {
	// Listen is the host that the branches of this machine listen on.
	Listen string
	// BasePort is the port that branch 0 would have.
	BasePort int
	// Elsewhere has the host:port of each branch that is reached at another address.
	Elsewhere map[uint32]string
}

// Check returns an error if a branch has no valid port, or Listen is not a host.
func (n *Network) Check(ids ...uint32) error {
	for _, id := range ids {
		switch port := int64(n.BasePort) + int64(id); {
		case port > math.MaxUint16:
			return exit.Usagef("branch %d would be on port %d, and the last port is %d: choose a lower --base-port, or a lower id", id, port, math.MaxUint16)
		case port < 1:
			return exit.Usagef("branch %d would be on port %d, and the first port is 1: choose a higher --base-port", id, port)
		}
	}
	if n.Listen == "" || strings.ContainsAny(n.Listen, "/[] ") {
		return exit.Usagef("--listen must be a host name or an IP address without a port, got %q", n.Listen)
	}
	return nil
}

// port returns the port of a branch.
func (n *Network) port(id uint32) int { return n.BasePort + int(id) }

// Address returns the host:port at which others reach a branch.
func (n *Network) Address(id uint32) string {
	if a, ok := n.Elsewhere[id]; ok {
		return a
	}
	host := n.Listen
	// Nobody can connect to an address that stands for all of a machine's.
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(n.port(id)))
}

// isHere reports whether a branch is on this machine, as far as the flags tell:
// it has no address of its own, or a loopback address.
func (n *Network) isHere(id uint32) bool {
	a, ok := n.Elsewhere[id]
	if !ok {
		return true
	}
	host, _, err := net.SplitHostPort(a)
	ip, parseErr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || parseErr == nil && ip.IsLoopback())
}

// AddressesOf returns where others reach each of the branches.
func (n *Network) AddressesOf(ids []uint32) map[uint32]string {
	m := make(map[uint32]string, len(ids))
	for _, id := range ids {
		m[id] = n.Address(id)
	}
	return m
}

// URLsOf returns the URLs of branches, as url makes them of an address.
func (n *Network) URLsOf(ids []uint32, url func(address string) string) map[uint32]string {
	m := n.AddressesOf(ids)
	for id, address := range m {
		m[id] = url(address)
	}
	return m
}

// listenFor opens the port of a branch. It waits for a port that will be free soon,
// and logs that. Its errors name the flag that helps.
func (n *Network) listenFor(ctx context.Context, id uint32, logger *slog.Logger) (net.Listener, error) {
	l, err := port.Listen(ctx, n.Listen, n.port(id), func(why string) {
		logger.Warn(fmt.Sprintf("Branch %d: %s", id, why))
	})
	var (
		taken   *port.TakenError
		resolve *net.DNSError
	)
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &taken):
		return nil, fmt.Errorf("branch %d: %w: choose another range with --base-port, or stop what has it", id, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("branch %d: port %d needs privileges: choose another range with --base-port", id, n.port(id))
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &resolve):
		return nil, exit.Usagef("branch %d: %q is no address of this machine: choose another with --listen", id, n.Listen)
	}
	return nil, fmt.Errorf("branch %d: %w", id, err)
}

// CheckPorts returns an error unless the ports of all branches are free. The
// processes that will listen on them are started only if all can be.
func (n *Network) CheckPorts(ctx context.Context, ids []uint32, logger *slog.Logger) error {
	listeners, err := listenForAll(ctx, n, ids, logger)
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}
