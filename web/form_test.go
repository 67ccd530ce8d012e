package web_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestAmountsOfAnySizeAreSentExactly(t *testing.T) {
	b := startBank(t, bankFile(t, 1, 0))
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	var balance int64
	for _, amount := range []struct {
		typed string
		sent  int64
	}{
		{" 5 ", 5},
		{"1,234,567", 1_234_567},
		{"9007199254740993", 1<<53 + 1},
		{grouped(math.MaxInt64 - (1<<53 + 1) - 1_234_567 - 5), math.MaxInt64 - (1<<53 + 1) - 1_234_567 - 5},
	} {
		p.set(t, "#call-amount", amount.typed)
		if command := p.text(t, "#call-curl"); !strings.Contains(command, fmt.Sprintf(`"amount":"%d"`, amount.sent)) {
			t.Errorf("%q: the curl command is %q", amount.typed, command)
		}
		p.click(t, "#call-send")
		balance += amount.sent
		p.await(t, fmt.Sprintf(`document.querySelector(".answer-meaning")?.textContent.endsWith(%q)`, " "+grouped(balance)+" right after it."))
		if writes := m.sent(); writes[len(writes)-1]["amount"] != fmt.Sprint(amount.sent) {
			t.Errorf("%q was sent as %v", amount.typed, writes[len(writes)-1])
		}
	}
	p.awaitBalance(t, grouped(math.MaxInt64))
	p.wellAndQuiet(t)
}

func TestWhatIsNoAmountIsNotSent(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	for _, typed := range []string{"", "0", "000", "-5", "+5", "1.5", "1,5", "12,34", "1,2345", ",123", "1 000", "1e3", "0x10", "１２", "9223372036854775808", "99999999999999999999"} {
		checkNotSent(t, p, m, "#call-amount", typed, "25")
	}
	for _, typed := range []string{"-1", "x", "9223372036854775808"} {
		checkNotSent(t, p, m, "#call-customer", typed, "")
	}
	p.set(t, "#call-customer", "9223372036854775807")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".entry")?.textContent.includes("customer 9223372036854775807")`)
}

func TestANameThatHidesSomethingIsNotSent(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	for _, typed := range []string{"sav\u200bings", "sav\u202esgni", "sav\u00a0ings", "sav\u0085ings", "sav\U000e0041ings", strings.Repeat("é", 65)} {
		checkNotSent(t, p, m, "#call-account", typed, "")
		checkNotSent(t, p, m, "#call-request-id", typed, "a")
	}
	if message := eval[string](t, p, `(() => {
		const field = document.querySelector("#call-account");
		field.value = "sav\u202esgni";
		field.dispatchEvent(new Event("input", {bubbles: true}));
		return field.validationMessage;
	})()`); !strings.Contains(message, `sav\u202esgni`) {
		t.Errorf("the page says %q of a name with U+202E", message)
	}
}

// checkNotSent checks that the form refuses what is typed into a field, says
// why, and shows no command that would send it.
func checkNotSent(t *testing.T, p *page, m *middle, field, typed, good string) {
	t.Helper()
	before := len(m.sent())
	p.set(t, field, typed)
	if why := eval[string](t, p, fmt.Sprintf(`document.querySelector(%q).validationMessage`, field)); why == "" {
		t.Errorf("%s: %q is accepted", field, typed)
	}
	if command := p.text(t, "#call-curl"); command != "" {
		t.Errorf("%s: %q gives the command %q", field, typed, command)
	}
	p.click(t, "#call-send")
	p.set(t, field, good)
	if why := eval[string](t, p, fmt.Sprintf(`document.querySelector(%q).validationMessage`, field)); why != "" {
		t.Errorf("%s: %q is not accepted: %s", field, good, why)
	}
	if sent := m.sent(); len(sent) != before {
		t.Errorf("%s: %q was sent as %v", field, typed, sent[before:])
	}
}
