package login_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/login"
)

var ann = &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}

// desk is a branch's logins, with a clock.
type desk struct {
	*login.Logins
	now time.Time
	// told are the attempts: "ann" for one that came in, and an error's text.
	told []string
}

func newDesk(bank string, branch uint32) *desk {
	d := &desk{now: time.Unix(1e9, 0)}
	d.Logins = login.New(login.Config{
		Bank: bank, Branch: branch, Now: func() time.Time { return d.now },
		Refuse: func(w http.ResponseWriter, _ *http.Request, why error) {
			http.Error(w, why.Error(), http.StatusUnauthorized)
		},
		Tell: func(_ *http.Request, who *identity.Identity, err error) {
			if err != nil {
				d.told = append(d.told, err.Error())
				return
			}
			d.told = append(d.told, who.Client)
		},
	})
	return d
}

func (d *desk) code(t *testing.T, proof identity.Proof) string {
	t.Helper()
	text, until, err := d.Code(ann, proof)
	if err != nil || until.Sub(d.now) != 2*time.Minute {
		t.Fatal(until, err)
	}
	return text
}

// send sends what a page does, from a browser with these cookies, and returns the answer.
func (d *desk) send(body, kind string, cookies ...*http.Cookie) *http.Response {
	req := httptest.NewRequest(http.MethodPost, login.Path, strings.NewReader(body))
	req.Header.Set("Content-Type", kind)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	return w.Result()
}

// logIn logs in with a code, as a page does, and returns the cookie.
func (d *desk) logIn(t *testing.T, code string, cookies ...*http.Cookie) *http.Cookie {
	t.Helper()
	res := d.confirm(code, d.ask(t, code, cookies...).Confirm, cookies...)
	if res.StatusCode != http.StatusNoContent || len(res.Cookies()) != 1 {
		t.Fatalf("%d, %v", res.StatusCode, res.Cookies())
	}
	return res.Cookies()[0]
}

// who returns whom a request with a cookie comes from.
func (d *desk) who(cookies ...*http.Cookie) (*identity.Identity, error) {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	id, _, err := d.Of(req)
	return id, err
}

// A code logs in once, and the cookie stands for whoever got the code: only over TLS,
// only at this host, for no script and no other site.
func TestLogIn(t *testing.T) {
	d := newDesk("bank", 3)
	code := d.code(t, identity.Proof{})
	confirm := d.ask(t, code).Confirm
	c := d.logIn(t, code)
	if c.Name != "__Host-passbook-bank-3" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !c.Expires.Equal(d.now.Add(8*time.Hour)) {
		t.Errorf("the cookie is %v", c)
	}
	if c.Value == code || len(c.Value) < 26 {
		t.Errorf("the cookie's value is %q", c.Value)
	}
	if id, err := d.who(c); err != nil || id != ann {
		t.Errorf("got %v, %v", id, err)
	}
	for _, again := range []string{"", confirm} {
		if res := d.confirm(code, again); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a code is used again: %d", res.StatusCode)
		}
	}
	if id, err := d.who(); id != nil || err != nil {
		t.Errorf("without a cookie: %v, %v", id, err)
	}
	if len(d.told) != 3 || d.told[0] != "ann" || !strings.Contains(d.told[1], "used already") {
		t.Errorf("told %q", d.told)
	}
}

// What stands for a login at one branch stands for nothing at another one, or in another
// bank, on the same host.
func TestALoginIsOfOneBranch(t *testing.T) {
	d := newDesk("bank", 3)
	c := d.logIn(t, d.code(t, identity.Proof{}))
	for _, other := range []*desk{newDesk("bank", 4), newDesk("other", 3), newDesk("bank", 3)} {
		if id, _ := other.who(c); id != nil {
			t.Errorf("it is %v elsewhere", id)
		}
	}
	// A browser sends a cookie under its name only; somebody else may send any.
	c.Name = "__Host-passbook-bank-4"
	if id, err := newDesk("bank", 4).who(c); id != nil || err == nil {
		t.Errorf("under another name it is %v, %v", id, err)
	}
}

