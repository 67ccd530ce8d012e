package branch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// via is the path of calls that are passed on to a branch.
func via(id uint32, procedure string) string { return fmt.Sprintf("/branch/%d%s", id, procedure) }

// A branch passes calls on to the one that they name, which may be itself.
func TestCallsThatNameABranchArePassedOn(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	for _, id := range b.ids {
		a := b.post(1, via(id, branchService+"Deposit"), `{"amount":10}`)
		a.wantField(t, "replay", false)
		if receipt := a.json["receipt"].(map[string]any); receipt["branch"] != float64(id) {
			t.Errorf("passed on to branch %d: %s", id, a.body)
		}
		b.post(1, via(id, branchService+"GetStatus"), `{}`).wantField(t, "branch", float64(id))
		b.get(1, via(id, branchService+"Query"), `{}`).wantField(t, "balance", fmt.Sprint(300+10*id))
		b.post(1, via(id, branchService+"Withdraw"), `{"amount":1000}`).wantError(t, http.StatusBadRequest, "failed_precondition")
		b.post(1, via(id, branchService+"Deposit"), `{"amount":1,"account":"`+strings.Repeat("a", 64<<10)+`"}`).wantError(t, http.StatusTooManyRequests, "resource_exhausted", "65536")
	}
	for name, options := range protocols {
		for _, id := range b.ids {
			client := bankv1connect.NewBranchServiceClient(b.http, fmt.Sprintf("http://%s/branch/%d", b.at(2).address, id), options...)
			if s, err := client.GetStatus(b.ctx, &bankv1.GetStatusRequest{}); err != nil || s.GetBranch() != id {
				t.Errorf("%s, branch %d: %v, %v", name, id, s, err)
			}
			_, err := client.Deposit(b.ctx, &bankv1.DepositRequest{})
			if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "amount: must be greater than 0") {
				t.Errorf("%s, branch %d: %v", name, id, err)
			}
		}
	}
}

// Only customers' calls are passed on, and only those that end by themselves.
func TestOtherCallsAreNotPassedOn(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 300)
	for _, path := range []string{
		via(2, branchService+"Watch"), via(2, branchService+"None"), via(2, peerServiceName+"Claim"), via(2, "/bank.v1.FaultService/Kill"), via(2, "/bank.Bank/MsgDelivery"),
		via(2, "/grpc.health.v1.Health/Check"), via(2, via(1, branchService+"Query")), via(1, via(1, branchService+"Query")), via(1, branchService+"Watch"), via(1, peerServiceName+"Claim"),
		via(2, branchService+"Query/"), "/branch/x" + branchService + "Query", "/branch/-1" + branchService + "Query", "/branch/99999999999" + branchService + "Query", via(2, ""), via(2, "/"),
	} {
		if a := b.post(1, path, `{}`); a.status != http.StatusNotFound {
			t.Errorf("%s: %+v", path, a)
		}
	}
	b.post(1, via(9, branchService+"Query"), `{}`).wantError(t, http.StatusBadRequest, "invalid_argument", "this bank has no branch 9")
	b.post(1, via(0, branchService+"Query"), `{}`).wantError(t, http.StatusBadRequest, "invalid_argument", "this bank has no branch 0")
	for _, id := range b.ids {
		a, _ := b.request(1, http.MethodPut, via(id, branchService+"Deposit"), `{"amount":1}`, said{})
		get := b.get(1, via(id, branchService+"Deposit"), `{"amount":1}`)
		if a.status != http.StatusMethodNotAllowed || get.status != http.StatusMethodNotAllowed {
			t.Errorf("branch %d: PUT %d, GET %d", id, a.status, get.status)
		}
	}
	b.wantBalance(1, 300)
}

// A branch does not learn who made a call that was passed on to it.
func TestWhatIsPassedOnSaysNothingOfItsOrigin(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 300)
	s := page("same-origin", "http://"+b.at(1).address)
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Cookie", "Authorization", "Referer", identity.OnBehalfOf} {
		s.header[name] = []string{"x"}
	}
	a, header := b.request(1, http.MethodPost, via(2, branchService+"Deposit"), `{"amount":1}`, s)
	a.wantField(t, "balance", "301")
	for _, name := range []string{"X-Content-Type-Options", "Cross-Origin-Resource-Policy"} {
		if len(header[name]) != 1 {
			t.Errorf("%s: %q", name, header[name])
		}
	}
}

// A branch that is stopped or cut off is told from one that is slow.
func TestACallForABranchThatIsStopped(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	b.post(1, via(2, branchService+"Query"), `{}`).wantField(t, "balance", "300")
	b.stop(2)
	for range 3 {
		b.post(1, via(2, branchService+"Query"), `{}`).wantError(t, http.StatusServiceUnavailable, "unavailable", "branch 2 can't be reached from branch 1")
	}
	for name, options := range protocols {
		client := bankv1connect.NewBranchServiceClient(b.http, "http://"+b.at(1).address+"/branch/2", options...)
		_, err := client.Query(b.ctx, &bankv1.QueryRequest{})
		if connect.CodeOf(err) != connect.CodeUnavailable || !strings.Contains(err.Error(), "branch 2 can't be reached from branch 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.post(1, via(3, branchService+"Query"), `{}`).wantField(t, "balance", "300")
	b.restart(2)
	b.post(1, via(2, branchService+"Query"), `{}`).wantField(t, "balance", "300")
}
