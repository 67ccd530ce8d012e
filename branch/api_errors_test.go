package branch_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func quote(s string) string {
	q, _ := json.Marshal(s) // a string always has a form in JSON
	return string(q)
}

// Each condition of the table of errors, as a program sees it over HTTP/1.1.
func TestErrorCodesAndHTTPStatuses(t *testing.T) {
	b := runBank(t, 3, 300)
	b.deposit(1, 1)
	b.post(1, branchService+"Deposit", `{"amount":1,"requestId":"used"}`).wantField(t, "replay", false)
	b.cutOff(3)
	tests := map[string]struct {
		procedure, body string
		status          int
		code, text      string
		detail          string
	}{
		"malformed": {"Deposit", `{"amount":0}`, http.StatusBadRequest, "invalid_argument", "amount", "google.rpc.BadRequest"},
		"overflow": {
			"Deposit", `{"amount":"9223372036854775807"}`, http.StatusBadRequest, "invalid_argument",
			"over the limit of 3074457345618258602", "google.rpc.BadRequest",
		},
		"unavailable":     {"Withdraw", `{"amount":250}`, http.StatusServiceUnavailable, "unavailable", "branch 3 holds 100", "bank.v1.EscrowUnavailable"},
		"id of another":   {"Deposit", `{"amount":2,"requestId":"used"}`, http.StatusConflict, "already_exists", "branch 1 as entry 2", "bank.v1.RequestIdUsed"},
		"id, elsewhere":   {"Deposit", `{"amount":2,"requestId":"new","homeBranch":3}`, http.StatusServiceUnavailable, "unavailable", "branch 3", ""},
		"not replicated":  {"Deposit", `{"amount":1,"acknowledge":"ACKNOWLEDGE_ALL"}`, http.StatusGatewayTimeout, "deadline_exceeded", "not yet replicated", "bank.v1.NotReplicated"},
		"strong, cut off": {"Query", `{"consistency":"CONSISTENCY_STRONG"}`, http.StatusServiceUnavailable, "unavailable", "can't be reached", "bank.v1.EscrowUnavailable"},
	}
	check := func(name string) {
		test := tests[name]
		t.Run(name, func(t *testing.T) {
			a := b.post(1, branchService+test.procedure, test.body)
			a.wantError(t, test.status, test.code, test.text)
			a.wantDetail(t, test.detail)
		})
	}
	for _, name := range sortedKeys(tests) {
		check(name)
	}
	b.rejoin(3)
	tests["insufficient"] = tests["unavailable"]
	insufficient := tests["insufficient"]
	insufficient.body, insufficient.status, insufficient.code = `{"amount":1000}`, http.StatusBadRequest, "failed_precondition"
	insufficient.text, insufficient.detail = "insufficient funds", "bank.v1.InsufficientFunds"
	tests["insufficient"] = insufficient
	check("insufficient")
}

// wantDetail checks that an error has just one detail, of that type, which
// programs that know no protocol buffers can read too.
func (a answer) wantDetail(t testing.TB, want string) {
	t.Helper()
	details, _ := a.json["details"].([]any)
	if want == "" {
		if len(details) > 0 {
			t.Errorf("unexpected details: %s", a.body)
		}
		return
	}
	if len(details) != 1 {
		t.Fatalf("want one detail: %s", a.body)
	}
	d, _ := details[0].(map[string]any)
	if d["type"] != want || d["debug"] == nil {
		t.Errorf("detail is %v, want a %s", d, want)
	}
}

// An error that another branch answered with arrives as it was.
func TestAnErrorOfTheHomeArrivesWhole(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 100)
	tests := map[string]struct {
		body, code, detail string
		status             int
	}{
		"used":         {`{"amount":1,"requestId":"used","homeBranch":2}`, "already_exists", "bank.v1.RequestIdUsed", http.StatusConflict},
		"insufficient": {`{"amount":1000,"requestId":"new","homeBranch":2}`, "failed_precondition", "bank.v1.InsufficientFunds", http.StatusBadRequest},
	}
	b.post(2, branchService+"Withdraw", `{"amount":5,"requestId":"used"}`).wantField(t, "balance", "95")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := b.post(1, branchService+"Withdraw", test.body)
			a.wantError(t, test.status, test.code)
			a.wantDetail(t, test.detail)
			if strings.Contains(a.contentType, "grpc") || a.contentType != "application/json" {
				t.Errorf("content type is %q", a.contentType)
			}
		})
	}
}

// Two deposits that together would overflow are refused at the limit, which
// leaves room for every branch.
func TestHugeAmountsStopAtTheLimit(t *testing.T) {
	b := runBank(t, 2, 0)
	const limit = "4611686018427387903" // of one of two branches
	for _, at := range b.ids {
		b.post(at, branchService+"Deposit", `{"amount":"`+limit+`"}`).wantField(t, "replay", false)
		b.post(at, branchService+"Deposit", `{"amount":1}`).wantError(t, http.StatusBadRequest, "invalid_argument", limit)
	}
	b.get(1, branchService+"Query", `{}`).wantField(t, "balance", "9223372036854775806")
	b.post(1, branchService+"Transfer", `{"amount":"`+limit+`","toAccount":"b"}`).wantField(t, "balance", limit)
	b.post(1, branchService+"Deposit", `{"amount":1,"account":"b"}`).wantError(t, http.StatusBadRequest, "invalid_argument", limit)
	b.post(1, branchService+"Withdraw", `{"amount":"`+limit+`"}`).wantField(t, "balance", "0")
}
