package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// badLife finds what is wrong with the drawing of a life: texts that overlap, or stick out,
// or have too little contrast; dots that overlap; arrows that go up.
const badLife = `(() => {
	const bad = [];
	const svg = document.querySelector(".life-svg");
	const sheet = svg.getBoundingClientRect();
	const light = (color) => {
		const [r, g, b] = color.match(/[\d.]+/g).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
	};
	const ground = light(getComputedStyle(document.querySelector("#life")).backgroundColor);
	const texts = [...svg.querySelectorAll("text")].map((text) => ({text, box: text.getBoundingClientRect()}));
	for (const [i, {text, box}] of texts.entries()) {
		if (box.left < sheet.left || box.right > sheet.right || box.bottom > sheet.bottom) {
			bad.push("sticks out: " + text.textContent);
		}
		for (const other of texts.slice(i + 1)) {
			if (box.left < other.box.right && other.box.left < box.right && box.top + 2 < other.box.bottom && other.box.top + 2 < box.bottom) {
				bad.push("overlap: " + text.textContent + " and " + other.text.textContent);
			}
		}
		const ink = light(getComputedStyle(text).fill);
		if (Math.max(ink, ground) / Math.min(ink, ground) < 4.5) {
			bad.push("contrast: " + text.textContent);
		}
	}
	const dots = [...svg.querySelectorAll(".life-dot")].map((dot) => dot.getBoundingClientRect());
	for (const [i, dot] of dots.entries()) {
		if (dots.slice(i + 1).some((other) => Math.abs(dot.x - other.x) < dot.width && Math.abs(dot.y - other.y) < dot.height)) {
			bad.push("two dots in one place");
		}
		const under = texts.filter(({box}) => box.left < dot.right && dot.left < box.right && box.top + 3 < dot.bottom && dot.top + 3 < box.bottom);
		under.forEach(({text}) => bad.push("on a dot: " + text.textContent));
	}
	for (const path of svg.querySelectorAll(".life-arrow")) {
		const [, y1, , y2] = path.getAttribute("d").match(/[-\d.]+/g).map(Number);
		if (y2 <= y1) {
			bad.push("goes up: " + path.getAttribute("class") + " " + path.getAttribute("d"));
		}
	}
	return texts.length > 3 && dots.length > 1 ? bad : ["there is no drawing"];
})()`

// inScheme shows a page in light or dark.
func (p *page) inScheme(t *testing.T, scheme string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, params); err != nil {
		t.Fatal(err)
	}
}

// checkLife checks that the drawing is readable in light and dark, and on a narrow screen,
// where it needs no more room than there is.
func (p *page) checkLife(t *testing.T) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.inScheme(t, scheme)
		for _, width := range []int64{1440, 390} {
			p.do(t, chromedp.EmulateViewport(width, 900))
			p.await(t, fmt.Sprintf(`innerWidth === %d && Math.abs(document.querySelector("#life").dataset.room - document.querySelector("#life-figure").clientWidth) < 1`, width))
			for _, bad := range eval[[]string](t, p, badLife) {
				t.Errorf("%s, %d pixels: %s", scheme, width, bad)
			}
			if wide := eval[int64](t, p, `document.querySelector("#life-figure").scrollWidth - document.querySelector("#life-figure").clientWidth`); wide > 0 {
				t.Errorf("%s, %d pixels: the drawing is %d pixels wider than its place", scheme, width, wide)
			}
		}
	}
	p.do(t, chromedp.EmulateViewport(1440, 900))
	p.inScheme(t, "light")
}

// send sends what the form has, and waits for the answer.
func (p *page) send(t *testing.T, result string) {
	t.Helper()
	p.click(t, "#call-send")
	p.await(t, fmt.Sprintf(`!document.querySelector("#call").hasAttribute("data-waiting") && document.querySelector("#call-answer").dataset.result === %q`, result))
}

// awaitWords waits until the life tells of something, in words.
func (p *page) awaitWords(t *testing.T, words ...string) {
	t.Helper()
	for _, some := range words {
		p.await(t, fmt.Sprintf(`[...document.querySelectorAll("#life-list li")].some((line) => line.textContent.startsWith(%q))`, some))
	}
}

// words returns what the life tells, without times.
func (p *page) words(t *testing.T) []string {
	t.Helper()
	return eval[[]string](t, p, `[...document.querySelectorAll("#life-list li")].map((line) => line.textContent.replace(/ \(.*\)/, ""))`)
}

// wantWords checks that a life tells of some things in this order.
func wantWords(t *testing.T, got []string, want ...string) {
	t.Helper()
	at := 0
	for _, line := range got {
		if at < len(want) && line == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("the life lacks %q, or has it in another order:\n%s", want[at], strings.Join(got, "\n"))
	}
}

// arrows returns how many arrows there are of a kind.
func (p *page) arrows(t *testing.T, selector string) int {
	t.Helper()
	return eval[int](t, p, fmt.Sprintf(`document.querySelectorAll(".life-arrow%s").length`, selector))
}

