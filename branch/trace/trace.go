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
// The clocks travel in headers of the customer's call ([ClockHeader] and those beside it),
// and in the stamps of frames (bank.v1.Stamp). Nothing else carries any: claims, grants,
// looks, queries and transfers are unknown to the course. Neither does an entry that
// another branch than its writer passes on, so it ticks only if its writer sends it, too.
//
// The ledger's own Lamport time is another one: it counts entries, and rules depend on it.
// No rule reads these clocks, so they are no part of the pure core.
//
//	trace.go    Recorder: what happens at the branch
//	headers.go  what a customer's call says
//	peers.go    stamps for peers, and from them
//	traces.go   the traces: their clocks, events and requests
//
// It knows entries and frames. Services and links tell it what happens.
package trace

import (
	"net/http"
	"sync"

	"passbook.example/passbook/branch/ledger"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Recorder records the events of a branch. A nil Recorder records nothing, and costs
// nothing.
type Recorder struct {
	self ledger.BranchID // the branch

	mu     sync.Mutex // guards what follows
	traces traces
	// own are the requests that entries of this branch carry out, by the entries'
	// sequences.
	own   map[uint64]*request
	peers map[ledger.BranchID]*peer // those that a stamp has come from, or went to
}

// New returns the recorder of a branch.
func New(self ledger.BranchID) *Recorder {
	return &Recorder{self: self, traces: newTraces(), own: map[uint64]*request{}, peers: map[ledger.BranchID]*peer{}}
}

// Asked records that a customer's write has come, if it came with a clock. It errs if the
// headers are malformed; then nothing has changed.
func (t *Recorder) Asked(h http.Header, e *ledger.Entry) error {
	if t == nil || !isTraced(h, e) {
		return nil
	}
	call, err := readHeaders(h, e)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.trace(call.trace)
	switch {
	case in.requests[e.RequestID] != nil: // the same request, sent again
		return nil
	case in.isFull():
		in.miss()
		return nil
	}
	r := &request{trace: in, number: call.number, withdrawal: e.Kind == ledger.Withdrawal, customer: e.CustomerID, sent: map[ledger.BranchID]*sent{}}
	in.requests[e.RequestID] = r
	t.traces.requests[e.RequestID] = r
	at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST)
	at.customer = r.customer
	in.since2023.tick(call.clock, at)
	in.of2020.tick(call.clock, at)
	return nil
}

// Answered records that a customer's write is answered, with success or for want of funds
// if known is set. Other errors are no answers that the course knows: the customer asks
// again.
func (t *Recorder) Answered(e *ledger.Entry, known bool) {
	if t == nil || !known {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.traces.requests[e.RequestID]; r != nil && !r.answered {
		r.answered = true
		at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_RESPONSE)
		at.customer = r.customer
		r.trace.of2020.tick(0, at)
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
		if r := t.traces.requests[e.RequestID]; r != nil {
			t.own[e.Sequence] = r
			r.executed = r.trace.of2020.tick(0, r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_EXECUTED))
		}
	}
}

// trace returns the trace of a name. If it is new, the oldest one may have to give way.
// The caller holds mu.
func (t *Recorder) trace(name string) *trace {
	in, gone := t.traces.of(name)
	if gone != nil {
		t.forget(gone)
	}
	return in
}

// forget forgets what belongs to a trace.
func (t *Recorder) forget(gone *trace) {
	for sequence, r := range t.own {
		if r.trace == gone {
			delete(t.own, sequence)
		}
	}
	for _, p := range t.peers {
		p.forget(gone)
	}
}

// Page returns the events of a trace after the first few, by one of the rules. It errs if
// there are no such rules.
func (t *Recorder) Page(req *bankv1.GetTraceRequest) (*bankv1.GetTraceResponse, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, err := t.traces.book(req)
	if err != nil {
		return nil, err
	}
	page := b.page(req.GetAfter())
	page.Branch = uint32(t.self)
	return page, nil
}
