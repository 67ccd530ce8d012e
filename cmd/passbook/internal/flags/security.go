package flags

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/host"
)

// CertsDirVariable is the variable of the environment that stands for --certs-dir.
const CertsDirVariable = "PASSBOOK_CERTS_DIR"

// CertsDir adds --certs-dir.
func CertsDir(c *cobra.Command, dir *string, usage string) {
	c.Flags().StringVar(dir, "certs-dir", os.Getenv(CertsDirVariable), "the `directory` of "+usage+" ("+CertsDirVariable+")")
}

// Security adds the flags that say whom branches believe.
func Security(c *cobra.Command, s *host.Security) {
	CertsDir(c, &s.CertsDir, "certificates: who calls must then prove who he is, over TLS; 'passbook cert' makes them")
	f := c.Flags()
	f.BoolVar(&s.Insecure, "insecure", false, "serve outside this machine without certificates: everybody who reaches a branch may do everything")
	f.BoolVar(&s.Plaintext, "plaintext", false, "with --certs-dir: let callers in who prove nothing, in clear text too, until every branch of the bank has certificates")
}

// SecurityArguments returns the flags as they were given, for another process.
func SecurityArguments(s *host.Security) []string {
	return []string{"--certs-dir=" + s.CertsDir, fmt.Sprintf("--insecure=%t", s.Insecure), fmt.Sprintf("--plaintext=%t", s.Plaintext)}
}

// CheckSecurity says whether branches may be where they are to be: others than this
// machine's reach them only with certificates, or if somebody has said that he wants that.
func CheckSecurity(s *host.Security, n *host.Network) error {
	switch {
	case s.Insecure && s.CertsDir != "":
		return exit.Usagef("--insecure is for branches without certificates, and --certs-dir (or %s) names some", CertsDirVariable)
	case s.Plaintext && s.CertsDir == "":
		return exit.Usagef("--plaintext is for a bank that moves to certificates: name theirs with --certs-dir")
	case s.CertsDir != "" || s.Insecure:
		return nil
	}
	const why = "where whoever reaches a branch could move money: make certificates with 'passbook cert', and name them with --certs-dir; or say --insecure"
	if !IsLoopback(n.Listen) {
		return exit.Usagef("--listen %s is open to other machines, %s", n.Listen, why)
	}
	for _, id := range slices.Sorted(maps.Keys(n.Elsewhere)) {
		if at, _, err := net.SplitHostPort(n.Elsewhere[id]); err != nil || !IsLoopback(at) {
			return exit.Usagef("branch %d is at %s, on another machine, %s", id, n.Elsewhere[id], why)
		}
	}
	return nil
}

// IsLoopback tells whether only this machine reaches a host.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
