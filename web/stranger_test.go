package web_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
	"passbook.example/passbook/web"
)

// stranger serves a page on another port of the same host, over TLS, with a certificate.
func stranger(t *testing.T, certificate tls.Certificate, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// anyBranch is whom the certificates of strangers are for.
var anyBranch = &identity.Identity{Bank: "other", Branch: 9}

// A page of another port is of the same site, so the browser sends it the cookies of the
// login with all that it calls. It gets nothing all the same, and changes nothing.
func TestAPageOfAnotherPortGetsNothing(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "tess")
	p.awaitIn(t, "tess")
	var sent atomic.Value
	s := stranger(t, certstest.NewCA(t, "strangers").SignKey(t, anyBranch, strangerKey), func(w http.ResponseWriter, req *http.Request) {
		sent.CompareAndSwap(nil, req.Header.Get("Cookie"))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>A page</title>")
	})
	evil := &page{ctx: beside(t, p)}
	evil.navigate(t, s.URL)
	if cookie, _ := sent.Load().(string); !strings.Contains(cookie, "__Host-passbook-bank-1=") {
		t.Fatalf("the browser sends %q to another port, so this test shows nothing", cookie)
	}
	// Nothing but the branch keeps the page from it: the browser lets it call other ports.
	control := stranger(t, certstest.NewCA(t, "strangers").SignKey(t, anyBranch, strangerKey), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", s.URL)
		_, _ = io.WriteString(w, "open to it")
	})
	if got := eval[string](t, evil, fmt.Sprintf(`fetch(%q).then((r) => r.text(), String)`, control.URL)); got != "open to it" {
		t.Fatalf("the page reads %q of a port that is open to it", got)
	}
	_, code, _ := strings.Cut(b.dashboard(t, 1, "olga"), "#login=")
	const calls = "/bank.v1.BranchService/"
	for name, try := range map[string]struct {
		path string
		init map[string]any
	}{
		"deposit":                {calls + "Deposit", post("application/json", `{"amount":7}`)},
		"deposit in plain text":  {calls + "Deposit", post("text/plain", `{"amount":7}`)},
		"deposit, quietly":       {calls + "Deposit", quietly(post("text/plain", `{"amount":7}`))},
		"deposit, passed on":     {"/branch/2" + calls + "Deposit", post("application/json", `{"amount":7}`)},
		"query":                  {calls + "Query?connect=v1&encoding=json&message=%7B%7D", map[string]any{}},
		"query, quietly":         {calls + "Query?connect=v1&encoding=json&message=%7B%7D", quietly(map[string]any{})},
		"status":                 {calls + "GetStatus?connect=v1&encoding=json&message=%7B%7D", map[string]any{}},
		"a code of its own":      {calls + "OpenDashboard", post("application/json", `{}`)},
		"log in as somebody":     {"/login", post("application/json", `{"code":"`+code+`"}`)},
		"log in with plain text": {"/login", quietly(post("text/plain", `{"code":"`+code+`"}`))},
		"log out":                {"/login", map[string]any{"method": "DELETE"}},
	} {
		try.init["credentials"] = "include"
		init, err := json.Marshal(try.init)
		if err != nil {
			t.Fatal(err)
		}
		got := eval[string](t, evil, fmt.Sprintf(`fetch(%q, %s).then(async (r) => r.type === "opaque" && !r.status ? "" : r.status + await r.text(), () => "")`, b.url(1)+try.path, init))
		if got != "" {
			t.Errorf("%s: the page reads %q", name, got)
		}
	}
	// A page of another branch, too, is of another origin.
	other := visit(beside(t, p), t, b.url(2))
	if got := eval[string](t, other, fmt.Sprintf(`fetch(%q, {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"}).then(() => "an answer", () => "")`, b.url(1)+calls+"Query")); got != "" {
		t.Errorf("branch 2's page gets %q", got)
	}
	p.click(t, `label:has([value=query])`)
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning")?.textContent.startsWith("The balance is 400.")`)
	p.do(t, chromedp.Reload())
	p.awaitIn(t, "tess")
	// Nor has anybody used the code.
	p.set(t, "#call-amount", "1")
	eval[string](t, p, `location.hash = "login=`+code+`"`)
	p.confirm(t, "olga")
	p.awaitAnew(t, `document.querySelector("#who-name b")?.textContent === "olga"`)
}

func post(kind, body string) map[string]any {
	return map[string]any{"method": "POST", "headers": map[string]string{"Content-Type": kind}, "body": body}
}

