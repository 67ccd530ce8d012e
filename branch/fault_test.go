package branch_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// noFaults leaves it to the tests alone to break branches.
type noFaults struct{ fault.Faults }

// runBreakable makes a bank of three branches that can be broken, each with 100
// of the shared account to spend.
func runBreakable(t testing.TB, options branchOptions) *bank {
	t.Helper()
	options.Faults = noFaults{}
	return runBankWith(t, 3, 300, options)
}

// mustApply breaks or mends a branch.
func mustApply(t testing.TB, b *branch.Branch, action fault.Action) {
	t.Helper()
	if err := b.Apply(action); err != nil {
		t.Fatal(err)
	}
}

// cutFromAll cuts a branch off, and waits until both sides know.
func (b *bank) cutFromAll(id uint32) {
	b.t.Helper()
	mustApply(b.t, b.at(id).branch, fault.Cut)
	b.awaitReachableFrom(id, false)
}

// healAll heals a branch that cutFromAll has cut off, and waits until both sides know.
func (b *bank) healAll(id uint32) {
	b.t.Helper()
	mustApply(b.t, b.at(id).branch, fault.Heal)
	b.awaitReachableFrom(id, true)
}

// awaitReachableFrom waits until a branch sees all others as reachable, or not,
// and they it.
func (b *bank) awaitReachableFrom(id uint32, want bool) {
	b.t.Helper()
	for _, other := range b.ids {
		if other != id {
			b.awaitReachable(id, other, want)
			b.awaitReachable(other, id, want)
		}
	}
}

// statements returns the entries of each journal at a branch.
func (b *bank) statements(at uint32) []*bankv1.ListedEntry {
	b.t.Helper()
	var all []*bankv1.ListedEntry
	for _, id := range b.ids {
		res, err := b.customers(at).ListEntries(b.ctx, &bankv1.ListEntriesRequest{Branch: id})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range res.GetEntries() {
			e.Balance = 0 // which depends on the order of arrival
			all = append(all, e)
		}
	}
	return all
}

// wantAgreement checks that all branches hold the same entries and balance.
func (b *bank) wantAgreement(balance int64) {
	b.t.Helper()
	first := b.statements(b.ids[0])
	for _, id := range b.ids {
		b.wantBalance(id, balance)
		if diff := cmp.Diff(first, b.statements(id), protocmp.Transform()); diff != "" {
			b.t.Errorf("branches %d and %d hold different entries:\n%s", b.ids[0], id, diff)
		}
	}
}

func TestACutBranchServesItsCustomersAlone(t *testing.T) {
	t.Parallel()                           // it waits most of the time
	for _, id := range []uint32{1, 2, 3} { // dialing, both, dialed
		t.Run(fmt.Sprint("branch ", id), func(t *testing.T) {
			b := runBreakable(t, branchOptions{})
			other := id%3 + 1
			b.cutFromAll(id)
			if res := b.deposit(other, 10); fmt.Sprint(res.GetUnreachableBranches()) != fmt.Sprintf("[%d]", id) {
				t.Errorf("unreachable branches: %v", res.GetUnreachableBranches())
			}
			b.mustWithdraw(id, &bankv1.WithdrawRequest{Amount: 60}) // of its own escrow
			_, err := b.customers(id).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 60})
			wantCode(t, err, connect.CodeUnavailable)
			b.wantBalance(id, 240)
			b.healAll(id)
			b.mustWithdraw(id, &bankv1.WithdrawRequest{Amount: 60}) // with escrow of others
			b.wantAgreement(190)
		})
	}
}

func TestACutBranchAnswersNoPeerAndAsksNone(t *testing.T) {
	b := runBreakable(t, branchOptions{})
	b.cutFromAll(3)
	_, err := b.peers(3).Claim(b.ctx, &bankv1.ClaimRequest{Branch: 1, Amount: 1})
	wantCode(t, err, connect.CodeUnavailable)
	_, err = b.peers(3).Collect(b.ctx, &bankv1.CollectRequest{Branch: 1})
	wantCode(t, err, connect.CodeUnavailable)
	for at, home := range map[uint32]uint32{1: 3, 3: 1} {
		_, err = b.customers(at).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, RequestId: fmt.Sprint("at ", at), HomeBranch: home})
		wantCode(t, err, connect.CodeUnavailable)
		if want := fmt.Sprintf("branch %d, the home of the request id, can't be reached from branch %d", home, at); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a text with %q", err, want)
		}
	}
	b.healAll(3)
	b.wantAgreement(300)
}

