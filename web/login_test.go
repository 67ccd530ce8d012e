package web_test

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"google.golang.org/protobuf/encoding/protojson"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// The printed address logs in whoever says yes, and its code is gone before the page is shown. What the
// page does then is done in the client's name, and so is what its curl command does.
func TestTheAddressLogsIn(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "it's: é")
	p.awaitIn(t, "it's: é")
	if at := eval[string](t, p, `location.href`); strings.Contains(at, "login") || !strings.HasPrefix(at, b.url(1)+"/") {
		t.Errorf("the address is %q", at)
	}
	if who := p.text(t, "#who"); !strings.Contains(who, "it's: é, teller") || !strings.Contains(who, "all accountsuntil ") {
		t.Errorf("the page says %q of who is logged in", who)
	}
	if seen := eval[string](t, p, `document.cookie`); seen != "" {
		t.Errorf("a script sees the cookie %q", seen)
	}
	p.choose(t, 3)
	p.set(t, "#call-amount", "30")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	p.awaitBalance(t, "430")
	p.await(t, `document.querySelector(".entry")?.textContent.includes("it's: é")`)

	cmd := exec.CommandContext(t.Context(), "sh", "-c", p.text(t, "#call-curl"))
	cmd.Dir = b.certs.Dir
	out, err := cmd.Output()
	var answer bankv1.DepositResponse
	if err != nil || protojson.Unmarshal(out, &answer) != nil || !answer.GetReplay() || answer.GetReceipt().GetBranch() != 3 {
		t.Errorf("%s: %v, %s", p.text(t, "#call-curl"), err, out)
	}
	if !eval[bool](t, p, `document.querySelector("#call-curl-note").checkVisibility()`) {
		t.Error("the page does not say how the command works with a token")
	}
	p.wellAndQuiet(t)
}

// Without a login the page says how to log in, and nothing of the bank. A code is good
// once; one that is pasted, or its whole address, logs in as well.
func TestThePageAsksToLogIn(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	used := b.dashboard(t, 1, "tess")
	(&page{ctx: profile(t)}).logIn(t, used, "tess")
	p := visit(profile(t), t, used)
	p.await(t, `document.querySelector("#login-answer").textContent.includes("The code was used already")`)
	if command, want := p.text(t, "#login-command"), "passbook dashboard --address "+b.address(1)+" --certs-dir "; !strings.HasPrefix(command, want) {
		t.Errorf("the command is %q, want %q", command, want)
	}
	if known := eval[string](t, p, `document.querySelectorAll(".tile, .entry").length + document.querySelector("#figure-balance").textContent + document.querySelector("#bank").textContent`); known != "0–" {
		t.Errorf("the page knows %q of the bank", known)
	}
	if eval[bool](t, p, `document.querySelector("#login-reason").checkVisibility()`) {
		t.Errorf("it gives a reason where there is none: %q", p.text(t, "#login-reason"))
	}
	p.checkFitsAPhone(t)
	p.set(t, "#login-code", "WRONG")
	p.click(t, "#login-form button")
	p.await(t, `document.querySelector("#login-answer").textContent.includes("never given out")`)
	_, code, _ := strings.Cut(b.dashboard(t, 1, "tess"), "#login=")
	p.set(t, "#login-code", " "+code+" ")
	p.click(t, "#login-form button")
	p.confirm(t, "tess")
	p.awaitIn(t, "tess")
	p.wellAndQuiet(t)
	long := b.logIn(t, 1, longName)
	long.awaitIn(t, longName)
	long.checkFitsAPhone(t)
	for _, width := range []int64{700, 900, 1300} {
		long.checkFits(t, width)
	}

	// Whoever opens the address where the page is open already keeps the rest of its address.
	other := visit(profile(t), t, b.url(1)+"/#account=savings&branch=2")
	_, hash, _ := strings.Cut(b.dashboard(t, 1, "audrey"), "#")
	eval[string](t, other, `location.hash = "`+hash+`"`)
	other.confirm(t, "audrey")
	other.awaitIn(t, "audrey")
	if hash := eval[string](t, other, `location.hash`); hash != "#account=savings&branch=2" {
		t.Errorf("the address ends with %q", hash)
	}
	// A code that is refused changes nothing for somebody who is logged in.
	_, hash, _ = strings.Cut(used, "#")
	eval[string](t, other, `location.hash = "`+hash+`"`)
	other.await(t, `document.querySelector("#who-answer").textContent.includes("nothing has changed: The code was used already")`)
	other.awaitIn(t, "audrey")
}

// A login ends with the branch. Every tab asks to log in again, one login is enough for
// all, and what stood in the form is still there.
func TestALoginEndsWhileThePageIsOpen(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "tess")
	second := openBeside(t, p, b.url(1))
	p.set(t, "#call-amount", "77")
	b.stop()
	p.await(t, `document.documentElement.dataset.connection === "lost"`)
	b.start(t)
	p.awaitOut(t)
	second.awaitOut(t)
	p.await(t, `document.querySelector("#login-reason").textContent.includes("the branch has been restarted since")`)
	_, code, _ := strings.Cut(b.dashboard(t, 1, "tess"), "#login=")
	second.set(t, "#login-code", code)
	second.click(t, "#login-form button")
	second.confirm(t, "tess")
	second.awaitIn(t, "tess")
	p.awaitIn(t, "tess")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	p.awaitBalance(t, "477")
	second.awaitBalance(t, "477")

	// Somebody else who logs in finds nothing of it.
	_, code, _ = strings.Cut(b.dashboard(t, 1, "audrey"), "#")
	eval[string](t, second, `location.hash = "`+code+`"`)
	second.confirm(t, "audrey")
	second.awaitAnew(t, `document.querySelector("#who-name b")?.textContent === "audrey" && document.querySelector("#call-answer").textContent === ""`)
	p.awaitAnew(t, `document.querySelector("#who-name b")?.textContent === "audrey" && document.querySelector("#call-answer").textContent === ""`)
}