// quietly makes a call of which a page does not want to read the answer.
func quietly(init map[string]any) map[string]any {
	init["mode"] = "no-cors"
	return init
}

// The branch itself refuses what a browser would not even send: whoever calls with a login's
// cookie from another origin is let do nothing, in the old way of saying so and the new.
func TestALoginIsNotForOtherOrigins(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "tess")
	p.awaitIn(t, "tess")
	cookie := p.cookies(t)[0]
	call := func(method, path string, header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, b.url(1)+path, strings.NewReader(`{"amount":7}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := b.as(t, "").Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	const deposit, login = "/bank.v1.BranchService/Deposit", "/login"
	if got := call(http.MethodPost, deposit, "Origin", b.url(1), "Sec-Fetch-Site", "same-origin"); got != http.StatusOK {
		t.Fatalf("the own page gets %d", got)
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", b.url(2)}, {"Origin", "null"}} {
		for _, try := range [][2]string{{http.MethodPost, deposit}, {http.MethodPost, "/branch/2" + deposit}, {http.MethodPost, login}, {http.MethodDelete, login}} {
			if got := call(try[0], try[1], header...); got != http.StatusForbidden {
				t.Errorf("%v, %v: %d", header, try, got)
			}
		}
	}
	p.awaitBalance(t, "407")
	p.do(t, chromedp.Reload())
	p.awaitIn(t, "tess")
}

// The browser of these tests trusts the branches' certificates, and no others.
func TestTheBrowserChecksCertificates(t *testing.T) {
	s := stranger(t, certstest.NewCA(t, "strangers").Sign(t, anyBranch), func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithTimeout(profile(t), patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(s.URL)); err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
}

// What the page is served with fits TLS. It asks for no HTTPS on the host's other ports,
// which may serve in clear text.
func TestHowThePageIsServedOverTLS(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	res, err := b.as(t, "").Get(b.url(1) + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security": "", "Set-Cookie": "",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http:") {
		t.Errorf("the policy is %q", policy)
	}
}

// asking is a branch that lets nobody in until it is told to, and counts who asks.
type asking struct {
	*teller
	in              atomic.Bool
	asked, watching atomic.Int64
}

// GetIdentity implements bankv1connect.BranchServiceHandler.
func (b *asking) GetIdentity(context.Context, *bankv1.GetIdentityRequest) (*bankv1.GetIdentityResponse, error) {
	b.asked.Add(1)
	if !b.in.Load() {
		return nil, connect.NewError(connect.Code(code.Unauthenticated), fmt.Errorf("this bank asks who you are"))
	}
	return &bankv1.GetIdentityResponse{Secured: true, Client: "ann", Role: "teller", UntilUnixMs: 1 << 41}, nil
}

// Watch implements bankv1connect.BranchServiceHandler.
func (b *asking) Watch(ctx context.Context, req *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	b.watching.Add(1)
	return b.teller.Watch(ctx, req, stream)
}

// Who is not let in asks once, for all tabs, and again when somebody has logged in.
func TestThePageDoesNotAskAgainAndAgain(t *testing.T) {
	b := &asking{teller: &teller{told: make(chan *bankv1.WatchResponse, 1)}}
	b.told <- &bankv1.WatchResponse{Complete: true, Branch: 1, Reports: []*bankv1.BranchReport{{Branch: 1}}}
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, req *http.Request) {
		if body, _ := io.ReadAll(req.Body); !strings.Contains(string(body), `"confirm":"YES"`) {
			_, _ = io.WriteString(w, `{"bank":"bank","branch":1,"client":"ann","role":"teller","confirm":"YES"}`)
			return
		}
		b.in.Store(true)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle(bankv1connect.NewBranchServiceHandler(b))
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	p := visit(profile(t), t, server.URL)
	for range 3 {
		visit(beside(t, p), t, server.URL)
	}
	if asked, watching := b.asked.Load(), b.watching.Load(); asked != 1 || watching != 0 {
		t.Errorf("four tabs have asked %d times who they are, and %d times to watch", asked, watching)
	}
	p.set(t, "#login-code", "CODE")
	p.click(t, "#login-form button")
	p.confirm(t, "ann")
	p.awaitIn(t, "ann")
	if asked, watching := b.asked.Load(), b.watching.Load(); asked != 2 || watching != 1 {
		t.Errorf("after a login they have asked %d times, and %d times to watch", asked, watching)
	}
}
