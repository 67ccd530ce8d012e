package customer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxTraceEvents bounds the events that are taken from one branch, whatever it says.
const maxTraceEvents = 1 << 17

// ErrNoTrace says that a branch keeps no logical clock.
var ErrNoTrace = errors.New("keeps no logical clock; 'passbook serve --trace' starts it with one")

// Tracer fetches what the branches of an input record of a replay.
type Tracer struct {
	input *Input
	run   *run
	rules bankv1.ClockRules
	name  string
}

// NewTracer returns a tracer for a form of output, which says by which rules the clocks
// tick. Of the options it uses those that say how to call branches.
func NewTracer(input *Input, form OutputForm, options Options) *Tracer {
	t := &Tracer{input: input, run: newRun(options, 0), rules: bankv1.ClockRules_CLOCK_RULES_2023, name: rand.Text()}
	if form == Lamport2020 {
		t.rules = bankv1.ClockRules_CLOCK_RULES_2020
	}
	return t
}

// Name returns the name of the trace, for [Options.Trace]. It is random: each replay has
// clocks of its own, which begin at 0.
func (t *Tracer) Name() string { return t.name }

// Check is called before the replay. It returns [ErrNoTrace] if a branch keeps no clock,
// and another error if one can't be asked.
func (t *Tracer) Check(ctx context.Context) error {
	for _, b := range t.input.Branches {
		if _, err := t.page(ctx, b.ID, 0); err != nil {
			return err
		}
	}
	return nil
}

// Trace returns the trace of a replay: what its customers sent, as they recorded it, and
// what the branches have recorded.
func (t *Tracer) Trace(ctx context.Context, report *Report) (*lamport.Trace, error) {
	trace := &lamport.Trace{}
	if t.rules == bankv1.ClockRules_CLOCK_RULES_2020 {
		trace.Edition = lamport.Edition2020
	} else {
		for _, c := range report.Customers {
			trace.Customers = append(trace.Customers, lamport.History{
				Process: lamport.Process{Kind: lamport.Customer, ID: c.ID}, Events: c.Sent,
			})
		}
	}
	for _, b := range t.input.Branches {
		events, err := t.events(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		trace.Branches = append(trace.Branches, lamport.History{Process: branchProcess(b.ID), Events: events})
	}
	return trace, nil
}

// events returns what a branch has recorded.
func (t *Tracer) events(ctx context.Context, branch uint32) ([]lamport.Event, error) {
	var events []lamport.Event
	for after := uint64(0); ; {
		page, err := t.page(ctx, branch, after)
		if err != nil {
			return nil, err
		}
		if page.GetMissed() > 0 {
			return nil, fmt.Errorf("the trace of branch %d has gaps: it keeps %d events, and had no room for %d more; trace fewer requests at a time", branch, page.GetTotal(), page.GetMissed())
		}
		for _, e := range page.GetEvents() {
			event, err := t.event(e)
			if err != nil {
				return nil, fmt.Errorf("the trace of branch %d: %w", branch, err)
			}
			events = append(events, event)
		}
		if len(page.GetEvents()) == 0 || page.GetNext() <= after {
			return events, nil
		}
		if len(events) > maxTraceEvents {
			return nil, fmt.Errorf("the trace of branch %d has more than %d events, which is as many as are read", branch, maxTraceEvents)
		}
		after = page.GetNext()
	}
}

// page asks a branch for a page of its trace.
func (t *Tracer) page(ctx context.Context, branch uint32, after uint64) (*bankv1.GetTraceResponse, error) {
	s, err := t.run.stub(int64(branch))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.run.options.EventTimeout)
	defer cancel()
	page, err := s.client.GetTrace(ctx, &bankv1.GetTraceRequest{Rules: t.rules, After: after, Trace: t.name})
	if err == nil {
		return page, nil
	}
	failed := classify(err)
	if failed.Code == connect.CodeFailedPrecondition || failed.Code == connect.CodeUnimplemented {
		return nil, fmt.Errorf("branch %d at %s %w", branch, s.address, ErrNoTrace)
	}
	return nil, fmt.Errorf("the trace of branch %d at %s: %w", branch, s.address, failed)
}

// steps are the kinds of a branch's events as a trace has them, by the rules since 2023
// and by those of 2020.
var (
	steps2023 = map[bankv1.TraceEventKind]lamport.Step{
		bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST:  lamport.Received,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_SENT:     lamport.Sent,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED: lamport.Received,
	}
	steps2020 = map[bankv1.TraceEventKind]lamport.Step{
		bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST:           lamport.Request,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_EXECUTED:          lamport.Execute,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED:          lamport.PropagateRequest,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED_EXECUTED: lamport.PropagateExecute,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_ANSWERED:          lamport.PropagateResponse,
		bankv1.TraceEventKind_TRACE_EVENT_KIND_RESPONSE:          lamport.Response,
	}
)

var errClock = errors.New("a clock is too large")

// event converts an event of a branch.
func (t *Tracer) event(e *bankv1.TraceEvent) (lamport.Event, error) {
	if e.GetClock() > math.MaxInt64 {
		return lamport.Event{}, errClock
	}
	steps := steps2023
	if t.rules == bankv1.ClockRules_CLOCK_RULES_2020 {
		steps = steps2020
	}
	out := lamport.Event{Request: e.GetRequest(), Clock: int64(e.GetClock()), Operation: lamport.Deposit, Step: steps[e.GetKind()]}
	if out.Step == "" {
		return lamport.Event{}, fmt.Errorf("an event is of no known kind: %v", e.GetKind())
	}
	if e.GetWithdrawal() {
		out.Operation = lamport.Withdraw
	}
	switch {
	case t.rules == bankv1.ClockRules_CLOCK_RULES_2020: // whose events name no other process
	case e.GetPeer() != 0:
		out.Peer = branchProcess(e.GetPeer())
	default:
		out.Peer = lamport.Process{Kind: lamport.Customer, ID: e.GetCustomerId()}
	}
	return out, nil
}

func branchProcess(id uint32) lamport.Process {
	return lamport.Process{Kind: lamport.Branch, ID: int64(id)}
}
