package branch_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// said holds the headers that an HTTP client sends besides the call.
type said struct {
	host   string
	header http.Header
}

// page returns the headers that a browser sends for a page of an origin.
func page(site, origin string) said {
	return said{header: http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {"cors"}, "Origin": {origin}}}
}

// request makes a request over HTTP/1.1 and returns the reply with its headers.
func (b *bank) request(at uint32, method, path, body string, s said) (answer, http.Header) {
	b.t.Helper()
	return b.requestBy(http.DefaultTransport, at, method, path, body, s)
}

func (b *bank) requestBy(transport http.RoundTripper, at uint32, method, path, body string, s said) (answer, http.Header) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, method, "http://"+b.at(at).address+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range s.header {
		req.Header[name] = values
	}
	req.Host, req.Close = s.host, transport == http.DefaultTransport
	var header http.Header
	a := doBy(b.t, roundTripper(func(req *http.Request) (*http.Response, error) {
		res, err := transport.RoundTrip(req)
		if err == nil {
			header = res.Header
		}
		return res, err
	}), req)
	return a, header
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A site whose name resolves to the branch's address is not the branch's.
func TestOnlyNamesOfTheBranchAreServed(t *testing.T) {
	b := runBankWith(t, 1, 100, branchOptions{AllowedHosts: []string{"Bank.Example"}, Page: http.NotFoundHandler()})
	for host, served := range map[string]bool{
		"127.0.0.1:50051": true, "[::1]:50051": true, "[::1]": true, "10.1.2.3": true, "localhost": true, "LOCALHOST:1": true, "bank.localhost.:50051": true,
		"bank.example": true, "BANK.example.:80": true,
		"evil.example": false, "evil.example:50051": false, "bank.example.evil": false, "notlocalhost": false, "127.0.0.1.evil.example": false, "2130706433": false,
	} {
		a, _ := b.request(1, http.MethodPost, branchService+"Query", `{}`, said{host: host})
		get, _ := b.request(1, http.MethodGet, branchService+"Query?encoding=json&message=%7B%7D", "", said{host: host})
		head, _ := b.request(1, http.MethodHead, "/", "", said{host: host})
		h2, _ := b.requestBy(b.http.Transport, 1, http.MethodPost, branchService+"Query", `{}`, said{host: host})
		h2.wantField(t, "balance", "100")
		if served {
			a.wantField(t, "balance", "100")
			get.wantField(t, "balance", "100")
			continue
		}
		a.wantError(t, http.StatusForbidden, "permission_denied", quote(host), "--allow-host")
		get.wantError(t, http.StatusForbidden, "permission_denied", quote(host), "--allow-host")
		if head.status != http.StatusForbidden {
			t.Errorf("%s: HEAD got %d", host, head.status)
		}
	}
}

// The hosts at which the bank's branches are reached are names of the branch.
func TestTheHostsOfTheBankAreServed(t *testing.T) {
	b := newBank(t, 1, 0, branchOptions{})
	c := b.configOf(1)
	c.Addresses[2] = "two.example:50052"
	b.branches[1] = startHere(t, c)
	a, _ := b.request(1, http.MethodPost, branchService+"GetStatus", `{}`, said{host: "two.example:50052"})
	a.wantField(t, "branch", 1.0)
}

