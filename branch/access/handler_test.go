package access_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/identity"
)

// proofs says whom the proofs in a test speak for.
type proofs struct {
	certificate *identity.Identity
	token       map[string]*identity.Identity
	login       *identity.Identity
	until       time.Time
	onEnd       func(f func()) (stop func() bool)
}

func (p *proofs) Identify(*tls.ConnectionState) (*identity.Identity, error) {
	if p.certificate != nil && p.certificate.Bank == "" {
		return nil, errors.New("it is revoked")
	}
	return p.certificate, nil
}

func (p *proofs) Check(token string) (*identity.Identity, time.Time, error) {
	if id := p.token[token]; id != nil {
		return id, p.until, nil
	}
	return nil, time.Time{}, errors.New("nobody has signed it")
}

func (p *proofs) Of(*http.Request) (*identity.Identity, identity.Proof, error) {
	return p.login, identity.Proof{Until: p.until, OnEnd: p.onEnd}, nil
}

const (
	deposit = "/bank.v1.BranchService/Deposit"
	claim   = "/bank.v1.PeerService/Claim"
	status  = "/bank.v1.BranchService/GetStatus"
	resolve = "/bank.v1.BranchService/ResolveAlarm"
)

var (
	ann      = &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}
	bob      = &identity.Identity{Bank: "bank", Client: "bob", Role: identity.Customer, Accounts: identity.Accounts{"bob"}}
	branch2  = &identity.Identity{Bank: "bank", Branch: 2}
	revoked  = &identity.Identity{}
	stranger = &identity.Identity{Bank: "other", Client: "ann", Role: identity.Teller}
)

// ask calls a handler and returns whom the call was carried out for, or why it was not.
func ask(t *testing.T, cfg access.Config, path string, header http.Header, neighbour uint32) (who *identity.Identity, events []access.Event, refused error) {
	t.Helper()
	cfg.Bank, cfg.Neighbour = "bank", func(context.Context) uint32 { return neighbour }
	cfg.Refuse = func(_ http.ResponseWriter, _ *http.Request, why error) { refused = why }
	cfg.Refused = func(e access.Event) { events = append(events, e) }
	served := false
	h := access.NewHandler(cfg, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		served, who = true, identity.CallerOf(req.Context())
	}))
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{"))
	req.TLS = &tls.ConnectionState{}
	for name, values := range header {
		req.Header[name] = values
	}
	h.ServeHTTP(httptest.NewRecorder(), req)
	if served == (refused != nil) {
		t.Errorf("%s: served %v, refused %v", path, served, refused)
	}
	if (refused != nil) != (len(events) == 1) {
		t.Errorf("%s: refused %v, and %d events", path, refused, len(events))
	}
	return who, events, refused
}

