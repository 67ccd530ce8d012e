package branch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// customersBank is a bank of two branches with certificates. Its clients are the customers
// ann and bob, who share an account, and the auditor eve.
type customersBank struct {
	*bank
	folder string
}

func runCustomersBank(t *testing.T) customersBank {
	t.Helper()
	files := certstest.New(t, branch.DefaultBank)
	for _, id := range []uint32{1, 2} {
		files.Branch(t, id)
	}
	for _, name := range []string{"ann", "bob"} {
		files.Client(t, name, identity.Customer, name+"-*", "both")
	}
	files.Client(t, "eve", identity.Auditor)
	folder, err := certs.Open(files.Dir, branch.DefaultBank, certs.Options{Branches: []uint32{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	// Clear text is let in for what starts and stops the bank in tests.
	security := &branch.Security{Certificates: folder, Plain: true}
	return customersBank{runBankWith(t, 2, 0, branchOptions{Security: security}), files.Dir}
}

// as returns what somebody calls a branch with: HTTP, and the calls.
func (b customersBank) as(client string, at uint32) (*http.Client, bankv1connect.BranchServiceClient) {
	b.t.Helper()
	config, err := certs.ClientConfig(b.folder, client, false)
	if err != nil {
		b.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP2(true)
	b.t.Cleanup(transport.CloseIdleConnections)
	over := &http.Client{Transport: transport}
	return over, bankv1connect.NewBranchServiceClient(over, "https://"+b.at(at).address)
}

// Request ids belong to the customers who use them: nobody gets another's answer, is kept
// from using an id, or learns that it is in use; at the branch that is called, at the home
// that it passes the call on to, through a page's branch, and in lists.
func TestNobodyRepeatsAnothersRequest(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runCustomersBank(t)
	var receipts []*bankv1.Receipt
	for n, who := range []string{"ann", "bob"} {
		over, elsewhere := b.as(who, 2)
		_, home := b.as(who, 1)
		through := bankv1connect.NewBranchServiceClient(over, "https://"+b.at(2).address+"/branch/1")
		account, amount := who+"-1", int64(10+n)
		req := func() *bankv1.DepositRequest {
			return &bankv1.DepositRequest{Account: account, Amount: amount, RequestId: "r", HomeBranch: 1, CustomerId: 7}
		}
		// The first call is passed on by branch 2.
		first, err := elsewhere.Deposit(b.ctx, req())
		if err != nil || first.GetReplay() || first.GetBalance() != amount || first.GetReceipt().GetBranch() != 1 {
			t.Fatalf("%s: got %v, %v", who, first, err)
		}
		for name, client := range map[string]bankv1connect.BranchServiceClient{"at home": home, "elsewhere": elsewhere, "through a page's branch": through} {
			again, err := client.Deposit(b.ctx, req())
			if err != nil || !again.GetReplay() || again.GetReceipt().GetSequence() != first.GetReceipt().GetSequence() || again.GetBalance() != amount {
				t.Errorf("%s, %s: got %v, %v, want what was answered first", who, name, again, err)
			}
			other := req()
			other.Amount++
			if _, err := client.Deposit(b.ctx, other); connect.CodeOf(err) != connect.CodeAlreadyExists {
				t.Errorf("%s, %s, another amount: %v", who, name, err)
			}
			other = req()
			other.Account = "carol-1"
			if _, err := client.Deposit(b.ctx, other); connect.CodeOf(err) != connect.CodePermissionDenied {
				t.Errorf("%s, %s, an account of others: %v", who, name, err)
			}
		}
		receipts = append(receipts, first.GetReceipt())
		list := &bankv1.SubmitRequest{RequestId: "list", HomeBranch: 1, Accounts: []string{account}, To: []uint32{1}, Amounts: []int64{amount}}
		for _, replay := range []bool{false, true} {
			if res := b.submit(elsewhere, list); res.GetErrorCode() != "" || res.GetReplay() != replay {
				t.Errorf("%s, a list: got %v, want replay %v", who, res, replay)
			}
		}
	}
	b.wantCustomers(receipts)
}

// wantCustomers checks that the entries with these receipts are recorded for ann and bob,
// and everywhere under one request id without an alarm.
func (b customersBank) wantCustomers(receipts []*bankv1.Receipt) {
	b.t.Helper()
	for _, at := range b.ids {
		_, client := b.as("eve", at)
		page, err := client.ListEntries(b.ctx, &bankv1.ListEntriesRequest{Branch: 1})
		if err != nil {
			b.t.Fatal(err)
		}
		names := map[string]string{}
		for _, e := range page.GetEntries() {
			names[fmt.Sprint(e.GetReceipt().GetSequence())] = e.GetEntry().GetCustomer() + " " + e.GetEntry().GetRequestId()
		}
		for n, want := range []string{"ann r", "bob r"} {
			if got := names[fmt.Sprint(receipts[n].GetSequence())]; got != want {
				b.t.Errorf("branch %d: entry %v is %q, want %q", at, receipts[n], got, want)
			}
		}
		if alarms, err := client.ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{}); err != nil || len(alarms.GetAlarms()) > 0 {
			b.t.Errorf("branch %d: %v, %v", at, alarms, err)
		}
	}
}

// submit sends one list.
func (b customersBank) submit(client bankv1connect.BranchServiceClient, list *bankv1.SubmitRequest) *bankv1.SubmitResponse {
	b.t.Helper()
	stream, err := client.Submit(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := stream.Send(list); err != nil {
		b.t.Fatal(err)
	}
	res, err := stream.Receive()
	if err != nil {
		b.t.Fatal(err)
	}
	_ = stream.CloseRequest()
	_ = stream.CloseResponse()
	return res
}

// A customer sees the entries of an account that it shares, and nothing else of what the
// others do.
func TestCustomersSeeTheirAccounts(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runCustomersBank(t)
	_, ann := b.as("ann", 1)
	_, bob := b.as("bob", 2)
	list := &bankv1.SubmitRequest{RequestId: "secret", Accounts: []string{"ann-1", "both"}, To: []uint32{1, 2}, Amounts: []int64{5, 7}}
	if res := b.submit(ann, list); res.GetErrorCode() != "" {
		t.Fatal(res)
	}
	page, err := bob.ListEntries(b.ctx, &bankv1.ListEntriesRequest{Account: "both"})
	if err != nil || len(page.GetEntries()) != 1 {
		t.Fatalf("got %v, %v", page, err)
	}
	e := page.GetEntries()[0]
	if bulk := e.GetEntry().GetBulk(); e.GetBalance() != 7 || e.GetEntry().GetCustomer() != "ann" || e.GetEntry().GetRequestId() != "" || len(bulk.GetAccounts()) != 1 || bulk.GetAmounts()[0] != 7 {
		t.Errorf("bob sees %v", e)
	}
	for name, req := range map[string]*bankv1.ListEntriesRequest{"ann's": {Account: "ann-1"}, "nobody's": {Account: "none"}, "a branch's": {Branch: 1}} {
		if _, err := bob.ListEntries(b.ctx, req); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("%s entries: %v", name, err)
		}
	}
	for _, account := range []string{"ann-1", "ann-2"} { // the second does not exist
		_, err := bob.Query(b.ctx, &bankv1.QueryRequest{Account: account})
		if want := fmt.Sprintf("permission_denied: you are customer %q of bank %q, and may not use account %q", "bob", branch.DefaultBank, account); fmt.Sprint(err) != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

// Whoever looks after the bank is told of every refusal for want of a right: of a call, of a
// list within a stream, and of a handshake that fails.
func TestRefusalsAreToldToTheBank(t *testing.T) {
	t.Parallel() // it waits most of the time
	files := newFiles(t, 1)
	events := make(chan access.Event, 100)
	s := security(t, files, 1)
	s.Tell = func(_ uint32, e access.Event) { events <- e }
	b := newBank(t, 1, 0, branchOptions{Prover: prover(t, files, "tess"), Security: s})
	b.startAll()
	ann := bankv1connect.NewBranchServiceClient(over(t, prover(t, files, "ann")), "https://"+b.at(1).address)
	want := func(procedure string, who bool, text string) {
		t.Helper()
		e := <-events
		if e.Procedure != procedure || (e.Who != nil && e.Who.Client == "ann") != who || e.From == "" || e.Err == nil || !strings.Contains(e.Err.Error(), text) {
			t.Errorf("told %+v (%v), want %s: %s", e, e.Err, procedure, text)
		}
	}
	_, _ = ann.Deposit(b.ctx, &bankv1.DepositRequest{Account: "shop", Amount: 1})
	want("/bank.v1.BranchService/Deposit", true, `may not use account "shop"`)
	_, _ = ann.GetStatus(b.ctx, &bankv1.GetStatusRequest{})
	want("/bank.v1.BranchService/GetStatus", true, "is for the role")
	if res := (customersBank{bank: b}).submit(ann, &bankv1.SubmitRequest{RequestId: "r", Accounts: []string{"ann-1", "shop"}, To: []uint32{1, 2}, Amounts: []int64{1, 1}}); res.GetErrorCode() != "permission_denied" {
		t.Errorf("a list: %v", res)
	}
	want("/bank.v1.BranchService/Submit", true, `may not use account "shop"`)
	_, _ = bankv1connect.NewBranchServiceClient(over(t, holding(certstest.NewCA(t, "x").Sign(t, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}))), "https://"+b.at(1).address).GetStatus(b.ctx, &bankv1.GetStatusRequest{})
	want("TLS handshake", false, "no CA in ca-client.crt has signed it")
}
