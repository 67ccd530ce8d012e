package console

import (
	"strings"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A statement names the customer of each entry: by the name that it has proven, where it
// has, and by the number that it gives itself.
func TestStatementsNameCustomers(t *testing.T) {
	fact := &bankv1.Entry_Deposit{Deposit: &bankv1.Deposit{Account: "a", Amount: 5}}
	var page bankv1.ListEntriesResponse
	for n, e := range []*bankv1.Entry{{CustomerId: 7, Fact: fact}, {Customer: "ann", RequestId: "r", Fact: fact}, {Customer: "ann", CustomerId: 7, Fact: fact}} {
		page.Entries = append(page.Entries, &bankv1.ListedEntry{Receipt: &bankv1.Receipt{Branch: 1, Sequence: uint64(n + 1)}, Entry: e, Balance: int64(5 * n)})
	}
	var out strings.Builder
	c := &Console{Out: &out}
	if err := c.Entries(&page, "a", true); err != nil {
		t.Fatal(err)
	}
	want := "RECEIPT\tTIME\tENTRY\tAMOUNT\tBALANCE\tCUSTOMER\tREQUEST ID\n" +
		"1/1\t1970-01-01 00:00:00 UTC\tdeposit to a\t5\t0\t7\t\n" +
		"1/2\t1970-01-01 00:00:00 UTC\tdeposit to a\t5\t5\tann\tr\n" +
		"1/3\t1970-01-01 00:00:00 UTC\tdeposit to a\t5\t10\tann (7)\t\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