// A cut also ends the calls that are under way.
func TestACutFailsTheCallsUnderWay(t *testing.T) {
	t.Parallel()                         // it waits most of the time
	for _, cut := range []uint32{1, 2} { // the one that asks, the one that is asked
		t.Run(fmt.Sprint("branch ", cut), func(t *testing.T) {
			b := runBreakable(t, branchOptions{PeerTimeout: testTimeout})
			b.setRoads(2, 3, func(r *road) { r.setFrozen(true) }) // so branch 2 waits for branch 3
			done := make(chan error, 1)
			client := b.customers(1)
			go func() {
				_, err := client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 10, RequestId: "r", HomeBranch: 2})
				done <- err
			}()
			b.awaitStatus(2, "the entry", func(s *bankv1.GetStatusResponse) bool { return s.GetApplied()[1].GetSequence() == 1 })
			mustApply(b.t, b.at(cut).branch, fault.Cut)
			err := <-done
			wantCode(t, err, connect.CodeUnavailable)
			if !strings.Contains(err.Error(), "it is not known whether the write was recorded") {
				t.Errorf("the text is %v", err)
			}
			mustApply(b.t, b.at(cut).branch, fault.Heal)
			b.setRoads(2, 3, func(r *road) { r.setFrozen(false) })
			b.awaitLinks()
			if res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "r", HomeBranch: 2}); !res.GetReplay() {
				t.Errorf("the retry: %v", res)
			}
			b.wantAgreement(310)
		})
	}
}

// A branch that is paused keeps silent and its peers go on without it.
func TestAPausedBranchDoesNothing(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBreakable(t, branchOptions{PeerTimeout: patient / 10})
	mustApply(b.t, b.at(3).branch, fault.Pause)
	answered := make(chan error, 1)
	client := b.customers(3)
	go func() {
		_, err := client.Query(b.ctx, &bankv1.QueryRequest{})
		answered <- err
	}()
	if res := b.deposit(1, 10); fmt.Sprint(res.GetUnreachableBranches()) != "[3]" {
		t.Errorf("unreachable branches: %v", res.GetUnreachableBranches())
	}
	b.wantBalance(2, 310)
	select {
	case err := <-answered:
		t.Errorf("a paused branch has answered: %v", err)
	default:
	}
	mustApply(b.t, b.at(3).branch, fault.Resume)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	b.awaitReachableFrom(3, true)
	b.mustWithdraw(3, &bankv1.WithdrawRequest{Amount: 200})
	b.wantAgreement(110)
}

func TestAPausedBranchStopsWhenItIsTold(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBreakable(t, branchOptions{})
	b.deposit(1, 10)
	mustApply(b.t, b.at(2).branch, fault.Pause)
	b.stop(2)
	mustApply(b.t, b.at(3).branch, fault.Pause)
	b.die(3)
	b.start(3)
	b.start(2)
	b.awaitReady(2)
	b.awaitReady(3)
	b.awaitLinks()
	b.wantAgreement(310)
}

// die kills a branch of this process, and returns once it has ended.
func (b *bank) die(id uint32) {
	b.t.Helper()
	r := b.at(id)
	mustApply(b.t, r.branch, fault.Kill)
	<-r.done
	if !errors.Is(r.err, fault.ErrKilled) {
		b.t.Errorf("branch %d ended with %v", id, r.err)
	}
	if c, err := net.Dial("tcp", r.address); err == nil {
		_ = c.Close()
		b.t.Errorf("branch %d still listens", id)
	}
	b.forget(id)
}

func TestNothingAcknowledgedIsLostByKillInOneProcess(t *testing.T) {
	b := runBreakable(t, branchOptions{})
	const kills, before = 3, 20
	total := int64(300)
	for kill := range kills {
		acknowledged := make(chan struct{}, before)
		var receipts map[string]uint64
		var unknown string
		var writing sync.WaitGroup
		writing.Go(func() { receipts, unknown = b.writer(1, fmt.Sprint("before kill ", kill), acknowledged) })
		for range before {
			<-acknowledged
		}
		b.die(1) // with deposits under way
		writing.Wait()
		b.deposit(2, 1)
		b.restart(1)
		for id, sequence := range receipts {
			res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 1, RequestId: id})
			if !res.GetReplay() || res.GetReceipt().GetSequence() != sequence {
				t.Fatalf("acknowledged as entry %d, after the restart: %v", sequence, res)
			}
		}
		b.mustDeposit(1, &bankv1.DepositRequest{Amount: 1, RequestId: unknown})
		total += int64(len(receipts)) + 2
		b.wantStrongBalance(1, total)
	}
}

