package branch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A page may ask for the status of an error in a header, which keeps its console quiet,
// whether this branch answers, another one, or the code that lets calls in.
func TestAPageHasTheStatusOfAnErrorInAHeader(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 300)
	for name, call := range map[string]struct {
		path, body string
		from       string
		status     int
		code       string
	}{
		"here":         {branchService + "Withdraw", `{"amount":1000}`, "", http.StatusBadRequest, "failed_precondition"},
		"there":        {via(2, branchService+"Withdraw"), `{"amount":1000}`, "", http.StatusBadRequest, "failed_precondition"},
		"nowhere":      {via(9, branchService+"Withdraw"), `{"amount":1000}`, "", http.StatusBadRequest, "invalid_argument"},
		"not let in":   {branchService + "Deposit", `{"amount":1000}`, "http://shop.example", http.StatusForbidden, "permission_denied"},
		"is no error":  {via(2, branchService+"Query"), `{}`, "", 0, ""},
		"nothing here": {"/none", `{}`, "", http.StatusNotFound, ""},
	} {
		req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(1).address+call.path, strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Passbook-Status", "header")
		if call.from != "" {
			req.Header.Set("Origin", call.from)
		}
		want := ""
		if call.status != 0 {
			want = fmt.Sprint(call.status)
		}
		a := do(t, req)
		if a.status != http.StatusOK || a.header.Get("Passbook-Status") != want || call.code != "" && a.json["code"] != call.code {
			t.Errorf("%s: %d, %q, %s; want 200, %q, %s", name, a.status, a.header.Get("Passbook-Status"), a.body, want, call.code)
		}
		req = req.Clone(b.ctx)
		req.Body, _ = req.GetBody()
		req.Header.Del("Passbook-Status")
		if a := do(t, req); call.status != 0 && a.status != call.status || a.header.Get("Passbook-Status") != "" {
			t.Errorf("%s, as others call: %d with Passbook-Status %q, want %d with none", name, a.status, a.header.Get("Passbook-Status"), call.status)
		}
	}
}
