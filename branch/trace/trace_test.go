package trace_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/trace"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// bank has the recorders of branches 1 to 3, and no branches: a test says what happens.
type bank struct {
	t         *testing.T
	recorders map[ledger.BranchID]*trace.Recorder
	// sequences are the last of each journal.
	sequences map[ledger.BranchID]uint64
}

func newBank(t *testing.T) *bank {
	b := &bank{t: t, recorders: map[ledger.BranchID]*trace.Recorder{}, sequences: map[ledger.BranchID]uint64{}}
	for id := ledger.BranchID(1); id <= 3; id++ {
		b.recorders[id] = trace.New(id)
	}
	return b
}

// headers are those of a traced call.
func headers(clock, number, name string) http.Header {
	h := http.Header{}
	for key, value := range map[string]string{trace.ClockHeader: clock, trace.RequestHeader: number, trace.NameHeader: name} {
		if value != "" {
			h.Set(key, value)
		}
	}
	return h
}

// ask makes a customer ask a branch for a deposit, under an idempotency key.
func (b *bank) ask(at ledger.BranchID, key string, h http.Header) {
	b.t.Helper()
	if err := b.recorders[at].Asked(h, &ledger.Entry{Kind: ledger.Deposit, RequestID: key, CustomerID: 70 + int64(at)}); err != nil {
		b.t.Fatal(err)
	}
}

// commit makes a branch record the deposits of requests, and returns the batch.
func (b *bank) commit(at ledger.BranchID, keys ...string) *ledger.Sealed {
	batch := &ledger.Batch{Branch: at, Epoch: 1, FirstSequence: b.sequences[at] + 1}
	for _, key := range keys {
		b.sequences[at]++
		batch.Entries = append(batch.Entries, ledger.Entry{Sequence: b.sequences[at], Clock: b.sequences[at], RequestID: key, Kind: ledger.Deposit, Account: "a", Amount: 1})
	}
	sealed := ledger.NewSealed(batch)
	b.apply(at, sealed)
	return sealed
}

// apply makes a branch commit a batch, its own or a peer's.
func (b *bank) apply(at ledger.BranchID, s *ledger.Sealed) {
	b.recorders[at].Committed(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: s}}})
}

// send makes a branch send a batch to a peer, and returns the stamps.
func (b *bank) send(from, to ledger.BranchID, s *ledger.Sealed) []*bankv1.Stamp {
	return b.recorders[from].Sending(to, &protocol.Frame{Outlines: []*ledger.Outline{&s.Outline}})
}

// deliver makes a peer receive a batch with its stamps, and apply it.
func (b *bank) deliver(from, to ledger.BranchID, s *ledger.Sealed, stamps []*bankv1.Stamp) {
	b.recorders[to].Received(from, stamps, s.Span.First-1)
	b.apply(to, s)
}

// ack makes a peer send its ack, which answers, to the writer.
func (b *bank) ack(from, to ledger.BranchID) []*bankv1.Stamp {
	stamps := b.recorders[from].Sending(to, &protocol.Frame{Ack: &protocol.Ack{Applied: b.sequences[to]}})
	b.recorders[to].Received(from, stamps, 0)
	return stamps
}

var kinds = map[bankv1.TraceEventKind]string{
	bankv1.TraceEventKind_TRACE_EVENT_KIND_REQUEST: "request", bankv1.TraceEventKind_TRACE_EVENT_KIND_SENT: "sent to",
	bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED: "received from", bankv1.TraceEventKind_TRACE_EVENT_KIND_EXECUTED: "executed",
	bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED_EXECUTED: "executed that of", bankv1.TraceEventKind_TRACE_EVENT_KIND_ANSWERED: "answered by",
	bankv1.TraceEventKind_TRACE_EVENT_KIND_RESPONSE: "response",
}

