package web_test

import (
	"slices"
	"strings"
	"testing"
)

// offered returns what the form lets one choose.
func offered(t *testing.T, p *page) []string {
	t.Helper()
	return eval[[]string](t, p, `[...document.querySelectorAll("[name=operation]")].filter((choice) => !choice.disabled && choice.parentElement.checkVisibility()).map((choice) => choice.value)`)
}

// A customer sees and uses its own accounts. The page begins with the first of them, and
// makes no call that would be refused.
func TestWhatACustomerIsOffered(t *testing.T) {
	b := startSecured(t, "../examples/three.json", "--faults")
	p := b.logIn(t, 1, "bob")
	p.awaitIn(t, "bob")
	p.awaitBalance(t, "0")
	if who := p.text(t, "#who"); !strings.Contains(who, "bob, customer") || !strings.Contains(who, "those that begin with shop- and bob") {
		t.Errorf("the page says %q", who)
	}
	if account := eval[string](t, p, `document.querySelector("#account").value + " " + document.querySelector("#call-account").value`); account != "bob bob" {
		t.Errorf("it begins with the accounts %q", account)
	}
	if got := offered(t, p); len(got) != 4 {
		t.Errorf("it offers %q", got)
	}
	if eval[bool](t, p, `document.querySelector("#faults").checkVisibility()`) {
		t.Error("it offers to break branches")
	}
	eval[bool](t, p, `document.querySelector("#call-account").focus() ?? true`)
	p.await(t, `[...document.querySelectorAll("#account-names option")].map((name) => name.value).join() === "bob"`)
	for _, account := range []string{"", "shared", "bobby", "ann"} {
		p.set(t, "#call-account", account)
		if why := eval[string](t, p, `document.querySelector("#call-account").validationMessage`); !strings.Contains(why, "You may use those that begin with shop- and bob") {
			t.Errorf("%q: %q", account, why)
		}
		if command := p.text(t, "#call-curl"); command != "" {
			t.Errorf("%q: the command %q", account, command)
		}
	}
	p.set(t, "#call-account", "shop-1")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	p.set(t, "#account", "shop-1")
	p.awaitBalance(t, "25")
	p.choose(t, 2)
	p.set(t, "#call-account", "shop-1")
	p.click(t, `label:has([value=transfer])`)
	p.set(t, "#call-to", "bob")
	p.set(t, "#call-amount", "5")
	p.click(t, "#call-send")
	p.awaitBalance(t, "20")
	p.set(t, "#account", "ann")
	p.await(t, `document.querySelector("#headline").textContent.startsWith("Choose an account: you may use those that begin with shop- and bob")`)
	p.set(t, "#account", "bob")
	p.awaitBalance(t, "5")
	p.wellAndQuiet(t)
}

// A customer whose accounts are named by their beginning is asked for one.
func TestACustomerIsAskedForAnAccount(t *testing.T) {
	b := startSecured(t, "../examples/three.json")
	p := &page{ctx: profile(t)}
	p.navigate(t, b.dashboard(t, 2, "cleo"))
	p.confirm(t, "cleo")
	p.await(t, `document.querySelector("#headline").textContent === "Choose an account: you may use those that begin with shop-"`)
	p.set(t, "#account", "shop-7")
	p.awaitIn(t, "cleo")
	p.awaitBalance(t, "0")
	p.wellAndQuiet(t)
}

// An auditor sees everything and changes nothing.
func TestWhatAnAuditorIsOffered(t *testing.T) {
	b := startSecured(t, "../examples/three.json", "--faults")
	p := b.logIn(t, 1, "audrey")
	p.awaitIn(t, "audrey")
	p.awaitBalance(t, "400")
	if got := offered(t, p); !slices.Equal(got, []string{"query"}) {
		t.Errorf("it offers %q", got)
	}
	if why := p.text(t, "#call-rights"); why != "The role auditor may query only." {
		t.Errorf("it says %q", why)
	}
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning")?.textContent.startsWith("The balance is 400.")`)
	if eval[bool](t, p, `document.querySelector("#faults").checkVisibility()`) {
		t.Error("it offers to break branches")
	}
	eval[bool](t, p, `document.querySelector("#account").focus() ?? true`)
	p.await(t, `[...document.querySelectorAll("#account-names option")].some((name) => name.value === "shared")`)
	p.wellAndQuiet(t)
}

// An operator looks after branches, and uses no account. The others do not break any.
func TestWhatAnOperatorIsOffered(t *testing.T) {
	b := startSecured(t, "../examples/three.json", "--faults")
	p := b.logIn(t, 1, "olga")
	p.awaitIn(t, "olga")
	if got := offered(t, p); len(got) != 0 {
		t.Errorf("it offers %q", got)
	}
	if why := p.text(t, "#call-rights"); why != "The role operator uses no account, so there is nothing to do here." {
		t.Errorf("it says %q", why)
	}
	p.choose(t, 2)
	p.click(t, "#faults-kill")
	p.await(t, tile(2)+`.dataset.health === "unreachable"`)
	p.click(t, "#faults-restart")
	p.await(t, tile(2)+`.dataset.health === "agrees"`)
	p.wellAndQuiet(t)
	teller := b.logIn(t, 3, "tess")
	teller.awaitIn(t, "tess")
	if got := offered(t, teller); len(got) != 4 || eval[bool](t, teller, `document.querySelector("#faults").checkVisibility()`) {
		t.Errorf("a teller is offered %q, or faults", got)
	}
}
