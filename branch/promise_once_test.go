package branch_test

import (
	"fmt"
	"slices"
	"strings"
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
	t.Parallel() // it waits most of the time
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

// An id that two branches take, each as its own, counts twice. Every branch that
// has both says so until an operator has looked, even after a restart.
func TestARequestIDOfTwoJournalsRaisesAnAlarm(t *testing.T) {
	t.Parallel() // it waits most of the time
	log := &errorLog{}
	b := runBankWith(t, 3, 300, branchOptions{Logger: log.logger()})
	b.cutOff(1)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "a", CustomerId: 7})
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 10, RequestId: "a", CustomerId: 7})
	b.rejoin(1)
	b.wantStrongBalance(1, 320)
	for _, at := range b.ids { // all have both
		b.mustDeposit(at, &bankv1.DepositRequest{Amount: 1, Acknowledge: all})
	}
	alarm := b.wantOneAlarm(1)
	for _, at := range b.ids {
		if got := b.wantOneAlarm(at); got.GetId() != alarm.GetId() {
			t.Errorf("branch %d names the alarm %q, branch 1 %q", at, got.GetId(), alarm.GetId())
		}
		if s := b.status(at); len(s.GetAlarms()) != 1 || s.GetAlarms()[0] != b.wantOneAlarm(at).GetText() {
			t.Errorf("status of branch %d has the alarms %q", at, s.GetAlarms())
		}
	}
	if text := log.String(); strings.Count(text, "a request id counts twice") != 3 || !strings.Contains(text, alarm.GetId()) {
		t.Errorf("each branch logs it once:\n%s", text)
	}
	b.stopAll()
	b.startAll()
	shape := b.get(1, branchService+"ListAlarms", `{}`)
	shape.wantField(t, "branch", float64(1))
	listed, _ := shape.json["alarms"].([]any)
	if len(listed) != 1 || !slices.Equal(sortedKeys(listed[0].(map[string]any)), []string{"durable", "entries", "id", "kind", "more", "requestId", "text"}) {
		t.Errorf("in JSON: %s", shape.body)
	}
	for _, want := range []bool{true, false} {
		res, err := b.customers(1).ResolveAlarm(b.ctx, &bankv1.ResolveAlarmRequest{Id: alarm.GetId()})
		if err != nil || res.GetResolved() != want || res.GetBranch() != 1 {
			t.Errorf("resolve: %v, %v, want %v", res, err, want)
		}
	}
	b.stopAll()
	b.startAll()
	if res, err := b.customers(1).ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{}); err != nil || len(res.GetAlarms()) != 0 {
		t.Errorf("after it was resolved: %v, %v", res, err)
	}
	b.wantOneAlarm(2)
	b.wantOneAlarm(3)
	b.wantStrongBalance(2, 323)
	_, err := b.customers(2).ResolveAlarm(b.ctx, &bankv1.ResolveAlarmRequest{Id: "A"})
	wantCode(t, err, connect.CodeInvalidArgument)
	again := b.post(1, branchService+"ResolveAlarm", `{"id":"`+alarm.GetId()+`"}`)
	again.wantField(t, "resolved", false)
	again.wantField(t, "branch", float64(1))
}

// wantOneAlarm returns the alarm that a branch has about request id a.
func (b *bank) wantOneAlarm(at uint32) *bankv1.Alarm {
	b.t.Helper()
	res, err := b.customers(at).ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{})
	if err != nil || len(res.GetAlarms()) != 1 || res.GetBranch() != at {
		b.t.Fatalf("branch %d: alarms %v, %v", at, res, err)
	}
	a := res.GetAlarms()[0]
	branches := map[uint32]bool{}
	for _, e := range a.GetEntries() {
		branches[e.GetReceipt().GetBranch()] = e.GetReceipt().GetSequence() == 1 && e.GetWhat() == "deposit" && e.GetAccount() == "shared" &&
			e.GetAmount() == 10 && e.GetCustomerId() == 7 && e.GetRecordedAtUnixMs() > 0
	}
	if a.GetKind() != bankv1.AlarmKind_ALARM_KIND_REQUEST_ID || !a.GetDurable() || a.GetRequestId() != "a" || len(branches) != 2 || !branches[1] || !branches[2] {
		b.t.Fatalf("branch %d: alarm %v", at, a)
	}
	return a
}

// Calls with one request id that name the same home count once, even at two branches at
// once, and while these don't reach each other.
func TestARequestThatNamesItsHomeCountsOnce(t *testing.T) {
	b := runBank(t, 3, 300)
	const ids = 100
	for _, err := range together(2*ids, func(i int) error {
		_, err := b.customers(uint32(i%2+1)).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, RequestId: fmt.Sprint("hedged ", i/2), HomeBranch: 1})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	b.wantStrongBalance(3, 300+ids)
	b.cutOff(1)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 1, RequestId: "cut", HomeBranch: 1})
	_, err := b.customers(2).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, RequestId: "cut", HomeBranch: 1})
	wantCode(t, err, connect.CodeUnavailable)
	b.rejoin(1)
	b.wantStrongBalance(2, 300+ids+1)
	for _, at := range b.ids {
		if s := b.status(at); len(s.GetAlarms()) != 0 {
			t.Errorf("branch %d: alarms %q", at, s.GetAlarms())
		}
	}
}