// Who calls follows from one proof, and a call that proves nothing is refused before it
// is read.
func TestWhoCalls(t *testing.T) {
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	behalf := func(uris ...string) http.Header { return http.Header{identity.OnBehalfOf: uris} }
	for name, test := range map[string]struct {
		proofs    proofs
		header    http.Header
		neighbour uint32
		path      string
		want      *identity.Identity
		refused   string
	}{
		"nobody":                       {path: deposit, refused: "asks who you are"},
		"a certificate":                {proofs: proofs{certificate: ann}, path: deposit, want: ann},
		"a revoked one":                {proofs: proofs{certificate: revoked}, path: deposit, refused: "revoked"},
		"a token":                      {header: bearer("bob"), path: deposit, want: bob},
		"a wrong token":                {header: bearer("eve"), path: deposit, refused: "the token proves nothing"},
		"a token in small letters":     {header: http.Header{"Authorization": {"bearer bob"}}, path: deposit, want: bob},
		"two tokens":                   {header: http.Header{"Authorization": {"Bearer bob", "Bearer bob"}}, path: deposit, refused: "once"},
		"a password":                   {header: http.Header{"Authorization": {"Basic Ym9iOmJvYg=="}}, path: deposit, refused: "Bearer TOKEN"},
		"a token over a gateway":       {proofs: proofs{certificate: ann}, header: bearer("bob"), path: deposit, want: bob},
		"a wrong token over a gateway": {proofs: proofs{certificate: ann}, header: bearer("eve"), path: deposit, refused: "the token proves nothing"},
		"a login":                      {proofs: proofs{login: ann}, path: deposit, want: ann},
		"a certificate and a login":    {proofs: proofs{certificate: bob, login: ann}, path: deposit, want: bob},
		"a customer among peers":       {proofs: proofs{certificate: bob}, path: claim, refused: "only the bank's branches"},
		"a branch":                     {proofs: proofs{certificate: branch2}, path: claim, want: branch2},
		"a branch of this process":     {neighbour: 3, path: claim, want: &identity.Identity{Bank: "bank", Branch: 3}},
		"a branch that deposits":       {proofs: proofs{certificate: branch2}, path: deposit, refused: "in its own name"},
		"a branch for a client":        {proofs: proofs{certificate: branch2}, header: behalf(bob.URI().String()), path: deposit, want: bob},
		"a neighbour for a client":     {neighbour: 3, header: behalf(ann.URI().String()), path: deposit, want: ann},
		"a branch for a client among peers": {
			proofs: proofs{certificate: branch2}, header: behalf(ann.URI().String()), path: claim, refused: "not passed on",
		},
		"a branch for a branch":            {proofs: proofs{certificate: branch2}, header: behalf("passbook://bank/branch/3"), path: status, refused: "can't call for"},
		"a branch for another bank":        {proofs: proofs{certificate: branch2}, header: behalf(stranger.URI().String()), path: deposit, refused: "can't call for"},
		"a branch for two":                 {proofs: proofs{certificate: branch2}, header: behalf(ann.URI().String(), bob.URI().String()), path: deposit, refused: "2 times"},
		"a branch for nonsense":            {proofs: proofs{certificate: branch2}, header: behalf("ann"), path: deposit, refused: "names nobody"},
		"a branch with a token":            {proofs: proofs{certificate: branch2}, header: bearer("bob"), path: deposit, refused: "speak for two"},
		"a client for a client":            {proofs: proofs{certificate: ann}, header: behalf(bob.URI().String()), path: deposit, refused: "only a branch"},
		"nobody for a client":              {header: behalf(bob.URI().String()), path: deposit, refused: "only a branch"},
		"an unknown procedure":             {proofs: proofs{certificate: ann}, path: "/bank.v1.BranchService/Steal", refused: "does not know"},
		"an unknown service":               {proofs: proofs{certificate: ann}, path: "/bank.v2.BranchService/Deposit", refused: "does not know"},
		"a path that is none":              {proofs: proofs{certificate: ann}, path: "/bank.v1.BranchService/Deposit/", refused: "does not know"},
		"at another branch":                {proofs: proofs{certificate: ann}, path: "/branch/3" + deposit, want: ann},
		"among peers, at another branch":   {proofs: proofs{certificate: branch2}, path: "/branch/3" + claim, refused: "does not know"},
		"nobody at another branch":         {path: "/branch/3" + deposit, refused: "asks who you are"},
		"health":                           {path: "/grpc.health.v1.Health/Check"},
		"the page":                         {path: "/app.js"},
		"the page, with a bad certificate": {proofs: proofs{certificate: revoked}, path: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			test.proofs.token = map[string]*identity.Identity{"bob": bob}
			who, _, refused := ask(t, access.Config{Certificates: &test.proofs, Tokens: &test.proofs, Logins: &test.proofs}, test.path, test.header, test.neighbour)
			switch {
			case test.refused == "" && refused != nil, test.refused != "" && (refused == nil || !strings.Contains(refused.Error(), test.refused)):
				t.Errorf("refused: %v, want %q", refused, test.refused)
			case test.want == nil && who != nil, test.want != nil && (who == nil || !who.Equal(test.want)):
				t.Errorf("called by %v, want %v", who, test.want)
			}
		})
	}
	if _, _, refused := ask(t, access.Config{Certificates: &proofs{}}, deposit, bearer("bob"), 0); refused == nil || !strings.Contains(refused.Error(), "--jwks-file") {
		t.Errorf("a token where none are taken: %v", refused)
	}
}

