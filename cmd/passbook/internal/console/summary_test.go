package console

import (
	"bytes"
	"strings"
	"testing"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
)

// A summary tells how many events there are, and what is missing of them.
func TestTracesAreTold(t *testing.T) {
	customer1, branch1 := lamport.Process{Kind: lamport.Customer, ID: 1}, lamport.Process{Kind: lamport.Branch, ID: 1}
	sent := lamport.Event{Request: 1, Clock: 1, Operation: lamport.Deposit, Step: lamport.Sent, Peer: customer1}
	received := lamport.Event{Request: 1, Clock: 2, Operation: lamport.Deposit, Step: lamport.Received, Peer: customer1}
	for name, test := range map[string]struct {
		branch []lamport.Event
		want   []string
		gaps   bool
	}{
		"whole":     {[]lamport.Event{received}, []string{"Traced 2 events: 1 of customers, 1 of branches.\nWrote a, b.\n"}, false},
		"not whole": {nil, []string{"Traced 1 event: 1 of customers, 0 of branches.", "warning: the trace is not whole: ", "customer 1 at clock 1 sends request 1"}, true},
	} {
		var text bytes.Buffer
		c := &Console{Out: &text, Err: &text}
		trace := &lamport.Trace{
			Customers: []lamport.History{{Process: customer1, Events: []lamport.Event{sent}}}, Branches: []lamport.History{{Process: branch1, Events: test.branch}},
		}
		c.Summary(&customer.Report{Trace: trace}, nil, 1, []string{"a", "b"})
		c.Gaps(trace)
		for _, want := range test.want {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: %q, want %q", name, text.String(), want)
			}
		}
		if strings.Contains(text.String(), "warning") != test.gaps {
			t.Errorf("%s: %q", name, text.String())
		}
	}
	var text bytes.Buffer
	(&Console{Err: &text}).Gaps(nil)
	if text.Len() > 0 {
		t.Errorf("without a trace: %q", text.String())
	}
}
