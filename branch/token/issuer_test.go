package token_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/token"
)

// provider is an OpenID provider.
type provider struct {
	*httptest.Server
	mu sync.Mutex
	// keys is what it serves, config changes its configuration, and fetches counts how
	// often it was asked for keys.
	keys    string
	config  map[string]any
	fetches int
	// instead answers, unless nil, in place of the provider.
	instead http.HandlerFunc
}

func newProvider(t *testing.T, serve func(http.Handler) *httptest.Server, keys ...map[string]any) *provider {
	p := &provider{keys: set(keys...)}
	p.Server = serve(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	p.mu.Lock()
	instead := p.instead
	if instead == nil {
		defer p.mu.Unlock()
		p.answer(w, req)
		return
	}
	p.mu.Unlock()
	instead(w, req)
}

func (p *provider) answer(w http.ResponseWriter, req *http.Request) {
	switch req.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(with(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}, p.config))
	case "/keys":
		p.fetches++
		_, _ = fmt.Fprint(w, p.keys)
	default:
		http.NotFound(w, req)
	}
}

// change changes the provider.
func (p *provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provider) rotate(keys ...map[string]any) { p.change(func() { p.keys = set(keys...) }) }

func (p *provider) fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedLog) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), words)
}

// openProvider returns a checker with the keys of a provider.
func openProvider(t *testing.T, p *provider) (*token.Checker, *clock, *lockedLog) {
	t.Helper()
	at, log := &clock{at: start}, new(lockedLog)
	cfg := token.Config{Bank: "bank", Issuer: p.URL, Audience: "passbook", Now: at.now, Logger: slog.New(slog.NewTextHandler(log, nil))}
	if cert := p.Certificate(); cert != nil {
		cfg.Roots = x509.NewCertPool()
		cfg.Roots.AddCert(cert)
	}
	c, err := token.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, at, log
}

// by returns a token of the provider, which is good for days.
func (p *provider) by(s signer) string {
	return s.sign(with(good(), jwt.MapClaims{"iss": p.URL, "exp": start.Add(100 * time.Hour).Unix()}), nil)
}

// The keys of an issuer are fetched, over HTTPS and on loopback over HTTP. A key that is
// new is fetched as soon as a token names it; one that is gone counts no more after ten
// minutes.
func TestAnIssuerRotatesItsKeys(t *testing.T) {
	for name, serve := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, serve, ed.public())
			c, at, _ := openProvider(t, p)
			take(t, c, p.by(ed), ann)
			refuse(t, c, ed.sign(good(), nil), "by another issuer")

			p.rotate(ed.public(), edTwo.public())
			at.pass(10 * time.Second)
			take(t, c, p.by(edTwo), ann)
			take(t, c, p.by(ed), ann)

			p.rotate(edTwo.public())
			at.pass(10 * time.Minute)
			take(t, c, p.by(ed), ann)        // which begins to fetch, and does not wait
			refuse(t, c, p.by(ec), "no key") // which waits
			refuse(t, c, p.by(ed), `no key "ed"`)
			take(t, c, p.by(edTwo), ann)
		})
	}
}

// Whoever makes up names of keys can't have the issuer asked oftener than each ten seconds.
func TestUnknownKeysAreNoReasonToAskAllTheTime(t *testing.T) {
	p := newProvider(t, httptest.NewServer, ed.public())
	c, at, _ := openProvider(t, p)
	take(t, c, p.by(ed), ann)
	for range 5 {
		before := p.fetched()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for j := range 20 {
					refuse(t, c, signer{ed.method, ed.key, fmt.Sprintf("made-up-%d-%d", i, j)}.sign(good(), nil), "no key")
				}
			})
		}
		all.Wait()
		if n := p.fetched() - before; n > 1 {
			t.Errorf("the issuer was asked %d times within ten seconds, want once at most", n)
		}
		at.pass(10 * time.Second)
	}
	if n := p.fetched(); n != 5 {
		t.Errorf("the issuer was asked %d times in 50 s, want 5", n)
	}
}

