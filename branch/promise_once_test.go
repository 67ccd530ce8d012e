package branch_test

import (
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestARequestIsCarriedOutOnceWhenItIsRetried(t *testing.T) {
	b := runBank(t, 3, 300)
	tests := map[string]struct {
		deposit *bankv1.DepositRequest
		at      uint32
		replay  bool
	}{
		"1 first":                  {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a"}, at: 1},
		"2 same branch":            {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a"}, at: 1, replay: true},
		"3 home named":             {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a", HomeBranch: 1}, at: 1, replay: true},
		"4 another branch":         {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a", HomeBranch: 1}, at: 2, replay: true},
		"5 another, home not told": {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a"}, at: 3, replay: true},
		"6 other level":            {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a", Acknowledge: all}, at: 3, replay: true},
		"7 shared account named":   {deposit: &bankv1.DepositRequest{Amount: 10, RequestId: "a", Account: "shared"}, at: 1, replay: true},
	}
	for _, name := range sortedKeys(tests) {
		test := tests[name]
		res := b.mustDeposit(test.at, test.deposit)
		if res.GetReplay() != test.replay || res.GetReceipt().GetBranch() != 1 || res.GetReceipt().GetSequence() != 1 || res.GetBalance() != 310 {
			t.Errorf("%s: got %v, want entry 1 of branch 1, replay %v", name, res, test.replay)
		}
	}
	b.wantStrongBalance(2, 310)
}

func TestARequestIsCarriedOutOnceWhenItIsSentTwiceAtOnce(t *testing.T) {
	b := runBank(t, 3, 300)
	requests := map[string]func(at uint32) (sequence uint64, replay bool, err error){
		"deposit": func(at uint32) (uint64, bool, error) {
			res, err := b.customers(at).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 10, RequestId: "deposit", HomeBranch: 2})
			return res.GetReceipt().GetSequence(), res.GetReplay(), err
		},
		"withdrawal that claims": func(at uint32) (uint64, bool, error) {
			res, err := b.customers(at).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 250, RequestId: "withdraw", HomeBranch: 2})
			return res.GetReceipt().GetSequence(), res.GetReplay(), err
		},
	}
	for _, name := range sortedKeys(requests) {
		const calls = 24
		sequences, replays := make([]uint64, calls), make([]bool, calls)
		for _, err := range together(calls, func(i int) (err error) {
			sequences[i], replays[i], err = requests[name](uint32(i%3 + 1))
			return err
		}) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		first := 0
		for i := range calls {
			if !replays[i] {
				first++
			}
			if sequences[i] != sequences[0] {
				t.Errorf("%s: recorded as entry %d and as entry %d", name, sequences[0], sequences[i])
			}
		}
		if first != 1 {
			t.Errorf("%s: %d answers are no replays, want 1", name, first)
		}
	}
	b.wantStrongBalance(1, 60)
}

func TestARequestIDWithOtherContentIsRefused(t *testing.T) {
	b := runBank(t, 2, 300)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "a", CustomerId: 1})
	for _, at := range b.ids {
		client := b.customers(at)
		errs := map[string]error{}
		_, errs["amount"] = client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 11, RequestId: "a", CustomerId: 1, HomeBranch: 1})
		_, errs["account"] = client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 10, Account: "b", RequestId: "a", CustomerId: 1, HomeBranch: 1})
		_, errs["customer"] = client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 10, RequestId: "a", CustomerId: 2, HomeBranch: 1})
		_, errs["kind"] = client.Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 10, RequestId: "a", CustomerId: 1, HomeBranch: 1})
		_, errs["transfer"] = client.Transfer(b.ctx, &bankv1.TransferRequest{ToAccount: "b", Amount: 10, RequestId: "a", CustomerId: 1, HomeBranch: 1})
		for name, err := range errs {
			if connect.CodeOf(err) != connect.CodeAlreadyExists {
				t.Errorf("other %s at branch %d: %v", name, at, err)
			}
		}
	}
	b.wantStrongBalance(1, 310)
}

func TestARequestIsNotCarriedOutWhileItsHomeCantBeAsked(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(1)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "a"})
	retry := &bankv1.DepositRequest{Amount: 10, RequestId: "a", HomeBranch: 1}
	_, err := b.customers(2).Deposit(b.ctx, retry)
	wantCode(t, err, connect.CodeUnavailable)
	b.wantBalance(2, 300)
	b.rejoin(1)
	if res := b.mustDeposit(2, retry); !res.GetReplay() || res.GetReceipt().GetBranch() != 1 {
		t.Errorf("retry at branch 2: %v", res)
	}
	b.wantStrongBalance(3, 310)
}

func TestARequestIsReplayedAfterARestart(t *testing.T) {
	b := runBank(t, 2, 300)
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 10, RequestId: "a"})
	b.deposit(1, 5)
	b.stopAll()
	b.startAll()
	for _, at := range b.ids {
		res := b.mustWithdraw(at, &bankv1.WithdrawRequest{Amount: 10, RequestId: "a", HomeBranch: 1})
		if !res.GetReplay() || res.GetReceipt().GetSequence() != 1 || res.GetBalance() != 290 {
			t.Errorf("at branch %d: %v, want the first answer", at, res)
		}
	}
	b.wantStrongBalance(1, 295)
}

func TestAHomeThatIsNoBranchIsRefused(t *testing.T) {
	b := runBank(t, 2, 300)
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, RequestId: "a", HomeBranch: 9})
	wantCode(t, err, connect.CodeInvalidArgument)
	_, err = b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, HomeBranch: 2})
	wantCode(t, err, connect.CodeInvalidArgument)
	b.wantBalance(1, 300)
}
