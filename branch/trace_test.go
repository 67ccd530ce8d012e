package branch_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// tap stands between two branches. It passes on what they say, and notes the stamps.
type tap struct {
	bankv1connect.UnimplementedPeerServiceHandler
	to   bankv1connect.PeerServiceClient
	note func(*bankv1.Frame)
}

// Propagate passes on a link, in both directions.
func (p *tap) Propagate(ctx context.Context, near *connect.BidiStream[bankv1.PropagateRequest, bankv1.PropagateResponse]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	far, err := p.to.Propagate(ctx)
	if err != nil {
		return err
	}
	var back sync.WaitGroup
	back.Go(func() {
		for {
			m, err := far.Receive()
			if err != nil {
				cancel()
				return
			}
			p.note(m.GetFrame())
			if near.Send(m) != nil {
				return
			}
		}
	})
	for {
		m, err := near.Receive()
		if err != nil {
			break
		}
		p.note(m.GetFrame())
		if far.Send(m) != nil {
			break
		}
	}
	_ = far.CloseRequest()
	back.Wait()
	return far.CloseResponse()
}

// Claim passes on a claim.
func (p *tap) Claim(ctx context.Context, r *bankv1.ClaimRequest) (*bankv1.ClaimResponse, error) {
	return p.to.Claim(ctx, r)
}

// Collect passes on a look.
func (p *tap) Collect(ctx context.Context, r *bankv1.CollectRequest) (*bankv1.CollectResponse, error) {
	return p.to.Collect(ctx, r)
}

// wires are what was seen on the way between branches, and from customers to branches:
// lines such as "1 to 2: clock 3 of request 1".
type wires struct {
	mu          sync.Mutex
	calls, sent map[string]bool
	answers     map[string]bool // "1 to 2: clock 5 of request 1", by the rules of 2020
	repeated    []string        // what was sent twice with different clocks
	clocks      map[string]uint64
}

// stamp notes the stamps of a frame from one branch to another.
func (w *wires) stamp(from, to uint32, f *bankv1.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range f.GetStamps() {
		line := func(clock uint64) string {
			return fmt.Sprintf("%d to %d: clock %d of request %d", from, to, clock, s.GetRequest())
		}
		if s.GetBranch() != from {
			w.answers[line(s.GetClock_2020())] = true
			continue
		}
		w.sent[line(s.GetClock())] = true
		entry := fmt.Sprintf("entry %d from %d to %d", s.GetSequence(), from, to)
		if before, again := w.clocks[entry]; again && before != s.GetClock() {
			w.repeated = append(w.repeated, entry)
		}
		w.clocks[entry] = s.GetClock()
	}
}

// RoundTrip notes the clock of a customer's call.
func (w *wires) RoundTrip(req *http.Request) (*http.Response, error) {
	if clock := req.Header.Get("Passbook-Lamport"); clock != "" {
		w.mu.Lock()
		w.calls[fmt.Sprintf("clock %s of request %s", clock, req.Header.Get("Passbook-Customer-Request"))] = true
		w.mu.Unlock()
	}
	return customerTransport.RoundTrip(req)
}

var customerTransport = customer.NewHTTPClient().Transport

// tapped makes a bank whose branches keep clocks, with a tap on every way between them.
func tapped(t *testing.T, n int, opening int64) (*bank, *wires) {
	t.Helper()
	b := newBank(t, n, opening, branchOptions{Trace: true})
	w := &wires{calls: map[string]bool{}, sent: map[string]bool{}, answers: map[string]bool{}, clocks: map[string]uint64{}}
	for way := range b.roads {
		from, to := way[0], way[1]
		transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address, ok := b.lookUp(to)
			if !ok {
				return nil, errors.New("it does not run")
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}
		transport.Protocols.SetUnencryptedHTTP2(true)
		note := func(f *bankv1.Frame) {
			// A link has both directions. An answer is of the listener's own entries, so
			// its stamps tell who speaks.
			for _, s := range f.GetStamps() {
				speaker, listener := from, to
				if answers := s.GetClock() == 0; (s.GetBranch() == to) != answers {
					speaker, listener = to, from
				}
				w.stamp(speaker, listener, &bankv1.Frame{Stamps: []*bankv1.Stamp{s}})
			}
		}
		mux := http.NewServeMux()
		mux.Handle(bankv1connect.NewPeerServiceHandler(&tap{to: bankv1connect.NewPeerServiceClient(&http.Client{Transport: transport}, "http://branch", connect.WithGRPC()), note: note}))
		server := httptest.NewUnstartedServer(mux)
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		b.roads[way] = newRoad(t, func() (string, bool) { return server.Listener.Addr().String(), true })
		t.Cleanup(func() {
			b.stopAll()
			transport.CloseIdleConnections()
			server.CloseClientConnections()
			server.Close()
		})
	}
	b.startAll()
	return b, w
}

// traced replays a file against a bank, and returns its trace by the rules of a form.
func traced(t *testing.T, b *bank, w *wires, file string, form customer.OutputForm, concurrent bool) *lamport.Trace {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := customer.ReadInput(file, f)
	if err != nil {
		t.Fatal(err)
	}
	options := customer.Options{
		Address: func(id uint32) string { return "http://" + b.at(id).address }, HTTPClient: &http.Client{Transport: w}, Concurrent: concurrent,
	}
	tracer := customer.NewTracer(in, form, options)
	options.Trace = tracer.Name()
	if err := tracer.Check(b.ctx); err != nil {
		t.Fatal(err)
	}
	report, err := customer.Replay(b.ctx, in, options)
	if err != nil || report.Failed > 0 {
		t.Fatalf("replay: %v, failures %v", err, report.Failures)
	}
	trace, err := tracer.Trace(b.ctx, report)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range lamport.Check(trace) {
		t.Errorf("%s: %v", form, v)
	}
	return trace
}

