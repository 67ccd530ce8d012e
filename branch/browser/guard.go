package browser

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// preflightMaxAge is how long a browser may remember what a page of an allowed
// origin may do.
const preflightMaxAge = time.Hour

// Config says who may call a branch from a browser.
type Config struct {
	// ID is this branch.
	ID uint32
	// Addresses are host:port of every branch of the bank. The host of each counts
	// as a name of this branch.
	Addresses map[uint32]string
	// AllowedHosts are further names of this branch, each as CheckHost takes it.
	AllowedHosts []string
	// AllowedOrigins are the origins whose pages may call bank.v1.BranchService,
	// besides the branch's own: each as CheckOrigin takes it.
	AllowedOrigins []string
}

// Check says what of the Config can't be had: each origin and host that is none.
func (c *Config) Check() error {
	var errs []error
	for _, origin := range c.AllowedOrigins {
		errs = append(errs, CheckOrigin(origin))
	}
	for _, host := range c.AllowedHosts {
		errs = append(errs, CheckHost(host))
	}
	return errors.Join(errs...)
}

// Guard keeps pages of other sites from using this branch through the browser of
// somebody who reaches it: nothing else guards the money.
//
//   - A call whose Host is not a name of this branch is refused: a site whose
//     name suddenly resolves to the branch's address (DNS rebinding) would
//     otherwise count as the branch's own page.
//   - A call that a page of another origin makes is refused. Reads by GET are
//     carried out, and the browser keeps the answer from the page.
//   - Pages of Config.AllowedOrigins may call bank.v1.BranchService, and prove who
//     calls by a token.
type Guard struct {
	// id is this branch.
	id ledger.BranchID
	// next serves what is let in.
	next http.Handler
	// refusals tells callers why.
	refusals *admit.Refusals
	// hosts are the names of this branch, besides those that it has anyway.
	hosts map[string]bool
	// own lets pages of this branch's own origin call, and allowed those of
	// Config.AllowedOrigins besides.
	own, allowed *http.CrossOriginProtection
	// cors tells browsers about the allowed ones; nil when there are none.
	cors *cors.Cors
}

// NewGuard lets next serve what may be called. It expects a Config that Check has
// nothing against.
func NewGuard(cfg Config, refusals *admit.Refusals, next http.Handler) *Guard {
	g := &Guard{id: ledger.BranchID(cfg.ID), next: next, refusals: refusals, hosts: map[string]bool{}, own: http.NewCrossOriginProtection(), allowed: http.NewCrossOriginProtection()}
	for _, host := range cfg.AllowedHosts {
		g.hosts[hostName(host)] = true
	}
	for _, address := range cfg.Addresses {
		g.hosts[hostName(address)] = true
	}
	if len(cfg.AllowedOrigins) == 0 {
		return g
	}
	for _, origin := range cfg.AllowedOrigins {
		_ = g.allowed.AddTrustedOrigin(origin) // errs only where CheckOrigin does
	}
	g.cors = cors.New(cors.Options{
		AllowedOrigins: cfg.AllowedOrigins,
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: append(connectcors.AllowedHeaders(), "Authorization"),
		ExposedHeaders: append(connectcors.ExposedHeaders(), "Retry-After"),
		MaxAge:         int(preflightMaxAge.Seconds()),
	})
	return g
}

// Values of headers, which nobody changes.
var noSniff, sameOrigin = []string{"nosniff"}, []string{"same-origin"}

// ServeHTTP implements http.Handler.
func (g *Guard) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w = withStatusHeader(w, req)
	if header := w.Header(); !api.IsOfProgram(req) {
		header["X-Content-Type-Options"], header["Cross-Origin-Resource-Policy"] = noSniff, sameOrigin
	}
	if req.ProtoMajor == 1 {
		// Over HTTP/1.1 a write deadline is the connection's: this one is what
		// the last call has left behind.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	if !g.knows(req) {
		g.refuse(w, req, code.Errorf(code.PermissionDenied, "this branch does not go by the name %.200q, and a site of that name could be anybody's: start the branch with --allow-host to allow it, or call it by its IP address", req.Host))
		return
	}
	from := g.own
	if g.cors != nil && strings.HasPrefix(req.URL.Path, "/"+bankv1connect.BranchServiceName+"/") {
		from = g.allowed
		if g.cors.HandlerFunc(w, req); isPreflight(req) {
			return
		}
	}
	if from.Check(req) != nil {
		g.refuse(w, req, code.Errorf(code.PermissionDenied, "a page of another origin (%.200q) may not call %.200s here; those of origins that are given with --allow-origin may call %s", req.Header.Get("Origin"), req.URL.Path, bankv1connect.BranchServiceName))
		return
	}
	g.next.ServeHTTP(w, g.addressedHere(req))
}

// knows reports whether the request calls this branch by one of its names. No
// browser makes a call over HTTP/2 in clear text, and the clients that do put
// all sorts of names there, so those are not looked at.
func (g *Guard) knows(req *http.Request) bool {
	if req.ProtoMajor != 1 && req.TLS == nil || req.Host == "" {
		return true
	}
	host := hostName(req.Host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true // nobody can make an address resolve to another one
	}
	if req.TLS != nil && strings.EqualFold(req.TLS.ServerName, host) {
		return true // the browser has made sure that the branch's certificate is for that name
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || g.hosts[host]
}

// refuse tells the caller why, and then lets go of its connection: it has no
// place among those in hand.
func (g *Guard) refuse(w http.ResponseWriter, req *http.Request, why error) {
	if req.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(admit.ReplyTimeout))
	g.refusals.Refuse(w, req, why)
}

// isPreflight reports whether a browser asks what a page may do, as package
// cors sees it.
func isPreflight(req *http.Request) bool {
	return req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != ""
}

// addressedHere returns a request that names this branch as one that names
// none, so that it is served like any other.
func (g *Guard) addressedHere(req *http.Request) *http.Request {
	id, procedure, ok := api.Addressee(req.URL.Path)
	if !ok || id != g.id {
		return req
	}
	at := *req.URL
	at.Path, at.RawPath = procedure, ""
	req = req.WithContext(req.Context())
	req.URL = &at
	return req
}
