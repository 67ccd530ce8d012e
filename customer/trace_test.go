package customer_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const branchesOf9 = `{"id":1,"type":"branch","balance":9},{"id":2,"type":"branch","balance":9}]`

// The dialect with logical clocks is read with the ids of its requests, whatever blanks
// are around its keys.
func TestReadRequests(t *testing.T) {
	in := readFile(t, "testdata/i4.json")
	want := []customer.Element{{ID: 1, Events: []customer.Event{{Interface: customer.Deposit, Amount: 7, Branch: 1, HasID: true, ID: 1, Line: 6}}}}
	if diff := cmp.Diff(want, in.Customers); diff != "" {
		t.Errorf("customers (-want +got):\n%s", diff)
	}
	if in.Form != customer.Lamport || len(in.Ignored) > 0 {
		t.Errorf("form %q, ignored keys %q", in.Form, in.Ignored)
	}
	in = read(t, `[{"id":1,"type":"customer","customer-requests ":[{" customer-requests":-3,"interface":"withdraw","money":7}]},`+branchesOf9)
	if e := in.Customers[0].Events[0]; e.ID != -3 || !e.HasID {
		t.Errorf("the id is %d, %t", e.ID, e.HasID)
	}
}

// A customer's clock ticks once for each deposit and withdrawal that is sent, however
// often; a customer who comes back has the same clock. Queries and transfers, and events
// that can't be sent, are none.
func TestCustomersClocks(t *testing.T) {
	in := read(t, `[{"id":1,"type":"customer","customer-requests":[
{"customer-request-id":11,"interface":"deposit","money":1},{"customer-request-id":12,"interface":"query"},
{"customer-request-id":13,"interface":"deposit","money":1,"branch":7},{"customer-request-id":14,"interface":"withdraw","money":500}]},
{"id":2,"type":"customer","customer-requests":[{"customer-request-id":15,"interface":"transfer","money":1,"to":"a"},{"customer-request-id":16,"interface":"withdraw","money":1}]},
{"id":1,"type":"customer","customer-requests":[{"customer-request-id":17,"interface":"deposit","money":1}]},`+branchesOf9)
	for traced, want := range map[bool][]string{
		true: {"1 11", "1 11", "2 14", " ", "1 16", "3 17"}, false: {" ", " ", " ", " ", " ", " "},
	} {
		synctest.Test(t, func(t *testing.T) {
			bank := newFakeBank(in)
			bank.executed = func(_ context.Context, call int) error {
				if call == 1 {
					return connect.NewError(connect.CodeUnavailable, errors.New("the reply is lost"))
				}
				return nil
			}
			options := serve(t, bank, in).options(in)
			options.Trace = map[bool]string{true: "trace"}[traced]
			report := replay(t, in, options)
			if diff := cmp.Diff(want, bank.clocks); diff != "" {
				t.Errorf("traced %t: headers (-want +got):\n%s", traced, diff)
			}
			var sent []int64
			for _, c := range report.Customers {
				for _, e := range c.Sent {
					sent = append(sent, e.Request, e.Clock)
				}
			}
			wantSent := map[bool][]int64{true: {11, 1, 14, 2, 16, 1, 17, 3}}[traced]
			if diff := cmp.Diff(wantSent, sent); diff != "" {
				t.Errorf("traced %t: sent (-want +got):\n%s", traced, diff)
			}
		})
	}
}