// The clocks of a trace are those that travelled: each send is in a call or a frame, with
// its clock, and nothing else is.
func TestTheClocksOfATraceAreThoseOnTheWire(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		b, w := tapped(t, 3, 100)
		trace := traced(t, b, w, "../examples/lamport.json", customer.Lamport, concurrent)
		calls, sent := map[string]bool{}, map[string]bool{}
		for _, h := range trace.Customers {
			for _, e := range h.Events {
				calls[fmt.Sprintf("clock %d of request %d", e.Clock, e.Request)] = true
			}
		}
		for _, h := range trace.Branches {
			for _, e := range h.Events {
				if e.Step == lamport.Sent {
					sent[fmt.Sprintf("%d to %d: clock %d of request %d", h.ID, e.Peer.ID, e.Clock, e.Request)] = true
				}
			}
		}
		w.mu.Lock()
		if diff := cmp.Diff(w.calls, calls); diff != "" || len(calls) != 3 {
			t.Errorf("sends of customers (-calls +trace):\n%s", diff)
		}
		if diff := cmp.Diff(w.sent, sent); diff != "" || len(sent) != 4 {
			t.Errorf("sends of branches (-frames +trace):\n%s", diff)
		}
		if len(w.repeated) > 0 {
			t.Errorf("sent again with another clock: %q", w.repeated)
		}
		w.mu.Unlock()
		b.stopAll()
	}
}

// By the rules of 2020, an answer has the clock of its execution at the peer.
func TestAnswersOnTheWireHaveTheClocksOfExecutions(t *testing.T) {
	b, w := tapped(t, 3, 100)
	trace := traced(t, b, w, "../examples/lamport.json", customer.Lamport2020, false)
	homes, executed := map[int64]int64{}, map[string]bool{}
	for _, h := range trace.Branches {
		for _, e := range h.Events {
			if e.Step == lamport.Request {
				homes[e.Request] = h.ID
			}
		}
	}
	for _, h := range trace.Branches {
		for _, e := range h.Events {
			if e.Step == lamport.PropagateExecute {
				executed[fmt.Sprintf("%d to %d: clock %d of request %d", h.ID, homes[e.Request], e.Clock, e.Request)] = true
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(w.answers, executed); diff != "" || len(executed) != 4 {
		t.Errorf("answers (-frames +trace):\n%s", diff)
	}
}

// An entry that a peer gets later, since it was cut off, ticks at most once on each side.
func TestAPeerThatComesBackTicksOnce(t *testing.T) {
	b := runBankWith(t, 3, 100, branchOptions{Trace: true, PeerTimeout: patient / 10})
	w := &wires{calls: map[string]bool{}}
	b.cutOff(3)
	in := &customer.Input{Customers: []customer.Element{{ID: 1, Events: []customer.Event{{Interface: customer.Deposit, Amount: 1, Branch: 1, Account: "a", HasID: true, ID: 5}}}},
		Branches: []customer.Branch{{ID: 1}, {ID: 2}, {ID: 3}}}
	options := customer.Options{Address: func(id uint32) string { return "http://" + b.at(id).address }, HTTPClient: &http.Client{Transport: w}}
	tracer := customer.NewTracer(in, customer.Lamport, options)
	options.Trace = tracer.Name()
	report, err := customer.Replay(b.ctx, in, options)
	if err != nil || report.Failed > 0 {
		t.Fatalf("replay: %v, failures %v", err, report.Failures)
	}
	b.rejoin(3)
	trace, err := tracer.Trace(b.ctx, report)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range trace.Branches {
		for _, e := range h.Events {
			got = append(got, fmt.Sprintf("branch %d: %s %v", h.ID, e.Step, e.Peer))
		}
	}
	counts := map[string]int{}
	for _, line := range got {
		counts[line]++
	}
	for line, n := range counts {
		if n > 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
	if counts["branch 1: event_recv customer 1"] != 1 || counts["branch 2: event_recv branch 1"] != 1 {
		t.Errorf("events %q", got)
	}
}

// A branch that keeps no clock says so, whatever the headers; one that does refuses
// headers that make no sense.
func TestGetTraceIsRefused(t *testing.T) {
	b := runBank(t, 1, 100)
	if _, err := b.customers(1).GetTrace(b.ctx, &bankv1.GetTraceRequest{}); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("without tracing: %v", err)
	}
	deposit := func(b *bank, header, value string) error {
		ctx, call := connect.NewClientContext(b.ctx)
		call.RequestHeader().Set(header, value)
		_, err := b.customers(1).Deposit(ctx, &bankv1.DepositRequest{Amount: 1, RequestId: "r"})
		return err
	}
	if err := deposit(b, "Passbook-Lamport", "nonsense"); err != nil {
		t.Errorf("a header that nobody reads: %v", err)
	}
	b = runBankWith(t, 1, 100, branchOptions{Trace: true})
	err := deposit(b, "Passbook-Lamport", "nonsense")
	if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), `an integer from 1 to 9007199254740992, got "nonsense"`) {
		t.Errorf("a header that makes no sense: %v", err)
	}
	if res, err := b.customers(1).GetTrace(b.ctx, &bankv1.GetTraceRequest{}); err != nil || res.GetTotal() != 0 || res.GetBranch() != 1 {
		t.Errorf("with tracing: %v, %v", res, err)
	}
	if _, err := b.customers(1).GetTrace(b.ctx, &bankv1.GetTraceRequest{Rules: 77}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("rules that there are none of: %v", err)
	}
}
