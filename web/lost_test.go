package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// awaitResult waits for the answer to a call, and returns its sentence.
func (p *page) awaitResult(t *testing.T, result string) string {
	t.Helper()
	p.await(t, fmt.Sprintf(`document.querySelector("#call-answer").dataset.result === %q && !("waiting" in document.querySelector("#call").dataset)`, result))
	return p.text(t, ".answer-meaning")
}

// checkSaid checks that a sentence has some words, and does not speak of a refusal.
func checkSaid(t *testing.T, said string, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(said, want) {
			t.Errorf("the page says %q, want %q in it", said, want)
		}
	}
	if strings.Contains(said, "Refused") {
		t.Errorf("the page says %q of a write that may be recorded", said)
	}
}

func TestALostAnswerIsNotARefusal(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	p.set(t, "#call-account", "savings") // the page does not watch it, so no entry tells
	var savings int64
	for name, lose := range losses {
		t.Log(name)
		m.loseNext(lose)
		p.click(t, "#call-send")
		said := p.awaitResult(t, "unknown")
		checkSaid(t, said, "not known", "Ask again with the same request id")
		// The button that would make a new deposit asks again, at any branch.
		p.choose(t, 3)
		if label := p.text(t, "#call-send"); label != "Ask again at branch 3" {
			t.Errorf("%s: the button says %q, want it to ask again", name, label)
		}
		p.click(t, "#call-send")
		p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("Replayed")`)
		savings += 25
		if balance := b.call(t, 2, "Query", map[string]any{"account": "savings"})["balance"]; balance != fmt.Sprint(savings) {
			t.Errorf("%s: the balance is %v, want %d: the deposit counts once", name, balance, savings)
		}
		p.choose(t, 2)
	}
	writes := m.sent()
	for i := 0; i < len(writes); i += 2 {
		if id, again := writes[i]["requestId"], writes[i+1]["requestId"]; id == "" || id != again {
			t.Errorf("the retry of %v has request id %v", id, again)
		}
		for _, write := range writes[i : i+2] {
			if home := write["homeBranch"]; home != 2.0 {
				t.Errorf("the home of %v is %v, want branch 2", write["requestId"], home)
			}
		}
	}
}

func TestAWriteThatDidNotArriveIsMadeByTheRetry(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	m.loseNext(func(w http.ResponseWriter, _ func() *httptest.ResponseRecorder) { hangUp(w) })
	p.click(t, "#call-send")
	checkSaid(t, p.awaitResult(t, "unknown"), "not known")
	p.click(t, "#call-again")
	p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("Recorded as branch 2 #")`)
	p.awaitBalance(t, "425")
}

func TestTheEntryTellsWhatALostAnswerWouldHave(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	m.loseNext(losses["bad gateway"])
	p.click(t, "#call-send")
	p.await(t, `/^Recorded as branch 2 #\d+: the answer was lost, but the entry has come/.test(document.querySelector(".answer-meaning")?.textContent)`)
	if label := p.text(t, "#call-send"); label != "Deposit at branch 2" {
		t.Errorf("the button says %q, want a new deposit", label)
	}
	p.click(t, "#call-send")
	p.awaitBalance(t, "450")
}

func TestWhatWasLostKeepsItsRequestId(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	p.set(t, "#call-account", "savings")
	m.loseNext(losses["closed"])
	p.click(t, "#call-send")
	p.awaitResult(t, "unknown")
	lost := eval[string](t, p, `document.querySelector("#call-request-id").value`)
	// Another request has another id. A query of the balance changes nothing. Coming
	// back to the lost request asks for it again.
	p.set(t, "#call-amount", "26")
	if id := eval[string](t, p, `document.querySelector("#call-request-id").value`); id == lost {
		t.Errorf("a deposit of 26 has the request id of one of 25, %s", id)
	}
	p.set(t, "#call-amount", "25")
	p.click(t, ".choice label:nth-of-type(4)")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("The balance is 25.")`)
	p.click(t, ".choice label:nth-of-type(1)")
	if id, label := eval[string](t, p, `document.querySelector("#call-request-id").value`), p.text(t, "#call-send"); id != lost || label != "Ask again at branch 2" {
		t.Errorf("%q with request id %s, want to ask again with %s", label, id, lost)
	}
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("Replayed")`)
}

// A branch that turns the retry away before it looks up the request id says nothing
// about the first call.
func TestARefusedRetrySettlesNothing(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	p.set(t, "#call-account", "savings")
	m.loseNext(losses["closed"])
	p.click(t, "#call-send")
	p.awaitResult(t, "unknown")
	m.loseNext(func(w http.ResponseWriter, _ func() *httptest.ResponseRecorder) {
		fail(w, http.StatusServiceUnavailable, "unavailable", "branch 2 can't be reached from branch 1: connection refused")
	})
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("It is still not known what became of it")`)
	p.awaitResult(t, "unknown")
	p.click(t, "#call-send")
	p.await(t, `document.querySelector(".answer-meaning").textContent.startsWith("Replayed")`)
}

func TestARecordedWriteThatHasNotSpreadIsNotRefused(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	m.loseNext(func(w http.ResponseWriter, _ func() *httptest.ResponseRecorder) {
		late := connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf("recorded by branch 2 as entry 7, but not at all"))
		detail, err := connect.NewErrorDetail(&bankv1.NotReplicated{Receipt: &bankv1.Receipt{Branch: 2, Sequence: 7}, MissingBranches: []uint32{1, 3}, Balance: 425})
		if err != nil {
			panic(err)
		}
		late.AddDetail(detail)
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header.Set("Content-Type", "application/json")
		_ = connect.NewErrorWriter().Write(w, req, late)
	})
	p.click(t, "#call-send")
	checkSaid(t, p.awaitResult(t, "late"), "Recorded as branch 2 #7", "425", "branches 1, 3 have not confirmed it")
}

func TestWhoeverStopsWaitingIsToldThatNobodyKnows(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.choose(t, 2)
	p.set(t, "#call-account", "savings")
	came, stopped := make(chan struct{}), make(chan struct{})
	m.loseNext(func(_ http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		close(came)
		<-stopped
		passOn()
	})
	p.click(t, "#call-send")
	<-came
	p.click(t, "#call-stop")
	checkSaid(t, p.awaitResult(t, "unknown"), "You stopped waiting", "may have been recorded, or may yet be")
	close(stopped)
	p.click(t, "#call-again")
	p.await(t, `/^(Recorded|Replayed)/.test(document.querySelector(".answer-meaning").textContent)`)
	if balance := b.call(t, 2, "Query", map[string]any{"account": "savings"})["balance"]; balance != "25" {
		t.Errorf("the balance is %v, want 25: the deposit counts once", balance)
	}
}

func TestNoAnswerIsAwaitedForEver(t *testing.T) {
	b := startBank(t, "../examples/three.json")
	m := newMiddle(t, b.url(1))
	p := open(t, m.URL)
	p.set(t, "#call-account", "savings")
	// The half minute that the page would wait is over at once.
	eval[bool](t, p, `(() => {
		AbortSignal.timeout = (ms) => ms === 30_000 ? AbortSignal.abort() : new AbortController().signal;
		return true;
	})()`)
	p.click(t, "#call-send")
	checkSaid(t, p.awaitResult(t, "unknown"), "No answer came within 30 s", "may have been recorded")
}
