package branch_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// wantFork waits until branch 1 writes no more, and branch 2 has raised an alarm. Branch 2
// then takes a deposit of 1. It returns the session after that.
func (b *bank) wantFork() string {
	b.t.Helper()
	b.awaitStatus(1, "a halt", func(s *bankv1.GetStatusResponse) bool {
		return s.GetState() == bankv1.BranchState_BRANCH_STATE_HALTED && s.GetStateReason() != "" && len(s.GetAlarms()) > 0
	})
	b.awaitStatus(2, "an alarm", func(s *bankv1.GetStatusResponse) bool { return len(s.GetAlarms()) > 0 })
	return b.mustDeposit(2, &bankv1.DepositRequest{Amount: 1}).GetSession()
}

// wantForked checks that branch 1 writes no more, that branch 2 has raised an
// alarm, and that all else goes on: branch 2 takes a deposit of 1. It returns
// the session after that.
func (b *bank) wantForked() string {
	b.t.Helper()
	session := b.wantFork()
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
	wantCode(b.t, err, connect.CodeUnavailable)
	if _, err := b.customers(1).Query(b.ctx, &bankv1.QueryRequest{}); err != nil {
		b.t.Errorf("query at the branch that halted: %v", err)
	}
	for _, at := range []uint32{1, 2} { // it stays until somebody decides
		res, err := b.customers(at).ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{})
		if err != nil || len(res.GetAlarms()) == 0 || res.GetAlarms()[0].GetKind() != bankv1.AlarmKind_ALARM_KIND_FORK || !res.GetAlarms()[0].GetDurable() {
			b.t.Fatalf("alarms of branch %d: %v, %v", at, res, err)
		}
		_, err = b.customers(at).ResolveAlarm(b.ctx, &bankv1.ResolveAlarmRequest{Id: res.GetAlarms()[0].GetId()})
		wantCode(b.t, err, connect.CodeFailedPrecondition)
	}
	b.health(1, "").wantField(b.t, "status", "SERVING_STATUS_NOT_SERVING")
	if s := b.status(2); s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
		b.t.Errorf("branch 2 is in state %v because of %q", s.GetState(), s.GetStateReason())
	}
	return session
}

// Two processes with one branch id, each with a disk of its own. An operator says
// that the second one is of the same bank, and need not ask.
func TestAForkedJournalHaltsItsBranchAndRaisesAlarms(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	b.deposit(1, 10)
	b.stop(1)
	b.wipe(1)
	b.cut(1, 2)
	b.cut(1, 3)
	b.options.Bootstrap, b.options.BankID = true, b.status(2).GetBankId()
	b.start(1)
	b.awaitReady(1)
	b.deposit(1, 99) // its entry 1 is another one now
	b.heal(1, 2)
	b.heal(1, 3)
	session := b.wantForked()
	// By hand, too, nothing more of that journal is applied.
	a := b.post(2, peerServiceName+"PropagateDeposit", `{"branch":1,"sequence":2,"amount":1}`)
	a.wantError(t, 400, "failed_precondition", "forked")
	b.wantQuery(3, &bankv1.QueryRequest{Session: session}, 311)
}

// A backup that was restored while the branch could hear nobody, and an operator
// has said that it need not.
func TestABackupThatWroteOnIsAFork(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	b.deposit(1, 10)
	b.stop(1)
	b.backUp(1)
	b.start(1)
	b.awaitReady(1)
	b.deposit(1, 20)
	b.stop(1)
	b.restore(1)
	b.cut(1, 2)
	b.cut(1, 3)
	b.options.Bootstrap = true
	b.start(1)
	b.awaitReady(1)
	b.deposit(1, 30)
	b.heal(1, 2)
	b.heal(1, 3)
	b.wantForked()
}

// A backup whose branch can't hear all the others takes no writes, and names the branches
// that it waits for. So it does not fork, whichever branches are away or behind.
func TestABackupWaitsForEveryBranch(t *testing.T) {
	t.Parallel() // it waits most of the time
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell where a file is")
	}
	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	b.deposit(1, 10)
	b.stop(1)
	b.backUp(1)
	b.restart(1)
	b.cut(1, 2) // which is behind from now on
	res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 20, Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL})
	b.wantQuery(3, &bankv1.QueryRequest{Session: res.GetSession()}, 330)
	b.stop(1)
	b.stop(3)
	b.restore(1)
	b.heal(1, 2)
	b.start(1)
	b.awaitStatus(1, "waiting for branch 3 alone", func(s *bankv1.GetStatusResponse) bool {
		return strings.Contains(s.GetStateReason(), "is a copy, or was restored from one") && strings.HasSuffix(s.GetStateReason(), "it waits for branch 3")
	})
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 30})
	wantCode(t, err, connect.CodeUnavailable)
	if !strings.Contains(err.Error(), "it waits for branch 3") {
		t.Errorf("%v does not say who is waited for", err)
	}
	b.stop(1)
	b.start(1) // nor does another start make it the branch's own
	b.awaitStatus(1, "waiting for branch 3 again", func(s *bankv1.GetStatusResponse) bool {
		return strings.HasSuffix(s.GetStateReason(), "it waits for branch 3")
	})
	b.start(3)
	b.awaitReady(1)
	b.awaitReady(3)
	if res := b.deposit(1, 30); res.GetReceipt().GetSequence() != 3 || res.GetBalance() != 360 {
		t.Errorf("deposit after the restore: %v, want entry 3", res)
	}
	// It has heard all: it is a branch's own directory again.
	b.stop(1)
	b.cut(1, 2)
	b.cut(1, 3)
	b.start(1)
	b.awaitReady(1)
	b.heal(1, 2)
	b.heal(1, 3)
	b.awaitLinks()
	for _, id := range b.ids {
		b.wantStrongBalance(id, 360)
		if alarms := b.status(id).GetAlarms(); len(alarms) > 0 {
			t.Errorf("alarms at branch %d: %v", id, alarms)
		}
	}
}

// A backup whose branch hears its peers before it writes is no fork.
func TestABackupCatchesUpBeforeItWrites(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	b.deposit(1, 10)
	b.stop(1)
	b.backUp(1)
	b.restart(1)
	b.deposit(1, 20)
	b.stop(1)
	b.restore(1)
	b.restart(1)
	if res := b.deposit(1, 30); res.GetReceipt().GetSequence() != 3 || res.GetBalance() != 360 {
		t.Errorf("deposit after the restore: %v, want entry 3", res)
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 360)
		if alarms := b.status(id).GetAlarms(); len(alarms) > 0 {
			t.Errorf("alarms at branch %d: %v", id, alarms)
		}
	}
}

// backUp copies the disk of a branch that does not run; restore puts the copy
// in its place.
func (b *bank) backUp(id uint32) {
	b.t.Helper()
	if err := os.CopyFS(b.dirOf(id)+".backup", os.DirFS(b.dirOf(id))); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bank) restore(id uint32) {
	b.t.Helper()
	b.wipe(id)
	if err := os.Rename(b.dirOf(id)+".backup", b.dirOf(id)); err != nil {
		b.t.Fatal(err)
	}
}
