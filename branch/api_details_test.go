package branch_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/session"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// The detail of invalid_argument names the field, whichever it is.
func TestInvalidArgumentNamesTheField(t *testing.T) {
	b := runBankWith(t, 2, 100, branchOptions{RequireHomeBranch: true})
	long := strings.Repeat("a", 129)
	tests := []struct{ procedure, body, field string }{
		{"Deposit", `{"amount":-1}`, "amount"},
		{"Deposit", `{"amount":"9223372036854775807"}`, "amount"},
		{"Deposit", `{"amount":1,"account":"` + long + `"}`, "account"},
		{"Deposit", `{"amount":1,"requestId":"` + long + `"}`, "request_id"},
		{"Deposit", `{"amount":1,"acknowledge":9}`, "acknowledge"},
		{"Deposit", `{"amount":1,"session":"?"}`, "session"},
		{"Deposit", `{"amount":1,"session":"CgQICRAB"}`, "session"}, // of a branch 9
		{"Query", `{"session":"` + madeUp(2, 1<<33) + `"}`, "session"},
		{"Query", `{"session":"` + madeUp(2, 1<<63) + `"}`, "session"},
		{"Query", `{"consistency":2,"session":"` + madeUp(2, 1<<64-1) + `"}`, "session"},
		{"Withdraw", `{"amount":1,"session":"` + madeUp(2, 1<<62-1) + `"}`, "session"},
		{"Transfer", `{"amount":1,"toAccount":"b","session":"` + madeUp(2, 1<<62) + `"}`, "session"},
		{"Deposit", `{"amuont":5}`, "amuont"},
		{"Deposit", `{"amount":"ten"}`, "amount"},
		{"Deposit", `{"amount":1,"amount":1}`, "amount"},
		{"Deposit", `{"amount":1,"requestId":5}`, "request_id"},
		{"Deposit", `{"amount":1,"acknowledge":"SOON"}`, "acknowledge"},
		{"Deposit", `{"amount":1,"homeBranch":2}`, "home_branch"},
		{"Deposit", `{"amount":1,"requestId":"r","homeBranch":9}`, "home_branch"},
		{"Deposit", `{"amount":1,"requestId":"r"}`, "home_branch"},
		{"Withdraw", `{"amount":1,"requestId":"r"}`, "home_branch"},
		{"Transfer", `{"amount":1,"toAccount":"b","requestId":"r"}`, "home_branch"},
		{"Transfer", `{"amount":1,"fromAccount":"` + long + `"}`, "from_account"},
		{"Transfer", `{"amount":1,"toAccount":"` + long + `"}`, "to_account"},
		{"Transfer", `{"amount":1}`, "to_account"},
		{"Query", `{"consistency":9}`, "consistency"},
		{"ListEntries", `{"order":9}`, "order"},
		{"ListEntries", `{"pageSize":1001}`, "page_size"},
		{"ListEntries", `{"pageToken":"?"}`, "page_token"},
		{"ListEntries", `{"branch":9}`, "branch"},
		{"ListEntries", `{"branch":1,"account":"a"}`, "account"},
	}
	for _, test := range tests {
		a := b.post(1, branchService+test.procedure, test.body)
		a.wantError(t, http.StatusBadRequest, "invalid_argument", "")
		a.wantDetail(t, "google.rpc.BadRequest")
		if want := fmt.Sprintf(`"debug":{"fieldViolations":[{"field":"%s","description":`, test.field); !strings.Contains(strings.ReplaceAll(a.body, `": `, `":`), want) {
			t.Errorf("%s %s: got %s, want the field %s", test.procedure, test.body, a.body, test.field)
		}
	}
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: -1})
	wantCode(t, err, connect.CodeInvalidArgument)
	if v := detail[*errdetails.BadRequest](t, err).GetFieldViolations(); len(v) != 1 || v[0].GetField() != "amount" || v[0].GetDescription() == "" {
		t.Errorf("over HTTP/2, in binary: %v", v)
	}
}

// A request that is no JSON at all has no field to name, and one that quotes much
// is not quoted in full. A stream and a gRPC client get the same.
func TestWhatIsNoJSONIsToldInEachProtocol(t *testing.T) {
	b := runBank(t, 1, 100)
	b.post(1, branchService+"Deposit", `amount=5`).wantDetail(t, "")
	a := b.post(1, branchService+"Deposit", `{"`+strings.Repeat("x", 50_000)+`":1}`)
	a.wantError(t, http.StatusBadRequest, "invalid_argument", "unknown field")
	if len(a.body) > 4096 {
		t.Errorf("the answer has %d bytes", len(a.body))
	}
	envelope := func(body string) string {
		return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...))
	}
	stream := b.byHand(http.MethodPost, 1, branchService+"Watch", envelope(`{"acount":"x"}`), "Content-Type", "application/connect+json")
	if !strings.Contains(stream.body, `"invalid_argument"`) || !strings.Contains(stream.body, "google.rpc.BadRequest") || !strings.Contains(stream.body, "acount") {
		t.Errorf("a stream: %q", stream.body)
	}
	web := b.byHand(http.MethodPost, 1, branchService+"Deposit", envelope(`{"amuont":1}`), "Content-Type", "application/grpc-web+json")
	if web.header.Get("Grpc-Status") != "3" || !strings.Contains(web.header.Get("Grpc-Message"), "amuont") {
		t.Errorf("gRPC-Web: %+v", web)
	}
	b.wantBalance(1, 100)
}

