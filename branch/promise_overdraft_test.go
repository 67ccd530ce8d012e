package branch_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// together runs f for 0 to n-1 at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() { errs[i] = f(i) })
	}
	calls.Wait()
	return errs
}

func TestNoAccountIsOverdrawnByConcurrentWithdrawals(t *testing.T) {
	const branches, balance, amount, calls = 5, 400, 10, 50
	b := runBank(t, branches, balance)
	errs := together(calls, func(i int) error {
		_, err := b.customers(uint32(i%branches+1)).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: amount})
		return err
	})
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
			continue
		}
		wantCode(t, err, connect.CodeFailedPrecondition)
		if d := detail[*bankv1.InsufficientFunds](t, err); d.GetBalance() >= amount || d.GetAmount() != amount {
			t.Errorf("refused with %v", d)
		}
	}
	if want := balance / amount; succeeded != want {
		t.Errorf("%d withdrawals succeeded, want %d", succeeded, want)
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 0)
	}
}

func TestNoAccountIsOverdrawnWhileEachBranchIsCutOff(t *testing.T) {
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient})
	for _, pair := range [][2]uint32{{1, 2}, {1, 3}, {2, 3}} {
		b.cut(pair[0], pair[1])
	}
	for _, id := range b.ids {
		for _, other := range b.ids {
			if other != id {
				b.awaitReachable(id, other, false)
			}
		}
	}
	errs := together(3*12, func(i int) error {
		_, err := b.customers(uint32(i%3+1)).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 10})
		return err
	})
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
		} else {
			wantCode(t, err, connect.CodeUnavailable)
		}
	}
	if succeeded != 30 {
		t.Errorf("%d withdrawals of 10 succeeded out of 300, want 30", succeeded)
	}
	for _, id := range b.ids {
		b.rejoin(id)
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 0)
	}
}

func TestAWithdrawalUsesTheEscrowOfOtherBranches(t *testing.T) {
	b := runBank(t, 5, 400) // each branch holds 80
	res := b.mustWithdraw(3, &bankv1.WithdrawRequest{Amount: 300})
	if res.GetBalance() != 100 {
		t.Errorf("balance after it is %d, want 100", res.GetBalance())
	}
	for _, id := range b.ids {
		b.wantQuery(id, &bankv1.QueryRequest{Session: res.GetSession()}, 100)
	}
}

func TestATransferUsesTheEscrowOfOtherBranches(t *testing.T) {
	b := runBank(t, 5, 400)
	res, err := b.customers(5).Transfer(b.ctx, &bankv1.TransferRequest{ToAccount: "savings", Amount: 300})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range b.ids {
		b.wantQuery(id, &bankv1.QueryRequest{Session: res.GetSession()}, 100)
		b.wantQuery(id, &bankv1.QueryRequest{Session: res.GetSession(), Account: "savings"}, 300)
	}
}

func TestAWithdrawalAboveTheBalanceIsInsufficientFunds(t *testing.T) {
	b := runBank(t, 3, 400)
	_, err := b.customers(2).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 401})
	wantCode(t, err, connect.CodeFailedPrecondition)
	want := &bankv1.InsufficientFunds{Account: "shared", Balance: 400, Amount: 401}
	if diff := cmp.Diff(want, detail[*bankv1.InsufficientFunds](t, err), protocmp.Transform()); diff != "" {
		t.Errorf("detail (-want +got):\n%s", diff)
	}
	for _, text := range []string{"shared", "400", "401"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("text does not name %s: %v", text, err)
		}
	}
	b.wantStrongBalance(1, 400)
}

func TestAWithdrawalThatNeedsABranchThatIsCutOffIsUnavailable(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(3)
	for _, amount := range []int64{250, 301} { // in the view, and above it
		_, err := b.customers(1).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: amount})
		wantCode(t, err, connect.CodeUnavailable)
		want := &bankv1.EscrowUnavailable{
			Account: "shared", Amount: amount, Available: 100, Branch: 1, HeldTotal: 100, HeldBranches: 1, Held: []*bankv1.BranchEscrow{{Branch: 3, Amount: 100}},
		}
		if diff := cmp.Diff(want, detail[*bankv1.EscrowUnavailable](t, err), protocmp.Transform()); diff != "" {
			t.Errorf("amount %d: detail (-want +got):\n%s", amount, diff)
		}
	}
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 200}) // what the two that are left hold
	b.rejoin(3)
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 100})
	b.wantStrongBalance(3, 0)
}

func TestABranchCutOffFromAllPaysOutOfItsOwnEscrow(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(2)
	res := b.mustWithdraw(2, &bankv1.WithdrawRequest{Amount: 100})
	if got := fmt.Sprint(res.GetUnreachableBranches()); got != "[1 3]" {
		t.Errorf("unreachable branches %v, want [1 3]", got)
	}
	_, err := b.customers(2).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 1})
	wantCode(t, err, connect.CodeUnavailable)
	if d := detail[*bankv1.EscrowUnavailable](t, err); d.GetAvailable() != 0 || len(d.GetHeld()) != 2 {
		t.Errorf("detail is %v", d)
	}
	b.rejoin(2)
	b.wantQuery(1, &bankv1.QueryRequest{Session: res.GetSession()}, 200)
}
