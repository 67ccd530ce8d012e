package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// page is a tab that shows the dashboard.
type page struct {
	ctx context.Context
	// prelude runs in the page before its own scripts.
	prelude string

	mu sync.Mutex
	// complaints are the errors and warnings of the console.
	complaints []string
}

// profile is a browser that no other test has used.
func profile(t *testing.T) context.Context {
	t.Helper()
	needsBrowser(t)
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithNewWindow(true))
	t.Cleanup(cancel)
	return ctx
}

// open shows a page in a tab of its own, and waits until it is live.
func open(t *testing.T, url string) *page {
	t.Helper()
	p := &page{ctx: profile(t)}
	p.load(t, url)
	return p
}

// openBeside shows a page in another window of the same browser.
func openBeside(t *testing.T, other *page, url string) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(other.ctx, chromedp.WithNewWindow(true))
	t.Cleanup(cancel)
	p := &page{ctx: ctx}
	p.load(t, url)
	return p
}

func (p *page) load(t *testing.T, url string) {
	t.Helper()
	p.navigate(t, url)
	p.awaitLive(t)
}

// awaitLive waits until a page has heard of all branches.
func (p *page) awaitLive(t *testing.T) {
	t.Helper()
	p.await(t, `document.documentElement.dataset.connection === "live" && document.querySelectorAll(".tile").length > 0`)
}

// navigate shows a page.
func (p *page) navigate(t *testing.T, url string) {
	t.Helper()
	if err := chromedp.Listen(p.ctx, p.note); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: p.prelude + listenToCharts}); err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.Navigate(url))
}

// listenToCharts keeps the last texts that each chart has drawn, since its
// canvas can't be read: drawn["#chart-balance"].
const listenToCharts = `
	const drawn = {};
	const fillText = CanvasRenderingContext2D.prototype.fillText;
	CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
		const chart = "#" + this.canvas.closest(".chart").id;
		drawn[chart] = [...(drawn[chart] ?? []), text].slice(-40);
		return fillText.call(this, text, ...place);
	};
`

// awaitDrawn waits until a chart has drawn a label, in one line or two.
func (p *page) awaitDrawn(t *testing.T, chart, label string) {
	t.Helper()
	p.await(t, fmt.Sprintf(`drawn[%q]?.join("").includes(%q)`, chart, label))
}

// wellAndQuiet checks that the page goes on drawing, and that its console has
// no complaints.
func (p *page) wellAndQuiet(t *testing.T) {
	t.Helper()
	eval[bool](t, p, `new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => resolve(true)))))`)
	if complaints := p.console(); len(complaints) > 0 {
		t.Errorf("the console has %q, want nothing", complaints)
	}
}

func (p *page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, e.Entry.Text)
	}
}

// console returns the complaints of the console.
func (p *page) console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.complaints)
}

// do does something in the page.
func (p *page) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of an expression in the page.
func eval[T any](t *testing.T, p *page, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true in the page. An observer evaluates it
// whenever the page changes: the policy lets nobody, not even a test, evaluate text
// there.
func (p *page) await(t *testing.T, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	promise := fmt.Sprintf(`new Promise((resolve) => {
		const look = () => (%s) && (observer.disconnect(), resolve(true));
		const observer = new MutationObserver(look);
		observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		look();
	})`, expression)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](promise, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatalf("waited in vain for %s: %v\nThe page says: %s", expression, err, p.text(t, "#headline"))
	}
}

// text returns the text of an element.
func (p *page) text(t *testing.T, selector string) string {
	t.Helper()
	return eval[string](t, p, fmt.Sprintf(`document.querySelector(%q)?.textContent ?? "nothing"`, selector))
}

// set types a value into a field.
func (p *page) set(t *testing.T, selector, value string) {
	t.Helper()
	text, err := json.Marshal(value) // which JavaScript reads as well
	if err != nil {
		t.Fatal(err)
	}
	eval[bool](t, p, fmt.Sprintf(`(() => {
		const field = document.querySelector(%q);
		field.value = %s;
		field.dispatchEvent(new Event("input", {bubbles: true}));
		field.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, selector, text))
}

// click clicks on what is there to be clicked on. A mouse would be aimed at where it was a
// moment ago: what comes in meanwhile moves it.
func (p *page) click(t *testing.T, selector string) {
	t.Helper()
	p.await(t, fmt.Sprintf(`((it) => it?.checkVisibility() && !it.matches(":disabled"))(document.querySelector(%q))`, selector))
	eval[bool](t, p, fmt.Sprintf(`document.querySelector(%q).click() ?? true`, selector))
}

// tile is the expression of a branch's tile.
func tile(branch int) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".tile")].find((tile) => tile.querySelector(".tile-button").textContent === "Branch %d")`, branch)
}

// choose clicks on the tile of a branch.
func (p *page) choose(t *testing.T, branch int) {
	t.Helper()
	eval[bool](t, p, tile(branch)+`.click() ?? true`)
	p.await(t, tile(branch)+fmt.Sprintf(`.querySelector("[aria-pressed=true]") && document.querySelector("#call-branch").value === "%d"`, branch))
}

// awaitBalance waits until every tile shows a balance.
func (p *page) awaitBalance(t *testing.T, balance string) {
	t.Helper()
	p.await(t, fmt.Sprintf(`[...document.querySelectorAll(".tile-balance")].every((cell) => cell.textContent === %q)`, balance))
}

// press presses a key until an element has the focus.
func (p *page) press(t *testing.T, key, selector string) {
	t.Helper()
	p.pressUntil(t, chromedp.KeyEvent(key), selector)
}

// pressBack goes back with Shift-Tab until an element has the focus.
func (p *page) pressBack(t *testing.T, selector string) {
	t.Helper()
	p.pressUntil(t, chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(kb.ModifierShift)), selector)
}

func (p *page) pressUntil(t *testing.T, press chromedp.Action[chromedp.Void], selector string) {
	t.Helper()
	const most = 200
	for range most {
		p.do(t, press)
		if eval[bool](t, p, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	t.Fatalf("the keyboard does not reach %s", selector)
}

// keys presses the keys of a text.
func (p *page) keys(t *testing.T, keys ...string) {
	t.Helper()
	p.do(t, chromedp.KeyEvent(strings.Join(keys, "")))
}

// replace types a text in place of the content of the focused field.
func (p *page) replace(t *testing.T, text string) {
	t.Helper()
	p.do(t, chromedp.KeyEvent("a", chromedp.KeyModifiers(kb.ModifierCtrl)), chromedp.KeyEvent(text))
}
