package branch_test

import (
	"net/http"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A write that would open an account too many is refused. The refusal names the bound and
// what to do. Existing accounts go on, peers' entries open accounts, and the status counts.
func TestAccountsOverTheBoundAreRefused(t *testing.T) {
	b := runBankWith(t, 2, 100, branchOptions{MaxAccounts: 3})
	deposit := func(at uint32, account string) answer {
		return b.post(at, branchService+"Deposit", `{"amount":5,"account":`+quote(account)+`}`)
	}
	wantRefused := func(a answer) {
		t.Helper()
		a.wantError(t, http.StatusTooManyRequests, "resource_exhausted", "3 accounts of the 3 that it may open", "--max-accounts")
		a.wantDetail(t, "bank.v1.TooManyAccounts")
	}
	deposit(1, "a").wantField(t, "balance", "5")
	deposit(1, "b").wantField(t, "balance", "5")
	wantRefused(deposit(1, "c"))
	wantRefused(b.post(1, branchService+"Transfer", `{"amount":1,"fromAccount":"a","toAccount":"c"}`))
	b.post(1, branchService+"Query", `{"account":"c"}`).wantField(t, "balance", "0")
	b.post(1, branchService+"Transfer", `{"amount":1,"fromAccount":"a","toAccount":"b"}`).wantField(t, "balance", "4")
	deposit(1, "").wantField(t, "balance", "105")

	s, err := b.customers(1).Submit(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseResponse()
	for _, list := range []struct {
		accounts []string
		want     string
	}{{[]string{"a", "c"}, "resource_exhausted"}, {[]string{"a", "b"}, ""}} {
		if err := s.Send(&bankv1.SubmitRequest{RequestId: list.accounts[1], Accounts: list.accounts, To: []uint32{1, 2}, Amounts: []int64{1, 1}}); err != nil {
			t.Fatal(err)
		}
		if res, err := s.Receive(); err != nil || res.GetErrorCode() != list.want || (res.GetReceipt() == nil) != (list.want != "") {
			t.Errorf("%v: %v, %v", list.accounts, res, err)
		}
	}
	_ = s.CloseRequest()

	b.stop(1)
	deposit(2, "a").wantField(t, "balance", "10")
	b.restart(1)
	wantRefused(deposit(1, "c"))
	b.stop(2)
	b.restart(2)
	if st := b.status(1); st.GetAccountCount() != 3 || st.GetMaxAccounts() != 3 {
		t.Errorf("%d accounts of at most %d", st.GetAccountCount(), st.GetMaxAccounts())
	}
}

// Peers know accounts that this branch would not have opened.
func TestAccountsThatPeersOpenAreTaken(t *testing.T) {
	b := newBank(t, 2, 100, branchOptions{MaxAccounts: 1})
	b.start(1)
	b.options.MaxAccounts = -1
	b.start(2)
	b.awaitReady(1)
	b.awaitReady(2)
	b.awaitLinks()
	for _, name := range []string{"a", "b", "c"} {
		b.mustDeposit(2, &bankv1.DepositRequest{Account: name, Amount: 1})
	}
	if st := b.status(1); st.GetAccountCount() != 4 || st.GetMaxAccounts() != 1 {
		t.Errorf("%d accounts of at most %d", st.GetAccountCount(), st.GetMaxAccounts())
	}
	if st := b.status(2); st.GetMaxAccounts() != 0 {
		t.Errorf("at most %d, want none", st.GetMaxAccounts())
	}
	b.mustDeposit(1, &bankv1.DepositRequest{Account: "c", Amount: 1})
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Account: "d", Amount: 1})
	wantCode(t, err, connect.CodeResourceExhausted)
}