// Whoever deposits from the page sees what each branch does for it, causes first.
func TestThePageDrawsTheLifeOfADeposit(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(2))
	if eval[bool](t, p, `document.querySelector("#life").checkVisibility()`) {
		t.Error("there is a life before anything was sent")
	}
	p.choose(t, 1)
	p.set(t, "#call-acknowledge", "4")
	p.send(t, "answered")
	p.awaitWords(t, "The answer has come", "Branch 2 synced the entry", "Branch 3 synced the entry", "Branch 1 heard that branch 2 has synced", "Branch 1 heard that branch 3 has synced", "Branch 1 answered")
	p.await(t, `document.querySelector("#life-summary").textContent === "Deposit of 25 at branch 1: in the journal of branch 1, and applied at all 3 branches."`)
	words := p.words(t)
	for _, peer := range []string{"2", "3"} {
		wantWords(t, words,
			"This page sent the request to branch 1.", "Branch 1 received the request.", "Branch 1 wrote the entry to its journal, and synced that.",
			"Branch 1 sent the entry to branch "+peer+".", "Branch "+peer+" received the entry from branch 1.", "Branch "+peer+" applied the entry: queries there show it.",
			"Branch 1 heard that branch "+peer+" has applied the entry.", "Branch 1 answered.", "The answer has come to this page.")
	}
	for selector, want := range map[string]int{".life-request": 1, ".life-entry": 2, ".life-reply": 1, ".life-open": 0, ".life-ask": 0} {
		if got := p.arrows(t, selector); got != want {
			t.Errorf("%d arrows %s, want %d", got, selector, want)
		}
	}
	if acks := p.arrows(t, ".life-ack"); acks < 2 || acks > 4 {
		t.Errorf("%d arrows of acks", acks) // that of a peer may be for both, or one for each
	}
	p.checkLife(t)
	p.wellAndQuiet(t)

	// The same request once more is another way there and back, and no other entry.
	p.click(t, "#call-again")
	p.await(t, `document.querySelector("#call-answer").textContent.includes('"replay": true') && document.querySelectorAll(".life-reply").length >= 2`)
	p.await(t, `document.querySelectorAll(".life-arrow.life-reply").length === 2 && document.querySelectorAll(".life-arrow.life-request").length === 2`)
	if got := p.arrows(t, ".life-entry"); got != 2 {
		t.Errorf("%d arrows of the entry, want those of the first time", got)
	}
	p.checkLife(t)
}

// A request that another branch than its home gets shows its way through both.
func TestThePageDrawsTheWayToTheHome(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.send(t, "answered")
	p.choose(t, 2)
	p.click(t, "#call-again")
	p.awaitWords(t, "Branch 2 passed it on to branch 3, its home", "Branch 2 answered")
	p.await(t, `document.querySelectorAll(".life-arrow.life-reply").length === 3 && document.querySelectorAll(".life-arrow.life-request").length === 3`)
	p.checkLife(t)
}

// The arrow to a branch that is cut off ends on its way, until the branch is back.
func TestALifeWaitsForABranchThatIsCutOff(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.click(t, "#faults-cut")
	p.await(t, tile(3)+`.dataset.health === "cut-off"`)
	p.choose(t, 1)
	p.send(t, "answered")
	p.awaitWords(t, "Branch 2 applied", "Branch 3 is not known to have the entry")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at 2 of 3 branches, not yet at 3.")`)
	if open := p.arrows(t, ".life-open"); open != 1 {
		t.Errorf("%d arrows are on their way, want that to branch 3", open)
	}
	p.checkLife(t)
	p.choose(t, 3)
	p.click(t, "#faults-heal")
	p.awaitWords(t, "Branch 3 applied", "Branch 1 heard that branch 3 has applied")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at all 3 branches.") && !document.querySelector(".life-open.life-arrow")`)
	p.checkLife(t)
	p.wellAndQuiet(t)
}

// What a branch that is cut off does itself is seen all the same.
func TestTheLifeOfADepositAtABranchThatIsCutOff(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.click(t, "#faults-cut")
	p.await(t, tile(3)+`.dataset.health === "cut-off"`)
	p.send(t, "answered")
	p.awaitWords(t, "Branch 3 wrote the entry", "Branch 3 answered", "Branch 1 is not known to have", "Branch 2 is not known to have")
	p.click(t, "#faults-heal")
	p.awaitWords(t, "Branch 1 applied", "Branch 2 applied")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at all 3 branches.")`)
}

// A branch that is killed tells nothing. Started again, it gets the entry, and tells.
func TestALifeWaitsForABranchThatIsKilled(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 2)
	p.click(t, "#faults-kill")
	p.await(t, tile(2)+`.dataset.health === "unreachable"`)
	p.choose(t, 1)
	p.send(t, "answered")
	p.awaitWords(t, "Branch 2 is not known to have the entry: it can't be reached")
	p.await(t, `document.querySelector(".life-silent title").textContent === "it can't be reached"`)
	p.choose(t, 2)
	p.click(t, "#faults-restart")
	p.awaitWords(t, "Branch 2 applied", "Branch 1 heard that branch 2 has applied")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at all 3 branches.")`)
}

