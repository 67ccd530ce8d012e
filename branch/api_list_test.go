package branch_test

import (
	"fmt"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// list returns all entries of a listing, in pages of the size it asks for.
func (b *bank) list(at uint32, req *bankv1.ListEntriesRequest) []*bankv1.ListedEntry {
	b.t.Helper()
	var out []*bankv1.ListedEntry
	for {
		res, err := b.customers(at).ListEntries(b.ctx, req)
		if err != nil {
			b.t.Fatal(err)
		}
		if n := len(res.GetEntries()); req.GetPageSize() > 0 && n > int(req.GetPageSize()) {
			b.t.Fatalf("%d entries on a page of %d", n, req.GetPageSize())
		}
		out = append(out, res.GetEntries()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return out
		}
	}
}

// lines writes entries as "branch/sequence fact balance".
func lines(entries []*bankv1.ListedEntry) []string {
	var out []string
	for _, l := range entries {
		e := l.GetEntry()
		fact := ""
		switch {
		case e.GetDeposit() != nil:
			fact = fmt.Sprintf("deposit %s %d", e.GetDeposit().GetAccount(), e.GetDeposit().GetAmount())
		case e.GetWithdrawal() != nil:
			fact = fmt.Sprintf("withdrawal %s %d", e.GetWithdrawal().GetAccount(), e.GetWithdrawal().GetAmount())
		case e.GetTransfer() != nil:
			fact = fmt.Sprintf("transfer %s %s %d", e.GetTransfer().GetFromAccount(), e.GetTransfer().GetToAccount(), e.GetTransfer().GetAmount())
		case e.GetGrant() != nil:
			fact = fmt.Sprintf("grant %s %d %d", e.GetGrant().GetAccount(), e.GetGrant().GetToBranch(), e.GetGrant().GetAmount())
		}
		out = append(out, fmt.Sprintf("%d/%d %s %d", l.GetReceipt().GetBranch(), l.GetReceipt().GetSequence(), fact, l.GetBalance()))
	}
	return out
}

func TestListEntries(t *testing.T) {
	b := runBank(t, 2, 100)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, CustomerId: 7, RequestId: "r"})
	b.mustWithdraw(2, &bankv1.WithdrawRequest{Amount: 20})
	if _, err := b.customers(1).Transfer(b.ctx, &bankv1.TransferRequest{Amount: 30, ToAccount: "savings"}); err != nil {
		t.Fatal(err)
	}
	b.mustDeposit(2, &bankv1.DepositRequest{Account: "savings", Amount: 1})
	b.mustWithdraw(2, &bankv1.WithdrawRequest{Amount: 60}) // claims 30 and gets no head-room: 1 holds 30
	tests := map[string]struct {
		account string
		branch  uint32
		want    []string
	}{
		"statement of the shared account": {want: []string{
			"1/1 deposit shared 10 110", "2/1 withdrawal shared 20 90", "1/2 transfer shared savings 30 60", "2/3 withdrawal shared 60 0",
		}},
		"statement of an account": {account: "savings", want: []string{
			"1/2 transfer shared savings 30 30", "2/2 deposit savings 1 31",
		}},
		"statement of an account that nobody has paid into": {account: "none"},
		"journal of branch 1": {branch: 1, want: []string{
			"1/1 deposit shared 10 110", "1/2 transfer shared savings 30 60", "1/3 grant shared 2 30 60",
		}},
		"journal of branch 2": {branch: 2, want: []string{
			"2/1 withdrawal shared 20 90", "2/2 deposit savings 1 31", "2/3 withdrawal shared 60 0",
		}},
	}
	for name, test := range tests {
		for _, at := range b.ids {
			for _, size := range []int32{0, 1, 2, 3, 1000} {
				first := &bankv1.ListEntriesRequest{Account: test.account, Branch: test.branch, PageSize: size}
				last := &bankv1.ListEntriesRequest{Account: test.account, Branch: test.branch, PageSize: size, Order: bankv1.Order_ORDER_NEWEST_FIRST}
				if diff := cmp.Diff(test.want, lines(b.list(at, first))); diff != "" {
					t.Errorf("%s, at branch %d, pages of %d (-want +got):\n%s", name, at, size, diff)
				}
				got := lines(b.list(at, last))
				slices.Reverse(got)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s, newest first, at branch %d, pages of %d (-want +got):\n%s", name, at, size, diff)
				}
			}
		}
	}
	e := b.list(2, &bankv1.ListEntriesRequest{})[0].GetEntry()
	if e.GetCustomerId() != 7 || e.GetRequestId() != "r" || e.GetRecordedAtUnixMs() == 0 || e.GetClock() == 0 {
		t.Errorf("entry is %v", e)
	}
}

// Entries that come between two pages shift nothing, and none is shown twice.
func TestPagesStayPutWhileEntriesCome(t *testing.T) {
	b := runBank(t, 1, 0)
	for i := range int64(4) {
		b.deposit(1, i+1)
	}
	client := b.customers(1)
	req := &bankv1.ListEntriesRequest{PageSize: 2, Order: bankv1.Order_ORDER_NEWEST_FIRST}
	first, err := client.ListEntries(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	b.deposit(1, 5)
	req.PageToken = first.GetNextPageToken()
	second, err := client.ListEntries(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1/4 deposit shared 4 10", "1/3 deposit shared 3 6", "1/2 deposit shared 2 3", "1/1 deposit shared 1 1"}
	if diff := cmp.Diff(want, append(lines(first.GetEntries()), lines(second.GetEntries())...)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestListEntriesRefuses(t *testing.T) {
	b := runBank(t, 2, 0)
	b.deposit(1, 1)
	b.deposit(1, 1)
	client := b.customers(1)
	page, err := client.ListEntries(b.ctx, &bankv1.ListEntriesRequest{PageSize: 1})
	if err != nil || page.GetNextPageToken() == "" {
		t.Fatal(page, err)
	}
	token := page.GetNextPageToken()
	tests := map[string]*bankv1.ListEntriesRequest{
		"an account and a branch":     {Account: "shared", Branch: 1},
		"a branch that is not there":  {Branch: 3},
		"a negative page size":        {PageSize: -1},
		"a page size over the bound":  {PageSize: 1001},
		"a token of another account":  {Account: "savings", PageToken: token},
		"a token of a journal":        {Branch: 1, PageToken: token},
		"a token of the other order":  {Order: bankv1.Order_ORDER_NEWEST_FIRST, PageToken: token},
		"a token with a byte missing": {PageToken: token[1:]},
		"a token that is none":        {PageToken: "next"},
	}
	for name, req := range tests {
		if _, err := client.ListEntries(b.ctx, req); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The default order has two names, the shared account too.
	_, err = client.ListEntries(b.ctx, &bankv1.ListEntriesRequest{Account: "shared", Order: bankv1.Order_ORDER_OLDEST_FIRST, PageToken: token})
	if err != nil {
		t.Error(err)
	}
}