// notedFaults records its calls, and breaks nothing.
type notedFaults struct {
	told []string
	// refuse is the error that it returns.
	refuse error
	// hold, if not nil, makes it wait until its caller gives up.
	hold chan struct{}
}

func (f *notedFaults) Apply(ctx context.Context, id uint32, action fault.Action) error {
	f.told = append(f.told, fmt.Sprint(action, " ", id))
	if f.hold != nil {
		close(f.hold)
		<-ctx.Done()
		return ctx.Err()
	}
	return f.refuse
}

func (f *notedFaults) List(context.Context) ([]fault.Fault, error) {
	return []fault.Fault{{Branch: 1, Cut: true}, {Branch: 2, Paused: true}, {Branch: 3, Killed: true}}, f.refuse
}

func (b *bank) faults(at uint32) bankv1connect.FaultServiceClient {
	b.t.Helper()
	return bankv1connect.NewFaultServiceClient(b.http, "http://"+b.at(at).address)
}

// breakAll calls everything but ListFaults.
func (b *bank) breakAll(id uint32) []error {
	b.t.Helper()
	c := b.faults(1)
	errs := make([]error, 6)
	_, errs[0] = c.Cut(b.ctx, &bankv1.CutRequest{Branch: id})
	_, errs[1] = c.Heal(b.ctx, &bankv1.HealRequest{Branch: id})
	_, errs[2] = c.Pause(b.ctx, &bankv1.PauseRequest{Branch: id})
	_, errs[3] = c.Resume(b.ctx, &bankv1.ResumeRequest{Branch: id})
	_, errs[4] = c.Kill(b.ctx, &bankv1.KillRequest{Branch: id})
	_, errs[5] = c.Restart(b.ctx, &bankv1.RestartRequest{Branch: id})
	return errs
}

func TestFaultServicePassesOnWhatItIsAsked(t *testing.T) {
	f := &notedFaults{}
	b := runBankWith(t, 2, 0, branchOptions{Faults: f})
	if err := errors.Join(b.breakAll(2)...); err != nil {
		t.Error(err)
	}
	if got, want := fmt.Sprint(f.told), "[cut 2 heal 2 pause 2 resume 2 kill 2 restart 2]"; got != want {
		t.Errorf("told %v, want %v", got, want)
	}
	got, err := b.faults(1).ListFaults(b.ctx, &bankv1.ListFaultsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &bankv1.ListFaultsResponse{Faults: []*bankv1.BranchFault{{Branch: 1, Cut: true}, {Branch: 2, Paused: true}, {Branch: 3, Killed: true}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestFaultServiceRefuses(t *testing.T) {
	f := &notedFaults{refuse: &fault.Error{Problem: "branch 2 is tired"}}
	b := runBankWith(t, 2, 0, branchOptions{Faults: f})
	for _, err := range b.breakAll(2) {
		wantCode(t, err, connect.CodeFailedPrecondition)
		if !strings.Contains(err.Error(), "branch 2 is tired") {
			t.Errorf("the text is %v", err)
		}
	}
	_, err := b.faults(1).ListFaults(b.ctx, &bankv1.ListFaultsRequest{})
	wantCode(t, err, connect.CodeFailedPrecondition)
	f.told = nil
	for _, unknown := range []uint32{0, 3} {
		for _, err := range b.breakAll(unknown) {
			wantCode(t, err, connect.CodeInvalidArgument)
		}
	}
	if len(f.told) > 0 {
		t.Errorf("told %v", f.told)
	}
}

func TestABranchCanNotRestartItself(t *testing.T) {
	b := runBreakable(t, branchOptions{})
	var refused *fault.Error
	if err := b.at(1).branch.Apply(fault.Restart); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	b.wantBalance(1, 300)
}

func TestNoFaultServiceWithoutFaults(t *testing.T) {
	b := runBankWith(t, 2, 0, branchOptions{})
	for _, err := range b.breakAll(2) {
		wantCode(t, err, connect.CodeUnimplemented)
	}
}

// A branch that kills another one waits for it to end. It must not wait for the call that
// asked it to.
func TestAFaultThatWaitsEndsWithItsBranch(t *testing.T) {
	f := &notedFaults{hold: make(chan struct{})}
	b := runBankWith(t, 2, 0, branchOptions{Faults: f})
	client := b.faults(1)
	done := make(chan error, 1)
	go func() {
		_, err := client.Cut(b.ctx, &bankv1.CutRequest{Branch: 2})
		done <- err
	}()
	<-f.hold
	b.die(1)
	if err := <-done; err == nil {
		t.Error("a branch that was killed has answered")
	}
}
