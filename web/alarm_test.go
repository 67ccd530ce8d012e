package web_test

import (
	"fmt"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestAlarmsAreShownWhoeverIsChosen(t *testing.T) {
	const twice = `request id "a" is recorded twice`
	report := func(branch uint32, alarms ...string) *bankv1.BranchReport {
		return &bankv1.BranchReport{Branch: branch, Health: bankv1.BranchHealth_BRANCH_HEALTH_AGREES, Balance: 400, Alarms: alarms}
	}
	branch, url := tell(t, &bankv1.WatchResponse{
		Complete: true, Branch: 1, BankName: "First & Last", Headline: &bankv1.Headline{Text: "3 branches agree: 400", Agree: true},
		Reports: []*bankv1.BranchReport{report(1), report(2), report(3)},
	})
	p := open(t, url)
	if eval[bool](t, p, `document.querySelector("#alarms").checkVisibility()`) {
		t.Error("the page shows alarms, and there are none")
	}
	p.await(t, `document.title === "3 branches agree: 400 · First & Last · Passbook" && document.querySelector("#bank").textContent === "First & Last"`)

	branch.told <- &bankv1.WatchResponse{Reports: []*bankv1.BranchReport{report(2, twice), report(3, twice, "its journal has forked")}}
	p.await(t, `document.querySelector("#alarms").checkVisibility()`)
	got := eval[[]string](t, p, `[...document.querySelectorAll("#alarms li")].map((line) => line.textContent)`)
	if want := []string{"Branches 2, 3: " + twice, "Branch 3: its journal has forked"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the alarms are %q, want %q", got, want)
	}
	for id, want := range map[int]bool{1: false, 2: true, 3: true} {
		if got := eval[bool](t, p, tile(id)+`.querySelector(".tile-alarm").checkVisibility()`); got != want {
			t.Errorf("the tile of branch %d shows an alarm: %t, want %t", id, got, want)
		}
	}

	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("alarm %d", i)
	}
	branch.told <- &bankv1.WatchResponse{Reports: []*bankv1.BranchReport{report(1, many...)}}
	p.await(t, `document.querySelector("#alarms-more").textContent.startsWith("14 more alarms are not shown here.")`)

	branch.told <- &bankv1.WatchResponse{Reports: []*bankv1.BranchReport{report(1), report(2), report(3)}}
	p.await(t, `!document.querySelector("#alarms").checkVisibility()`)
	p.wellAndQuiet(t)
}
