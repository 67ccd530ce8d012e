// Package login lets browsers log in at a branch. Somebody who can prove who he is asks for
// a code, opens the page with it, is shown whom it logs in (ask.go), and has a cookie from
// then on that stands for him. The branch keeps what the cookie stands for in memory, so a
// restart logs everybody out.
//
// The rules of cookies are in RFC 6265bis. Cookies don't tell the ports of a host apart, so
// the name of this one has the bank and the branch in it.
package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

// Path is where a page sends its code, by POST, and logs out, by DELETE.
const Path = "/login"

const (
	// codeLife is how long a code can be used, loginLife how long a login lasts.
	codeLife  = 2 * time.Minute
	loginLife = 8 * time.Hour
	// maxCodes bounds the codes that wait to be used, maxLogins the logins. Another login
	// ends the one that ends soonest.
	maxCodes  = 256
	maxLogins = 1024
	// codesEach and loginsEach bound those of one client: another one takes the place of one
	// of its own, so nobody keeps others from logging in.
	codesEach  = 4
	loginsEach = 16
	// maxBody bounds what a page sends.
	maxBody = 1 << 10
)

// Config is what Logins work with.
type Config struct {
	// Bank and Branch are where one logs in.
	Bank   string
	Branch uint32
	// Now tells the time.
	Now func() time.Time
	// Refuse tells a caller why he is refused.
	Refuse func(w http.ResponseWriter, req *http.Request, why error)
	// Tell is told of each attempt to log in: who it was, as far as that is known, and why
	// it failed.
	Tell func(req *http.Request, who *identity.Identity, err error)
}

// Logins are the codes and the logins of one branch.
type Logins struct {
	cfg Config
	// key makes what confirms that somebody was told whom a code logs in.
	key [sha256.Size]byte
	mu  sync.Mutex
	// codes and open are by the hashes of what stands for them, so nobody who sees the
	// memory can use them.
	codes, open map[[sha256.Size]byte]*login
}

// login is who has logged in, or may.
type login struct {
	who *identity.Identity
	// proof is what proved who it is when he asked for the code: a login ends with it.
	proof identity.Proof
	// until is when a code is too old, or the login ends.
	until time.Time
	// ended is done once the login has ended, and end ends it; nil for a code.
	ended context.Context
	end   context.CancelFunc
}

// New returns the logins of a branch.
func New(cfg Config) *Logins {
	l := &Logins{cfg: cfg, codes: map[[sha256.Size]byte]*login{}, open: map[[sha256.Size]byte]*login{}}
	_, _ = rand.Read(l.key[:]) // it never fails
	return l
}

var errTooManyCodes = code.New(code.ResourceExhausted, "as many codes wait to be used as this branch keeps; open the page with one of them, or wait two minutes")

// Code returns a code with which somebody can log in once, and until when.
func (l *Logins) Code(who *identity.Identity, proof identity.Proof) (text string, until time.Time, err error) {
	text, until = rand.Text(), l.cfg.Now().Add(codeLife)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetOld()
	if soonest, n := soonestOf(l.codes, who.Client); n >= codesEach {
		delete(l.codes, soonest)
	}
	if len(l.codes) >= maxCodes {
		return "", time.Time{}, errTooManyCodes
	}
	l.codes[sha256.Sum256([]byte(text))] = &login{who: who, proof: proof, until: until}
	return text, until, nil
}

// Of implements access.Logins. It returns nobody for a request without a cookie of this
// branch, and an error for a cookie that stands for nobody any more.
func (l *Logins) Of(req *http.Request) (*identity.Identity, identity.Proof, error) {
	cookie, err := req.Cookie(l.cookieName())
	if err != nil {
		return nil, identity.Proof{}, nil //nolint:nilerr // there is none
	}
	in := l.of(cookie.Value)
	if in == nil {
		return nil, identity.Proof{}, errLoggedOut
	}
	return in.who, identity.Proof{Until: in.until, Still: func() error { return l.still(in) }, OnEnd: in.onEnd}, nil
}

// still returns an error once a login has ended. A login whose code was asked for by
// another one ends with that one, so mu may be held here or not.
func (l *Logins) still(in *login) error {
	if in.ended.Err() != nil || !l.good(in) {
		return errLoggedOut
	}
	return nil
}

// onEnd calls f when the login ends early, unless stop is called first.
func (in *login) onEnd(f func()) (stop func() bool) { return context.AfterFunc(in.ended, f) }

var errLoggedOut = errors.New("it has ended, or the branch has been restarted since; log in again with 'passbook dashboard'")

// of returns the login that a cookie stands for, if that is still good.
func (l *Logins) of(value string) *login {
	key := sha256.Sum256([]byte(value))
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.open[key]
	if in != nil && !l.good(in) {
		l.close(key)
		return nil
	}
	return in
}

// close ends a login, and what goes on in its name. The caller holds mu.
func (l *Logins) close(key [sha256.Size]byte) {
	if in := l.open[key]; in != nil {
		in.end()
		delete(l.open, key)
	}
}

// Recheck ends the logins that are good no more. It is to be called when proofs may have
// ended.
func (l *Logins) Recheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeOld()
}

