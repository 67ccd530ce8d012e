package web_test

import (
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
