package trace

import (
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const (
	// maxTraces is how many traces a branch keeps: one more, and the oldest is forgotten.
	maxTraces = 16
	// maxEvents bounds the events of a trace by each of the rules, 48 bytes each. The
	// course's official file makes 400, at all branches together.
	maxEvents = 1 << 16
	// pageEvents is how many events a page has at most.
	pageEvents = 1000
)

// traces are those of a branch.
type traces struct {
	named map[string]*trace
	// order has them by age, the oldest first.
	order []*trace
	// requests are those of all traces, by their idempotency keys.
	requests map[string]*request
}

func newTraces() traces {
	return traces{named: map[string]*trace{}, requests: map[string]*request{}}
}

// of returns the trace of a name. If there is none, it begins; then gone is the trace that
// gives way to it, or nil.
func (ts *traces) of(name string) (in, gone *trace) {
	if in := ts.named[name]; in != nil {
		return in, nil
	}
	if len(ts.order) == maxTraces {
		gone = ts.order[0]
		ts.order = ts.order[1:]
		delete(ts.named, gone.name)
		for id := range gone.requests {
			delete(ts.requests, id)
		}
	}
	in = &trace{name: name, requests: map[string]*request{}}
	ts.named[name] = in
	ts.order = append(ts.order, in)
	return in, gone
}

// book returns the book that a request asks for; an empty one for a trace that there is
// none of.
func (ts *traces) book(req *bankv1.GetTraceRequest) (*book, error) {
	in := ts.named[req.GetTrace()]
	if in == nil {
		in = &trace{}
	}
	switch req.GetRules() {
	case bankv1.ClockRules_CLOCK_RULES_UNSPECIFIED, bankv1.ClockRules_CLOCK_RULES_2023:
		return &in.since2023, nil
	case bankv1.ClockRules_CLOCK_RULES_2020:
		return &in.of2020, nil
	}
	return nil, api.Fieldf("rules", "%d is none of the rules", req.GetRules())
}

// trace is what customers have traced under one name.
type trace struct {
	name string
	// since2023 and of2020 are the clocks by the two rules.
	since2023, of2020 book
	// requests are those of this branch's customers, by their idempotency keys.
	requests map[string]*request
}

// isFull reports whether there is no room for what another request or entry would lead to.
// Those that were begun go on, and what has no room is counted.
func (in *trace) isFull() bool { return in.since2023.isFull() || in.of2020.isFull() }

// miss counts an event that there is no room for, by both rules: neither book is whole any
// more.
func (in *trace) miss() {
	in.since2023.missed++
	in.of2020.missed++
}

// request is a customer's request.
type request struct {
	trace      *trace // which it belongs to
	number     int64  // as the customer calls it
	withdrawal bool   // or else a deposit
	customer   int64  // who asked
	// executed is the clock of 2020 when it was recorded.
	executed uint64
	answered bool // the customer has had an answer
	// sent has the peers that it was sent to.
	sent map[ledger.BranchID]*sent
}

// sent is an entry on its way to a peer.
type sent struct {
	clock    uint64 // of the send
	answered bool   // the peer has answered
}

// event returns an event of the request.
func (r *request) event(kind bankv1.TraceEventKind) event {
	return event{request: r.number, withdrawal: r.withdrawal, kind: kind}
}

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