// An issuer that is down when a branch starts does not keep it from starting: tokens are
// refused with a reason until it is up. When it goes down later, its keys count for a day.
func TestAnIssuerThatIsDown(t *testing.T) {
	p := newProvider(t, httptest.NewServer, ed.public())
	down := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) }
	p.instead = down
	c, at, log := openProvider(t, p)
	for range 3 {
		if _, _, err := c.Check(p.by(ed)); !errors.Is(err, token.ErrNoKeys) {
			t.Errorf("without keys: %v, want ErrNoKeys", err)
		}
		at.pass(10 * time.Second)
	}
	if n := log.count("can't be fetched"); n != 1 {
		t.Errorf("that it is down was logged %d times, want once", n)
	}
	p.change(func() { p.instead = nil })
	take(t, c, p.by(ed), ann)

	p.change(func() { p.instead = down })
	at.pass(23 * time.Hour)
	take(t, c, p.by(ed), ann)
	at.pass(time.Hour)
	if _, _, err := c.Check(p.by(ed)); !errors.Is(err, token.ErrNoKeys) {
		t.Errorf("with keys of yesterday: %v, want ErrNoKeys", err)
	}
	if n := log.count("can't be fetched"); n != 2 {
		t.Errorf("that it went down was logged %d times in all, want twice", n)
	}
	p.change(func() { p.instead = nil })
	at.pass(10 * time.Second)
	take(t, c, p.by(ed), ann)
	if n := log.count("can be reached again"); n != 1 {
		t.Errorf("that it is up again was logged %d times, want once", n)
	}
}

// What an issuer answers is bounded, and must be by itself and safe on its way.
func TestIssuersThatAnswerWrongly(t *testing.T) {
	other := newProvider(t, httptest.NewServer, ed.public())
	redirect := func(to func(n string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, to(req.URL.Query().Get("n")), http.StatusFound)
		}
	}
	for want, spoil := range map[string]func(p *provider){
		"and must be that of":      func(p *provider) { p.config = map[string]any{"issuer": p.URL + "/"} },
		"in clear text":            func(p *provider) { p.config = map[string]any{"jwks_uri": "http://issuer.example/keys"} },
		"is reached in clear text": func(p *provider) { p.config = map[string]any{"jwks_uri": "file:///etc/passwd"} },
		"reached in clear":         func(p *provider) { p.config = map[string]any{"jwks_uri": nil} },
		"URL of 3000 bytes":        func(p *provider) { p.config = map[string]any{"jwks_uri": strings.Repeat("x", 3000)} },
		"more than 262144 bytes":   func(p *provider) { p.keys = strings.Repeat(" ", 256<<10) + p.keys },
		"than 262144 bytes":        func(p *provider) { p.config = map[string]any{"more": strings.Repeat("x", 256<<10)} },
		"no JSON Web Key Set":      func(p *provider) { p.keys = "<html>" },
		"0 keys in all":            func(p *provider) { p.keys = set() },
		"404 Not Found":            func(p *provider) { p.config = map[string]any{"jwks_uri": p.URL + "/nowhere"} },
		"no configuration": func(p *provider) {
			p.instead = func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }
		},
		"503 Service Unavailable":  func(p *provider) { p.instead = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) } },
		"leads on for more than 3": func(p *provider) { p.instead = redirect(func(n string) string { return "/?n=x" + n }) },
		"text, where anybody":      func(p *provider) { p.instead = redirect(func(string) string { return "http://issuer.example/" }) },
		"server response headers exceeded": func(p *provider) {
			p.instead = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) }
		},
	} {
		p := newProvider(t, httptest.NewServer, ed.public())
		spoil(p)
		c, _, log := openProvider(t, p)
		if _, _, err := c.Check(p.by(ed)); !errors.Is(err, token.ErrNoKeys) {
			t.Errorf("%s: %v, want ErrNoKeys", want, err)
		}
		if log.count(want) != 1 {
			t.Errorf("%s: the log has %q", want, log.buf.String())
		}
	}
	// Over HTTPS nothing leads back to clear text, not even on loopback.
	p := newProvider(t, httptest.NewTLSServer, ed.public())
	p.config = map[string]any{"jwks_uri": other.URL + "/keys"}
	c, _, _ := openProvider(t, p)
	if _, _, err := c.Check(p.by(ed)); !errors.Is(err, token.ErrNoKeys) || other.fetched() > 0 {
		t.Errorf("keys in clear text: %v, want ErrNoKeys", err)
	}
	// Nor is an issuer believed whose certificate is not.
	stranger, err := token.Open(token.Config{Bank: "bank", Issuer: p.URL, Audience: "passbook", Roots: x509.NewCertPool(), Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Close)
	if _, _, err := stranger.Check(p.by(ed)); !errors.Is(err, token.ErrNoKeys) {
		t.Errorf("a wrong certificate: %v, want ErrNoKeys", err)
	}
	// A redirect to a place that is safe is followed.
	p = newProvider(t, httptest.NewServer, ed.public())
	p.config = map[string]any{"jwks_uri": p.URL + "/moved"}
	p.instead = func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/moved" {
			http.Redirect(w, req, "/keys", http.StatusFound)
			return
		}
		p.change(func() { p.answer(w, req) })
	}
	c, _, _ = openProvider(t, p)
	take(t, c, p.by(ed), ann)
}
