package branch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// followed is what somebody who follows a request has been told.
type followed struct {
	t        testing.TB
	messages chan *bankv1.FollowRequestResponse
	// err is why the stream ended, once messages is closed.
	err error
	// steps are those of each branch, in words such as "sent 2".
	steps map[uint32][]string
	// follows says which branches follow, runs are those of each branch's clock, and
	// reasons say why one does not follow.
	follows map[uint32]bool
	runs    map[uint32][]uint32
	reasons map[uint32]string
	// times are those of the steps.
	times map[uint32][]int64
}

// follow follows a request at a branch until the test ends, and takes the first message.
func (b *bank) follow(client bankv1connect.BranchServiceClient, req *bankv1.FollowRequestRequest) *followed {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	stream, err := client.FollowRequest(ctx, req)
	if err != nil {
		b.t.Fatal(err)
	}
	f := &followed{
		t: b.t, messages: make(chan *bankv1.FollowRequestResponse), steps: map[uint32][]string{}, follows: map[uint32]bool{},
		runs: map[uint32][]uint32{}, reasons: map[uint32]string{}, times: map[uint32][]int64{},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(f.messages)
		for stream.Receive() {
			select {
			case f.messages <- stream.Msg():
			case <-ctx.Done():
			}
		}
		f.err = stream.Err()
		_ = stream.Close()
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
	})
	f.next()
	return f
}

// next takes the next message.
func (f *followed) next() {
	f.t.Helper()
	m, ok := <-f.messages
	if !ok {
		f.t.Fatalf("the stream has ended: %v\n%v", f.err, f.steps)
	}
	for _, b := range m.GetBranches() {
		id := b.GetBranch()
		f.follows[id], f.reasons[id] = b.GetFollows(), b.GetReason()
		if !slices.Contains(f.runs[id], b.GetRun()) {
			f.runs[id] = append(f.runs[id], b.GetRun())
		}
		for _, s := range b.GetSteps() {
			f.steps[id] = append(f.steps[id], stepText(s))
			f.times[id] = append(f.times[id], s.GetAtUs())
		}
	}
}

// stepText writes a step as "acknowledged 2", or "journaled, before".
func stepText(s *bankv1.RequestStep) string {
	text := strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "REQUEST_STEP_KIND_"))
	if s.GetPeer() != 0 {
		text += fmt.Sprintf(" %d", s.GetPeer())
	}
	if s.GetCode() != "" {
		text += ": " + s.GetCode()
	}
	if s.GetBefore() {
		text += ", before"
	}
	return text
}

// await takes messages until a branch has told of some steps, in any order.
func (f *followed) await(branch uint32, steps ...string) {
	f.t.Helper()
	has := func() bool {
		for _, s := range steps {
			if !slices.Contains(f.steps[branch], s) {
				return false
			}
		}
		return true
	}
	defer func() {
		if f.t.Failed() {
			f.t.Logf("it has waited for branch %d to tell of %q", branch, steps)
		}
	}()
	for !has() {
		f.next()
	}
}

// wantOrder checks that a branch has told of some steps in this order.
func (f *followed) wantOrder(branch uint32, steps ...string) {
	f.t.Helper()
	at := 0
	for _, s := range f.steps[branch] {
		if at < len(steps) && s == steps[at] {
			at++
		}
	}
	if at < len(steps) {
		f.t.Errorf("branch %d has told of %q, want %q in this order", branch, f.steps[branch], steps)
	}
	if !slices.IsSorted(f.times[branch]) {
		f.t.Errorf("the times of branch %d go back: %v", branch, f.times[branch])
	}
}

// wantOnce checks that a branch has told of nothing twice.
func (f *followed) wantOnce(branch uint32) {
	f.t.Helper()
	steps := slices.Sorted(slices.Values(f.steps[branch]))
	if len(slices.Compact(slices.Clone(steps))) != len(steps) {
		f.t.Errorf("branch %d has told of a step twice: %q", branch, steps)
	}
}

