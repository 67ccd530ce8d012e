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

	"passbook.example/passbook/cmd/passbook/internal/credentials"
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
	Insecure(c, s)
	f := c.Flags()
	f.StringVar(&s.PeerListen, "peer-listen", "", "with --certs-dir and --branch: serve the other branches at this `host:port`, and only them")
	f.StringVar(&s.JWKSFile, "jwks-file", "", "with --certs-dir: believe bearer tokens (JWT) that are signed with a key of this `file`, a JSON Web Key Set")
	f.StringVar(&s.Issuer, "oidc-issuer", "", "with --certs-dir: believe the bearer tokens of this OpenID Connect issuer, an `URL`")
	f.StringVar(&s.Audience, "token-audience", "", "the `name` of this bank in tokens (aud): a token that is made for others is refused")
	f.StringVar(&s.AuditLog, "audit-log", "", "write a line of JSON for each refusal, each log-in and each change by an operator to this `file`, or to stderr (-)")
	f.Float64Var(&s.Rate, "client-rate", 0, "with --certs-dir: how many calls a `second` each client may make at each branch; 0 for any number")
	f.IntVar(&s.Calls, "client-calls", 0, "with --certs-dir: how many calls each client may have in hand at each branch, as a `number`; 0 for any")
	f.BoolVar(&s.Plaintext, "plaintext", false, "with --certs-dir: let callers in who prove nothing, in clear text too, until every branch of the bank has certificates; a branch that has them proves who it is all the same")
	f.BoolVar(&s.Unsigned, "accept-unsigned", false, "with --certs-dir: take journals of other branches that are not signed, as a branch must that fetches what was written before the bank had certificates")
}

// Insecure adds --insecure, which is all that a command needs whose branches have no
// certificates.
func Insecure(c *cobra.Command, s *host.Security) {
	c.Flags().BoolVar(&s.Insecure, "insecure", false, "serve outside this machine without certificates: everybody who reaches a branch may do everything")
}

// SecurityArguments returns the flags as they were given, for another process.
func SecurityArguments(s *host.Security) []string {
	return []string{
		"--certs-dir=" + s.CertsDir, fmt.Sprintf("--insecure=%t", s.Insecure), fmt.Sprintf("--plaintext=%t", s.Plaintext),
		fmt.Sprintf("--accept-unsigned=%t", s.Unsigned),
		"--jwks-file=" + s.JWKSFile, "--oidc-issuer=" + s.Issuer, "--token-audience=" + s.Audience, "--audit-log=" + s.AuditLog,
		fmt.Sprintf("--client-rate=%v", s.Rate), fmt.Sprintf("--client-calls=%d", s.Calls),
	}
}

// CheckSecurity says whether branches may be where they are to be: others than this
// machine's reach them only with certificates, or if somebody has said that he wants that.
func CheckSecurity(s *host.Security, n *host.Network) error {
	switch {
	case s.Insecure && s.CertsDir != "":
		return exit.Usagef("--insecure is for branches without certificates, and --certs-dir (or %s) names some", CertsDirVariable)
	case s.Plaintext && s.CertsDir == "":
		return exit.Usagef("--plaintext is for a bank that moves to certificates: name theirs with --certs-dir")
	case s.Unsigned && s.CertsDir == "":
		return exit.Usagef("--accept-unsigned is for a bank with certificates: name theirs with --certs-dir; without, nobody signs anything")
	case s.PeerListen != "" && s.CertsDir == "":
		return exit.Usagef("--peer-listen is for a bank with certificates: name theirs with --certs-dir")
	case s.CertsDir == "" && (s.JWKSFile != "" || s.Issuer != "" || s.Audience != "" || s.AuditLog != "" || s.Rate != 0 || s.Calls != 0):
		return exit.Usagef("--jwks-file, --oidc-issuer, --token-audience, --audit-log, --client-rate and --client-calls are for a bank with certificates: name theirs with --certs-dir")
	case s.Rate < 0 || s.Calls < 0:
		return exit.Usagef("--client-rate and --client-calls must be 0 or more, got %v and %d", s.Rate, s.Calls)
	case (s.JWKSFile != "" || s.Issuer != "") != (s.Audience != ""):
		return exit.Usagef("tokens need both --token-audience, and --jwks-file or --oidc-issuer")
	case s.CertsDir != "" || s.Insecure:
		return nil
	}
	const why = "where whoever reaches a branch could move money: 'passbook cert create-all FILE' makes certificates, and --certs-dir names them; or say --insecure"
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

// Credentials adds the flags by which a command proves to branches who it is.
func Credentials(c *cobra.Command, o *credentials.Options) {
	CertsDir(c, &o.CertsDir, "certificates: those of the branches' CA, and the client's own")
	f := c.Flags()
	f.StringVar(&o.Client, "client", os.Getenv(ClientVariable), "whose certificate to use, if the directory has several: the `name` of a client ("+ClientVariable+")")
	f.StringVar(&o.TokenFile, "token-file", os.Getenv(TokenFileVariable), "the `file` with a bearer token, instead of a certificate ("+TokenFileVariable+")")
}

// Further variables of the environment that stand for flags.
const (
	ClientVariable    = "PASSBOOK_CLIENT"
	TokenFileVariable = "PASSBOOK_TOKEN_FILE"
)
