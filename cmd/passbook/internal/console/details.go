package console

import (
	"fmt"
	"strings"

	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// detailLines puts the details of a failed call into words.
func detailLines(err error) []string {
	failed := customer.ErrorOf(err)
	if failed == nil {
		return nil
	}
	var lines []string
	for _, d := range failed.Details() {
		switch d := d.(type) {
		case *bankv1.EscrowUnavailable:
			if d.GetAmount() > 0 { // else it was a query
				lines = append(lines, fmt.Sprintf("%d was asked for, and branch %d can pay %d%s; nothing was recorded", d.GetAmount(), d.GetBranch(), d.GetAvailable(), heldText(d)))
			}
		case *bankv1.NotReplicated:
			lines = append(lines, fmt.Sprintf("recorded as entry %s; not confirmed by %s yet", receiptText(d.GetReceipt()), words.Branches(d.GetMissingBranches())))
		}
	}
	return lines
}

// heldText says how much escrow unreachable branches have: those that have most, and
// all together.
func heldText(d *bankv1.EscrowUnavailable) string {
	var b strings.Builder
	for _, h := range d.GetHeld() {
		fmt.Fprintf(&b, ", branch %d holds %d", h.GetBranch(), h.GetAmount())
	}
	if n := d.GetHeldBranches(); int(n) > len(d.GetHeld()) {
		fmt.Fprintf(&b, ", and all %d that can't be reached hold %d", n, d.GetHeldTotal())
	}
	return b.String()
}

// receiptText is a receipt in a table: branch 7's entry 12 is 7/12.
func receiptText(r *bankv1.Receipt) string {
	return fmt.Sprintf("%d/%d", r.GetBranch(), r.GetSequence())
}
