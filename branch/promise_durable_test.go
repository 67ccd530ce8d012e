package branch_test

import (
	"fmt"
	"sync"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestNothingAcknowledgedIsLostByStopAndRestart(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	balance := int64(300)
	for range 2 {
		for _, at := range b.ids {
			b.deposit(at, 10)
			b.mustWithdraw(at, &bankv1.WithdrawRequest{Amount: 3})
			balance += 7
		}
		before := b.status(1)
		b.stopAll()
		b.startAll()
		after := b.status(1)
		if after.GetEpoch() <= before.GetEpoch() {
			t.Errorf("epoch %d after epoch %d", after.GetEpoch(), before.GetEpoch())
		}
		for _, id := range b.ids {
			b.wantStrongBalance(id, balance)
		}
	}
}

// writer makes deposits of 1 at one branch until the branch dies, each under
// a request id of its own. It returns the acknowledged deposits by request id, and
// the deposit that got no answer.
func (b *bank) writer(at uint32, name string, acknowledged chan<- struct{}) (map[string]uint64, string) {
	receipts := map[string]uint64{}
	client := b.customers(at)
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s, %d", name, i)
		res, err := client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, RequestId: id, Acknowledge: local})
		if err != nil {
			return receipts, id
		}
		receipts[id] = res.GetReceipt().GetSequence()
		select {
		case acknowledged <- struct{}{}:
		default:
		}
	}
}

func TestNothingAcknowledgedIsLostOrCountedTwiceByKill(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{})
	b.inProcesses = true
	b.startAll()
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
		b.kill(1) // with deposits under way
		writing.Wait()
		b.deposit(2, 1) // the others go on
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
	b.kill(1)
	b.kill(2)
	b.kill(3)
	b.startAll()
	for _, id := range b.ids {
		b.wantStrongBalance(id, total)
	}
}

func TestAWipedBranchRecoversItsJournalFromItsPeers(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "d"})
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 40, RequestId: "w"})
	b.stop(1)
	b.wipe(1)
	b.restart(1)
	b.wantBalance(1, 270)
	res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "d"})
	if !res.GetReplay() || res.GetReceipt().GetSequence() != 1 {
		t.Errorf("retry after the disk was wiped: %v", res)
	}
	if next := b.deposit(1, 5); next.GetReceipt().GetSequence() != 3 {
		t.Errorf("next entry is %v, want entry 3", next.GetReceipt())
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 275)
	}
	if alarms := b.status(2).GetAlarms(); len(alarms) > 0 {
		t.Errorf("alarms: %v", alarms)
	}
}

// The peer that is away may be the only one that has the lost entries.
func TestAWipedBranchRefusesWritesUntilItHasHeardEverybody(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	b.cut(1, 2)
	b.awaitReachable(1, 2, false)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "d"})
	b.stop(1)
	b.stop(3)
	b.wipe(1)
	b.heal(1, 2)
	b.start(1)
	for range 2 {
		_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
		wantCode(t, err, connect.CodeUnavailable)
	}
	s := b.status(1)
	if s.GetState() != bankv1.BranchState_BRANCH_STATE_RECOVERING || s.GetStateReason() == "" {
		t.Errorf("state is %v because of %q", s.GetState(), s.GetStateReason())
	}
	b.start(3)
	b.awaitReady(1)
	b.awaitLinks()
	res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "d"})
	if !res.GetReplay() {
		t.Errorf("retry after the disk was wiped: %v", res)
	}
	b.wantStrongBalance(2, 310)
}

// An operator may say that an empty disk is a new bank's.
func TestBootstrapWritesWithoutHavingHeardEverybody(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(1)
	b.awaitReady(1)
	res := b.deposit(1, 10)
	if got := fmt.Sprint(res.GetUnreachableBranches()); got != "[2 3]" {
		t.Errorf("unreachable branches %v, want [2 3]", got)
	}
	b.options.Bootstrap = false // or, where they are slow to meet branch 1, they would found a bank of their own
	b.start(2)
	b.start(3)
	b.wantQuery(3, &bankv1.QueryRequest{Session: res.GetSession()}, 310)
}
