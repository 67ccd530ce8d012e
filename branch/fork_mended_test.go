package branch_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/journal"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// forkOne makes a bank of three branches in which the journal of branch 1 has forked at its
// entry 1: branches 2 and 3 have a deposit of 10 there, and as many of 10 as more says, and
// branch 1 has one of 99. Branch 2 has written a deposit of 1 since. It returns the two
// batches, in that order, and the id of the alarm.
func forkOne(t *testing.T, more int) (b *bank, ten, ninetyNine, alarm string) {
	t.Helper()
	b = runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	for range 1 + more {
		b.deposit(1, 10)
	}
	b.stop(1)
	b.wipe(1)
	b.cut(1, 2)
	b.cut(1, 3)
	b.options.Bootstrap, b.options.BankID = true, b.status(2).GetBankId()
	b.start(1)
	b.awaitReady(1)
	b.deposit(1, 99)
	b.heal(1, 2)
	b.heal(1, 3)
	b.wantFork()
	b.awaitStatus(3, "an alarm", func(s *bankv1.GetStatusResponse) bool { return len(s.GetAlarms()) > 0 })
	b.options.Bootstrap = false
	fork := b.forkAt(1)
	alarms, err := b.customers(1).ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return b, fork.GetSides()[1].GetHash(), fork.GetSides()[0].GetHash(), alarms.GetAlarms()[0].GetId()
}

// forkAt returns the fork that is open at a branch.
func (b *bank) forkAt(id uint32) *bankv1.Fork {
	b.t.Helper()
	res, err := b.customers(id).ListAlarms(b.ctx, &bankv1.ListAlarmsRequest{})
	if err != nil {
		b.t.Fatal(err)
	}
	k := slices.IndexFunc(res.GetAlarms(), func(a *bankv1.Alarm) bool { return a.GetFork() != nil })
	if k < 0 {
		b.t.Fatalf("branch %d has no alarm about a fork: %v", id, res)
	}
	return res.GetAlarms()[k].GetFork()
}

// decide decides at a branch which batch counts, and starts it again if it has to be.
func (b *bank) decide(id uint32, alarm, keep string) {
	b.t.Helper()
	res, err := b.customers(id).ResolveAlarm(b.ctx, &bankv1.ResolveAlarmRequest{Id: alarm, Keep: keep, Note: "a test"})
	if err != nil || !res.GetResolved() {
		b.t.Fatalf("decide at branch %d: %v, %v", id, res, err)
	}
	fork, err := b.customers(id).GetFork(b.ctx, &bankv1.GetForkRequest{Id: alarm})
	if err != nil || fork.GetFork().GetKept() != keep || fork.GetFork().GetNote() != "a test" || fork.GetFork().GetRestart() != res.GetRestart() {
		b.t.Fatalf("the fork at branch %d: %v, %v", id, fork, err)
	}
	if res.GetRestart() {
		b.stop(id)
		b.start(id)
	}
}

// Whichever side counts, the branches that have the other one leave it out and take what
// counts, and nothing of any other journal is lost.
func TestAForkIsMended(t *testing.T) {
	t.Parallel() // it waits most of the time
	for name, keepTen := range map[string]bool{"the others' side": true, "its own side": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, ten, ninetyNine, alarm := forkOne(t, 0)
			keep, want := ninetyNine, int64(300+99+1)
			if keepTen {
				keep, want = ten, 300+10+1
			}
			for _, id := range []uint32{2, 3, 1} {
				b.decide(id, alarm, keep)
			}
			for _, id := range b.ids {
				b.awaitReady(id)
			}
			b.awaitLinks()
			b.deposit(1, 1000)
			for _, id := range b.ids {
				b.wantStrongBalance(id, want+1000)
				if alarms := b.status(id).GetAlarms(); len(alarms) > 0 {
					t.Errorf("alarms at branch %d: %v", id, alarms)
				}
			}
			b.wantLeftOut(alarm, keep)
			b.verifyAll()
		})
	}
}

// wantLeftOut checks what branches tell of a fork after it is mended.
func (b *bank) wantLeftOut(alarm, keep string) {
	b.t.Helper()
	for _, id := range b.ids {
		res, err := b.customers(id).GetFork(b.ctx, &bankv1.GetForkRequest{Id: alarm})
		switch {
		case err != nil:
			b.t.Fatal(err)
		case res.GetAppliedHash() != keep || len(res.GetApplied()) != 2 || len(res.GetOthers()) != 1 || res.GetFork().GetRestart():
			b.t.Errorf("the fork at branch %d: %v", id, res)
		}
	}
}

