package trace

import (
	"passbook.example/passbook/branch/ledger"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const (
	// maxEvents bounds the events that a clock keeps, 48 bytes each. The course's largest
	// file makes a thousand.
	maxEvents = 1 << 18
	// pageEvents is how many events a page has at most.
	pageEvents = 1000
)

// event is one tick.
type event struct {
	request    int64           // the customer's number of it
	clock      uint64          // after the event
	customer   int64           // the other side of what comes from a customer
	peer       ledger.BranchID // that of what goes to a peer or comes from one
	kind       bankv1.TraceEventKind
	withdrawal bool
}

// book is a clock by one of the rules, and its events.
type book struct {
	clock  uint64  // of the last event
	events []event // in their order, at most maxEvents of them
	missed uint64  // how many there was no room for
}

func (b *book) isFull() bool { return len(b.events) >= maxEvents }

// tick makes the clock later than it was, and than that of the message which arrives; 0
// for none. It records the event and returns its clock.
func (b *book) tick(message uint64, e event) uint64 {
	b.clock = max(b.clock, message) + 1
	e.clock = b.clock
	if b.isFull() {
		b.missed++
	} else {
		b.events = append(b.events, e)
	}
	return b.clock
}

// page returns the events that come after the first few.
func (b *book) page(after uint64) *bankv1.GetTraceResponse {
	from := min(after, uint64(len(b.events)))
	to := min(from+pageEvents, uint64(len(b.events)))
	page := &bankv1.GetTraceResponse{Next: to, Total: uint64(len(b.events)), Missed: b.missed}
	for _, e := range b.events[from:to] {
		page.Events = append(page.Events, &bankv1.TraceEvent{
			Request: e.request, Clock: e.clock, Kind: e.kind, Withdrawal: e.withdrawal, CustomerId: e.customer, Peer: uint32(e.peer),
		})
	}
	return page
}