// Whoever follows a deposit sees what each branch does for it, wherever they follow.
func TestADepositIsFollowed(t *testing.T) {
	b := runBank(t, 3, 400)
	for at := uint32(1); at <= 2; at++ {
		id := fmt.Sprint("followed at ", at)
		f := b.follow(b.customers(at), &bankv1.FollowRequestRequest{RequestId: id})
		if len(f.follows) != 3 || !f.follows[1] || !f.follows[2] || !f.follows[3] {
			t.Fatalf("at first these follow: %v", f.follows)
		}
		b.mustDeposit(1, &bankv1.DepositRequest{Amount: 5, RequestId: "of somebody else"})
		b.mustDeposit(1, &bankv1.DepositRequest{Amount: 5, RequestId: id, HomeBranch: 1, Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL})
		f.await(1, "answered", "sync_acknowledged 2", "sync_acknowledged 3")
		for peer := uint32(2); peer <= 3; peer++ {
			f.wantOrder(1, "request_received", "journaled", fmt.Sprint("sent ", peer), fmt.Sprint("acknowledged ", peer), fmt.Sprint("sync_acknowledged ", peer), "answered")
			f.await(peer, "synced")
			f.wantOrder(peer, "received 1", "applied", "synced")
			f.wantOnce(peer)
		}
		f.wantOnce(1)
	}
}

// What has happened before somebody follows is known from the journal, and not when.
func TestAnEarlierRequestIsFollowed(t *testing.T) {
	b := runBank(t, 3, 400)
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 5, RequestId: "early", Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL})
	f := b.follow(b.customers(1), &bankv1.FollowRequestRequest{RequestId: "early"})
	f.await(1, "applied, before", "synced, before")
	f.await(2, "journaled, before", "acknowledged 1, before", "sync_acknowledged 3, before")
	f.await(3, "applied, before", "synced, before")
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 5, RequestId: "early"})
	f.await(2, "request_received", "answered")
	f.wantOnce(2)
}

// A branch that is cut off lacks its steps until it is back, and then has them.
func TestACutOffBranchCatchesUp(t *testing.T) {
	b := runBank(t, 3, 400)
	b.cutOff(3)
	b.awaitReachable(1, 3, false)
	f := b.follow(b.customers(1), &bankv1.FollowRequestRequest{RequestId: "while 3 is away"})
	if f.follows[3] || f.reasons[3] != "it can't be reached" {
		t.Errorf("branch 3 follows: %v, because %q", f.follows[3], f.reasons[3])
	}
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 5, RequestId: "while 3 is away"})
	f.await(1, "acknowledged 2", "answered")
	if len(f.steps[3]) > 0 || slices.Contains(f.steps[1], "acknowledged 3") {
		t.Errorf("steps of a branch that is cut off: %v", f.steps)
	}
	b.rejoin(3)
	f.await(1, "acknowledged 3")
	for !slices.Contains(f.steps[3], "applied") && !slices.Contains(f.steps[3], "applied, before") {
		f.next()
	}
	f.wantOnce(3)
}

// A refused withdrawal was asked about, and is nowhere.
func TestARefusedWithdrawalIsFollowed(t *testing.T) {
	b := runBank(t, 3, 400)
	f := b.follow(b.customers(3), &bankv1.FollowRequestRequest{RequestId: "too much"})
	_, err := b.customers(2).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 401, RequestId: "too much"})
	wantCode(t, err, connect.CodeFailedPrecondition)
	f.await(2, "answered: failed_precondition")
	f.wantOrder(2, "request_received", "looked 1", "look_answered 1", "answered: failed_precondition")
	f.wantOrder(2, "request_received", "looked 3", "look_answered 3", "answered: failed_precondition")
	f.wantOnce(2)
	if len(f.steps[1])+len(f.steps[3]) > 0 {
		t.Errorf("others have %v", f.steps)
	}
}

