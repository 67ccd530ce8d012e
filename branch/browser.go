package branch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// preflightMaxAge is how long a browser may remember what a page of an allowed
// origin may do.
const preflightMaxAge = time.Hour

// browsers keeps pages of other sites from using this branch through the
// browser of somebody who reaches it: nothing else guards the money.
//
//   - A call whose Host is not a name of this branch is refused: a site whose
//     name suddenly resolves to the branch's address (DNS rebinding) would
//     otherwise count as the branch's own page.
//   - A call that a page of another origin makes is refused. Reads by GET are
//     carried out, and the browser keeps the answer from the page.
//   - Pages of Config.AllowedOrigins may call bank.v1.BranchService.
type browsers struct {
	branch *Branch
	next   http.Handler
	// refusals tells callers why.
	refusals *admit.Refusals
	// hosts are the names of this branch, besides those that it has anyway.
	hosts map[string]bool
	// own lets pages of this branch's own origin call, and allowed those of
	// Config.AllowedOrigins as well.
	own, allowed *http.CrossOriginProtection
	// cors tells browsers about the allowed ones; nil when there are none.
	cors *cors.Cors
}

// newBrowsers expects a Config that was checked.
func newBrowsers(b *Branch, refusals *admit.Refusals, next http.Handler) *browsers {
	cfg := &b.cfg
	s := &browsers{branch: b, next: next, refusals: refusals, hosts: map[string]bool{}, own: http.NewCrossOriginProtection(), allowed: http.NewCrossOriginProtection()}
	for _, host := range cfg.AllowedHosts {
		s.hosts[hostName(host)] = true
	}
	for _, address := range cfg.Addresses {
		s.hosts[hostName(address)] = true
	}
	if len(cfg.AllowedOrigins) == 0 {
		return s
	}
	for _, origin := range cfg.AllowedOrigins {
		_ = s.allowed.AddTrustedOrigin(origin) // errs only where CheckOrigin does
	}
	s.cors = cors.New(cors.Options{
		AllowedOrigins: cfg.AllowedOrigins,
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: connectcors.AllowedHeaders(),
		ExposedHeaders: connectcors.ExposedHeaders(),
		MaxAge:         int(preflightMaxAge.Seconds()),
	})
	return s
}

// ServeHTTP is http.Handler's.
func (s *browsers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w = withStatusHeader(w, req)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if req.ProtoMajor == 1 {
		// Over HTTP/1.1 a write deadline is the connection's: this one is what
		// the last call has left behind.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	if !s.knows(req) {
		s.refuse(w, req, code.Errorf(code.PermissionDenied, "this branch does not go by the name %.200q, and a site of that name could be anybody's: start the branch with --allow-host to allow it, or call it by its IP address", req.Host))
		return
	}
	from := s.own
	if s.cors != nil && strings.HasPrefix(req.URL.Path, "/"+bankv1connect.BranchServiceName+"/") {
		from = s.allowed
		if s.cors.HandlerFunc(w, req); isPreflight(req) {
			return
		}
	}
	if from.Check(req) != nil {
		s.refuse(w, req, code.Errorf(code.PermissionDenied, "a page of another origin (%.200q) may not call %.200s here; those of origins that are given with --allow-origin may call %s", req.Header.Get("Origin"), req.URL.Path, bankv1connect.BranchServiceName))
		return
	}
	s.next.ServeHTTP(w, s.branch.addressedHere(req))
}

// knows reports whether the request calls this branch by one of its names. No
// browser makes a call over HTTP/2 in clear text, and the clients that do put
// all sorts of names there, so those are not looked at.
func (s *browsers) knows(req *http.Request) bool {
	if req.ProtoMajor != 1 || req.Host == "" {
		return true
	}
	host := hostName(req.Host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true // nobody can make an address resolve to another one
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || s.hosts[host]
}

// refuse tells the caller why, and then lets go of its connection: it has no
// place among those in hand.
func (s *browsers) refuse(w http.ResponseWriter, req *http.Request, why error) {
	if req.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(admit.ReplyTimeout))
	s.refusals.Refuse(w, req, why)
}

// isPreflight reports whether a browser asks what a page may do, as package
// cors sees it.
func isPreflight(req *http.Request) bool {
	return req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != ""
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

// checkBrowsers says whether what the Config says about browsers can be had.
func (c *Config) checkBrowsers() error {
	var errs []error
	for _, origin := range c.AllowedOrigins {
		errs = append(errs, CheckOrigin(origin))
	}
	for _, host := range c.AllowedHosts {
		errs = append(errs, CheckHost(host))
	}
	return errors.Join(errs...)
}
