package main

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

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/branch/port"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

const (
	defaultListen   = "127.0.0.1"
	defaultBasePort = 50050
)

// network says where the branches of a bank are: branch i on port base + i.
type network struct {
	listen   string
	basePort int
	// elsewhere is host:port of the branches that are reached there instead.
	elsewhere addresses
}

// placeFlags adds the flags that say on which host and ports the branches are.
func (n *network) placeFlags(c *cobra.Command) {
	c.Flags().StringVar(&n.listen, "listen", defaultListen, "the `host` that the branches listen on")
	c.Flags().IntVar(&n.basePort, "base-port", defaultBasePort, "branch i is on `port` base + i")
}

// check says whether each of the branches has a port.
func (n *network) check(ids ...uint32) error {
	for _, id := range ids {
		switch port := int64(n.basePort) + int64(id); {
		case port > math.MaxUint16:
			return exit.Usagef("branch %d would be on port %d, and the last port is %d: choose a lower --base-port, or a lower id", id, port, math.MaxUint16)
		case port < 1:
			return exit.Usagef("branch %d would be on port %d, and the first port is 1: choose a higher --base-port", id, port)
		}
	}
	if n.listen == "" || strings.ContainsAny(n.listen, "/[] ") {
		return exit.Usagef("--listen must be a host name or an IP address without a port, got %q", n.listen)
	}
	return nil
}

// port returns the port of a branch.
func (n *network) port(id uint32) int { return n.basePort + int(id) }

// address returns the host:port at which others reach a branch.
func (n *network) address(id uint32) string {
	if a, ok := n.elsewhere[id]; ok {
		return a
	}
	host := n.listen
	// The address that stands for all of a machine's is none to connect to.
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(n.port(id)))
}

// isHere reports whether a branch is on this machine, as far as the flags tell:
// it is not said to be elsewhere, or on a loopback address.
func (n *network) isHere(id uint32) bool {
	a, ok := n.elsewhere[id]
	if !ok {
		return true
	}
	host, _, err := net.SplitHostPort(a)
	ip, parseErr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || parseErr == nil && ip.IsLoopback())
}

// addressesOf returns where others reach each of the branches.
func (n *network) addressesOf(ids []uint32) map[uint32]string {
	m := make(map[uint32]string, len(ids))
	for _, id := range ids {
		m[id] = n.address(id)
	}
	return m
}

// listenFor opens the port of a branch; one that will be free soon it waits for,
// and logs that. Its errors name the flag that helps.
func (n *network) listenFor(ctx context.Context, id uint32, logger *slog.Logger) (net.Listener, error) {
	l, err := port.Listen(ctx, n.listen, n.port(id), func(why string) {
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
		return nil, exit.Usagef("branch %d: %q is no address of this machine: choose another with --listen", id, n.listen)
	}
	return nil, fmt.Errorf("branch %d: %w", id, err)
}

// checkPorts says whether the ports of branches are free, for others to listen
// on: so that none of them starts if not all can.
func (n *network) checkPorts(ctx context.Context, ids []uint32, logger *slog.Logger) error {
	listeners, err := listenForAll(ctx, n, ids, logger)
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// addresses is a flag that says where branches are: ID=HOST:PORT, repeated.
type addresses map[uint32]string

func (a *addresses) String() string { return "" }
func (a *addresses) Type() string   { return "ID=HOST:PORT" }

// Set adds one address.
func (a *addresses) Set(text string) error {
	name, address, ok := strings.Cut(text, "=")
	id, err := strconv.ParseUint(name, 10, 32)
	if !ok || err != nil || id == 0 {
		return errors.New("must be ID=HOST:PORT, such as 7=127.0.0.1:50057")
	}
	if err := checkAddress(address); err != nil {
		return err
	}
	if *a == nil {
		*a = make(addresses)
	}
	(*a)[uint32(id)] = address
	return nil
}

// check says whether all of the branches named are among ids.
func (a addresses) check(flag string, ids []uint32) error {
	known := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	for id := range a {
		if !known[id] {
			return exit.Usagef("--%s names branch %d, which is not in the file; its branches are %s", flag, id, words.IDs(ids))
		}
	}
	return nil
}

// checkAddress says whether text is host:port.
func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" && name.Printable(host) == host && !strings.ContainsAny(host, " /?#@") {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return fmt.Errorf("%q must be HOST:PORT, such as 127.0.0.1:50057", text)
}