// A login ends: in time, with what proved who asked for it, when that is good no more, and
// when its holder logs out.
func TestALoginEnds(t *testing.T) {
	d := newDesk("bank", 3)
	revoked := false
	still := func() error {
		if revoked {
			return errors.New("revoked")
		}
		return nil
	}
	long, short, proven := d.logIn(t, d.code(t, identity.Proof{})), d.logIn(t, d.code(t, identity.Proof{Until: d.now.Add(time.Hour)})), d.logIn(t, d.code(t, identity.Proof{Still: still}))
	d.now = d.now.Add(time.Hour)
	for name, test := range map[string]struct {
		cookie *http.Cookie
		good   bool
	}{"long": {long, true}, "short": {short, false}, "proven": {proven, true}} {
		if id, err := d.who(test.cookie); (id != nil) != test.good || (err == nil) != test.good {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
	revoked = true
	if id, err := d.who(proven); id != nil || err == nil {
		t.Errorf("revoked: %v, %v", id, err)
	}
	revoked = false
	if id, _ := d.who(proven); id != nil {
		t.Errorf("a login that has ended is %v", id)
	}
	d.now = d.now.Add(7 * time.Hour)
	if id, err := d.who(long); id != nil || err == nil {
		t.Errorf("after eight hours: %v, %v", id, err)
	}
	c := d.logIn(t, d.code(t, identity.Proof{}))
	req := httptest.NewRequest(http.MethodDelete, login.Path, nil)
	req.AddCookie(c)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	if gone := w.Result().Cookies()[0]; w.Code != http.StatusNoContent || gone.Value != "" || gone.Expires.After(d.now) {
		t.Errorf("logged out: %d, %v", w.Code, gone)
	}
	if id, err := d.who(c); id != nil || err == nil {
		t.Errorf("logged out: %v, %v", id, err)
	}
}

// What goes on in the name of a login ends with it: when its holder logs out, when it is
// good no more, and when it has to give way. So does a login that it has proven.
func TestWhatALoginHasBegunEnds(t *testing.T) {
	for name, end := range map[string]func(d *desk, c *http.Cookie, revoke func()){
		"logged out": func(d *desk, c *http.Cookie, _ func()) {
			req := httptest.NewRequest(http.MethodDelete, login.Path, nil)
			req.AddCookie(c)
			d.ServeHTTP(httptest.NewRecorder(), req)
		},
		"revoked": func(d *desk, _ *http.Cookie, revoke func()) {
			revoke()
			d.Recheck()
		},
		"too old": func(d *desk, _ *http.Cookie, _ func()) {
			d.now = d.now.Add(8 * time.Hour)
			d.Recheck()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk("bank", 3)
			var revoked error
			c := d.logIn(t, d.code(t, identity.Proof{Still: func() error { return revoked }}))
			first := d.proof(t, c)
			second := d.proof(t, d.logIn(t, d.code(t, first)))
			ended := make(chan string, 3)
			first.OnEnd(func() { ended <- "first" })
			second.OnEnd(func() { ended <- "second" })
			stop := first.OnEnd(func() { ended <- "stopped" })
			if first.Still() != nil || second.Still() != nil || !stop() {
				t.Fatal("it has ended before")
			}
			end(d, c, func() { revoked = errors.New("revoked") })
			if got := []string{<-ended, <-ended}; got[0] == got[1] || got[0] == "stopped" || got[1] == "stopped" {
				t.Errorf("ended: %q", got)
			}
			if first.Still() == nil || second.Still() == nil {
				t.Error("it is still good")
			}
		})
	}
}

// proof returns what a cookie proves.
func (d *desk) proof(t *testing.T, c *http.Cookie) identity.Proof {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.AddCookie(c)
	id, proof, err := d.Of(req)
	if id != ann || err != nil {
		t.Fatal(id, err)
	}
	return proof
}

// A code is too old after two minutes, and when its holder's certificate is revoked.
func TestACodeEnds(t *testing.T) {
	d := newDesk("bank", 3)
	var revocation error
	old, revoked := d.code(t, identity.Proof{}), d.code(t, identity.Proof{Still: func() error { return revocation }})
	confirmed := map[string]string{old: d.ask(t, old).Confirm, revoked: d.ask(t, revoked).Confirm}
	revocation = errors.New("revoked")
	d.now = d.now.Add(2 * time.Minute)
	for _, code := range []string{old, revoked, "NEVER", ""} {
		for _, confirm := range []string{"", confirmed[code], "X"} {
			if res := d.confirm(code, confirm); res.StatusCode < http.StatusBadRequest || len(res.Cookies()) != 0 {
				t.Errorf("%q: %d, %v", code, res.StatusCode, res.Cookies())
			}
		}
	}
}

// What is no code is refused with what to send, and a form of another site sends none.
func TestWhatIsNoLogin(t *testing.T) {
	d := newDesk("bank", 3)
	code := d.code(t, identity.Proof{})
	for name, test := range map[string]struct{ body, kind string }{
		"a form": {`{"code":"` + code + `"}`, "text/plain"}, "no JSON": {code, "application/json"}, "a long body": {`{"code":"` + strings.Repeat("x", 2000) + `"}`, "application/json"},
	} {
		if res := d.send(test.body, test.kind); res.StatusCode < http.StatusBadRequest {
			t.Errorf("%s logs in", name)
		}
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, login.Path, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	d.logIn(t, code)
}

// Codes and logins are bounded. Those of one client give way to others of its own, so
// nobody is kept from logging in; all together, the one that ends soonest gives way.
func TestLoginsAreBounded(t *testing.T) {
	d := newDesk("bank", 3)
	client := func(n int) *identity.Identity {
		return &identity.Identity{Bank: "bank", Client: fmt.Sprint("client ", n), Role: identity.Teller}
	}
	code := func(who *identity.Identity, proof identity.Proof) string {
		text, _, err := d.Code(who, proof)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := d.logIn(t, code(ann, identity.Proof{Until: d.now.Add(time.Hour)}))
	second := d.logIn(t, code(ann, identity.Proof{}))
	for range 15 {
		d.logIn(t, code(ann, identity.Proof{}))
	}
	if id, _ := d.who(first); id != nil {
		t.Error("of one client's seventeen logins the first is still in")
	}
	if id, _ := d.who(second); id == nil {
		t.Error("the second is not in")
	}
	soonest := d.logIn(t, code(client(0), identity.Proof{Until: d.now.Add(time.Hour)}))
	for n := range 1024 - 17 {
		d.logIn(t, code(client(1+n), identity.Proof{}))
	}
	if id, _ := d.who(soonest); id == nil {
		t.Error("there is room, and one is not in")
	}
	d.logIn(t, code(client(5000), identity.Proof{}))
	if id, _ := d.who(soonest); id != nil {
		t.Error("the login that ends soonest is still in")
	}
	if id, _ := d.who(second); id == nil {
		t.Error("another one is not in")
	}

	oldest := code(ann, identity.Proof{})
	d.now = d.now.Add(time.Second)
	for range 4 {
		code(ann, identity.Proof{})
	}
	if res := d.send(`{"code":"`+oldest+`"}`, "application/json"); res.StatusCode != http.StatusUnauthorized {
		t.Error("a client has five codes")
	}
	for n := range 256 - 4 {
		code(client(n), identity.Proof{})
	}
	if _, _, err := d.Code(client(5000), identity.Proof{}); err == nil {
		t.Error("one more code")
	}
	code(ann, identity.Proof{}) // in the place of one of its own
	d.now = d.now.Add(2 * time.Minute)
	code(client(5000), identity.Proof{})
}
