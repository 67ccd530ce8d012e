// Package trace keeps the logical clocks of a branch (Lamport, Time, Clocks, and the
// Ordering of Events in a Distributed System, 1978), by the rules of the course that
// Passbook began as. A branch has them only if it is asked to.
//
// An event is what really happens to a message. A customer's request ticks when its call
// has come, before the engine gets it. An entry ticks for each peer when its link takes
// the frame with it: the engine's goroutine gives frames to the links, in the order of
// the peers' ids, and each link sends what it took in that order. At the peer, it ticks
// when it is applied, before the peer answers. What comes a second time ticks no more:
// a request under the same idempotency key, an entry for the same peer.
//
// The clocks travel in headers of the customer's call ([ClockHeader], [RequestHeader]),
// and in the stamps of frames (bank.v1.Stamp). Nothing else carries any: claims, grants,
// looks, queries and transfers are unknown to the course. Neither does an entry that
// another branch than its writer passes on, so it ticks only if its writer sends it, too.
//
// The ledger's own Lamport time is another one: it counts entries, and rules depend on it.
// These clocks no rule reads, so they are no part of the pure core.
//
//	trace.go  Recorder: what happens at the branch
//	peers.go  stamps for peers, and from them
//	book.go   one clock and its events
//
// It knows entries and frames. Services and links tell it what happens.
package trace

import (
	"net/http"
	"strconv"
	"sync"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Headers of a customer's call; in gRPC they are its metadata. A call that has neither is
// no event.
const (
	// ClockHeader is the customer's clock at the send.
	ClockHeader = "Passbook-Lamport"
	// RequestHeader is the customer's number of the request, which all events that the
	// request leads to have.
	RequestHeader = "Passbook-Customer-Request"
)

// maxCustomerClock bounds the clock of a customer's call. It is far below what a stamp may
// have (package link), so no customer can make this branch's stamps be refused.
const maxCustomerClock = 1 << 53

// Recorder records the events of a branch. A nil Recorder records nothing, and costs
// nothing.
type Recorder struct {
	self ledger.BranchID // the branch

	mu sync.Mutex // guards what follows
	// since2023 and of2020 are the clocks by the two rules.
	since2023, of2020 book
	// requests are those that came with a clock, by their idempotency keys, and own the
	// entries that they led to, by their sequences.
	requests map[string]*request
	own      map[uint64]*request
	peers    map[ledger.BranchID]*peer // those that a stamp has come from, or went to
}

// request is a customer's request.
type request struct {
	number     int64 // as the customer calls it
	withdrawal bool  // or else a deposit
	customer   int64 // who asked
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

// New returns the recorder of a branch.
func New(self ledger.BranchID) *Recorder {
	return &Recorder{self: self, requests: map[string]*request{}, own: map[uint64]*request{}, peers: map[ledger.BranchID]*peer{}}
}

// Asked records that a customer's write has come, if it came with a clock. It errs if the
// headers are malformed; then nothing has changed.
func (t *Recorder) Asked(h http.Header, e *ledger.Entry) error {
	if t == nil || h.Get(ClockHeader) == "" && h.Get(RequestHeader) == "" || e.Kind != ledger.Deposit && e.Kind != ledger.Withdrawal {
		return nil
	}
	clock, err := strconv.ParseUint(h.Get(ClockHeader), 10, 64)
	if err != nil || clock < 1 || clock > maxCustomerClock {
		return api.Inputf("the header %s must be the customer's clock, an integer from 1 to %d, got %.50q", ClockHeader, int64(maxCustomerClock), h.Get(ClockHeader))
	}
	number, err := strconv.ParseInt(h.Get(RequestHeader), 10, 64)
	if err != nil {
		return api.Inputf("the header %s must be the customer's number of the request, an integer, got %.50q", RequestHeader, h.Get(RequestHeader))
	}
	if e.RequestID == "" {
		return api.Fieldf("request_id", "a request with the header %s needs one, which ties it to its entry", ClockHeader)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.requests[e.RequestID] != nil {
		return nil // the same request, sent again
	}
	if t.isFull() {
		t.miss()
		return nil
	}
	r := &request{number: number, withdrawal: e.Kind == ledger.Withdrawal, customer: e.CustomerID, sent: map[ledger.BranchID]*sent{}}
	t.requests[e.RequestID] = r
	at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST)
	at.customer = r.customer
	t.since2023.tick(clock, at)
	t.of2020.tick(clock, at)
	return nil
}

// Answered records that a customer's write is answered with success, or for want of
// funds. Other errors are no answers that the course knows: the customer asks again.
func (t *Recorder) Answered(e *ledger.Entry, known bool) {
	if t == nil || !known {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.requests[e.RequestID]; r != nil && !r.answered {
		r.answered = true
		at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_RESPONSE)
		at.customer = r.customer
		t.of2020.tick(0, at)
	}
}

// Committed records what a commit has: the requests that are carried out, and what peers
// have sent. The engine calls it, before anything of that step leaves the branch.
func (t *Recorder) Committed(c *ledger.Commit) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range c.Batches {
		switch {
		case b.Batch == nil:
		case b.Span.Branch == t.self:
			t.recorded(b.Batch)
		default:
			t.applied(b.Batch)
		}
	}
}

// recorded records that entries of the branch's own are durable.
func (t *Recorder) recorded(b *ledger.Batch) {
	for i := range b.Entries {
		e := &b.Entries[i]
		if r := t.requests[e.RequestID]; r != nil && e.RequestID != "" {
			t.own[e.Sequence] = r
			r.executed = t.of2020.tick(0, r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_EXECUTED))
		}
	}
}

// event returns an event of a request.
func (r *request) event(kind bankv1.TraceEventKind) event {
	return event{request: r.number, withdrawal: r.withdrawal, kind: kind}
}

// isFull reports whether there is no room for what another request or entry would lead to.
// Those that were begun go on, and what has no room is counted.
func (t *Recorder) isFull() bool { return t.since2023.isFull() || t.of2020.isFull() }

// miss counts an event that there is no room for, in both books: neither trace is whole
// any more.
func (t *Recorder) miss() {
	t.since2023.missed++
	t.of2020.missed++
}

// Page returns the events after the first few, by one of the rules.
func (t *Recorder) Page(rules bankv1.ClockRules, after uint64) (*bankv1.GetTraceResponse, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &t.since2023
	switch rules {
	case bankv1.ClockRules_CLOCK_RULES_UNSPECIFIED, bankv1.ClockRules_CLOCK_RULES_2023:
	case bankv1.ClockRules_CLOCK_RULES_2020:
		b = &t.of2020
	default:
		return nil, api.Fieldf("rules", "%d is none of the rules", rules)
	}
	page := b.page(after)
	page.Branch = uint32(t.self)
	return page, nil
}