// A refusal shows whom the branch has asked, and that nothing was recorded.
func TestThePageDrawsTheLifeOfARefusal(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.choose(t, 2)
	p.click(t, ".choice label:nth-of-type(2)")
	p.set(t, "#call-amount", "9999")
	p.send(t, "refused")
	p.awaitWords(t, "Branch 2 refused: failed_precondition", "The refusal has come")
	words := p.words(t)
	for _, peer := range []string{"1", "3"} {
		wantWords(t, words, "Branch 2 received the request.", "Branch 2 asked branch "+peer+" what it has paid.", "Branch 2 heard what branch "+peer+" has paid.",
			"Branch 2 refused: failed_precondition.", "The refusal has come to this page.")
	}
	if asks, entries := p.arrows(t, ".life-ask"), p.arrows(t, ".life-entry"); asks != 4 || entries != 0 {
		t.Errorf("%d arrows of questions and their answers, want 4; %d of an entry, want none", asks, entries)
	}
	p.await(t, `document.querySelector("#life-summary").textContent === "Withdrawal of 9,999 at branch 2: refused, so no branch has recorded anything."`)
	p.checkLife(t)
	p.wellAndQuiet(t)
}

// At 50 branches, those that only hear of the entry share a line.
func TestTheLifeOfARequestAtFiftyBranchesIsFolded(t *testing.T) {
	b := startBank(t, "../examples/course-50.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 9)
	p.click(t, "#faults-cut")
	p.await(t, tile(9)+`.dataset.health === "cut-off"`)
	p.choose(t, 7)
	p.send(t, "answered")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at 49 of 50 branches, not yet at 9.")`)
	heads := `[...document.querySelectorAll(".life-head-label")].map((head) => head.textContent).join()`
	if got := eval[string](t, p, heads); got != "This page,Branch 7,49 others" {
		t.Errorf("the lines are %q", got)
	}
	for _, want := range []string{"48 of 49 applied", "48 of 49 have it", "1 not yet"} {
		p.await(t, fmt.Sprintf(`[...document.querySelectorAll(".life-label")].some((label) => label.textContent === %q)`, want))
	}
	p.checkLife(t)
	p.choose(t, 9)
	p.click(t, "#faults-heal")
	p.await(t, `[...document.querySelectorAll(".life-label")].some((label) => label.textContent === "all 49 applied") && !document.querySelector(".life-open.life-arrow")`)
	p.checkLife(t)
	p.wellAndQuiet(t)
}

// One tab of a browser follows at a time, so the others keep their connections for calls.
func TestOneTabFollowsAtATime(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.click(t, "#faults-cut")
	p.await(t, tile(3)+`.dataset.health === "cut-off"`)
	p.choose(t, 1)
	p.send(t, "answered") // and it is not over while branch 3 is away
	p.await(t, `document.querySelector("#life").dataset.state === "following"`)
	other := openBeside(t, p, b.url(1))
	other.send(t, "answered")
	p.await(t, `document.querySelector("#life").dataset.state === "elsewhere"`)
	other.await(t, `document.querySelector("#life").dataset.state === "following"`)
}

// Where one logs in, a customer sees the lives of its own requests, and a role that writes
// nothing sees none.
func TestTheLifeOfARequestInASecuredBank(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := b.logIn(t, 1, "bob")
	p.awaitIn(t, "bob")
	p.choose(t, 2)
	p.set(t, "#call-account", "bob")
	p.set(t, "#call-acknowledge", "4")
	p.send(t, "answered")
	p.awaitWords(t, "Branch 2 wrote the entry", "Branch 1 applied", "Branch 3 applied", "The answer has come")
	p.await(t, `document.querySelector("#life-summary").textContent.endsWith("applied at all 3 branches.")`)
	p.wellAndQuiet(t)
	auditor := b.logIn(t, 1, "audrey")
	auditor.awaitIn(t, "audrey")
	auditor.click(t, "#call-send")
	auditor.await(t, `document.querySelector(".answer-meaning")?.textContent.startsWith("The balance is")`)
	if eval[bool](t, auditor, `document.querySelector("#life").checkVisibility()`) {
		t.Error("a query has a life")
	}
}

// A branch that does not answer holds a request up for a moment. Who stops it then has sent
// nothing.
func TestARequestThatIsStoppedBeforeItIsSent(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	m := newMiddle(t, b.url(1))
	p.navigate(t, m.URL)
	p.await(t, `document.documentElement.dataset.connection === "live" && document.querySelectorAll(".tile").length > 0`)
	// Both clicks come before the page can have heard of any branch.
	eval[bool](t, p, `(document.querySelector("#call-send").click(), document.querySelector("#call-stop").click(), true)`)
	p.await(t, `document.querySelector(".answer-meaning")?.textContent === "Nothing was sent: you stopped before."`)
	if sent := m.sent(); len(sent) > 0 {
		t.Errorf("it has sent %v", sent)
	}
	if eval[bool](t, p, `document.querySelector("#life-list li") !== null`) {
		t.Errorf("the life says %q", p.words(t))
	}
	p.click(t, "#call-again")
	p.awaitWords(t, "The answer has come")
	p.awaitBalance(t, "425")
}
