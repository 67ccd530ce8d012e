package customer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
)

const twoBranches = `[{"id":1,"type":"customer","events":[
{"interface":"deposit","money":9,"branch":2},
{"interface":"deposit","money":9,"branch":2},
{"interface":"query","branch":2},
{"interface":"deposit","money":9,"branch":1}]},
{"id":1,"type":"branch","balance":0},{"id":2,"type":"branch","balance":0}]`

// A branch that is gone or frozen is waited for once, which is told in time; its
// later events fail at once.
func TestALostBranchIsWaitedForOnce(t *testing.T) {
	in := read(t, twoBranches)
	for _, test := range []struct{ name, why, later string }{
		{"gone", "branch 2 at http://branch-2 can't be reached: dial pipe: connection refused", "given up before: branch 2 at http://branch-2 can't be reached: dial pipe: connection refused"},
		{"frozen", "branch 2 at http://branch-2 gave no answer within 15s: context deadline exceeded; it is not known whether the deposit was recorded", "given up before: branch 2 at http://branch-2 gave no answer within 15s: context deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bank := newFakeBank(in)
				var n *network
				if test.name == "gone" {
					n = serve(t, bank, in, 2)
				} else {
					n = serve(t, bank, in)
					bank.executed = func(ctx context.Context, call int) error {
						if call <= 4 { // the attempts of the first event
							<-ctx.Done()
						}
						return ctx.Err()
					}
				}
				options := n.options(in)
				start := time.Now()
				var told []string
				options.Waiting = func(w customer.Waiting) {
					told = append(told, fmt.Sprintf("after %v: branch %d at %s until %v, %t", time.Since(start), w.Branch, w.Address, w.Until.Sub(start), w.Err != nil))
				}
				report := replay(t, in, options)
				checkCounts(t, report, 4, 1, 0, 3)
				if took := time.Since(start); took < 14*time.Second || took > 15*time.Second {
					t.Errorf("took %v, want about 15s", took)
				}
				want := []string{fmt.Sprintf("after 1.5s: branch 2 at http://branch-2 until 15s, %t", test.name == "gone")}
				if diff := cmp.Diff(want, told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
				var got []string
				for _, f := range report.Failures {
					got = append(got, f.Err.Error())
				}
				if diff := cmp.Diff([]string{test.why, test.later, test.later}, got); diff != "" {
					t.Errorf("failures (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A branch that starts again while an event waits for it loses no event.
func TestABranchThatComesBackIsNotGivenUp(t *testing.T) {
	in := read(t, twoBranches)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		n := serve(t, bank, in)
		back := n.listeners["branch-2:80"]
		time.AfterFunc(10*time.Second, func() { n.set("branch-2:80", back) })
		n.set("branch-2:80", nil)
		report := replay(t, in, n.options(in))
		checkCounts(t, report, 4, 4, 0, 0)
		if got, want := bank.balances[""], int64(27); got != want {
			t.Errorf("balance %d, want %d", got, want)
		}
	})
}

// Each branch is named at most once a minute.
func TestWaitingIsToldOnceAMinute(t *testing.T) {
	var text strings.Builder
	for range 100 {
		text.WriteString(`{"id":1,"type":"customer","events":[{"interface":"deposit","money":1}]},`)
	}
	in := read(t, "["+text.String()+`{"id":1,"type":"branch","balance":0}]`)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		bank.executed = func(context.Context, int) error {
			time.Sleep(2 * time.Second) // a branch that is slow, of fake seconds
			return nil
		}
		options := serve(t, bank, in).options(in)
		start := time.Now()
		var told []time.Duration
		options.Waiting = func(customer.Waiting) { told = append(told, time.Since(start)) }
		checkCounts(t, replay(t, in, options), 100, 100, 0, 0)
		want := []time.Duration{1500 * time.Millisecond, 61500 * time.Millisecond, 121500 * time.Millisecond, 181500 * time.Millisecond}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told after (-want +got):\n%s", diff)
		}
	})
}

// What the caller has given up is not sent.
func TestABranchThatWasGivenUpIsNotCalled(t *testing.T) {
	in := read(t, twoBranches)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		options := serve(t, bank, in).options(in)
		options.GivenUp = func(branch uint32, event customer.Interface) error {
			if branch == 2 && event != customer.Query {
				return errors.New("it takes no writes")
			}
			return nil
		}
		report := replay(t, in, options)
		checkCounts(t, report, 4, 2, 0, 2)
		if got, want := report.Failures[0].Err.Error(), "it takes no writes"; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if got, want := len(bank.calls), 2; got != want {
			t.Errorf("%d calls, want %d: %q", got, want, bank.calls)
		}
	})
}

// With FailFast the first failure stops the replay, and nothing waits for a branch
// that refuses connections.
func TestFailFast(t *testing.T) {
	in := read(t, twoBranches)
	for _, concurrent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			options := serve(t, newFakeBank(in), in, 2).options(in)
			options.FailFast, options.Concurrent = true, concurrent
			start := time.Now()
			report, err := customer.Replay(t.Context(), in, options)
			if got, want := errorText(err), "stopped after 1 of 4 events: an event got no answer"; got != want || !errors.Is(err, customer.ErrFailFast) {
				t.Errorf("error %q, want %q", got, want)
			}
			if report.Failed != 1 || report.Succeeded != 0 {
				t.Errorf("%d failed, %d succeeded; want 1 and 0", report.Failed, report.Succeeded)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A write that has no answer yet when the replay is stopped is named: it may have
// been recorded.
func TestAStoppedReplayNamesWhatIsNotKnown(t *testing.T) {
	in := read(t, oneDeposit)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		bank := newFakeBank(in)
		bank.executed = func(ctx context.Context, _ int) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		report, err := customer.Replay(ctx, in, serve(t, bank, in).options(in))
		if err == nil || len(report.Stopped) != 1 {
			t.Fatalf("error %v, %d writes stopped; want one", err, len(report.Stopped))
		}
		want := "input.json:1: customer 1, event 1 (deposit): branch 1 at http://branch-1: it had no answer yet when the replay was stopped; it is not known whether it was recorded"
		if got := report.Stopped[0].String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