// Whoever logs out does so in all tabs, and the cookie is good for nothing any more.
func TestLoggingOut(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "tess")
	second := openBeside(t, p, b.url(1))
	cookies := p.cookies(t)
	if len(cookies) != 1 {
		t.Fatalf("the cookies are %v", cookies)
	}
	c := cookies[0]
	if c.Name != "__Host-passbook-bank-1" || !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || c.Path != "/" || c.Session {
		t.Errorf("the cookie is %+v", c)
	}
	identify := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url(1)+"/bank.v1.BranchService/GetIdentity", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		res, err := b.as(t, "").Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := identify(); status != http.StatusOK {
		t.Fatalf("the cookie gives %d", status)
	}
	p.click(t, "#who-out")
	out := `document.documentElement.dataset.login === "out" && document.querySelectorAll(".tile").length === 0`
	p.awaitAnew(t, out)
	second.awaitAnew(t, out)
	if status := identify(); status != http.StatusUnauthorized {
		t.Errorf("after logging out, the cookie gives %d", status)
	}
	if left := p.cookies(t); len(left) != 0 {
		t.Errorf("the browser keeps %v", left)
	}
}

// A browser without shared workers, whose tabs have streams of their own, logs in and out
// just so.
func TestLoggingInWithoutASharedWorker(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	const prelude = "delete window.SharedWorker;"
	p := &page{ctx: profile(t), prelude: prelude}
	p.navigate(t, b.url(1))
	p.awaitOut(t)
	second := &page{ctx: beside(t, p), prelude: prelude}
	second.navigate(t, b.url(1))
	second.awaitOut(t)
	p.set(t, "#login-code", b.dashboard(t, 1, "tess"))
	p.click(t, "#login-form button")
	p.confirm(t, "tess")
	p.awaitIn(t, "tess")
	second.awaitIn(t, "tess")
	second.click(t, "#who-out")
	for _, tab := range []*page{p, second} {
		tab.awaitAnew(t, `document.documentElement.dataset.login === "out" && document.querySelectorAll(".tile").length === 0`)
		if eval[bool](t, tab, `"SharedWorker" in window`) {
			t.Error("there are shared workers, so this test shows nothing")
		}
	}
}

// Two branches of one host know two people in one browser, though it sends both cookies to
// both.
func TestTwoLoginsOnOneHost(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	tess := b.logIn(t, 1, "tess")
	olga := &page{ctx: beside(t, tess)}
	olga.logIn(t, b.dashboard(t, 2, "olga"), "olga")
	for range 2 {
		tess.awaitIn(t, "tess")
		olga.awaitIn(t, "olga")
		if n := len(tess.cookies(t)); n != 2 {
			t.Errorf("the browser sends %d cookies, want 2", n)
		}
		tess.do(t, chromedp.Reload())
		olga.do(t, chromedp.Reload())
	}
	// At the third one, nobody has logged in.
	third := visit(beside(t, tess), t, b.url(3))
	if eval[bool](t, third, `document.querySelector("#who").checkVisibility()`) {
		t.Error("branch 3 knows somebody")
	}
	tess.awaitIn(t, "tess")
	tess.click(t, "#who-out")
	tess.awaitAnew(t, `document.documentElement.dataset.login === "out"`)
	olga.awaitIn(t, "olga")
}

// Where nobody has to log in, the page has nothing of it, whatever its address says.
func TestAnOpenBankAsksNobody(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1)+"/#login=CODE")
	p.awaitBalance(t, "400")
	if at := eval[string](t, p, `location.href`); at != b.url(1)+"/#branch=1" && at != b.url(1)+"/" {
		t.Errorf("the address is %q", at)
	}
	shown := eval[[]string](t, p, `["#who", "#who-answer", "#login", "#call-rights", "#call-curl-note"].filter((part) => document.querySelector(part).checkVisibility())`)
	if len(shown) > 0 {
		t.Errorf("the page shows %q", shown)
	}
	if !eval[bool](t, p, `[...document.querySelectorAll("[name=operation]")].every((choice) => !choice.disabled)`) {
		t.Error("something is not offered")
	}
	if command := p.text(t, "#call-curl"); strings.Contains(command, "--cert") {
		t.Errorf("the curl command is %q", command)
	}
	p.wellAndQuiet(t)
}

// cookies returns those that the browser sends to the page's branch.
func (p *page) cookies(t *testing.T) []*network.Cookie {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Cookies
}

// awaitAnew waits until an expression is true in a page that loads itself anew meanwhile,
// which ends whatever waits in it.
func (p *page) awaitAnew(t *testing.T, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		switch {
		case ctx.Err() != nil:
			t.Fatalf("waited in vain for %s: %v", expression, err)
		case err == nil && is:
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