// While a bank moves to certificates, whoever proves nothing is let in as before; whoever
// proves something is believed, and a proof that fails is none.
func TestAnOpenBank(t *testing.T) {
	open := func(p *proofs) access.Config { return access.Config{Certificates: p, Tokens: p, Open: true} }
	behalf := http.Header{identity.OnBehalfOf: {ann.URI().String()}}
	for name, test := range map[string]struct {
		certificate *identity.Identity
		header      http.Header
		path        string
		want        *identity.Identity
		refused     bool
	}{
		"nobody":                          {path: deposit},
		"a branch that has none yet":      {path: claim},
		"an operator without a proof":     {path: resolve, refused: true},
		"one that speaks for somebody":    {header: behalf, path: deposit},
		"a customer":                      {certificate: bob, path: deposit, want: bob},
		"a customer among peers":          {certificate: bob, path: claim, refused: true},
		"a certificate that is no more":   {certificate: revoked, path: deposit, refused: true},
		"a client that speaks for others": {certificate: bob, header: behalf, path: deposit, refused: true},
	} {
		who, _, refused := ask(t, open(&proofs{certificate: test.certificate}), test.path, test.header, 0)
		if (refused != nil) != test.refused || (who == nil) != (test.want == nil) || who != nil && !who.Equal(test.want) {
			t.Errorf("%s: %v, refused: %v", name, who, refused)
		}
	}
}

// A login counts over TLS alone, also where clear text is let in: there it was seen by others.
func TestALoginInClearTextIsNone(t *testing.T) {
	p := &proofs{login: ann}
	for name, state := range map[string]*tls.ConnectionState{"TLS": {}, "clear text": nil} {
		var who *identity.Identity
		h := access.NewHandler(access.Config{
			Bank: "bank", Neighbour: func(context.Context) uint32 { return 0 }, Certificates: p, Logins: p, Open: true,
		}, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { who = identity.CallerOf(req.Context()) }))
		req := httptest.NewRequest(http.MethodPost, deposit, strings.NewReader("{"))
		req.TLS = state
		h.ServeHTTP(httptest.NewRecorder(), req)
		if (who != nil) != (state != nil) {
			t.Errorf("over %s it is %v", name, who)
		}
	}
}

// A branch whose peers have a port of their own serves them there only, and nobody else.
func TestPorts(t *testing.T) {
	behalf := http.Header{identity.OnBehalfOf: {ann.URI().String()}}
	for name, test := range map[string]struct {
		port    access.Port
		who     *identity.Identity
		header  http.Header
		path    string
		refused string
	}{
		"a branch at its port":        {access.ForBranches, branch2, nil, claim, ""},
		"for a client, at its port":   {access.ForBranches, branch2, behalf, deposit, ""},
		"a client at that port":       {access.ForBranches, ann, nil, deposit, "is for the bank's branches"},
		"a client at its port":        {access.ForClients, ann, nil, deposit, ""},
		"a branch at that port":       {access.ForClients, branch2, nil, claim, "have one of their own"},
		"a branch that asks there":    {access.ForClients, branch2, nil, status, ""},
		"a port for all":              {access.ForAll, branch2, nil, claim, ""},
		"health at the branches'":     {access.ForBranches, nil, nil, "/grpc.health.v1.Health/Check", ""},
		"the page at the clients'":    {access.ForClients, nil, nil, "/", ""},
		"nobody at the clients' port": {access.ForClients, nil, nil, claim, "asks who you are"},
	} {
		cfg := access.Config{Certificates: &proofs{certificate: test.who}, Port: func(context.Context) access.Port { return test.port }}
		_, _, refused := ask(t, cfg, test.path, test.header, 0)
		if test.refused == "" && refused != nil || test.refused != "" && (refused == nil || !strings.Contains(refused.Error(), test.refused)) {
			t.Errorf("%s: %v, want %q", name, refused, test.refused)
		}
	}
	w := httptest.NewRecorder()
	cfg := access.Config{Port: func(context.Context) access.Port { return access.ForBranches }}
	access.NewHandler(cfg, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the page is served") })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("the page at the branches' port: %d", w.Code)
	}
}

