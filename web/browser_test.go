package web_test

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"google.golang.org/protobuf/encoding/protojson"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestThePageLoadsUnderItsPolicy(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.awaitBalance(t, "400")
	p.await(t, `document.querySelector("#headline").textContent.includes("3 branches")`)
	p.await(t, `document.querySelectorAll("canvas").length === 2`)
	if complaints := p.console(); len(complaints) > 0 {
		t.Errorf("the console has %q, want nothing", complaints)
	}
	if eval[bool](t, p, `document.querySelector("#faults").checkVisibility()`) {
		t.Error("without --faults the page offers to break branches")
	}
}

func TestADepositByAnyoneAppearsInAllTiles(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.awaitBalance(t, "400")
	b.call(t, 3, "Deposit", map[string]any{"amount": 75, "customerId": 9})
	p.awaitBalance(t, "475")
	p.await(t, `document.querySelector(".entry")?.textContent.includes("customer 9")`)
	p.await(t, `/\d (µs|ms|s)$/.test(document.querySelector(".entry .entry-spread").textContent)`)
}

func TestADepositByTheForm(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.choose(t, 2)
	p.set(t, "#call-amount", "30")
	command := p.text(t, "#call-curl")
	if want := b.url(2) + "/bank.v1.BranchService/Deposit"; !strings.HasSuffix(command, want) || !strings.Contains(command, `"amount":"30"`) {
		t.Errorf("the curl command is %q, want one for 30 to %s", command, want)
	}
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	p.awaitBalance(t, "430")
	p.click(t, "#call-again")
	p.await(t, `document.querySelector("#call-answer").textContent.includes('"replay": true')`)
	p.awaitBalance(t, "430")
}

func TestTheCurlCommandMakesTheSameCall(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.set(t, "#call-account", `it's $HOME "and" `+"`more`")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", p.text(t, "#call-curl")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer bankv1.DepositResponse
	if err := protojson.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.GetReplay() || answer.GetBalance() != 25 || answer.GetReceipt().GetBranch() != 3 {
		t.Errorf("the command answers %s, want the page's deposit again", out)
	}
}

func TestARefusedWithdrawalShowsWhy(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.click(t, ".choice label:nth-of-type(2)")
	p.set(t, "#call-amount", "9999")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result === "refused"`)
	answer := p.text(t, "#call-answer")
	for _, want := range []string{"insufficient funds", `"code": "failed_precondition"`, "bank.v1.InsufficientFunds"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer is %q, want %q in it", answer, want)
		}
	}
	p.await(t, `document.querySelector(".entry[data-result=refused]")?.textContent.includes("insufficient funds")`)
}

func TestAnotherAccountCanBeWatched(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	p.awaitBalance(t, "400")
	b.call(t, 1, "Transfer", map[string]any{"toAccount": "it's savings", "amount": 50})
	p.set(t, "#account", "it's savings")
	p.awaitBalance(t, "50")
	if hash := eval[string](t, p, `location.hash`); !strings.Contains(hash, "account=it%27s+savings") {
		t.Errorf("the address ends with %q, which does not keep the account", hash)
	}
	if command := p.text(t, "#call-curl"); !strings.Contains(command, `it'\''s savings`) {
		t.Errorf("the curl command is %q: the account is not quoted for a shell", command)
	}
}

func TestAKilledBranchTurnsAndComesBack(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 2)
	p.click(t, "#faults-kill")
	p.await(t, tile(2)+`.dataset.health === "unreachable"`)
	p.await(t, `document.querySelector("#headline").textContent.includes("unreachable")`)
	p.await(t, `!document.querySelector("#faults-restart").hidden`)
	b.call(t, 3, "Deposit", map[string]any{"amount": 5})
	p.click(t, "#faults-restart")
	p.await(t, tile(2)+`.dataset.health === "agrees"`)
	p.awaitBalance(t, "405")
}

func TestACutOffBranchGoesOnAndComesBack(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.choose(t, 3)
	p.click(t, "#faults-cut")
	p.await(t, tile(3)+`.dataset.health === "cut-off"`)
	p.await(t, `!document.querySelector("#faults-heal").hidden`)
	p.set(t, "#call-amount", "20")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").textContent.includes("Not yet at branches 1, 2")`)
	p.await(t, tile(3)+`.querySelector(".tile-balance").textContent === "420" && `+tile(1)+`.querySelector(".tile-balance").textContent === "400"`)
	p.click(t, "#faults-heal")
	p.await(t, tile(3)+`.dataset.health === "agrees"`)
	p.awaitBalance(t, "420")
}

func TestTheServingBranchIsNotStoppedByThePage(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(2))
	p.choose(t, 2)
	for _, method := range []string{"pause", "kill"} {
		p.await(t, fmt.Sprintf(`document.querySelector("#faults-%s").ariaDisabled === "true"`, method))
		if reason := p.text(t, "#faults-"+method+"-reason"); reason == "" {
			t.Errorf("it is not said why %s is not possible", method)
		}
	}
}