// A withdrawal that needs a claim shows it, and one that is passed on shows its way.
func TestAForwardedClaimIsFollowed(t *testing.T) {
	b := runBank(t, 3, 300)
	f := b.follow(b.customers(1), &bankv1.FollowRequestRequest{RequestId: "claims"})
	res, err := b.customers(3).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 250, RequestId: "claims", HomeBranch: 2})
	if err != nil {
		t.Fatal(err)
	}
	if res.GetReceipt().GetBranch() != 2 {
		t.Fatalf("recorded at %v", res.GetReceipt())
	}
	f.await(3, "request_received", "forwarded 2", "answered", "applied")
	f.wantOrder(3, "request_received", "forwarded 2", "answered")
	f.await(2, "claimed 1", "claim_answered 1", "claimed 3", "claim_answered 3", "journaled", "answered")
	// A grant may come over the link before the answer to its claim.
	f.wantOrder(2, "request_received", "claimed 1", "journaled", "answered")
	f.wantOrder(2, "request_received", "claimed 3", "journaled", "answered")
	f.wantOnce(2)
	f.wantOnce(3)
}

// A branch that is restarted follows anew, with another clock, and tells what its journal
// has.
func TestARestartedBranchFollowsAnew(t *testing.T) {
	b := runBank(t, 3, 300)
	f := b.follow(b.customers(1), &bankv1.FollowRequestRequest{RequestId: "restart"})
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 5, RequestId: "restart", Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL})
	f.await(3, "synced")
	b.stop(3)
	for f.follows[3] {
		f.next()
	}
	b.start(3)
	f.await(3, "applied, before", "synced, before")
	if n := len(f.runs[3]); n != 2 {
		t.Errorf("the steps of branch 3 are of %d runs, want 2", n)
	}
}

// A customer follows its own requests, at all branches, and is told the same of others'
// whether they exist or not. An auditor follows anybody's.
func TestCustomersFollowTheirOwnRequests(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runCustomersBank(t)
	_, ann := b.as("ann", 1)
	_, bob := b.as("bob", 2)
	_, eve := b.as("eve", 1)
	hers := b.follow(ann, &bankv1.FollowRequestRequest{RequestId: "r"})
	his := b.follow(bob, &bankv1.FollowRequestRequest{RequestId: "r", Customer: "bob"})
	read := b.follow(eve, &bankv1.FollowRequestRequest{RequestId: "r", Customer: "ann"})
	if _, err := ann.Deposit(b.ctx, &bankv1.DepositRequest{Account: "ann-1", Amount: 5, RequestId: "r", Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*followed{hers, read} {
		f.await(1, "request_received", "journaled", "sync_acknowledged 2", "answered")
		f.await(2, "received 1", "applied", "synced")
	}
	if _, err := bob.Deposit(b.ctx, &bankv1.DepositRequest{Account: "bob-1", Amount: 5, RequestId: "r"}); err != nil {
		t.Fatal(err)
	}
	his.await(2, "request_received", "journaled", "answered")
	if len(his.steps[1]) > 0 && slices.Contains(his.steps[1], "journaled") {
		t.Errorf("bob sees ann's request: %v", his.steps)
	}
	texts := map[string]bool{}
	for _, req := range []*bankv1.FollowRequestRequest{
		{RequestId: "r", Customer: "bob"}, {RequestId: "none", Customer: "bob"}, {RequestId: "r", Customer: "nobody"}, {RequestId: "r", Customer: "eve", OnlyThisBranch: true},
	} {
		stream, err := ann.FollowRequest(b.ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if stream.Receive() {
			t.Errorf("ann may follow %v", req)
		}
		wantCode(t, stream.Err(), connect.CodePermissionDenied)
		texts[stream.Err().Error()] = true
		_ = stream.Close()
	}
	if len(texts) != 1 {
		t.Errorf("the refusals differ: %v", texts)
	}
}

// Followers are told when the branch stops, and what is malformed is refused.
func TestFollowersOfABranchThatStops(t *testing.T) {
	b := runBank(t, 2, 0)
	f := b.follow(b.customers(2), &bankv1.FollowRequestRequest{RequestId: "r"})
	stream, err := b.customers(2).FollowRequest(b.ctx, &bankv1.FollowRequestRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if stream.Receive() {
		t.Error("a request without an id is followed")
	}
	wantCode(t, stream.Err(), connect.CodeInvalidArgument)
	_ = stream.Close()
	b.stop(2)
	for range f.messages {
		continue
	}
	wantCode(t, f.err, connect.CodeUnavailable)
}
