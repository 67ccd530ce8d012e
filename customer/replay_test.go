package customer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Each dialect, read, replayed and written, against the file that must come
// out.
func TestDialects(t *testing.T) {
	tests := []struct {
		input      string
		form       customer.OutputForm // "" for the input's own
		concurrent bool
		want       string
	}{
		{input: "testdata/i1.json", want: "testdata/i1.basic.json"},
		{input: "testdata/i1.json", concurrent: true, want: "testdata/i1.concurrent.json"},
		{input: "testdata/i2.json", want: "testdata/i2.basic.json"},
		{input: "testdata/i2.json", concurrent: true, want: "testdata/i1.concurrent.json"},
		{input: "testdata/i3.json", want: "testdata/i3.basic.json"},
		{input: "testdata/i5.json", want: "testdata/i5.consistency.json"},
		{input: "testdata/i5.json", form: customer.ConsistencyFinal, want: "testdata/i5.consistency-final.json"},
		{input: "testdata/i6.json", want: "testdata/i6.consistency.json"},
		{input: "testdata/i7.json", want: "testdata/i7.consistency.json"},
		{input: "testdata/i8.json", want: "testdata/i8.consistency.json"},
		{input: "testdata/i8.json", form: customer.ConsistencyFinal, want: "testdata/i8.consistency-final.json"},
		{input: "../examples/three.json", want: "testdata/i1.basic.json"},
		{input: "../examples/course-50.json", want: "../examples/course-50.expected.json"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s concurrent=%t", test.want, test.concurrent), func(t *testing.T) {
			in := readFile(t, test.input)
			form := test.form
			if form == "" {
				form = in.Form
			}
			synctest.Test(t, func(t *testing.T) {
				options := serve(t, newFakeBank(in), in).options(in)
				options.Concurrent = test.concurrent
				report := replay(t, in, options)
				got, err := customer.Encode(report, form)
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(test.want)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.TrimSpace(string(want))+"\n", string(got)); diff != "" {
					t.Errorf("output (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// replay replays an input to its end.
func replay(t *testing.T, in *customer.Input, options customer.Options) *customer.Report {
	t.Helper()
	report, err := customer.Replay(t.Context(), in, options)
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	return report
}

func TestReplayOverTCP(t *testing.T) {
	in := readFile(t, "../examples/transfer.json")
	bank := newFakeBank(in)
	addresses := make(map[uint32]string)
	for _, id := range in.BranchIDs() {
		mux := http.NewServeMux()
		mux.Handle(bankv1connect.NewBranchServiceHandler(&fakeBranch{bank: bank, id: id}))
		server := httptest.NewUnstartedServer(mux)
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		t.Cleanup(server.Close)
		addresses[id] = server.URL
	}
	var told []string
	report := replay(t, in, customer.Options{
		Address:     func(branch uint32) string { return addresses[branch] },
		Progress:    func(done, total int) { told = append(told, fmt.Sprintf("%d/%d", done, total)) },
		Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL,
	})
	if diff := cmp.Diff(map[string]int64{"": 250, "savings": 100, "rent": 50}, bank.balances); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	if got, want := bank.acknowledge, bankv1.Acknowledge_ACKNOWLEDGE_ALL; got != want {
		t.Errorf("acknowledge %v, want %v", got, want)
	}
	if got, want := report.Customers[1].Received[1].Balance, int64(100); got != want {
		t.Errorf("savings show %d, want %d", got, want)
	}
	if got, want := strings.Join(told, " "), "1/8 2/8 3/8 4/8 5/8 6/8 7/8 8/8"; got != want {
		t.Errorf("progress %q, want %q", got, want)
	}
	strong := `branch 2: query "rent" CONSISTENCY_STRONG`
	if !slices.Contains(bank.calls, strong) {
		t.Errorf("calls %q, want %q among them", bank.calls, strong)
	}
	checkCounts(t, report, 8, 7, 1, 0) // rent has less than is withdrawn
}

func checkCounts(t *testing.T, r *customer.Report, events, succeeded, refused, failed int) {
	t.Helper()
	got := []int{r.Events, r.Succeeded, r.Refused, r.Failed}
	if diff := cmp.Diff([]int{events, succeeded, refused, failed}, got); diff != "" {
		t.Errorf("events, succeeded, refused, failed (-want +got):\n%s", diff)
	}
}

// A customer takes along what it has seen, also to another branch and when the
// file has it in two elements; another customer doesn't.
func TestReplayPassesSession(t *testing.T) {
	in := read(t, `[{"id":1,"type":"customer","events":[
		{"interface":"deposit","money":9,"branch":1},
		{"interface":"withdraw","money":999,"branch":2},
		{"interface":"query","branch":2}]},
	{"id":2,"type":"customer","events":[{"interface":"query","branch":1}]},
	{"id":1,"type":"customer","events":[{"interface":"query","branch":2}]},
	{"id":1,"type":"branch","balance":0},{"id":2,"type":"branch","balance":0}]`)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		replay(t, in, serve(t, bank, in).options(in))
		want := []string{"", "seen 1", "seen 1", "", "seen 3"}
		if diff := cmp.Diff(want, bank.sessions); diff != "" {
			t.Errorf("sessions (-want +got):\n%s", diff)
		}
	})
}

// Events fail by name, and the rest goes on.
func TestReplayNamesFailures(t *testing.T) {
	in := read(t, `[{"id":1,"type":"customer","events":[
{"interface":"deposit","money":9},
{"interface":"withdraw","money":99},
{"interface":"withdraw","money":1},
{"interface":"deposit","money":1,"branch":2},
{"interface":"query","branch":2},
{"interface":"query","branch":3},
{"interface":"deposit","money":1,"branch":-1},
{"interface":"query"}]},
{"id":1,"type":"branch","balance":0},{"id":2,"type":"branch","balance":0}]`)
	synctest.Test(t, func(t *testing.T) {
		report := replay(t, in, serve(t, newFakeBank(in), in, 2).options(in))
		checkCounts(t, report, 8, 3, 1, 4)
		var got []string
		for _, f := range report.Failures {
			got = append(got, f.String())
		}
		want := []string{
			`input.json:5: customer 1, event 4 (deposit): branch 2 at http://branch-2 can't be reached: dial pipe: connection refused`,
			`input.json:6: customer 1, event 5 (query): given up before: branch 2 at http://branch-2 can't be reached: dial pipe: connection refused`,
			`input.json:7: customer 1, event 6 (query): branch 3 does not exist`,
			`input.json:8: customer 1, event 7 (deposit): branch -1 does not exist`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		if err := report.Failures[2].Err; !errors.Is(err, customer.ErrUnknownBranch) {
			t.Errorf("error %v, want ErrUnknownBranch in it", err)
		}
		if diff := cmp.Diff([]uint32{99}, report.Customers[0].Received[2].Unreachable); diff != "" {
			t.Errorf("unreachable (-want +got):\n%s", diff)
		}
	})
}

// What is done before Ctrl-C is reported, and is in the output.
func TestReplayStops(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		t.Run(fmt.Sprintf("concurrent=%t", concurrent), func(t *testing.T) {
			in := readFile(t, "testdata/i2.json")
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				interrupt := errors.New("interrupt")
				options := serve(t, newFakeBank(in), in).options(in)
				options.Concurrent = concurrent
				options.Progress = func(done, _ int) {
					if done == 2 {
						cancel(interrupt)
					}
				}
				report, err := customer.Replay(ctx, in, options)
				if !errors.Is(err, interrupt) {
					t.Errorf("error %v, want %v in it", err, interrupt)
				}
				if got := report.Succeeded; got < 2 || got == 5 || report.Failed != 0 {
					t.Errorf("%d succeeded, %d failed; want some of 5 and 0", got, report.Failed)
				}
				data, err := customer.Encode(report, in.Form)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := strings.Count(string(data), `"interface"`), report.Succeeded; got != want {
					t.Errorf("the output has %d events, want the %d that were answered:\n%s", got, want, data)
				}
			})
		})
	}
}

// With more customers than may be in flight at once, all still finish, each
// one's writes stay in order, and every query shows the final balance.
func TestConcurrentReplay(t *testing.T) {
	const customers = 150
	var text strings.Builder
	text.WriteString("[")
	for i := range customers {
		// The same customer comes back: its withdrawal must follow its deposit.
		fmt.Fprintf(&text, `{"id":%d,"type":"customer","events":[{"interface":"query"},{"interface":"deposit","money":5,"account":"%d","branch":1}]},
{"id":%d,"type":"customer","events":[{"interface":"withdraw","money":5,"account":"%d","branch":1},{"interface":"deposit","money":1,"branch":1},{"interface":"query","branch":1}]},
`, i, i, i, i)
	}
	text.WriteString(`{"id":1,"type":"branch","balance":0}]`)
	in := read(t, text.String())
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		var flying, most atomic.Int64
		bank.executed = func(context.Context, int) error {
			now := flying.Add(1)
			defer flying.Add(-1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			return nil
		}
		options := serve(t, bank, in).options(in)
		options.Concurrent = true
		report := replay(t, in, options)
		// The first element's query goes to a home branch that is only there for
		// customer 1.
		checkCounts(t, report, 5*customers, 4*customers+1, 0, customers-1)
		for i, c := range report.Customers {
			last := c.Received[len(c.Received)-1]
			if i%2 == 1 && last.Balance != customers {
				t.Errorf("element %d: balance %d, want %d", i+1, last.Balance, customers)
			}
		}
		if got := most.Load(); got > 64 {
			t.Errorf("%d customers in flight, want at most 64", got)
		}
	})
}

func TestCustomer(t *testing.T) {
	in := readFile(t, "../examples/session.json")
	synctest.Test(t, func(t *testing.T) {
		c := customer.NewCustomer(in.Customers[0], serve(t, newFakeBank(in), in).options(in))
		if _, address, err := c.Stub(2); err != nil || address != "http://branch-2" {
			t.Errorf("Stub(2) = %q, %v", address, err)
		}
		if _, _, err := c.Stub(9); !errors.Is(err, customer.ErrUnknownBranch) {
			t.Errorf("Stub(9): %v, want ErrUnknownBranch", err)
		}
		if err := c.ExecuteEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range c.Received() {
			if r.Outcome != customer.Succeeded {
				t.Errorf("received %+v", r)
			}
			got = append(got, r.Balance)
		}
		if diff := cmp.Diff([]int64{400, 400, 250, 250, 250}, got); diff != "" {
			t.Errorf("balances (-want +got):\n%s", diff)
		}
	})
}
