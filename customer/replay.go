package customer

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"passbook.example/passbook/branch/port"
	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const (
	// defaultEventTimeout is how long one event may take, all attempts included.
	defaultEventTimeout = 15 * time.Second
	// concurrentCustomers is how many customers are in flight at once at most.
	concurrentCustomers = 64
)

// Options says how to replay.
type Options struct {
	// Address returns the base URL of a branch, such as http://127.0.0.1:50057;
	// empty if the branch does not exist. It must not be nil.
	Address func(branch uint32) string
	// Concurrent lets all customers run at once. Each one's writes stay in
	// order, and all queries come after every customer's writes, so that each
	// shows the final balance.
	Concurrent bool
	// Progress, if not nil, is told after each event how many are done. It is
	// called by one goroutine at a time.
	Progress func(done, total int)
	// Waiting, if not nil, is told of a branch for which an event has been waiting
	// for 1.5 seconds, at most once a minute for each branch. It is called by one
	// goroutine at a time, and not while Progress is.
	Waiting func(Waiting)
	// Sends, Receives and Attempted, if not nil, are told of each event that a
	// customer sends and what it receives, and of each attempt to call a branch.
	// They are called by many goroutines at once.
	Sends     func(customer int64, e Event)
	Receives  func(customer int64, e Event, r Received)
	Attempted func(Attempt)
	// GivenUp, if not nil, returns why an event at a branch is to fail without
	// being sent, because somebody has waited for that branch already; nil if it is
	// to be sent.
	GivenUp func(branch uint32, event Interface) error
	// Trace, unless empty, makes each customer keep a logical clock, which ticks at each
	// deposit and withdrawal that it sends, and travels with it, under the name of the
	// trace. A [Tracer] has one, and fetches what the branches make of that.
	Trace string
	// FailFast stops the replay at the first event that fails. Events don't wait for
	// a branch that refuses connections then.
	FailFast bool
	// Acknowledge says when a write counts as done.
	Acknowledge bankv1.Acknowledge
	// EventTimeout is how long one event may take, all attempts included; 0
	// means 15 seconds.
	EventTimeout time.Duration
	// HTTPClient makes the calls; nil means one of [NewHTTPClient].
	HTTPClient *http.Client
}

func (o Options) withDefaults() Options {
	if o.EventTimeout == 0 {
		o.EventTimeout = defaultEventTimeout
	}
	if o.HTTPClient == nil {
		o.HTTPClient = NewHTTPClient()
	}
	return o
}

// NewHTTPClient returns a client for calls to branches over HTTP/2, also
// without TLS. All calls to a branch share one connection.
func NewHTTPClient() *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	dialer := net.Dialer{Timeout: 3 * time.Second, Control: port.Share}
	return &http.Client{Transport: &http.Transport{
		Protocols:       &protocols,
		DialContext:     dialer.DialContext,
		MaxIdleConns:    256,
		IdleConnTimeout: 30 * time.Second,
		// Without pings a frozen branch would hold a call until its deadline, and
		// every later call on the same connection too.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// Report is the outcome of a replay.
type Report struct {
	// Customers has a value for each customer element, in file order.
	Customers []Results
	// Events is how many there are in all. After a replay that was not stopped,
	// it is the sum of the three below.
	Events int
	// Succeeded, Refused and Failed count the outcomes.
	Succeeded, Refused, Failed int
	// Failures are the events that failed by name, in file order.
	Failures []Failure
	// Stopped are the writes that had no answer yet when the replay was stopped,
	// and may have been recorded, in file order.
	Stopped []Failure
	// Duration is how long the replay took.
	Duration time.Duration
	// Trace is what a Tracer made of a traced replay; nil before. Spelling says how the
	// output spells propagations; empty for as the hand-out does.
	Trace    *lamport.Trace
	Spelling lamport.Spelling
}

// Results is what one customer element received.
type Results struct {
	ID int64
	// Received has a value for each event, in file order.
	Received []Received
	// Sent has what a traced replay sent, in order.
	Sent []lamport.Event
}

// Failure is an event that failed by name, or whose outcome is not known.
type Failure struct {
	// File and Line are the event's place in the input.
	File string
	Line int
	// Customer is the customer's id; Event is the event's number in its
	// element, from 1.
	Customer  int64
	Event     int
	Interface Interface
	Err       error
}

// String returns the failure in one line.
func (f Failure) String() string {
	return fmt.Sprintf("%s:%d: customer %d, event %d (%s): %v", f.File, f.Line, f.Customer, f.Event, f.Interface, f.Err)
}

// Replay executes all events of an input: by default one customer after the
// other, in file order. An event that is refused or fails does not stop the
// others. When ctx ends first, or with Options.FailFast, Replay returns the report
// of what was done so far together with an error.
func Replay(ctx context.Context, input *Input, options Options) (*Report, error) {
	started := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := newRun(options, input.Events())
	r.stop = stop
	if options.HTTPClient == nil {
		defer r.options.HTTPClient.CloseIdleConnections()
	}
	customers := make([]*Customer, len(input.Customers))
	numbers := make([][]int64, len(input.Customers))
	if options.Trace != "" {
		numbers = input.numbers()
	}
	for i, c := range input.Customers {
		customers[i] = r.customer(i+1, c, numbers[i])
	}
	if options.Concurrent {
		concurrently(ctx, customers)
	} else {
		sequentially(ctx, customers)
	}
	report := newReport(input, customers)
	report.Duration = time.Since(started)
	if r.done < r.total {
		return report, fmt.Errorf("stopped after %d of %d events: %w", r.done, r.total, context.Cause(ctx))
	}
	return report, nil
}

// sequentially runs one customer after the other.
func sequentially(ctx context.Context, customers []*Customer) {
	for _, c := range customers {
		if c.ExecuteEvents(ctx) != nil {
			return
		}
	}
}

// concurrently runs all writes and then all queries. Elements of the same
// customer stay one after the other: it is one customer, who comes back.
func concurrently(ctx context.Context, customers []*Customer) {
	var order []int64
	elements := make(map[int64][]*Customer)
	for _, c := range customers {
		if elements[c.input.ID] == nil {
			order = append(order, c.input.ID)
		}
		elements[c.input.ID] = append(elements[c.input.ID], c)
	}
	write := func(e Event) bool { return e.Interface != Query }
	query := func(e Event) bool { return e.Interface == Query }
	for _, wanted := range []func(Event) bool{write, query} {
		var running sync.WaitGroup
		slots := make(chan struct{}, concurrentCustomers)
		for _, id := range order {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				for _, c := range elements[id] {
					if c.execute(ctx, wanted) != nil {
						return
					}
				}
			})
		}
		running.Wait()
	}
}

// newReport gathers what the customers received.
func newReport(input *Input, customers []*Customer) *Report {
	report := &Report{Customers: make([]Results, len(customers)), Events: input.Events()}
	for i, c := range customers {
		report.Customers[i] = Results{ID: c.input.ID, Received: c.Received(), Sent: c.sent}
		for j, r := range c.received {
			failure := Failure{
				File: input.Name, Line: c.input.Events[j].Line,
				Customer: c.input.ID, Event: j + 1, Interface: r.Interface, Err: r.Err,
			}
			switch {
			case r.Outcome == Succeeded:
				report.Succeeded++
			case r.Outcome == Refused:
				report.Refused++
			case r.Outcome == Failed:
				report.Failed++
				report.Failures = append(report.Failures, failure)
			case r.Err != nil:
				report.Stopped = append(report.Stopped, failure)
			}
		}
	}
	return report
}
