package branch_test

import (
	"fmt"
	"slices"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestAcknowledgeLevels(t *testing.T) {
	t.Parallel() // it waits most of the time
	tests := []struct {
		// cut is one more branch that is cut off, of 5; 0 for none.
		cut   uint32
		level bankv1.Acknowledge
		// unreachable are the branches that the reply names; none with an error.
		unreachable string
	}{
		{level: local, unreachable: "[]"},
		{level: reachable, unreachable: "[]"},
		{level: majority, unreachable: "[]"},
		{level: nearest, unreachable: "[]"},
		{level: all, unreachable: "[]"},
		{cut: 5, level: local, unreachable: "[5]"},
		{level: reachable, unreachable: "[5]"},
		{level: majority, unreachable: "[5]"},
		{level: all},
		{cut: 4, level: majority, unreachable: "[4 5]"},
		{level: all},
		{cut: 3, level: reachable, unreachable: "[3 4 5]"},
		{level: majority},
		{level: nearest, unreachable: "[3 4 5]"},
		{cut: 2, level: local, unreachable: "[2 3 4 5]"},
		{level: reachable, unreachable: "[2 3 4 5]"},
		{level: majority},
		{level: nearest},
	}
	b := runBank(t, 5, 100)
	balance := int64(100)
	var cut []uint32
	for i, test := range tests {
		if test.cut != 0 {
			b.cutOff(test.cut)
			cut = append(cut, test.cut)
		}
		what := fmt.Sprintf("%v with %v cut off", test.level, cut)
		balance++
		res, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, Acknowledge: test.level})
		receipt := res.GetReceipt()
		if test.unreachable != "" {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := fmt.Sprint(res.GetUnreachableBranches()); got != test.unreachable {
				t.Errorf("%s: unreachable are %v, want %v", what, got, test.unreachable)
			}
		} else {
			wantCode(t, err, connect.CodeDeadlineExceeded)
			d := detail[*bankv1.NotReplicated](t, err)
			receipt = d.GetReceipt()
			for _, id := range cut { // others may not have confirmed it yet
				if !slices.Contains(d.GetMissingBranches(), id) {
					t.Errorf("%s: missing are %v", what, d.GetMissingBranches())
				}
			}
		}
		if receipt.GetBranch() != 1 || receipt.GetSequence() != uint64(i)+1 {
			t.Errorf("%s: receipt %v, want branch 1, entry %d", what, receipt, i+1)
		}
		b.wantBalance(1, balance) // recorded, in any case
	}
	for _, id := range cut {
		for _, other := range b.ids {
			if other != id {
				b.heal(id, other)
			}
		}
	}
	last := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 1})
	for _, id := range b.ids {
		b.wantQuery(id, &bankv1.QueryRequest{Session: last.GetSession()}, balance+1)
	}
}

// A write that was not replicated as asked is recorded once. A retry with the same
// request id tells when it has been replicated.
func TestARetryTellsWhenAWriteIsReplicated(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 0)
	b.cutOff(3)
	req := &bankv1.DepositRequest{Amount: 7, RequestId: "r", Acknowledge: all}
	_, err := b.customers(1).Deposit(b.ctx, req)
	wantCode(t, err, connect.CodeDeadlineExceeded)
	receipt := detail[*bankv1.NotReplicated](t, err).GetReceipt()
	_, err = b.customers(1).Deposit(b.ctx, req)
	wantCode(t, err, connect.CodeDeadlineExceeded)
	b.rejoin(3)
	res := b.mustDeposit(1, req)
	if !res.GetReplay() || res.GetReceipt().GetSequence() != receipt.GetSequence() || res.GetBalance() != 7 {
		t.Errorf("retry got %v, want a replay of entry %d", res, receipt.GetSequence())
	}
	for _, id := range b.ids {
		b.wantBalance(id, 7)
	}
}

// Calls that name no level get the bank's default.
func TestAcknowledgeDefaultsToTheBanks(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 0, branchOptions{Acknowledge: all})
	b.cutOff(3)
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
	wantCode(t, err, connect.CodeDeadlineExceeded)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 1, Acknowledge: reachable})
}