// The answer to a list that failed as a whole has the same details.
func TestAListThatFailsHasTheDetails(t *testing.T) {
	b := runBankWith(t, 2, 100, branchOptions{RequireHomeBranch: true})
	home := func(req *bankv1.SubmitRequest) *bankv1.SubmitRequest {
		req.HomeBranch = 1
		return req
	}
	for field, req := range map[string]*bankv1.SubmitRequest{
		"home_branch": deposits("a", 1),
		"request_id":  home(deposits("", 1)),
		"amounts":     home(deposits("a", 0)),
		"to":          home(&bankv1.SubmitRequest{RequestId: "a", To: []uint32{2}, Amounts: []int64{1}}),
		"from":        home(&bankv1.SubmitRequest{RequestId: "a", From: []uint32{2}, Amounts: []int64{1}}),
		"accounts":    home(&bankv1.SubmitRequest{RequestId: "a", Accounts: []string{"x", "y", "z"}, To: []uint32{1}, Amounts: []int64{1}}),
	} {
		a := b.submit(1, req)[0]
		if a.GetErrorCode() != "invalid_argument" || len(a.GetErrorDetails()) != 1 {
			t.Errorf("%s: answered %v", field, a)
			continue
		}
		bad := &errdetails.BadRequest{}
		if err := a.GetErrorDetails()[0].UnmarshalTo(bad); err != nil || len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != field {
			t.Errorf("%s: detail %v, %v", field, a.GetErrorDetails()[0], err)
		}
		if field == "accounts" && !strings.Contains(a.GetError(), "two for each operation, 2 for 1 operations, and this one names 3") {
			t.Errorf("too many accounts: %s", a.GetError())
		}
	}
	b.submit(1, home(deposits("used", 1)))
	for _, at := range b.ids { // also forwarded
		a := b.submit(at, home(deposits("used", 2)))[0]
		used := &bankv1.RequestIdUsed{}
		if a.GetErrorCode() != "already_exists" || len(a.GetErrorDetails()) != 1 || a.GetErrorDetails()[0].UnmarshalTo(used) != nil || used.GetReceipt().GetSequence() != 1 {
			t.Errorf("at branch %d: answered %v", at, a)
		}
	}
	all := &bankv1.SubmitRequest{RequestId: "poor", From: []uint32{1}, Amounts: []int64{1000}, AllOrNone: true, HomeBranch: 1}
	a := b.submit(1, all)[0]
	poor := &bankv1.InsufficientFunds{}
	if a.GetErrorCode() != "failed_precondition" || len(a.GetErrorDetails()) != 1 || a.GetErrorDetails()[0].UnmarshalTo(poor) != nil || poor.GetBalance() != 101 {
		t.Errorf("all or none: answered %v", a)
	}
}

// Of many unreachable branches, a refusal names those that hold most, and the sum of all.
func TestRefusalsNameTheLargestHoldings(t *testing.T) {
	t.Parallel() // it waits most of the time
	const n = 9
	b := newBank(t, n, 1000, branchOptions{Bootstrap: true}) // 112 at branch 1, 111 at the others
	b.start(1)
	b.awaitReady(1)
	a := b.post(1, branchService+"Withdraw", `{"amount":500}`)
	a.wantError(t, http.StatusServiceUnavailable, "unavailable", "branch 1 can pay 112", "branch 2 holds 111", "branch 6 holds 111, and 3 more hold 333 together")
	if strings.Contains(a.body, "branch 7 holds") {
		t.Errorf("more than five are named: %s", a.body)
	}
	_, err := b.customers(1).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 500})
	d := detail[*bankv1.EscrowUnavailable](t, err)
	if len(d.GetHeld()) != 5 || d.GetHeldTotal() != 888 || d.GetHeldBranches() != 8 || d.GetBranch() != 1 || d.GetAvailable() != 112 {
		t.Errorf("detail is %v", d)
	}
}

// An error from the home names the home.
func TestAnErrorOfTheHomeNamesTheHome(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 90)
	b.cutOff(3)
	req := &bankv1.WithdrawRequest{Amount: 80, RequestId: "w", HomeBranch: 2}
	_, err := b.customers(1).Withdraw(b.ctx, req)
	wantCode(t, err, connect.CodeUnavailable)
	if d := detail[*bankv1.EscrowUnavailable](t, err); d.GetBranch() != 2 {
		t.Errorf("detail is %v", d)
	}
	for _, text := range []string{"branch 2, the home of the request id, answers: ", "branch 2 can pay"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("text %q does not say %q", err, text)
		}
	}
	list := &bankv1.SubmitRequest{RequestId: "l", From: []uint32{1}, Amounts: []int64{80}, AllOrNone: true, HomeBranch: 2}
	if a := b.submit(1, list)[0]; !strings.HasPrefix(a.GetError(), "branch 2, the home of the request id, answers: ") || a.GetErrorCode() != "unavailable" || len(a.GetErrorDetails()) != 1 {
		t.Errorf("list: answered %v", a)
	}
	// The home's disk is empty, which is not that of the branch that is called.
	b.stop(2)
	b.wipe(2)
	b.start(2)
	b.awaitReachable(1, 2, true)
	_, err = b.customers(1).Withdraw(b.ctx, req)
	wantCode(t, err, connect.CodeUnavailable)
	if !strings.Contains(err.Error(), "branch 2, the home of the request id, answers: this branch's disk is empty") {
		t.Errorf("text is %q", err)
	}
}

// madeUp is a session that no branch has given out.
func madeUp(of ledger.BranchID, sequence uint64) string {
	return session.Encode([]ledger.Position{{Branch: of, Sequence: sequence}})
}