func TestAStuckBankIsToldFromALiveOne(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	b.call(t, 1, "Deposit", map[string]any{"amount": 5})
	p.await(t, `document.querySelector("#chart-balance-text").textContent.startsWith("balance 405, ")`)
	b.signal(t, syscall.SIGSTOP)
	p.await(t, `document.querySelector("#connection").textContent.includes("Not responding")`)
	p.await(t, `document.querySelector("#headline").textContent.includes("has not answered")`)
	p.await(t, tile(1)+`.dataset.health === "unreachable" && `+tile(2)+`.dataset.health === "unknown"`)
	// Nobody knows what has happened since: the line ends, and the text says when.
	p.await(t, `/^\d\d:\d\d:\d\d: balance 405, /.test(document.querySelector("#chart-balance-text").textContent)`)
	p.await(t, `document.querySelector("#figure-entries").textContent === "–"`)
	b.signal(t, syscall.SIGCONT)
	p.await(t, `document.documentElement.dataset.connection === "live"`)
	p.await(t, `document.querySelector("#headline").textContent.includes("3 branches")`)
	p.await(t, `[...document.querySelectorAll(".tile")].every((tile) => tile.dataset.health === "agrees")`)
}

func TestAHiddenPageLetsGoOfItsStream(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	p := open(t, b.url(1))
	hide := `(() => {
		Object.defineProperty(document, "visibilityState", {value: %q, configurable: true});
		document.dispatchEvent(new Event("visibilitychange"));
		return true;
	})()`
	eval[bool](t, p, fmt.Sprintf(hide, "hidden"))
	p.await(t, `document.documentElement.dataset.connection === "paused"`)
	b.call(t, 3, "Deposit", map[string]any{"amount": 5})
	eval[bool](t, p, fmt.Sprintf(hide, "visible"))
	p.awaitBalance(t, "405")
}

func TestSixTabsLeaveRoomForCalls(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	tabs := []*page{open(t, b.url(1))}
	for len(tabs) < 6 {
		tabs = append(tabs, openBeside(t, tabs[0], b.url(1)))
	}
	for i, p := range tabs {
		if state := eval[string](t, p, `document.visibilityState`); state != "visible" {
			t.Fatalf("tab %d is %s", i, state)
		}
		p.set(t, "#call-amount", "10")
		eval[bool](t, p, `document.querySelector("#call-send").click() ?? true`)
		p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	}
	for _, p := range tabs {
		p.awaitBalance(t, "460")
	}
}

func TestTheKeyboardIsEnough(t *testing.T) {
	b := startBank(t, "../examples/three.json", "--faults")
	p := open(t, b.url(1))
	p.press(t, kb.Tab, ".tile-button")
	p.keys(t, kb.ArrowRight)
	p.keys(t, kb.ArrowRight)
	p.keys(t, kb.Enter)
	p.await(t, `document.querySelector("#details-title").textContent === "Branch 3"`)
	p.press(t, kb.Tab, "#faults-cut")
	p.keys(t, kb.Enter)
	p.await(t, tile(3)+`.dataset.health === "cut-off"`)
	p.await(t, `!document.querySelector("#faults-heal").hidden`)
	p.press(t, kb.Tab, "[name=operation]:checked")
	p.keys(t, kb.ArrowRight) // to withdraw
	p.press(t, kb.Tab, "#call-amount")
	p.replace(t, "50")
	p.keys(t, kb.Enter)
	p.await(t, `document.querySelector("#call-answer").dataset.result === "answered"`)
	p.pressBack(t, "#faults-heal")
	p.keys(t, kb.Enter)
	p.awaitBalance(t, "350")
}

func TestNothingIsWiderThanAPhone(t *testing.T) {
	b := startBank(t, "../examples/course-50.json", "--faults")
	open(t, b.url(1)).checkFitsAPhone(t)
}

func TestLongNamesAndAmountsFitAPhone(t *testing.T) {
	b := startBank(t, bankFile(t, 3, math.MaxInt64-100), "--bank", strings.Repeat("bank", 16))
	p := open(t, b.url(1))
	b.call(t, 2, "Withdraw", map[string]any{"amount": int64(1) << 61, "customerId": math.MaxInt64})
	b.call(t, 2, "Transfer", map[string]any{"amount": int64(1) << 60, "toAccount": strings.Repeat("savings", 18)})
	b.call(t, 2, "Withdraw", map[string]any{"amount": math.MaxInt64, "account": strings.Repeat("savings", 18)})
	p.awaitBalance(t, grouped(math.MaxInt64-100-1<<61-1<<60))
	p.await(t, `document.querySelectorAll(".entry").length === 2`)
	p.checkFitsAPhone(t)
	for _, width := range []int64{700, 900, 1300} {
		p.checkFits(t, width)
	}
}

func (p *page) checkFitsAPhone(t *testing.T) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(360, 800, chromedp.EmulateMobile))
	p.checkWidth(t, 360)
}

func (p *page) checkFits(t *testing.T, width int64) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(width, 800))
	p.checkWidth(t, width)
}

// checkWidth checks that nothing sticks out of a page, and that no amount in a
// table is broken in two.
func (p *page) checkWidth(t *testing.T, width int64) {
	t.Helper()
	p.await(t, fmt.Sprintf(`innerWidth === %d`, width))
	eval[bool](t, p, `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))`)
	if wide := eval[int64](t, p, `document.documentElement.scrollWidth`); wide > width {
		t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
	}
	broken := eval[[]string](t, p, `[...document.querySelectorAll(".entry-amount, .tile-balance, #details-balance, #figure-balance")].filter((amount) => {
		const range = document.createRange();
		range.selectNodeContents(amount);
		return range.getClientRects().length > 1;
	}).map((amount) => amount.textContent)`)
	if len(broken) > 0 {
		t.Errorf("on a screen of %d pixels these are broken: %q", width, broken)
	}
}