// verifyAll stops all branches and verifies their directories.
func (b *bank) verifyAll() {
	b.t.Helper()
	for _, id := range b.ids {
		b.stop(id)
		v, err := journal.Verify(b.dirOf(id), nil, func(f journal.Finding) { b.t.Errorf("%v", f) })
		if err != nil {
			b.t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			b.t.Error(err)
		}
	}
}

// A decision is about a fork that there is, and names one of its batches.
func TestADecisionNamesABatchOfAFork(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, ten, _, alarm := forkOne(t, 0)
	for name, test := range map[string]struct {
		req  *bankv1.ResolveAlarmRequest
		want connect.Code
	}{
		"no batch":            {&bankv1.ResolveAlarmRequest{Id: alarm}, connect.CodeFailedPrecondition},
		"no hash":             {&bankv1.ResolveAlarmRequest{Id: alarm, Keep: "the old one"}, connect.CodeInvalidArgument},
		"half a hash":         {&bankv1.ResolveAlarmRequest{Id: alarm, Keep: ten[:32]}, connect.CodeInvalidArgument},
		"another batch":       {&bankv1.ResolveAlarmRequest{Id: alarm, Keep: ten[:62] + "00"}, connect.CodeInvalidArgument},
		"a long note":         {&bankv1.ResolveAlarmRequest{Id: alarm, Keep: ten, Note: string(make([]byte, 257))}, connect.CodeInvalidArgument},
		"a note that is none": {&bankv1.ResolveAlarmRequest{Id: alarm, Keep: ten, Note: "\xff"}, connect.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.customers(2).ResolveAlarm(b.ctx, test.req)
			wantCode(t, err, test.want)
		})
	}
	res, err := b.customers(2).ResolveAlarm(b.ctx, &bankv1.ResolveAlarmRequest{Id: "aaaaaaaa", Keep: ten})
	if err != nil || res.GetResolved() {
		t.Errorf("decide about a fork that there is not: %v, %v", res, err)
	}
	for _, req := range []*bankv1.GetForkRequest{{Branch: 9, FirstSequence: 1}, {Branch: 1}, {Branch: 1, FirstSequence: 1 << 63}} {
		_, err := b.customers(2).GetFork(b.ctx, req)
		wantCode(t, err, connect.CodeInvalidArgument)
	}
	_, err = b.customers(2).GetFork(b.ctx, &bankv1.GetForkRequest{Id: "aaaaaaaa"})
	wantCode(t, err, connect.CodeOutOfRange)
}

// What is decided can be decided again.
func TestADecisionCanBeChanged(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, ten, ninetyNine, alarm := forkOne(t, 0)
	b.decide(2, alarm, ten) // which it has
	b.decide(2, alarm, ninetyNine)
	b.decide(3, alarm, ninetyNine)
	b.decide(1, alarm, ninetyNine)
	for _, id := range b.ids {
		b.awaitReady(id)
	}
	b.awaitLinks()
	for _, id := range b.ids {
		b.wantStrongBalance(id, 300+99+1)
	}
	b.verifyAll()
}

// However many entries a fork has, the answer is bounded, and counts the others.
func TestAForkOfManyEntries(t *testing.T) {
	t.Parallel() // it waits most of the time
	const most, more = 1000, 1100
	b, ten, ninetyNine, alarm := forkOne(t, more)
	res, err := b.customers(2).GetFork(b.ctx, &bankv1.GetForkRequest{Id: alarm})
	if err != nil || len(res.GetApplied()) != most || res.GetAppliedMore() != 1+more-most || res.GetAppliedHash() != ten || len(res.GetOthers()) != 1 {
		t.Errorf("the fork before it is mended: %d entries and %d more, %d others, %v", len(res.GetApplied()), res.GetAppliedMore(), len(res.GetOthers()), err)
	}
	for _, id := range []uint32{2, 3, 1} {
		b.decide(id, alarm, ninetyNine)
	}
	for _, id := range b.ids {
		b.awaitReady(id)
	}
	res, err = b.customers(2).GetFork(b.ctx, &bankv1.GetForkRequest{Id: alarm})
	if err != nil || res.GetAppliedHash() != ninetyNine || len(res.GetOthers()) != most || res.GetOthersMore() != 1+more-most {
		t.Errorf("the fork after it was mended: batch %s, %d others and %d more, %v", res.GetAppliedHash(), len(res.GetOthers()), res.GetOthersMore(), err)
	}
	// The deposit of branch 2 comes after as many entries of branch 1, which has filled its
	// journal up with entries that change nothing.
	if res.GetAppliedUpTo() < 1+more {
		t.Errorf("the journal of branch 1 ends at %d, and an entry comes after %d", res.GetAppliedUpTo(), 1+more)
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 300+99+1)
	}
	b.verifyAll()
}
