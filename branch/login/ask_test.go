package login_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"passbook.example/passbook/branch/identity"
)

// asked is what a page is told of a code.
type asked struct {
	Bank, Client, Role, Confirm string
	Branch                      uint32
	Accounts                    []string
	Now                         *struct{ Client, Role string }
}

// ask asks whom a code logs in.
func (d *desk) ask(t *testing.T, code string, cookies ...*http.Cookie) (out asked) {
	t.Helper()
	res := d.send(`{"code":"`+code+`"}`, "application/json", cookies...)
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK || len(res.Cookies()) != 0 || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatal(res.StatusCode, res.Header, err)
	}
	return out
}

// confirm sends a code with what confirms it.
func (d *desk) confirm(code, confirm string, cookies ...*http.Cookie) *http.Response {
	return d.send(`{"code":"`+code+`","confirm":"`+confirm+`"}`, "application/json", cookies...)
}

// A code alone logs nobody in, however often it is sent: it tells whom it is for, and who
// has logged in in that browser. Only what was told there then logs in.
func TestACodeTellsWhomItLogsIn(t *testing.T) {
	d := newDesk("bank", 3)
	bob := &identity.Identity{Bank: "bank", Client: "bob", Role: identity.Customer, Accounts: identity.Accounts{"bob", "shop-*"}}
	codeOf := func(who *identity.Identity) string {
		t.Helper()
		text, _, err := d.Code(who, identity.Proof{})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	anns, bobs := codeOf(ann), codeOf(bob)
	first := d.ask(t, bobs)
	if first.Bank != "bank" || first.Branch != 3 || first.Client != "bob" || first.Role != "customer" || fmt.Sprint(first.Accounts) != "[bob shop-*]" || first.Now != nil {
		t.Errorf("told %+v", first)
	}
	inAsBob := d.logIn(t, bobs)

	// Somebody makes bob's browser open a link with ann's code.
	told := d.ask(t, anns, inAsBob)
	if told.Client != "ann" || told.Now == nil || told.Now.Client != "bob" || told.Now.Role != "customer" {
		t.Errorf("told %+v, now %+v", told, told.Now)
	}
	gone := *inAsBob
	gone.Value = "GONE"
	other := d.ask(t, codeOf(ann), inAsBob)
	for name, res := range map[string]*http.Response{
		"nothing was told":              d.confirm(anns, "YES", inAsBob),
		"of another code":               d.confirm(anns, other.Confirm, inAsBob),
		"in a browser where nobody was": d.confirm(anns, d.ask(t, anns).Confirm, inAsBob),
		"in bob's browser":              d.confirm(anns, told.Confirm),
		"at another branch":             d.confirm(anns, newTold(t, 4, anns), inAsBob),
	} {
		if res.StatusCode == http.StatusNoContent || len(res.Cookies()) != 0 {
			t.Errorf("confirmed though %s: %d, %v", name, res.StatusCode, res.Cookies())
		}
	}
	if id, err := d.who(inAsBob); id != bob || err != nil {
		t.Errorf("bob is %v, %v", id, err)
	}
	// A login that has ended is none.
	if told := d.ask(t, anns, &gone); told.Now != nil || told.Confirm != d.ask(t, anns).Confirm {
		t.Errorf("a cookie that stands for nobody: %+v", told)
	}
	// Whoever means it logs in, and bob's login, which that browser has no more, ends.
	inAsAnn := d.logIn(t, anns, inAsBob)
	if id, _ := d.who(inAsAnn); id != ann {
		t.Errorf("logged in is %v", id)
	}
	if id, err := d.who(inAsBob); id != nil || err == nil {
		t.Errorf("bob's login goes on: %v, %v", id, err)
	}
	// The next one of the same client may have been asked for by this one, and leaves it.
	again := d.logIn(t, codeOf(ann), inAsAnn)
	if id, _ := d.who(inAsAnn); id != ann || again.Value == inAsAnn.Value {
		t.Errorf("ann's first login is %v", id)
	}
}

// newTold returns what confirms a code at another branch, if it were known there.
func newTold(t *testing.T, branch uint32, text string) string {
	t.Helper()
	d := newDesk("bank", branch)
	code, _, err := d.Code(ann, identity.Proof{})
	if err != nil || code == text {
		t.Fatal(code, err)
	}
	return d.ask(t, code).Confirm
}
