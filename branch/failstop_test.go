package branch_test

import (
	"io"
	"strings"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// fill keeps the branch's process from making any file longer.
func (b *bank) fill(id uint32) {
	b.t.Helper()
	r := b.at(id)
	if _, err := io.WriteString(r.process.stdin, "fill\n"); err != nil {
		b.t.Fatal(err)
	}
	select {
	case <-r.process.filled:
	case <-b.ctx.Done():
		b.t.Fatal("the process did not fill its disk")
	}
}

func TestABranchWhoseDiskFailsStopsAndAcknowledgesNothing(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{})
	b.inProcesses = true
	b.startAll()
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "before"})
	b.fill(1)
	client := b.customers(1)
	_, err := client.Deposit(b.ctx, &bankv1.DepositRequest{Amount: 7, RequestId: "failed"})
	if code := connect.CodeOf(err); err == nil || code == connect.CodeInvalidArgument || code == connect.CodeFailedPrecondition {
		t.Fatalf("deposit on a full disk: %v", err)
	}
	r := b.at(1)
	<-r.done // by itself
	if r.err == nil || !strings.Contains(r.err.Error(), "file too large") || !strings.Contains(r.err.Error(), "exit status 1") {
		t.Errorf("the branch ended with %v, want the error of the disk", r.err)
	}
	b.forget(1)
	b.awaitReachable(2, 1, false)
	b.wantBalance(2, 310) // what was not on disk was told nobody

	b.restart(1)
	b.wantStrongBalance(1, 310)
	if res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, RequestId: "before"}); !res.GetReplay() {
		t.Errorf("what was acknowledged is gone: %v", res)
	}
	if res := b.mustDeposit(1, &bankv1.DepositRequest{Amount: 7, RequestId: "failed"}); res.GetReplay() || res.GetBalance() != 317 {
		t.Errorf("the retry of what failed: %v", res)
	}
	b.wantStrongBalance(2, 317)
}
