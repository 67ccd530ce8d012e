package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/name"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// callError is a call that did not succeed.
type callError struct {
	// where names the branch that was called.
	where string
	// again are the flags with which a write whose outcome may not be known is
	// the same one; else empty.
	again string
	err   error
}

func (e *callError) Unwrap() error { return e.err }

func (e *callError) Error() string {
	if !answered(e.err) {
		return fmt.Sprintf("%s gave no answer: %s", e.where, reason(e.err))
	}
	return fmt.Sprintf("%s: %s: %s", e.where, connect.CodeOf(e.err), reason(e.err))
}

// answered says whether the error is what the branch said, rather than that it
// could not be heard.
func answered(err error) bool { return connect.IsWireError(err) }

// reason returns the text of an error, in one line, without the code and the URL.
func reason(err error) string { return name.Printable(wholeReason(err)) }

func wholeReason(err error) string {
	var call *connect.Error
	if !errors.As(err, &call) {
		return err.Error()
	}
	inner := call.Unwrap()
	var request *url.Error
	if errors.As(inner, &request) {
		inner = request.Err
	}
	switch {
	case inner == nil || inner.Error() == "":
		return call.Code().String()
	case strings.Contains(inner.Error(), "http2: frame too large"), strings.Contains(inner.Error(), "http2: client conn could not be established"):
		// The first bytes of another protocol, read as the length of a frame, before
		// the first request was sent or after.
		return "what listens there does not speak HTTP/2: it is not a branch, or one that is stopping"
	}
	return inner.Error()
}

// unknownOutcome says whether a write that ended so may have been recorded.
func unknownOutcome(err error) bool {
	code := connect.CodeOf(err)
	if answered(err) {
		return code == connect.CodeDeadlineExceeded && len(details[*bankv1.NotReplicated](err)) == 0
	}
	return !notSent(err)
}

// details returns the typed details of an error that are of type D.
func details[D proto.Message](err error) []D {
	var found []D
	for _, m := range allDetails(err) {
		if d, ok := m.(D); ok {
			found = append(found, d)
		}
	}
	return found
}

// allDetails returns the typed details of an error.
func allDetails(err error) []proto.Message {
	var call *connect.Error
	if !errors.As(err, &call) {
		return nil
	}
	var found []proto.Message
	for _, d := range call.Details() {
		// A detail of an unknown type is one of a newer branch.
		if m, err := d.Value(); err == nil {
			found = append(found, m)
		}
	}
	return found
}

// detailLines says in words what the details of a failed call are, and what to
// do about it.
func detailLines(err error) []string {
	var lines []string
	for _, d := range allDetails(err) {
		switch d := d.(type) {
		case *bankv1.EscrowUnavailable:
			if d.GetAmount() > 0 { // else it was a query
				lines = append(lines, fmt.Sprintf("%d was asked for, and branch %d can pay %d%s; nothing was recorded", d.GetAmount(), d.GetBranch(), d.GetAvailable(), heldText(d)))
			}
		case *bankv1.NotReplicated:
			lines = append(lines, fmt.Sprintf("recorded as entry %s; not confirmed by %s yet", receiptText(d.GetReceipt()), branches(d.GetMissingBranches())))
		}
	}
	var call *callError
	if errors.As(err, &call) && call.again != "" && unknownOutcome(call.err) {
		lines = append(lines, fmt.Sprintf("it is not known whether it was recorded: the same command with %s tells, at any branch, and counts once", call.again))
	}
	if errors.As(err, &call) && notSent(call.err) {
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
