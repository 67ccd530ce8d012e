package browser

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/identity"
)

// passed is a transport that keeps what is passed on.
type passed struct{ header http.Header }

// RoundTrip implements http.RoundTripper.
func (p *passed) RoundTrip(req *http.Request) (*http.Response, error) {
	p.header = req.Header
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// A call is passed on in the name of whoever makes it, and never in one that it names
// itself.
func TestWhatIsPassedOnNamesItsCaller(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	p := NewProxy(ProxyConfig{ID: 2, Addresses: map[uint32]string{2: "branch-2:50052", 3: "branch-3:50053"}, Gate: &admit.Gate{}, Refusals: admit.NewRefusals(logger), Logger: logger})
	over := &passed{}
	p.reverse.Transport = over
	bob := &identity.Identity{Bank: "bank", Client: "bob", Role: identity.Customer, Accounts: identity.Accounts{"bob-*"}}
	forged := &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Operator}
	for _, who := range []*identity.Identity{bob, nil} {
		req := httptest.NewRequest(http.MethodPost, "/branch/3/bank.v1.BranchService/Deposit", strings.NewReader(`{"amount":1}`))
		identity.SetOnBehalfOf(req.Header, forged)
		if who != nil {
			req = req.WithContext(identity.WithCaller(req.Context(), who, identity.Proof{}))
		}
		p.ServeHTTP(httptest.NewRecorder(), req)
		got, err := identity.OnBehalf(over.header)
		if err != nil || (got == nil) != (who == nil) || got != nil && !got.Equal(who) {
			t.Errorf("passed on in the name of %v, %v, want %v", got, err, who)
		}
	}
}

// A branch that takes a call and does not answer is given up in time. Nobody knows
// what has become of the call.
func TestACallThatIsPassedOnEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		p := NewProxy(ProxyConfig{ID: 2, Addresses: map[uint32]string{2: "branch-2:50052", 3: "branch-3:50053"}, Gate: &admit.Gate{}, Refusals: admit.NewRefusals(logger), Logger: logger})
		var there net.Conn
		p.transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			here, other := net.Pipe()
			there = other
			go func() { _, _ = io.Copy(io.Discard, other) }()
			return here, nil
		}
		req := httptest.NewRequest(http.MethodPost, "/branch/3/bank.v1.BranchService/Deposit", strings.NewReader(`{"amount":1}`))
		req.Header.Set("Content-Type", "application/json")
		w, began := httptest.NewRecorder(), time.Now()
		p.ServeHTTP(w, req)
		if took := time.Since(began); took != proxyTimeout {
			t.Errorf("took %v, want %v", took, proxyTimeout)
		}
		for _, want := range []string{"deadline_exceeded", "branch 3 has not answered branch 2 within 15s", "not known whether the call was carried out"} {
			if got := w.Body.String(); !strings.Contains(got, want) {
				t.Errorf("got %s, want %q", got, want)
			}
		}
		there.Close()
		p.CloseIdleConnections()
	})
}

// What another branch answers under this one's name runs nothing in a browser, sets no
// cookie, and lets no other origin in. What is no answer to a call is not passed on.
func TestAnswersThatArePassedOnAreSifted(t *testing.T) {
	res := &http.Response{ContentLength: -1, Header: http.Header{
		"Content-Type": {"application/json"}, "Connect-Content-Encoding": {"gzip"}, "Trailer-X": {"1"}, "Retry-After": {"3"}, "Grpc-Status": {"0"},
		"Set-Cookie": {"__Host-passbook-bank-2=x"}, "Access-Control-Allow-Origin": {"*"}, "Clear-Site-Data": {"*"}, "Location": {"/"},
		"Content-Security-Policy": {"default-src *"}, "Refresh": {"0"}, "Link": {"x"}, "X-Content-Type-Options": {"none"},
	}, Trailer: http.Header{"Grpc-Message": nil, "Set-Cookie": nil}}
	if err := sift(res); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type": {"application/json"}, "Connect-Content-Encoding": {"gzip"}, "Trailer-X": {"1"}, "Retry-After": {"3"}, "Grpc-Status": {"0"},
		"Content-Security-Policy": {"sandbox; default-src 'none'"},
	}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(http.Header{"Grpc-Message": nil}, res.Trailer); diff != "" {
		t.Error(diff)
	}
	for kind, good := range map[string]bool{
		"application/grpc-web+proto": true, "application/connect+json": true, "application/proto": true, "text/plain; charset=utf-8": true,
		"text/html": false, "text/html; charset=utf-8": false, "image/svg+xml": false, "application/xhtml+xml": false, "application/javascript": false, "": false,
	} {
		if err := sift(&http.Response{ContentLength: -1, Header: http.Header{"Content-Type": {kind}}}); (err == nil) != good {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// A branch that calls in a client's name is not passed on: another one would vouch for its
// word.
func TestABranchIsNotPassedOn(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	p := NewProxy(ProxyConfig{ID: 2, Addresses: map[uint32]string{2: "branch-2:1", 3: "branch-3:1"}, Gate: &admit.Gate{}, Refusals: admit.NewRefusals(logger), Logger: logger})
	ann, by := &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}, &identity.Identity{Bank: "bank", Branch: 1}
	req := httptest.NewRequest(http.MethodPost, "/branch/3/bank.v1.BranchService/Deposit", strings.NewReader(`{"amount":1}`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, req.WithContext(identity.WithCaller(t.Context(), ann, identity.Proof{By: by})))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "calls branch 3 itself") {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
}
