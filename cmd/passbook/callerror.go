package main

import (
	"errors"
	"fmt"
	"strings"

	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// callError is a call that did not succeed.
type callError struct {
	// where names the branch that was called.
	where string
	// again are the flags with which a write whose outcome may not be known is
	// the same one; else empty.
	again string
	err   *customer.Error
}

func (e *callError) Unwrap() error { return e.err }

func (e *callError) Error() string {
	if !e.err.Answered {
		return fmt.Sprintf("%s gave no answer: %s", e.where, words.Reason(e.err))
	}
	return fmt.Sprintf("%s: %s: %s", e.where, e.err.Code, words.Reason(e.err))
}

// detailLines says in words what the details of a failed call are, and what to
// do about it.
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
	var call *callError
	if !errors.As(err, &call) {
		return lines
	}
	if call.again != "" && failed.Unknown() {
		lines = append(lines, fmt.Sprintf("it is not known whether it was recorded: the same command with %s tells, at any branch, and counts once", call.again))
	}
	if !failed.Sent {
		lines = append(lines, "nothing was sent; 'passbook serve FILE' starts the branches of a file, and --base-port says on which ports")
	}
	return lines
}

// heldText says what unreachable branches hold: those that hold most, and all.
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