// Requests have the ids of the file where these tell them apart, or the dialect gives
// each one; otherwise they are counted.
func TestRequestsAreNumbered(t *testing.T) {
	for name, test := range map[string]struct {
		customers string
		want      []string
		doubt     string
	}{
		"events": {
			`{"id":1,"type":"customer","events":[{"id":4,"interface":"query"},{"id":5,"interface":"deposit","money":1},{"id":3,"interface":"deposit","money":1}]},`,
			[]string{"1 5", "2 3"}, "",
		},
		"a query has the same id": {
			`{"id":1,"type":"customer","events":[{"id":5,"interface":"query"},{"id":5,"interface":"deposit","money":1}]},`,
			[]string{"1 5"}, "",
		},
		"without ids": {
			`{"id":1,"type":"customer","events":[{"id":7,"interface":"deposit","money":1},{"interface":"deposit","money":1}]},`,
			[]string{"1 1", "2 2"}, "input.json:1: this request has no id, so the trace numbers all requests in file order, from 1",
		},
		"with ids that are no integers": {
			`{"id":1,"type":"customer","events":[{"id":"a","interface":"deposit","money":1}]},`,
			[]string{"1 1"}, "input.json:1: this request has no id, so the trace numbers all requests in file order, from 1",
		},
		"with ids that repeat": {
			`{"id":1,"type":"customer","events":[{"id":9,"interface":"deposit","money":1}]},` + "\n" + `{"id":2,"type":"customer","events":[{"id":9,"interface":"deposit","money":1}]},`,
			[]string{"1 1", "1 2"}, "input.json:2: the id 9 occurs before, on line 1, so the trace numbers all requests in file order, from 1",
		},
		"requests with ids that repeat": {
			`{"id":1,"type":"customer","customer-requests":[{"customer-request-id":9,"interface":"deposit","money":1}]},` + "\n" + `{"id":2,"type":"customer","customer-requests":[{"customer-request-id":9,"interface":"deposit","money":1}]},`,
			[]string{"1 9", "1 9"}, "input.json:2: the id 9 occurs before, on line 1: the trace can't tell these requests apart",
		},
	} {
		in := read(t, "["+test.customers+branchesOf9)
		synctest.Test(t, func(t *testing.T) {
			bank := newFakeBank(in)
			options := serve(t, bank, in).options(in)
			options.Trace = "trace"
			replay(t, in, options)
			if diff := cmp.Diff(test.want, bank.clocks); diff != "" {
				t.Errorf("%s: headers (-want +got):\n%s", name, diff)
			}
		})
		if got := strings.Join(in.TraceDoubts(), "\n"); got != test.doubt {
			t.Errorf("%s: doubts %q, want %q", name, got, test.doubt)
		}
	}
}

// pages answers GetTrace with events, some to a page, as a branch does.
func pages(each int, events ...*bankv1.TraceEvent) func(uint32, *bankv1.GetTraceRequest) *bankv1.GetTraceResponse {
	return func(branch uint32, r *bankv1.GetTraceRequest) *bankv1.GetTraceResponse {
		from := min(int(min(r.GetAfter(), math.MaxInt32)), len(events))
		to := min(from+each, len(events))
		return &bankv1.GetTraceResponse{Branch: branch, Events: events[from:to], Next: uint64(to), Total: uint64(len(events))}
	}
}

// What branches record becomes a trace, by the rules that the form asks for.
func TestTracesAreFetched(t *testing.T) {
	in := read(t, "["+branchesOf9)
	received := bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED
	for form, test := range map[customer.OutputForm]struct {
		rules bankv1.ClockRules
		want  []lamport.Event
	}{
		customer.LamportParts: {bankv1.ClockRules_CLOCK_RULES_2023, []lamport.Event{
			{Request: 3, Clock: 4, Operation: lamport.Withdraw, Step: lamport.Received, Peer: lamport.Process{Kind: lamport.Branch, ID: 2}},
			{Request: 4, Clock: 5, Operation: lamport.Deposit, Step: lamport.Received, Peer: lamport.Process{Kind: lamport.Customer, ID: 1}},
		}},
		customer.Lamport2020: {bankv1.ClockRules_CLOCK_RULES_2020, []lamport.Event{
			{Request: 3, Clock: 4, Operation: lamport.Withdraw, Step: lamport.PropagateRequest},
			{Request: 4, Clock: 5, Operation: lamport.Deposit, Step: lamport.Request},
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			bank, name := newFakeBank(in), ""
			var recorded []*bankv1.TraceEvent
			bank.trace = func(branch uint32, r *bankv1.GetTraceRequest) *bankv1.GetTraceResponse {
				if r.GetRules() != test.rules || r.GetTrace() != name {
					t.Errorf("%s: asked for %v of %q", form, r.GetRules(), r.GetTrace())
				}
				return pages(1, recorded...)(branch, r)
			}
			tracer := customer.NewTracer(in, form, serve(t, bank, in).options(in))
			name = tracer.Name()
			if err := tracer.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			recorded = append(recorded, &bankv1.TraceEvent{Request: 3, Clock: 4, Kind: received, Peer: 2, Withdrawal: true},
				&bankv1.TraceEvent{Request: 4, Clock: 5, Kind: bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST, CustomerId: 1})
			trace, err := tracer.Trace(t.Context(), &customer.Report{})
			if err != nil {
				t.Fatal(err)
			}
			for i, h := range trace.Branches {
				if diff := cmp.Diff(test.want, h.Events, cmp.Comparer(func(a, b lamport.Event) bool { return a == b })); diff != "" || h.ID != int64(i+1) {
					t.Errorf("%s: %v (-want +got):\n%s", form, h.Process, diff)
				}
			}
		})
	}
}

