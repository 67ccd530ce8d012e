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
