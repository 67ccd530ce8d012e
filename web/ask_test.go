package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Somebody sends a link with a code of his own. Whoever opens it is told whose it is and who
// is logged in now, and stays who he is until he says yes; afterwards the page shows the name.
func TestALinkOfSomebodyElseLogsNobodyIn(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "tess")
	p.awaitIn(t, "tess")
	before := p.cookies(t)[0].Value
	link := b.dashboard(t, 1, "olga")
	opened := &page{ctx: beside(t, p)}
	opened.navigate(t, link)
	asks := `document.querySelector("#login-ask").open && document.querySelector("#login-ask-title").textContent === "Log in as olga?"`
	opened.await(t, asks)
	what, now := opened.text(t, "#login-ask-what"), opened.text(t, "#login-ask-now")
	if !strings.HasPrefix(what, "olga is an operator of bank bank and may use no account. What you do at branch 1 from then on is done in that name.") || now != "You are logged in as tess, teller, now. That login ends." {
		t.Errorf("the page says %q, %q", what, now)
	}
	opened.checkFitsAPhone(t)
	// Whoever goes on typing, or reloads, has not said yes.
	if at := eval[string](t, opened, `document.activeElement.id`); at != "login-ask-title" {
		t.Errorf("the keys are for %q", at)
	}
	opened.do(t, chromedp.KeyEvent("\r"), chromedp.KeyEvent(" "))
	opened.await(t, asks)
	// Nor has a click on a window that has only just come to the front.
	opened.await(t, `!document.querySelector("#login-yes").disabled`)
	if !eval[bool](t, opened, `window.dispatchEvent(new Event("focus")) && document.querySelector("#login-yes").disabled`) {
		t.Error("a click is taken for yes before anybody can have read the question")
	}
	opened.do(t, chromedp.Reload())
	opened.awaitIn(t, "tess")
	p.awaitIn(t, "tess")

	// Whoever says no stays who he is, and the code is as good as it was.
	_, hash, _ := strings.Cut(link, "#")
	for _, no := range []string{`document.querySelector("#login-no").click() ?? true`, `document.querySelector("#login-ask").close() ?? true`} {
		eval[string](t, opened, `location.hash = "`+hash+`"`)
		opened.await(t, asks)
		eval[bool](t, opened, no)
		opened.await(t, `!document.querySelector("#login-ask").open`)
		opened.awaitIn(t, "tess")
	}
	if cookies := p.cookies(t); len(cookies) != 1 || cookies[0].Value != before {
		t.Errorf("the cookies are %v", cookies)
	}

	// The page has put a branch into the address before it hears of the code there.
	eval[string](t, opened, `location.hash = "`+hash+`", history.replaceState(null, "", location.pathname + "#branch=1"), ""`)
	opened.await(t, asks)
	if at := eval[string](t, opened, `location.hash`); at != "#branch=1" {
		t.Errorf("the address ends with %q", at)
	}

	// Whoever says yes is told so in every tab, and has left the login before behind.
	opened.confirm(t, "olga")
	for _, tab := range []*page{opened, p} {
		tab.awaitAnew(t, `document.querySelector("#who-name")?.checkVisibility() && document.querySelector("#who-name").textContent === "olga, operator"`)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url(1)+"/bank.v1.BranchService/GetIdentity", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.AddCookie(&http.Cookie{Name: p.cookies(t)[0].Name, Value: before})
	res, err := b.as(t, "").Do(req)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the login before: %v, %v", res, err)
	}
	if err == nil {
		_ = res.Body.Close()
	}
}

// Whoever serves another port of the host can put a cookie of his own login into a browser.
// The page says so, and is quiet about a login that somebody has said yes to.
func TestALoginThatNobodyHasSaidYesTo(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	olga := b.logIn(t, 1, "olga")
	p := b.logIn(t, 1, "tess")
	p.awaitIn(t, "tess")
	if eval[bool](t, p, `document.querySelector("#who-answer").checkVisibility()`) {
		t.Errorf("the page warns: %q", p.text(t, "#who-answer"))
	}
	theirs := olga.cookies(t)[0]
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// As the answer of another port would set it.
	if _, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: theirs.Name, Value: theirs.Value, URL: b.url(2) + "/", Path: "/", Secure: new(true), HTTPOnly: new(true)}); err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.Reload())
	p.awaitIn(t, "olga")
	p.await(t, `document.querySelector("#who-answer").checkVisibility() && document.querySelector("#who-answer").textContent.startsWith("This browser is logged in as olga, and nobody has said yes to that on this page.")`)
	p.click(t, "#who-out")
	p.awaitAnew(t, `document.documentElement.dataset.login === "out"`)
}
