package web_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bankFile writes the input file of a bank whose account opens with a balance.
func bankFile(t *testing.T, branches int, balance int64) string {
	t.Helper()
	type process struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Balance int64  `json:"balance"`
	}
	processes := make([]process, branches)
	for i := range processes {
		processes[i] = process{ID: i + 1, Type: "branch", Balance: balance}
	}
	content, err := json.Marshal(processes)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "bank.json")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// grouped writes an amount as the page does.
func grouped(amount int64) string {
	digits := fmt.Sprint(amount)
	var groups []string
	for len(digits) > 3 {
		groups = slices.Insert(groups, 0, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	return strings.Join(slices.Insert(groups, 0, digits), ",")
}

func TestBalancesOfAnySizeAreShownExactly(t *testing.T) {
	for _, opening := range []int64{999, 1<<53 - 1, math.MaxInt64 - 3} {
		t.Run(fmt.Sprint(opening), func(t *testing.T) {
			b := startBank(t, bankFile(t, 3, opening))
			p := open(t, b.url(1))
			p.awaitBalance(t, grouped(opening))
			b.call(t, 2, "Deposit", map[string]any{"amount": 1})
			p.awaitBalance(t, grouped(opening+1))
			p.await(t, fmt.Sprintf(`document.querySelector("#chart-balance-text").textContent.startsWith(%q)`, "balance "+grouped(opening+1)+", "))
			for selector, want := range map[string]string{
				"#headline":            ": " + grouped(opening+1),
				"#figure-balance":      grouped(opening + 1),
				"#details-balance":     grouped(opening + 1),
				".entry .entry-result": "recorded, balance " + grouped(opening+1),
			} {
				p.await(t, fmt.Sprintf(`document.querySelector(%q).textContent.includes(%q)`, selector, want))
			}
			p.awaitDrawn(t, "#chart-balance", grouped(opening+1))
			p.wellAndQuiet(t)
		})
	}
}

// The balance goes from almost nothing to the largest one in one step: no chart is
// higher.
func TestAStepOf19DigitsIsDrawn(t *testing.T) {
	b := startBank(t, bankFile(t, 1, 1))
	p := open(t, b.url(1))
	b.call(t, 1, "Deposit", map[string]any{"amount": 1})
	p.await(t, `document.querySelector("#chart-balance-text").textContent.startsWith("balance 2,")`)
	b.call(t, 1, "Deposit", map[string]any{"amount": "9223372036854775805"})
	p.awaitBalance(t, grouped(math.MaxInt64))
	p.awaitDrawn(t, "#chart-balance", "5,000,000T")
	b.call(t, 1, "Withdraw", map[string]any{"amount": "9223372036854775807"})
	p.awaitBalance(t, "0")
	p.awaitDrawn(t, "#chart-balance", "5,000,000T")
	p.wellAndQuiet(t)
}

func TestFreshChartsShowTheLastFiveMinutes(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	const times = `drawn[%q].filter((text) => /^\d\d:\d\d:\d\d$/.test(text))`
	for _, chart := range []string{"#chart-balance", "#chart-spread"} {
		p.await(t, fmt.Sprintf(times+`.length > 0`, chart))
		lately := `(() => {
			const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
			const lately = new Set();
			for (let ago = 0; ago < 600; ago++) lately.add(clock.format(Date.now() - ago * 1000));
			return ` + fmt.Sprintf(times, chart) + `.filter((text) => !lately.has(text));
		})()`
		if early := eval[[]string](t, p, lately); len(early) > 0 {
			t.Errorf("the time of %s has %q, which is not of the last minutes", chart, early)
		}
	}
}