// A branch that keeps no clock, and one that says nonsense, is named.
func TestTracesThatCantBeFetched(t *testing.T) {
	in := read(t, "["+branchesOf9)
	for want, trace := range map[string]func(uint32, *bankv1.GetTraceRequest) *bankv1.GetTraceResponse{
		"branch 1 at http://branch-1 keeps no logical clock": nil,
		"the trace of branch 1 has gaps: it keeps 5 events, and had no room for 7 more; trace fewer requests at a time": func(uint32, *bankv1.GetTraceRequest) *bankv1.GetTraceResponse {
			return &bankv1.GetTraceResponse{Total: 5, Missed: 7}
		},
		"the trace of branch 1: an event is of no known kind: TRACE_EVENT_KIND_EXECUTED": pages(1, &bankv1.TraceEvent{Kind: bankv1.TraceEventKind_TRACE_EVENT_KIND_EXECUTED}),
		"the trace of branch 1: a clock is too large":                                    pages(1, &bankv1.TraceEvent{Clock: math.MaxUint64}),
		"the trace of branch 1 has more than 131072 events": func(_ uint32, r *bankv1.GetTraceRequest) *bankv1.GetTraceResponse {
			events := make([]*bankv1.TraceEvent, 1<<15)
			for i := range events {
				events[i] = &bankv1.TraceEvent{Kind: bankv1.TraceEventKind_TRACE_EVENT_KIND_SENT, Peer: 2}
			}
			return &bankv1.GetTraceResponse{Events: events, Next: r.GetAfter() + 1}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			bank := newFakeBank(in)
			bank.trace = trace
			tracer := customer.NewTracer(in, customer.Lamport, serve(t, bank, in).options(in))
			if err := tracer.Check(t.Context()); (trace == nil) != errors.Is(err, customer.ErrNoTrace) {
				t.Errorf("Check: %v", err)
			}
			_, err := tracer.Trace(t.Context(), &customer.Report{})
			if !strings.Contains(errorText(err), want) {
				t.Errorf("error %q, want %q", errorText(err), want)
			}
		})
	}
}

// An output is one file, or three beside each other.
func TestOutputFiles(t *testing.T) {
	for path, want := range map[string][]string{
		"a/out.json": {"a/out-1-customers.json", "a/out-2-branches.json", "a/out-3-events.json"},
		"out":        {"out-1-customers.json", "out-2-branches.json", "out-3-events.json"},
	} {
		if diff := cmp.Diff(want, customer.OutputFiles(path, customer.LamportParts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if diff := cmp.Diff([]string{path}, customer.OutputFiles(path, customer.Lamport)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	traced := &customer.Report{Trace: &lamport.Trace{Branches: []lamport.History{{Process: lamport.Process{Kind: lamport.Branch, ID: 7}}}}, Spelling: lamport.Propagate}
	dir := t.TempDir()
	if err := customer.WriteOutput(filepath.Join(dir, "o.json"), traced, customer.LamportParts); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"o-1-customers.json": "[]\n", "o-2-branches.json": "[\n{\"id\": 7, \"type\": \"branch\", \"events\": []}\n]\n", "o-3-events.json": "[]\n"}
	checkDirectory(t, dir, want)
	if err := customer.WriteOutput(filepath.Join(dir, "o.json"), &customer.Report{}, customer.LamportParts); err == nil {
		t.Error("an output without a trace: no error")
	}
	if err := customer.WriteOutput(filepath.Join(dir, "none", "o.json"), traced, customer.LamportParts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an output into no directory: %v", err)
	}
	checkDirectory(t, dir, want)
}

// The form of the project on monotonic writes has the queries, under their ids.
func TestMonotonicWrites(t *testing.T) {
	in := readFile(t, "../examples/monotonic-writes.json")
	if in.Form != customer.Consistency || !in.WritesElsewhere() {
		t.Errorf("form %q, writes elsewhere %t", in.Form, in.WritesElsewhere())
	}
	report := &customer.Report{Events: 3, Customers: []customer.Results{{ID: 1, Received: []customer.Received{
		{ID: 3, Interface: customer.Deposit, Outcome: customer.Succeeded, Balance: 1},
		{ID: 9, Interface: customer.Query, Outcome: customer.Succeeded},
		{ID: 4, Interface: customer.Query, Outcome: customer.Failed, Err: errors.New("unreachable")},
	}}}}
	got, err := customer.Encode(report, customer.MonotonicWrites)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":9,"balance":0},{"id":4,"result":"fail","error":"unreachable"}]`
	if diff := cmp.Diff(want, strings.NewReplacer("\n", "", " ", "").Replace(string(got))); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if read(t, `[{"id":1,"type":"customer","events":[{"interface":"deposit","money":1,"branch":2},{"interface":"query","branch":1}]},`+branchesOf9).WritesElsewhere() {
		t.Error("a customer who writes at one branch: writes elsewhere")
	}
}
