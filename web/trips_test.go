package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// far is the report of a branch with the round trips to branches 1, 2 and so on, in
// microseconds; one below 0 isn't in it.
func far(branch uint32, us ...int64) *bankv1.BranchReport {
	r := &bankv1.BranchReport{Branch: branch, Health: bankv1.BranchHealth_BRANCH_HEALTH_AGREES, Balance: 400}
	for i, took := range us {
		if took >= 0 {
			r.RoundTrips = append(r.RoundTrips, &bankv1.RoundTrip{Branch: uint32(i + 1), TookUs: took})
		}
	}
	return r
}

// awaitTrips waits until the details show these round trips.
func (p *page) awaitTrips(t *testing.T, want string) {
	t.Helper()
	p.await(t, fmt.Sprintf(`[...document.querySelectorAll("#trips-list > div")].map((line) => line.querySelector("dt").textContent + ": " + line.querySelector("dd").textContent).join(", ") === %q`, want))
}

func TestTheChosenBranchShowsItsRoundTrips(t *testing.T) {
	const no = -1
	branch, url := tell(t, &bankv1.WatchResponse{
		Complete: true, Branch: 1, Headline: &bankv1.Headline{Text: "5 branches agree: 400", Agree: true},
		Reports: []*bankv1.BranchReport{far(1, no, 420, 41_260, 99, no), far(2, 1_240_000), far(3), far(4), far(5)},
	})
	p := open(t, url)
	p.awaitTrips(t, "Branch 2: 0.4 ms, Branch 3: 41 ms, Branch 4: < 0.1 ms, Branch 5: not measured")

	// What is not told again has not changed.
	branch.told <- &bankv1.WatchResponse{Reports: []*bankv1.BranchReport{far(1, no, no, 82_000, no, 3_200)}}
	p.awaitTrips(t, "Branch 2: 0.4 ms, Branch 3: 82 ms, Branch 4: < 0.1 ms, Branch 5: 3.2 ms")
	openBeside(t, p, url).awaitTrips(t, "Branch 2: 0.4 ms, Branch 3: 82 ms, Branch 4: < 0.1 ms, Branch 5: 3.2 ms")

	cut := far(1, no, 0)
	cut.UnreachablePeers = []uint32{3, 4}
	branch.told <- &bankv1.WatchResponse{Reports: []*bankv1.BranchReport{cut}}
	p.awaitTrips(t, "Branch 2: not measured, Branch 3: not reached, Branch 4: not reached, Branch 5: 3.2 ms")

	p.choose(t, 2)
	p.awaitTrips(t, "Branch 1: 1.2 s, Branch 3: not measured, Branch 4: not measured, Branch 5: not measured")
	p.wellAndQuiet(t)
}

func TestLinksOfARealBankAreMeasured(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	for branch := range 3 {
		p.choose(t, branch+1)
		p.await(t, `[...document.querySelectorAll("#trips-list dd")].map((trip) => /^(< )?\d+(\.\d)? m?s$/.test(trip.textContent)).join() === "true,true"`)
	}
}

func TestABankOfOneHasNoRoundTrips(t *testing.T) {
	_, url := tell(t, &bankv1.WatchResponse{Complete: true, Branch: 1, Reports: []*bankv1.BranchReport{far(1)}})
	if p := open(t, url); eval[bool](t, p, `document.querySelector("#trips").checkVisibility()`) {
		t.Error("the page has a heading for round trips to nobody")
	}
}

// The round trips of a large bank have a small place of their own, in which the
// keyboard gets to the last of them.
func TestManyRoundTripsHaveTheirPlace(t *testing.T) {
	m := &bankv1.WatchResponse{Complete: true, Branch: 1}
	for id := range uint32(100) {
		us := make([]int64, 100)
		for peer := range us {
			us[peer] = 100 * int64(peer+1)
		}
		us[id] = -1
		m.Reports = append(m.Reports, far(id+1, us...))
	}
	_, url := tell(t, m)
	p := open(t, url)
	p.await(t, `document.querySelectorAll("#trips-list dd").length === 99`)
	if high := eval[float64](t, p, `document.querySelector("#trips").getBoundingClientRect().height`); high > 200 {
		t.Errorf("they are %v pixels high", high)
	}
	p.press(t, kb.Tab, "#trips-scroll")
	p.keys(t, kb.End)
	p.await(t, `((last, place) => last.bottom <= place.bottom + 1 && last.top >= place.top)(document.querySelector("#trips-list > :last-child").getBoundingClientRect(), document.querySelector("#trips-scroll").getBoundingClientRect())`)
	p.checkFitsAPhone(t)
	for _, width := range []int64{700, 1001, 1300} {
		p.checkFits(t, width)
	}
	p.wellAndQuiet(t)
}