// Pages of another origin move no money.
func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	b := runBankWith(t, 2, 100, branchOptions{})
	own := "http://" + b.at(1).address
	refused := map[string]said{
		"another site":                  page("cross-site", "https://evil.example"),
		"another port":                  page("same-site", "http://127.0.0.1:1"),
		"a sandboxed page":              page("cross-site", "null"),
		"a browser without fetch sites": {header: http.Header{"Origin": {"https://evil.example"}}},
		"a form":                        {header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}, "Content-Type": {"text/plain"}}},
	}
	for name, s := range refused {
		for _, path := range []string{branchService + "Deposit", "/branch/1" + branchService + "Deposit", "/branch/2" + branchService + "Deposit", "/bank.Bank/MsgDelivery", peerServiceName + "Claim", "/"} {
			a, header := b.request(1, http.MethodPost, path, `{"amount":1}`, s)
			if name == "a form" {
				if a.status != http.StatusForbidden || !strings.Contains(a.body, "--allow-origin") {
					t.Errorf("%s: %s: %+v", name, path, a)
				}
				continue
			}
			a.wantError(t, http.StatusForbidden, "permission_denied", quote(s.header.Get("Origin")), "--allow-origin")
			if got := header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s may read %s: %q", name, path, got)
			}
		}
	}
	// A GET writes nothing, and the page can't read its answer.
	if a, _ := b.request(1, http.MethodGet, branchService+"Deposit?encoding=json&message=%7B%22amount%22%3A1%7D", "", refused["another site"]); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a deposit by GET: %+v", a)
	}
	a, header := b.request(1, http.MethodGet, branchService+"Query?encoding=json&message=%7B%7D", "", refused["another site"])
	a.wantField(t, "balance", "100")
	if header.Get("Access-Control-Allow-Origin") != "" || header.Get("Cross-Origin-Resource-Policy") != "same-origin" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a page could read what it may not: %v", header)
	}
	// A program is told nothing that only browsers and caches heed.
	program := said{header: http.Header{"Content-Type": {"application/proto"}}}
	for name, s := range map[string]said{"a program": program, "a page": {header: http.Header{"Content-Type": {"application/proto"}, "Origin": {own}}}, "JSON": {}} {
		_, header := b.request(1, http.MethodPost, branchService+"Query", "", s)
		want := name != "a program"
		for _, key := range []string{"X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Cache-Control"} {
			if got := header[key]; (len(got) > 0) != want {
				t.Errorf("%s: %s: %q, want one: %t", name, key, got, want)
			}
		}
	}
	for name, s := range map[string]said{"its own page": page("same-origin", own), "its own page in an old browser": {header: http.Header{"Origin": {own}}}, "curl": {}} {
		a, _ := b.request(1, http.MethodPost, branchService+"Deposit", `{"amount":1}`, s)
		if a.status != http.StatusOK {
			t.Errorf("%s: %+v", name, a)
		}
	}
	b.wantBalance(1, 103)
}

// A refusal is told in the protocol that was asked.
func TestRefusedPagesAreToldInTheirProtocol(t *testing.T) {
	b := runBank(t, 1, 100)
	for name, options := range protocols {
		if name == "Connect by GET" {
			continue
		}
		client := bankv1connect.NewBranchServiceClient(connectClientFunc(func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Origin", "https://evil.example")
			return b.http.Do(req)
		}), "http://"+b.at(1).address, options...)
		_, err := client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
		if connect.CodeOf(err) != connect.CodePermissionDenied || !strings.Contains(err.Error(), "--allow-origin") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Pages of an origin that is allowed may be customers, and nothing else.
func TestPagesOfAllowedOrigins(t *testing.T) {
	const origin = "http://localhost:5173"
	b := runBankWith(t, 2, 100, branchOptions{AllowedOrigins: []string{origin, "https://ops.example"}})
	preflight := func(path, origin string) http.Header {
		a, header := b.request(1, http.MethodOptions, path, "", said{header: http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,connect-protocol-version,content-type"},
		}})
		if allowed := header.Get("Access-Control-Allow-Origin"); allowed != "" && a.status != http.StatusNoContent {
			t.Errorf("%s: %+v", path, a)
		}
		return header
	}
	header := preflight(branchService+"Deposit", origin)
	if header.Get("Access-Control-Allow-Origin") != origin || header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "authorization") || header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %v", header)
	}
	a, header := b.request(1, http.MethodPost, branchService+"Deposit", `{"amount":1}`, page("same-site", origin))
	a.wantField(t, "balance", "101")
	if header.Get("Access-Control-Allow-Origin") != origin || !slices.Contains(header["Vary"], "Origin") || !strings.Contains(header.Get("Access-Control-Expose-Headers"), "Retry-After") {
		t.Errorf("the page can't read it: %v", header)
	}
	// The page can read a refusal, too.
	a, header = b.request(1, http.MethodPost, branchService+"Deposit", `{"amount":0}`, page("same-site", origin))
	if a.wantError(t, http.StatusBadRequest, "invalid_argument"); header.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("the page can't read it: %v", header)
	}
	others := []string{"/bank.Bank/MsgDelivery", peerServiceName + "Claim", "/bank.v1.FaultService/Kill", "/grpc.health.v1.Health/Check", "/branch/2" + branchService + "Deposit", "/"}
	for _, path := range others {
		if header := preflight(path, origin); header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: preflight: %v", path, header)
		}
		a, header := b.request(1, http.MethodPost, path, `{"amount":1}`, page("same-site", origin))
		a.wantError(t, http.StatusForbidden, "permission_denied", origin)
		if header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, header)
		}
	}
	for _, origin := range []string{"http://localhost:5174", "https://localhost:5173", "http://localhost", "null", "https://ops.example.evil"} {
		if header := preflight(branchService+"Deposit", origin); header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: preflight: %v", origin, header)
		}
		a, _ := b.request(1, http.MethodPost, branchService+"Deposit", `{"amount":1}`, page("cross-site", origin))
		a.wantError(t, http.StatusForbidden, "permission_denied", origin)
	}
	b.wantBalance(1, 101)
}

