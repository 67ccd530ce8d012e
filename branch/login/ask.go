package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"net/http"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

// asked is what a page shows of a code before it is used. An address with a code is a link:
// anybody may send one of his own, and whoever opened it would go on under his name without
// noticing (login CSRF). So a code alone logs nobody in. It tells for whom it is, and gives
// what has to come with it when somebody has read that.
type asked struct {
	Bank   string `json:"bank"`
	Branch uint32 `json:"branch"`
	person
	// Now is who has logged in in this browser; nil for nobody.
	Now *person `json:"now,omitempty"`
	// Confirm is what to send with the code.
	Confirm string `json:"confirm"`
}

// person is a client as a page shows it.
type person struct {
	Client   string   `json:"client"`
	Role     string   `json:"role"`
	Accounts []string `json:"accounts,omitempty"`
}

func personOf(who *identity.Identity) person {
	return person{who.Client, who.Role.String(), who.Accounts}
}

// tell says for whom a code is, and who has logged in in the browser that asks. The code
// stays as good as it was.
func (l *Logins) tell(w http.ResponseWriter, text string, in *login, now current) {
	out := asked{Bank: l.cfg.Bank, Branch: l.cfg.Branch, person: personOf(in.who), Confirm: l.confirm(text, now)}
	if now.login != nil {
		p := personOf(now.who)
		out.Now = &p
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // it always has a form in JSON
}

var errUnseen = code.New(code.FailedPrecondition, "nobody was shown in this browser whom the code logs in, or somebody else has logged in here since; open the address again, and read it")

// confirm returns what shows that somebody was told for whom a code is, in a browser in
// which the current login was the same. It needs no memory, so asking costs none.
func (l *Logins) confirm(text string, now current) string {
	mac := hmac.New(sha256.New, l.key[:])
	_, _ = mac.Write(now.key[:]) // of a fixed length, so nothing else has the same sum
	_, _ = mac.Write([]byte(text))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil))
}

// isConfirmed reports whether a text is what confirm has given out.
func (l *Logins) isConfirmed(said, text string, now current) bool {
	return hmac.Equal([]byte(said), []byte(l.confirm(text, now)))
}

// current is the login of the browser that asks; zero if it has none that is good.
type current struct {
	*login
	key [sha256.Size]byte
}

// currentOf returns the login that a request comes with.
func (l *Logins) currentOf(req *http.Request) current {
	cookie, err := req.Cookie(l.cookieName())
	if err != nil {
		return current{}
	}
	if in := l.of(cookie.Value); in != nil {
		return current{in, sha256.Sum256([]byte(cookie.Value))}
	}
	return current{}
}

// waiting returns whom a code logs in; nil for a code that is good no more.
func (l *Logins) waiting(text string) *login {
	l.mu.Lock()
	defer l.mu.Unlock()
	if by := l.codes[sha256.Sum256([]byte(text))]; by != nil && l.good(by) {
		return by
	}
	return nil
}
