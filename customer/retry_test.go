package customer_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const oneDeposit = `[{"id":1,"type":"customer","events":[{"interface":"deposit","money":9},{"interface":"query"}]},
{"id":1,"type":"branch","balance":0}]`

// A reply that gets lost after the write was executed: the retry carries the
// same request id, so the write counts once.
func TestRetryDoesNotCountTwice(t *testing.T) {
	in := read(t, oneDeposit)
	tests := []struct {
		name string
		lose func(ctx context.Context, l *pipeListener) error
	}{
		{"stream reset", func(context.Context, *pipeListener) error { panic(http.ErrAbortHandler) }},
		{"connection broken", func(_ context.Context, l *pipeListener) error { l.breakConnections(); return nil }},
		{"branch frozen", func(ctx context.Context, _ *pipeListener) error { <-ctx.Done(); return ctx.Err() }},
		{"branch busy", func(context.Context, *pipeListener) error {
			return connect.NewError(connect.CodeResourceExhausted, errors.New("queue full"))
		}},
		{"branch recovering", func(context.Context, *pipeListener) error {
			return connect.NewError(connect.CodeUnavailable, errors.New("recovering"))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bank := newFakeBank(in)
				n := serve(t, bank, in)
				bank.executed = func(ctx context.Context, call int) error {
					if call <= 2 {
						return test.lose(ctx, n.listeners["branch-1:80"])
					}
					return nil
				}
				report := replay(t, in, n.options(in))
				checkCounts(t, report, 2, 2, 0, 0)
				if got, want := report.Customers[0].Received[1].Balance, int64(9); got != want {
					t.Errorf("balance %d, want %d", got, want)
				}
				if got, want := len(bank.calls), 4; got != want {
					t.Errorf("%d calls, want %d: %q", got, want, bank.calls)
				}
				if got, want := len(bank.answers), 1; got != want {
					t.Errorf("%d request ids, want %d", got, want)
				}
			})
		})
	}
}

// Two replays of one file count twice: their request ids differ.
func TestReplayAgainCountsAgain(t *testing.T) {
	in := read(t, oneDeposit)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		n := serve(t, bank, in)
		replay(t, in, n.options(in))
		replay(t, in, n.options(in))
		if got, want := bank.balances[""], int64(18); got != want {
			t.Errorf("balance %d, want %d", got, want)
		}
	})
}

// detailed returns an error with a detail.
func detailed(t *testing.T, code connect.Code, text string, detail proto.Message) error {
	t.Helper()
	d, err := connect.NewErrorDetail(detail)
	if err != nil {
		t.Fatal(err)
	}
	e := connect.NewError(code, errors.New(text))
	e.AddDetail(d)
	return e
}

func TestRetryEnds(t *testing.T) {
	in := read(t, oneDeposit)
	escrow := detailed(t, connect.CodeUnavailable, "branch 2 holds 5", &bankv1.EscrowUnavailable{Amount: 9})
	recorded := detailed(t, connect.CodeDeadlineExceeded, "recorded, not confirmed by branch 2",
		&bankv1.NotReplicated{MissingBranches: []uint32{2}})
	tests := []struct {
		name     string
		executed func(ctx context.Context) error
		calls    int
		want     string
	}{
		{"frozen", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 4,
			"branch 1 at http://branch-1 gave no answer within 15s: context deadline exceeded; it is not known whether the deposit was recorded"},
		{"busy", func(context.Context) error {
			return connect.NewError(connect.CodeResourceExhausted, errors.New("queue full"))
		}, 4, "branch 1 at http://branch-1: resource_exhausted: queue full"},
		{"escrow unavailable", func(context.Context) error { return escrow }, 1,
			"branch 1 at http://branch-1: unavailable: branch 2 holds 5"},
		{"not replicated", func(context.Context) error { return recorded }, 4,
			"branch 1 at http://branch-1: deadline_exceeded: recorded, not confirmed by branch 2"},
		{"internal", func(context.Context) error {
			return connect.NewError(connect.CodeInternal, errors.New("internal error"))
		}, 1, "branch 1 at http://branch-1: internal: internal error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bank := newFakeBank(in)
				bank.executed = func(ctx context.Context, call int) error {
					if call > test.calls {
						return nil // the query
					}
					return test.executed(ctx)
				}
				start := time.Now()
				report := replay(t, in, serve(t, bank, in).options(in))
				query := 1 // unless the branch is given up
				if test.name == "frozen" {
					query = 0
				}
				checkCounts(t, report, 2, query, 0, 2-query)
				if got := report.Customers[0].Received[0].Err.Error(); got != test.want {
					t.Errorf("error %q, want %q", got, test.want)
				}
				if got, want := len(bank.calls), test.calls+query; got != want {
					t.Errorf("%d calls, want %d", got, want)
				}
				if took := time.Since(start); took > 15*time.Second {
					t.Errorf("took %v, want at most 15s", took)
				}
			})
		})
	}
}
