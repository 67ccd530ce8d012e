package flags

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

const (
	// DefaultListen is where branches listen unless told otherwise: on this machine
	// alone.
	DefaultListen   = "127.0.0.1"
	defaultBasePort = 50050
)

// Place adds the flags that say on which host and ports the branches are.
func Place(c *cobra.Command, n *host.Network) {
	c.Flags().StringVar(&n.Listen, "listen", DefaultListen, "the `host` that the branches listen on")
	c.Flags().IntVar(&n.BasePort, "base-port", defaultBasePort, "branch i is on `port` base + i")
}

// Elsewhere adds a flag for branches that are not reached at their own port of this
// machine.
func Elsewhere(c *cobra.Command, n *host.Network, flag string) {
	c.Flags().Var((*addresses)(&n.Elsewhere), flag, "where a branch is reached instead, as `ID=HOST:PORT`; may be repeated")
}

// addresses is a flag that says where branches are: ID=HOST:PORT, repeated.
type addresses map[uint32]string

// String implements pflag.Value.
func (a *addresses) String() string { return "" }

// Type implements pflag.Value.
func (a *addresses) Type() string { return "ID=HOST:PORT" }

// Set adds one address.
func (a *addresses) Set(text string) error {
	name, address, ok := strings.Cut(text, "=")
	id, err := strconv.ParseUint(name, 10, 32)
	if !ok || err != nil || id == 0 {
		return errors.New("must be ID=HOST:PORT, such as 7=127.0.0.1:50057")
	}
	if err := CheckAddress(address); err != nil {
		return err
	}
	if *a == nil {
		*a = make(addresses)
	}
	(*a)[uint32(id)] = address
	return nil
}

// CheckElsewhere says whether all of the branches that a flag named are among ids.
func CheckElsewhere(n *host.Network, flag string, ids []uint32) error {
	known := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	for id := range n.Elsewhere {
		if !known[id] {
			return exit.Usagef("--%s names branch %d, which is not in the file; its branches are %s", flag, id, words.IDs(ids))
		}
	}
	return nil
}

// CheckAddress says whether text is host:port.
func CheckAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" && name.Printable(host) == host && !strings.ContainsAny(host, " /?#@") {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return fmt.Errorf("%q must be HOST:PORT, such as 127.0.0.1:50057", text)
}
