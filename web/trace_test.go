package web_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// showTrace draws a trace and shows the picture in a tab of its own, in light or dark.
func showTrace(t *testing.T, scheme string, args ...string) *page {
	t.Helper()
	p := &page{ctx: profile(t)}
	picture := filepath.Join(t.TempDir(), "trace.svg")
	if out, err := exec.CommandContext(t.Context(), passbook, append([]string{"trace", "draw", "-o", picture}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := chromedp.Listen(p.ctx, p.note); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, dark); err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: picture}).String()))
	return p
}

// fiftyBranches writes a trace of 50 branches to a file, which the customers of the
// course's file called one after the other.
func fiftyBranches(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace.json")
	if err := os.WriteFile(file, sequentialTrace(50, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// badTexts finds texts that overlap others, stick out of the picture or of the shape
// behind them, or have too little contrast with it.
const badTexts = `(() => {
	const bad = [];
	const sheet = document.documentElement.getBoundingClientRect();
	const texts = [...document.querySelectorAll("text")].map((text) => ({text, box: text.getBoundingClientRect()}));
	for (const [i, {text, box}] of texts.entries()) {
		if (box.left < sheet.left || box.right > sheet.right || box.top < sheet.top || box.bottom > sheet.bottom) {
			bad.push("sticks out: " + text.textContent);
		}
		const shape = text.previousElementSibling;
		if (shape?.matches("rect.tag, rect.dot, rect.head")) {
			const around = shape.getBoundingClientRect();
			if (box.left < around.left || box.right > around.right || box.top < around.top - 1 || box.bottom > around.bottom + 1) {
				bad.push("wider than its shape: " + text.textContent);
			}
		}
		for (const other of texts.slice(i + 1)) {
			if (box.left < other.box.right && other.box.left < box.right && box.top + 1 < other.box.bottom && other.box.top + 1 < box.bottom) {
				bad.push("overlap: " + text.textContent + " and " + other.text.textContent);
			}
		}
		const light = (color) => {
			const [r, g, b] = color.match(/[\d.]+/g).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
			return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
		};
		const behind = shape?.matches("rect.tag, rect.dot, rect.head") ? shape : document.querySelector(".paper");
		const [a, b] = [light(getComputedStyle(text).fill), light(getComputedStyle(behind).fill)];
		if (Math.max(a, b) / Math.min(a, b) < 4.5) {
			bad.push("contrast: " + text.textContent);
		}
	}
	return texts.length > 5 ? bad : ["there are no texts"];
})()`

// badDots finds dots and tags that overlap.
const badDots = `(() => {
	const boxes = [...document.querySelectorAll(".event > .dot, .event > .tag")].map((shape) => shape.getBoundingClientRect());
	return boxes.filter((box, i) => boxes.slice(i + 1).some((other) =>
		box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom)).length;
})()`

// The pictures of traces are readable, in light and dark: of the course's sample, of the
// edition of 2020, of 50 branches, and of one that is wrong.
func TestPicturesOfTracesAreReadable(t *testing.T) {
	needsBrowser(t)
	const samples = "../customer/lamport/testdata/"
	sample, err := os.ReadFile(samples + "output-2024-single.json")
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(strings.ReplaceAll(string(sample), `"logical_clock": 5`, `"logical_clock": 3`)), 0o600); err != nil {
		t.Fatal(err)
	}
	large := fiftyBranches(t)
	for name, args := range map[string][]string{
		"three branches": {samples + "output-2024-single.json"},
		"2020":           {samples + "output-2021.json"},
		"fifty branches": {large},
		"one request":    {large, "--request", "37"},
		"two requests":   {large, "--request", "8,58"},
		"wrong":          {wrong},
	} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(name+", "+scheme, func(t *testing.T) {
				p := showTrace(t, scheme, args...)
				if bad := eval[[]string](t, p, badTexts); len(bad) > 0 {
					t.Errorf("%q", bad)
				}
				if n := eval[int](t, p, badDots); n > 0 {
					t.Errorf("%d dots or tags overlap others", n)
				}
				paper := eval[string](t, p, `getComputedStyle(document.querySelector(".paper")).fill`)
				if want := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]; paper != want {
					t.Errorf("the paper is %s, want %s", paper, want)
				}
				if complaints := p.console(); len(complaints) > 0 {
					t.Errorf("the console has %q, want nothing", complaints)
				}
			})
		}
	}
}

// The picture has a name and a description, an explanation of each event, and shows a
// request alone that somebody points at.
func TestPicturesOfTracesExplainThemselves(t *testing.T) {
	p := showTrace(t, "light", "../customer/lamport/testdata/output-2024-single.json")
	for expression, want := range map[string]string{
		`document.documentElement.getAttribute("aria-labelledby").split(" ").map((id) => document.getElementById(id).tagName).join()`: "title,desc",
		`document.getElementById("title").textContent`: "Logical clocks of 3 requests at 3 branches",
		`String(document.getElementById("desc").textContent.includes("branch 2 at clock 5 receives request 2 (withdraw) from customer 2"))`:                "true",
		`[...document.querySelectorAll(".event > title")].find((title) => title.textContent.startsWith("branch 1 at clock 7")).textContent.split("\n")[1]`: "max(own 4, message 6) + 1 = 7",
		`String([...document.querySelectorAll(".event[data-request]")].every((event) => event.querySelector("title").textContent.includes("clock")))`:      "true",
	} {
		if got := eval[string](t, p, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
	place := eval[[]float64](t, p, `(() => {
		const box = document.querySelector('.event[data-request="2"] .dot').getBoundingClientRect();
		return [box.left + box.width / 2, box.top + box.height / 2];
	})()`)
	p.do(t, chromedp.MouseEvent("mouseMoved", place[0], place[1]))
	faint := `[...document.querySelectorAll("[data-request]")].every((it) => (getComputedStyle(it).opacity === "1") === (it.dataset.request === "2"))`
	if !eval[bool](t, p, faint) {
		t.Error("not exactly the request that the mouse is over is shown in full")
	}
}
