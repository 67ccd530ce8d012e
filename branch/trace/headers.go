package trace

import (
	"net/http"
	"strconv"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
)

// Headers of a customer's call; in gRPC they are its metadata. A call that has neither of
// the first two is no event.
const (
	// ClockHeader is the customer's clock at the send.
	ClockHeader = "Passbook-Lamport"
	// RequestHeader is the customer's number of the request, which all events that the
	// request leads to have.
	RequestHeader = "Passbook-Customer-Request"
	// NameHeader is the name of the trace, at most [MaxName] bytes long.
	NameHeader = "Passbook-Trace"
)

const (
	// maxCustomerClock bounds the clock of a customer's call. It is far below what a stamp
	// may have (package link), so no customer can make this branch's stamps be refused.
	maxCustomerClock = 1 << 53
	// MaxName bounds the name of a trace, in bytes.
	MaxName = 64
)

// call is what the headers of a call say.
type call struct {
	clock  uint64 // of the customer
	number int64  // of the request
	trace  string // the name of the trace
}

// isTraced reports whether a write is an event.
func isTraced(h http.Header, e *ledger.Entry) bool {
	return (h.Get(ClockHeader) != "" || h.Get(RequestHeader) != "") && (e.Kind == ledger.Deposit || e.Kind == ledger.Withdrawal)
}

// readHeaders reads the headers of a write that is an event.
func readHeaders(h http.Header, e *ledger.Entry) (call, error) {
	clock, err := strconv.ParseUint(h.Get(ClockHeader), 10, 64)
	if err != nil || clock < 1 || clock > maxCustomerClock {
		return call{}, api.Inputf("the header %s must be the customer's clock, an integer from 1 to %d, got %.50q", ClockHeader, int64(maxCustomerClock), h.Get(ClockHeader))
	}
	number, err := strconv.ParseInt(h.Get(RequestHeader), 10, 64)
	if err != nil {
		return call{}, api.Inputf("the header %s must be the customer's number of the request, an integer, got %.50q", RequestHeader, h.Get(RequestHeader))
	}
	name := h.Get(NameHeader)
	if len(name) > MaxName {
		return call{}, api.Inputf("the header %s must have at most %d bytes, got %d", NameHeader, MaxName, len(name))
	}
	if e.RequestID == "" {
		return call{}, api.Fieldf("request_id", "a request with the header %s needs one, which ties it to its entry", ClockHeader)
	}
	return call{clock, number, name}, nil
}
