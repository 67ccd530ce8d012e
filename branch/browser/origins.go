package browser

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// CheckOrigin says whether text is an origin as browsers write it, which
// Config.AllowedOrigins takes.
func CheckOrigin(text string) error {
	if strings.Contains(text, "*") {
		return fmt.Errorf("%q: origins can't be allowed by a pattern, or any page that a customer opens could move money: name each one, such as http://localhost:5173", text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%q must be SCHEME://HOST or SCHEME://HOST:PORT with http or https, such as http://localhost:5173", text)
	}
	canonical := url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	if port := map[string]string{"http": "80", "https": "443"}[u.Scheme]; u.Port() == "" || u.Port() == port {
		canonical.Host = strings.TrimSuffix(canonical.Host, ":"+u.Port())
	}
	if text != canonical.String() {
		return fmt.Errorf("%q must be an origin as browsers write it: %s", text, &canonical)
	}
	return nil
}

// CheckHost says whether text is a host name, which Config.AllowedHosts takes.
func CheckHost(text string) error {
	_, err := netip.ParseAddr(text)
	if text == "" || strings.ContainsAny(text, "*/:@[]?#%, \t") && err != nil {
		return fmt.Errorf("%q must be a host name without scheme and port, such as bank.example", text)
	}
	return nil
}

// hostName returns the host of host:port, or of a host alone, as names are
// compared.
func hostName(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