// check compares the events of a branch with lines such as "3: sent to 2 (7)": the clock,
// what happened, and the number of the request.
func (b *bank) check(at ledger.BranchID, rules bankv1.ClockRules, name string, want ...string) {
	b.t.Helper()
	page, err := b.recorders[at].Page(&bankv1.GetTraceRequest{Rules: rules, Trace: name})
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, e := range page.GetEvents() {
		got = append(got, fmt.Sprintf("%d: %s %d (%d)", e.GetClock(), kinds[e.GetKind()], max(int64(e.GetPeer()), e.GetCustomerId()), e.GetRequest()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("branch %d, %v of trace %q (-want +got):\n%s", at, rules, name, diff)
	}
	if page.GetBranch() != uint32(at) || page.GetNext() != uint64(len(got)) || page.GetTotal() != uint64(len(got)) || page.GetMissed() != 0 {
		b.t.Errorf("page %v", page)
	}
}

const (
	since2023 = bankv1.ClockRules_CLOCK_RULES_2023
	of2020    = bankv1.ClockRules_CLOCK_RULES_2020
)

// A deposit's life, by both rules.
func TestARequestTicks(t *testing.T) {
	b := newBank(t)
	b.ask(1, "key", headers("5", "7", ""))
	s := b.commit(1, "key")
	for to := ledger.BranchID(2); to <= 3; to++ {
		b.deliver(1, to, s, b.send(1, to, s))
	}
	b.ack(2, 1)
	b.ack(3, 1)
	b.recorders[1].Answered(&ledger.Entry{RequestID: "key"}, true)
	b.check(1, since2023, "", "6: request 71 (7)", "7: sent to 2 (7)", "8: sent to 3 (7)")
	b.check(2, since2023, "", "8: received from 1 (7)")
	b.check(3, since2023, "", "9: received from 1 (7)")
	b.check(1, of2020, "", "6: request 71 (7)", "7: executed 0 (7)", "10: answered by 2 (7)", "11: answered by 3 (7)", "12: response 71 (7)")
	b.check(2, of2020, "", "8: received from 1 (7)", "9: executed that of 1 (7)")
	b.check(1, since2023, "another")
}

// What comes again ticks no more: a request, an entry to the same peer, its receipt, its
// answer. An entry that is sent again has the stamp that it had.
func TestNothingTicksTwice(t *testing.T) {
	b := newBank(t)
	b.ask(1, "key", headers("1", "7", ""))
	b.ask(1, "key", headers("1", "7", ""))
	s := b.commit(1, "key")
	first := b.send(1, 2, s)
	b.ask(1, "other", headers("9", "8", ""))
	again := b.send(1, 2, s)
	if len(first) != 1 || len(again) != 1 || first[0].GetClock() != 3 || again[0].GetClock() != 3 {
		t.Errorf("stamps %v and %v, want clock 3 twice", first, again)
	}
	b.deliver(1, 2, s, first)
	b.recorders[2].Received(1, again, 1)
	if answers := b.ack(2, 1); len(answers) != 2 {
		t.Errorf("%d answers, want one for each time that it came", len(answers))
	}
	b.recorders[1].Answered(&ledger.Entry{RequestID: "key"}, false) // the customer asks again
	b.recorders[1].Answered(&ledger.Entry{RequestID: "key"}, true)
	b.recorders[1].Answered(&ledger.Entry{RequestID: "key"}, true)
	b.check(1, since2023, "", "2: request 71 (7)", "3: sent to 2 (7)", "10: request 71 (8)")
	b.check(2, since2023, "", "4: received from 1 (7)")
	b.check(1, of2020, "", "2: request 71 (7)", "3: executed 0 (7)", "10: request 71 (8)", "11: answered by 2 (7)", "12: response 71 (7)")
	b.check(2, of2020, "", "4: received from 1 (7)", "5: executed that of 1 (7)")
}

// An entry that comes early ticks when it is applied, and one that somebody else has
// passed on before, when its writer's message comes.
func TestReceiptsTickOnceTheEntryIsApplied(t *testing.T) {
	b := newBank(t)
	b.ask(1, "one", headers("1", "1", ""))
	b.ask(1, "two", headers("2", "2", ""))
	one, two := b.commit(1, "one"), b.commit(1, "two")
	b.recorders[2].Received(1, b.send(1, 2, two), 0)
	b.check(2, since2023, "")
	b.deliver(1, 2, one, b.send(1, 2, one))
	b.apply(2, two)
	b.check(2, since2023, "", "6: received from 1 (1)", "7: received from 1 (2)")

	stamps := b.send(1, 3, one)
	b.apply(3, one) // passed on by branch 2, without a stamp
	if passed := b.recorders[2].Sending(3, &protocol.Frame{Outlines: []*ledger.Outline{&one.Outline}}); len(passed) > 0 {
		t.Errorf("branch 2 stamps what it passes on: %v", passed)
	}
	b.check(3, since2023, "")
	b.recorders[3].Received(1, stamps, 1)
	b.check(3, since2023, "", "7: received from 1 (1)")
}

// Only customers' deposits and withdrawals tick that come with a clock.
func TestOthersDontTick(t *testing.T) {
	b := newBank(t)
	for _, e := range []ledger.Entry{{Kind: ledger.Transfer, RequestID: "t"}, {Kind: ledger.Bulk, RequestID: "b"}, {Kind: ledger.Grant}} {
		if err := b.recorders[1].Asked(headers("1", "1", ""), &e); err != nil {
			t.Error(err)
		}
	}
	b.ask(1, "untraced", http.Header{})
	s := b.commit(1, "t", "b", "", "untraced")
	if stamps := b.send(1, 2, s); len(stamps) > 0 {
		t.Errorf("stamps %v", stamps)
	}
	// Stamps in another branch's name, and answers to nothing, mean nothing.
	b.recorders[2].Received(1, []*bankv1.Stamp{{Branch: 3, Sequence: 1, Clock: 9}, {Branch: 2, Sequence: 1, Clock_2020: 9}}, 5)
	b.deliver(1, 2, s, nil)
	for id := range b.recorders {
		b.check(id, since2023, "")
		b.check(id, of2020, "")
	}
}

// Traces have clocks of their own. The sixteenth after it makes the branch forget one.
func TestTracesAreApart(t *testing.T) {
	b := newBank(t)
	b.ask(1, "a", headers("1", "7", "first"))
	b.ask(1, "b", headers("4", "7", "second"))
	s := b.commit(1, "a", "b")
	b.deliver(1, 2, s, b.send(1, 2, s))
	b.check(1, since2023, "first", "2: request 71 (7)", "3: sent to 2 (7)")
	b.check(2, since2023, "second", "7: received from 1 (7)")
	for i := range 15 {
		b.ask(1, fmt.Sprint(i), headers("1", "7", fmt.Sprint("later", i)))
	}
	b.check(1, since2023, "first")
	if stamps := b.send(1, 3, s); len(stamps) != 1 || stamps[0].GetTrace() != "second" {
		t.Errorf("stamps %v, want that of the second trace", stamps)
	}
	b.check(1, since2023, "later14", "2: request 71 (7)")
}

// Headers that make no sense are refused, and nothing ticks.
func TestHeadersThatAreRefused(t *testing.T) {
	for want, test := range map[string]struct {
		header http.Header
		key    string
	}{
		"Passbook-Lamport must be the customer's clock, an integer from 1 to 9007199254740992, got \"\"":  {headers("", "1", ""), "k"},
		"Passbook-Lamport must be the customer's clock, an integer from 1 to 9007199254740992, got \"0\"": {headers("0", "1", ""), "k"},
		"got \"9007199254740993\"": {headers("9007199254740993", "1", ""), "k"},
		"Passbook-Customer-Request must be the customer's number of the request, an integer, got \"\"":      {headers("1", "", ""), "k"},
		"Passbook-Customer-Request must be the customer's number of the request, an integer, got \"seven\"": {headers("1", "seven", ""), "k"},
		"Passbook-Trace must have at most 64 bytes, got 65":                                                 {headers("1", "1", strings.Repeat("t", 65)), "k"},
		"needs one, which ties it to its entry":                                                             {headers("1", "1", ""), ""},
	} {
		r := trace.New(1)
		err := r.Asked(test.header, &ledger.Entry{Kind: ledger.Deposit, RequestID: test.key})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", test.header, err, want)
		}
		if page, _ := r.Page(&bankv1.GetTraceRequest{}); page.GetTotal() != 0 {
			t.Errorf("%v: ticked", test.header)
		}
	}
	if _, err := trace.New(1).Page(&bankv1.GetTraceRequest{Rules: 9}); err == nil {
		t.Error("unheard-of rules: no error")
	}
}

// The events of a trace, and stamps of entries that never come, are bounded. What there
// is no room for is counted.
func TestTracesAreBounded(t *testing.T) {
	const most = 1 << 16
	b := newBank(t)
	for i := range most + 5 {
		b.ask(1, fmt.Sprint(i), headers("1", fmt.Sprint(i), ""))
	}
	last, err := b.recorders[1].Page(&bankv1.GetTraceRequest{After: most - 1})
	if err != nil || last.GetTotal() != most || last.GetMissed() != 5 || len(last.GetEvents()) != 1 || last.GetEvents()[0].GetRequest() != most-1 {
		t.Errorf("the last page is %v, %v", last, err)
	}
	if first, _ := b.recorders[1].Page(&bankv1.GetTraceRequest{}); len(first.GetEvents()) != 1000 || first.GetNext() != 1000 {
		t.Errorf("the first page has %d events, and the next begins after %d", len(first.GetEvents()), first.GetNext())
	}
	if beyond, _ := b.recorders[1].Page(&bankv1.GetTraceRequest{After: math.MaxUint64}); len(beyond.GetEvents()) != 0 || beyond.GetNext() != most {
		t.Errorf("beyond the last page: %v", beyond)
	}
	// What was begun goes on: its clock travels, though there is no room for the event.
	s := b.commit(1, "0")
	if stamps := b.send(1, 2, s); len(stamps) != 1 || stamps[0].GetClock() != most+2 {
		t.Errorf("stamps %v", stamps)
	}

	var stamps []*bankv1.Stamp
	for i := range uint64(most + 3) {
		stamps = append(stamps, &bankv1.Stamp{Branch: 1, Sequence: 100 + i, Clock: 1})
	}
	b.recorders[2].Received(1, slices.Concat(stamps, stamps[:1]), 0)
	if page, _ := b.recorders[2].Page(&bankv1.GetTraceRequest{}); page.GetMissed() != 4 {
		t.Errorf("%d stamps had no room, want 4", page.GetMissed())
	}
}

// A branch that traces nothing needs no recorder.
func TestNoRecorder(t *testing.T) {
	var none *trace.Recorder
	if err := none.Asked(headers("x", "", ""), &ledger.Entry{}); err != nil {
		t.Error(err)
	}
	none.Answered(&ledger.Entry{}, true)
	none.Committed(&ledger.Commit{})
}