// A refusal tells who was refused, in whose name he called, and why.
func TestRefusalsAreTold(t *testing.T) {
	_, events, _ := ask(t, access.Config{Certificates: &proofs{certificate: branch2}}, "/bank.v1.BranchService/ResolveAlarm", http.Header{identity.OnBehalfOf: {bob.URI().String()}}, 0)
	if e := events[0]; !e.Who.Equal(bob) || e.By != branch2 || e.Procedure != "/bank.v1.BranchService/ResolveAlarm" || e.From == "" || e.Err == nil {
		t.Errorf("got %+v", e)
	}
}

// limits let one client in at a time.
type limits struct{ in map[string]bool }

func (l limits) Enter(client string) (func(), time.Duration, bool) {
	if l.in[client] {
		return nil, 1500 * time.Millisecond, false
	}
	l.in[client] = true
	return func() { delete(l.in, client) }, 0, true
}

// A client over its limit is told when to come again; branches have no limits.
func TestLimits(t *testing.T) {
	l := limits{map[string]bool{"bob": true}}
	cfg := access.Config{Certificates: &proofs{certificate: bob}, Limits: l}
	recorded := httptest.NewRecorder()
	cfg.Refuse, cfg.Refused = func(http.ResponseWriter, *http.Request, error) {}, func(access.Event) {}
	cfg.Neighbour = func(context.Context) uint32 { return 0 }
	req := httptest.NewRequest(http.MethodPost, deposit, nil)
	req.TLS = &tls.ConnectionState{}
	access.NewHandler(cfg, http.NotFoundHandler()).ServeHTTP(recorded, req)
	if got := recorded.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %q", got)
	}
	if _, _, refused := ask(t, access.Config{Certificates: &proofs{certificate: ann}, Limits: l}, deposit, nil, 0); refused != nil || l.in["ann"] {
		t.Errorf("another client: %v, still in: %v", refused, l.in)
	}
	if _, _, refused := ask(t, access.Config{Certificates: &proofs{certificate: branch2}, Limits: l}, claim, nil, 0); refused != nil {
		t.Errorf("a branch: %v", refused)
	}
}

// A call ends with the login that proves its caller, and the login forgets it when it ends
// before.
func TestACallEndsWithItsLogin(t *testing.T) {
	login, logOut := context.WithCancel(t.Context())
	stopped := 0
	p := &proofs{login: ann, onEnd: func(f func()) func() bool {
		stop := context.AfterFunc(login, f)
		return func() bool { stopped++; return stop() }
	}}
	var during func(context.Context)
	cfg := access.Config{Certificates: p, Logins: p, Neighbour: func(context.Context) uint32 { return 0 }}
	h := access.NewHandler(cfg, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { during(req.Context()) }))
	call := func() {
		req := httptest.NewRequest(http.MethodPost, "/bank.v1.BranchService/Watch", nil).WithContext(t.Context())
		req.TLS = &tls.ConnectionState{}
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	during = func(ctx context.Context) {
		if ctx.Err() != nil {
			t.Error("it ends before the login")
		}
	}
	call()
	during = func(ctx context.Context) {
		logOut()
		<-ctx.Done()
	}
	call()
	if stopped != 2 {
		t.Errorf("the login forgets %d calls of 2", stopped)
	}
}

// A call ends when what proves its caller has expired.
func TestACallEndsWithItsProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{token: map[string]*identity.Identity{"bob": bob}, until: time.Now().Add(time.Minute)}
		began := time.Now()
		cfg := access.Config{Certificates: p, Tokens: p, Neighbour: func(context.Context) uint32 { return 0 }}
		h := access.NewHandler(cfg, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			if took := time.Since(began); took != time.Minute || !strings.Contains(context.Cause(req.Context()).Error(), "expired") {
				t.Errorf("after %v: %v", took, context.Cause(req.Context()))
			}
		}))
		req := httptest.NewRequest(http.MethodPost, "/bank.v1.BranchService/Watch", nil).WithContext(t.Context())
		req.TLS, req.Header["Authorization"] = &tls.ConnectionState{}, []string{"Bearer bob"}
		h.ServeHTTP(httptest.NewRecorder(), req)
	})
}
