package feed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// alone is the one branch of a bank. Its engine steps when the test says so.
type alone struct {
	still
	t       *testing.T
	disk    *simulation.Disk
	replica *replica.Replica
	*Feed
	// recorded is what its journal had before.
	recorded []Recorded
	// steps has what is done on the engine's goroutine, which is the test's.
	steps chan func()
}

func newAlone(t *testing.T, recorded ...Recorded) *alone {
	t.Helper()
	a := &alone{t: t, disk: simulation.NewDisk([]ledger.BranchID{1}, 100), recorded: recorded, steps: make(chan func())}
	c, err := a.disk.Boot()
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.PeerTimeout, c.Proposal = 1, 1000, simulation.Proposal(1, 0)
	if a.replica, err = replica.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.tasks.Wait)
	a.Feed = New(Config{Branch: 1, Bank: "bank", Addresses: map[uint32]string{1: "one"}, Started: time.Now()}, NewObserver(1), a)
	t.Cleanup(a.Stop)
	a.step()
	return a
}

// Visit implements Source.
func (a *alone) Visit(ctx context.Context, see func(*replica.Replica)) error {
	done := make(chan struct{})
	select {
	case a.steps <- func() { see(a.replica); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// LastEntries implements Source.
func (a *alone) LastEntries(string, int) ([]Recorded, error) { return a.recorded, nil }

// step is a step of the engine.
func (a *alone) step() {
	ready := a.replica.Ready()
	if ready.Commit != nil {
		a.disk.Commit(ready.Commit)
	}
	a.replica.Advance()
	a.observer.Observe(a.replica, ready.Commit)
}

func (a *alone) deposit(account string, amount ledger.Amount) {
	a.replica.Submit(protocol.Operation{ID: 1, Entry: ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: amount}, Acknowledge: protocol.Local, Deadline: 60_000})
	a.step()
}

// watch watches until the test ends.
func (a *alone) watch(req *bankv1.WatchRequest) *view {
	v := &view{alone: a, messages: make(chan *bankv1.WatchResponse), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(a.t.Context())
	a.t.Cleanup(cancel)
	go func() {
		v.ended <- a.Watch(ctx, req, func(m *bankv1.WatchResponse) error {
			select {
			case v.messages <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return v
}

// view is what a watcher has seen.
type view struct {
	alone    *alone
	messages chan *bankv1.WatchResponse
	ended    chan error
	first    *bankv1.WatchResponse
	report   *bankv1.BranchReport
	entries  []*bankv1.WatchedEntry
	samples  []*bankv1.Sample
	headline string
}

// until takes messages until something holds, and lets the engine work meanwhile.
func (v *view) until(what string, holds func() bool) {
	v.alone.t.Helper()
	timeout := time.After(time.Minute)
	for !holds() {
		select {
		case step := <-v.alone.steps:
			step()
		case m := <-v.messages:
			v.take(m)
		case <-timeout:
			v.alone.t.Fatalf("waited for %s", what)
		}
	}
}

func (v *view) take(m *bankv1.WatchResponse) {
	if v.first == nil {
		v.first = m
	}
	for _, r := range m.GetReports() {
		v.report = r
	}
	v.entries = append(v.entries, m.GetEntries()...)
	v.samples = append(v.samples, m.GetSamples()...)
	if m.GetHeadline() != nil {
		v.headline = m.GetHeadline().GetText()
	}
}

// last returns the newest entry that was shown.
func (v *view) last() *bankv1.WatchedEntry {
	if len(v.entries) == 0 {
		return nil
	}
	return v.entries[len(v.entries)-1]
}

// A branch reports what its engine commits and what it refuses.
func TestABranchReportsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := Recorded{At: ledger.Position{Branch: 1, Sequence: 7}, Entry: ledger.Entry{Sequence: 7, Kind: ledger.Deposit, Account: "a", Amount: 3}, Balance: 3}
		others := before
		others.At.Branch = 9
		a := newAlone(t, before, others)
		v := a.watch(&bankv1.WatchRequest{Account: "a", Scope: bankv1.WatchScope_WATCH_SCOPE_BRANCH})
		v.until("the first picture", func() bool { return v.first != nil })
		if !v.first.GetComplete() || v.first.GetHeadline() != nil || len(v.entries) != 1 || v.last().GetReceipt().GetSequence() != 7 || v.report.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			t.Errorf("first %v", v.first)
		}
		a.deposit("a", 5)
		a.deposit("b", 6)
		v.until("the deposit", func() bool {
			return v.last().GetBalance() == 5 && v.last().GetSpreadUs() > 0 && v.report.GetBalance() == 5
		})
		v.until("its second", func() bool { return len(v.samples) > 0 })
		if s := v.samples[0]; s.GetEntries() != 2 || s.GetBalance() != 5 || len(s.GetSpread()) == 0 {
			t.Errorf("sample %v", s)
		}
		refused := &ledger.Entry{Kind: ledger.Withdrawal, Account: "a", Amount: 9, RequestID: "r"}
		a.Refused(refused, errors.New("which no customer is told"))
		a.Refused(&ledger.Entry{Kind: ledger.Withdrawal, Account: "b", Amount: 9}, code.New(code.FailedPrecondition, "of another account"))
		a.Refused(refused, code.New(code.FailedPrecondition, "too little"))
		v.until("the refusal", func() bool { return v.last().GetRefusal() != "" })
		if e := v.last(); e.GetRefusalCode() != "failed_precondition" || e.GetRefusal() != "too little" || e.GetEntry().GetRequestId() != "r" {
			t.Errorf("refusal %v", e)
		}
		a.Stop()
		if err := <-v.ended; !errors.Is(err, api.ErrStopping) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A survey puts the reports together, and so does one of a bank of one branch.
func TestASurveyIsMadeOfReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlone(t)
		v := a.watch(&bankv1.WatchRequest{})
		v.until("the headline", func() bool { return v.headline == "1 branch agrees: 100" })
		a.deposit(ledger.SharedAccount, 5)
		v.until("the deposit", func() bool { return v.headline == "1 branch agrees: 105" && v.last().GetBalance() == 105 })
		v.until("its second", func() bool { return len(v.samples) > 0 && v.samples[len(v.samples)-1].GetBalance() == 105 })
	})
}

// A watch that asks for what there isn't is refused.
func TestWatchRefusesWhatItDoesNotKnow(t *testing.T) {
	f := stillFeed(t)
	for _, req := range []*bankv1.WatchRequest{{Scope: 7}, {Account: strings.Repeat("a", 129)}, {Account: "a\nb"}} {
		err := f.Watch(t.Context(), req, nil)
		if api.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%v: %v", req, err)
		}
	}
}