// A Config's fields about browsers are checked before anything is opened.
func TestOpenRefusesBadOriginsAndHosts(t *testing.T) {
	_, err := branch.Open(branch.Config{ID: 1, Addresses: map[uint32]string{1: "127.0.0.1:0"}, Dir: t.TempDir(), AllowedOrigins: []string{"*"}, AllowedHosts: []string{"a:1"}})
	if err == nil || !strings.Contains(err.Error(), "name each one") || !strings.Contains(err.Error(), "must be a host name") {
		t.Errorf("got %v", err)
	}
}

// A port for peers alone is one on which nobody could prove to be a peer without certificates.
func TestOpenRefusesAPortForPeersWithoutSecurity(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := branch.Config{ID: 1, Addresses: map[uint32]string{1: "127.0.0.1:0"}, Dir: t.TempDir(), PeerListener: l}
	for name, try := range map[string]func() error{
		"Check": func() error { return branch.Check(cfg) },
		"Open":  func() error { _, err := branch.Open(cfg); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), "it needs Security") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := l.Accept(); err == nil {
		_ = c.Close()
		t.Error("Open has left the listener open")
	}
}

// Paths that are no call go to the page.
func TestThePageIsBesideTheCalls(t *testing.T) {
	shown := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/" {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write([]byte("the page"))
	})
	for _, p := range []http.Handler{nil, shown} {
		b := runBankWith(t, 1, 100, branchOptions{Page: p})
		a, _ := b.request(1, http.MethodGet, "/", "", said{})
		if got := a.status == http.StatusOK && a.body == "the page"; got != (p != nil) {
			t.Errorf("got %+v", a)
		}
		for _, path := range []string{"/none", "/bank.v1.BranchService/None", "/bank.v2.BranchService/Query", "/branch/1", "/branch/1/"} {
			if a, _ := b.request(1, http.MethodPost, path, `{}`, said{}); a.status != http.StatusNotFound {
				t.Errorf("%s: %+v", path, a)
			}
		}
		b.post(1, branchService+"Query", `{}`).wantField(t, "balance", "100")
	}
}

// A browser makes one call after the other on a connection, even after a pause that is
// longer than a reply may take.
func TestABrowserKeepsItsConnection(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 2, 100, branchOptions{AllowedOrigins: []string{"https://ops.example"}})
	c, err := net.Dial("tcp", b.at(1).address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	replies := bufio.NewReader(c)
	const call = "POST " + branchService + "Query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	calls := []string{
		call,
		strings.Replace(call, branchService, "/branch/2"+branchService, 1),
		strings.Replace(call, branchService, "/branch/9"+branchService, 1),
		"OPTIONS " + branchService + "Query HTTP/1.1\r\nHost: localhost\r\nOrigin: https://ops.example\r\nAccess-Control-Request-Method: POST\r\n\r\n",
		"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n",
		call,
	}
	for i, want := range []int{200, 200, 400, 204, 404, 200} {
		if _, err := c.Write([]byte(calls[i])); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(replies, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != want || res.Close {
			t.Errorf("call %d: %s, closed: %t, %v", i+1, res.Status, res.Close, err)
		}
	}
}
