package branch_test

import (
	"fmt"
	"slices"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestAnAcknowledgedWriteShowsAtEveryReachableBranch(t *testing.T) {
	b := runBank(t, 5, 400)
	balance := int64(400)
	for _, at := range b.ids {
		res := b.deposit(at, 10)
		balance += 10
		if res.GetBalance() != balance || len(res.GetUnreachableBranches()) > 0 {
			t.Errorf("deposit at branch %d: %v, want balance %d and all branches reachable", at, res, balance)
		}
		for _, id := range b.ids {
			b.wantBalance(id, balance)
		}
	}
}

func TestAReplyNamesTheBranchesThatWereNotReachable(t *testing.T) {
	b := runBank(t, 4, 400)
	b.cutOff(4)
	res := b.deposit(1, 10)
	if got := fmt.Sprint(res.GetUnreachableBranches()); got != "[4]" {
		t.Errorf("unreachable branches %v, want [4]", got)
	}
	for _, id := range []uint32{1, 2, 3} {
		b.wantBalance(id, 410)
	}
	b.wantBalance(4, 400)
}

func TestABranchThatWasCutOffCatchesUpByItself(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(2)
	there := b.deposit(2, 5)
	here := b.deposit(1, 10)
	b.rejoin(2)
	b.wantQuery(2, &bankv1.QueryRequest{Session: here.GetSession()}, 315)
	for _, id := range []uint32{1, 3} {
		b.wantQuery(id, &bankv1.QueryRequest{Session: there.GetSession()}, 315)
	}
	if res := b.deposit(2, 1); len(res.GetUnreachableBranches()) > 0 || res.GetBalance() != 316 {
		t.Errorf("deposit after that: %v", res)
	}
}

// Branches 1 and 2 can't talk, and 3 tells each what the other wrote.
func TestEntriesSpreadThroughAThirdBranch(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	b.cut(1, 2)
	b.awaitReachable(1, 2, false)
	b.awaitReachable(2, 1, false)
	res := b.deposit(1, 10)
	b.wantQuery(2, &bankv1.QueryRequest{Session: res.GetSession()}, 310)
	back := b.mustDeposit(2, &bankv1.DepositRequest{Amount: 1, Session: res.GetSession()})
	b.wantQuery(1, &bankv1.QueryRequest{Session: back.GetSession()}, 311)
}

// A peer whose connection stays open and says nothing counts as unreachable
// after the peer time-out, so that a write does not wait for it for ever.
func TestABranchThatSaysNothingCountsAsUnreachable(t *testing.T) {
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	freeze := func(frozen bool) {
		for _, id := range []uint32{1, 2} {
			b.setRoads(id, 3, func(r *road) { r.setFrozen(frozen) })
		}
	}
	freeze(true)
	res := b.deposit(1, 10)
	if got := res.GetUnreachableBranches(); !slices.Contains(got, 3) {
		t.Errorf("unreachable branches %v, want 3 among them", got)
	}
	freeze(false)
	b.wantQuery(3, &bankv1.QueryRequest{Session: res.GetSession()}, 310)
	b.awaitReachable(1, 3, true)
}