// closeOld ends the logins that are good no more. The caller holds mu.
func (l *Logins) closeOld() {
	for key, in := range l.open {
		if !l.good(in) {
			l.close(key)
		}
	}
}

// good reports whether a login, or a code, is still good.
func (l *Logins) good(in *login) bool {
	return l.cfg.Now().Before(in.until) && (in.proof.Still == nil || in.proof.Still() == nil)
}

// forgetOld forgets the codes that are good no more. The caller holds mu.
func (l *Logins) forgetOld() {
	for key, in := range l.codes {
		if !l.good(in) {
			delete(l.codes, key)
		}
	}
}

// cookieName is that of the cookie. The prefix makes browsers refuse it from anybody but
// this host over TLS.
func (l *Logins) cookieName() string {
	return fmt.Sprintf("__Host-passbook-%s-%d", l.cfg.Bank, l.cfg.Branch)
}

// ServeHTTP logs in and out.
func (l *Logins) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch req.Method {
	case http.MethodPost:
		l.logIn(w, req)
	case http.MethodDelete:
		l.logOut(w, req)
	default:
		w.Header().Set("Allow", "POST, DELETE")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

var (
	errNoCode  = code.New(code.InvalidArgument, `to log in, send {"code": "CODE"} as application/json, and once more with the "confirm" of the answer; 'passbook dashboard' gives out the code`)
	errBadCode = code.New(code.Unauthenticated, "the code was used already, is older than two minutes, or was never given out by this branch; 'passbook dashboard' gives out another one")
)

// logIn says whom a code logs in, and exchanges it for a cookie once that is confirmed.
func (l *Logins) logIn(w http.ResponseWriter, req *http.Request) {
	var said struct{ Code, Confirm string }
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil || kind != "application/json" || json.Unmarshal(body, &said) != nil || said.Code == "" {
		l.refuse(w, req, errNoCode)
		return
	}
	by, now := l.waiting(said.Code), l.currentOf(req)
	switch {
	case by == nil:
		l.refuse(w, req, errBadCode)
		return
	case said.Confirm == "":
		l.tell(w, said.Code, by, now)
		return
	case !l.isConfirmed(said.Confirm, said.Code, now):
		l.refuse(w, req, errUnseen)
		return
	}
	value, in := l.use(said.Code, now)
	if in == nil { // another one was faster
		l.refuse(w, req, errBadCode)
		return
	}
	l.cfg.Tell(req, in.who, nil)
	http.SetCookie(w, l.cookie(value, in.until))
	w.WriteHeader(http.StatusNoContent)
}

func (l *Logins) refuse(w http.ResponseWriter, req *http.Request, why error) {
	l.cfg.Tell(req, nil, why)
	l.cfg.Refuse(w, req, why)
}

// use makes a login of a code, which can't be used again. In the browser it takes the place
// of the one before, which ends if it is somebody else's: the browser forgets it.
func (l *Logins) use(text string, before current) (value string, in *login) {
	key, now := sha256.Sum256([]byte(text)), l.cfg.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.codes[key]
	delete(l.codes, key)
	if by == nil || !l.good(by) {
		return "", nil
	}
	in = &login{who: by.who, proof: by.proof, until: now.Add(loginLife)}
	in.ended, in.end = context.WithCancel(context.Background())
	if !by.proof.Until.IsZero() && by.proof.Until.Before(in.until) {
		in.until = by.proof.Until
	}
	if before.login != nil && before.who.Client != by.who.Client {
		l.close(before.key)
	}
	l.closeOld()
	if soonest, n := soonestOf(l.open, by.who.Client); n >= loginsEach {
		l.close(soonest)
	}
	l.makeRoom()
	value = rand.Text()
	l.open[sha256.Sum256([]byte(value))] = in
	return value, in
}

// makeRoom ends the login that ends soonest, if there are too many. The caller holds mu.
func (l *Logins) makeRoom() {
	if len(l.open) >= maxLogins {
		soonest, _ := soonestOf(l.open, "")
		l.close(soonest)
	}
}

// soonestOf returns the code or login of a client that ends soonest, and how many the client
// has; an empty name stands for all.
func soonestOf(all map[[sha256.Size]byte]*login, client string) (soonest [sha256.Size]byte, n int) {
	var found *login
	for key, in := range all {
		if client != "" && in.who.Client != client {
			continue
		}
		if n++; found == nil || in.until.Before(found.until) {
			soonest, found = key, in
		}
	}
	return soonest, n
}

// logOut ends a login.
func (l *Logins) logOut(w http.ResponseWriter, req *http.Request) {
	if cookie, err := req.Cookie(l.cookieName()); err == nil {
		l.mu.Lock()
		l.close(sha256.Sum256([]byte(cookie.Value)))
		l.closeOld() // those that it has proven
		l.mu.Unlock()
	}
	http.SetCookie(w, l.cookie("", time.Unix(1, 0)))
	w.WriteHeader(http.StatusNoContent)
}

// cookie returns a cookie that no script reads, and that no other site sends.
func (l *Logins) cookie(value string, until time.Time) *http.Cookie {
	return &http.Cookie{
		Name: l.cookieName(), Value: value, Path: "/", Expires: until,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
