package web_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Over plain HTTP and from elsewhere, a browser trusts a page less than on
// loopback.
func TestThePageIsQuietElsewhere(t *testing.T) {
	b := startBank(t, bankFile(t, 50, math.MaxInt64-100), "--allow-host", hostName)
	p := open(t, strings.Replace(b.url(1), "127.0.0.1", hostName, 1))
	if eval[bool](t, p, `isSecureContext`) {
		t.Fatal("the browser trusts " + hostName)
	}
	p.awaitBalance(t, grouped(math.MaxInt64-100))
	p.set(t, "#call-amount", "1")
	p.click(t, "#call-send")
	p.awaitResult(t, "answered")
	p.awaitBalance(t, grouped(math.MaxInt64-99))
	p.click(t, "#call-copy")
	p.await(t, `getSelection().toString() === document.querySelector("#call-curl").textContent`)
	p.wellAndQuiet(t)
}

// A refusal is an answer like any other, and not an error of the page.
func TestARefusalLeavesTheConsoleQuiet(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.click(t, ".choice label:nth-of-type(2)")
	for branch, amount := range map[int]string{1: "9,223,372,036,854,775,807", 2: "1,000,000"} {
		p.choose(t, branch)
		p.set(t, "#call-amount", amount)
		p.click(t, "#call-send")
		p.await(t, fmt.Sprintf(`document.querySelector(".answer-meaning")?.textContent.includes(%q)`, amount+" was asked for"))
		p.await(t, `document.querySelector(".answer-note").textContent.includes("HTTP 400")`)
		p.awaitResult(t, "refused")
	}
	p.wellAndQuiet(t)
}
