package branch_test

import (
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// levels that a bank of three reaches as long as two are connected, and the one
// that it does not.
var levelsButAll = []bankv1.Acknowledge{local, reachable, majority}

// A branch tells the outcome of a list whatever became of the acknowledge level: where it
// is carried out, in a replay, and when it was forwarded.
func TestTheOutcomeOfAListAlwaysComes(t *testing.T) {
	b := runBank(t, 3, 90)
	// One operation is insufficient, which takes all branches to find out.
	list := func(level bankv1.Acknowledge) *bankv1.SubmitRequest {
		return &bankv1.SubmitRequest{RequestId: "early", From: []uint32{1, 1, 0}, To: []uint32{0, 0, 1}, Amounts: []int64{5, 500, 1}, Acknowledge: level, HomeBranch: 1}
	}
	first := b.submit(1, list(local))[0]
	if first.GetErrorCode() != "" || len(first.GetInsufficient()) != 1 {
		t.Fatalf("answered %v", first)
	}
	b.wantQuery(2, &bankv1.QueryRequest{Session: first.GetSession()}, 86)
	b.cutOff(3)
	late := &bankv1.SubmitRequest{RequestId: "late", From: []uint32{1, 1}, Amounts: []int64{2, 70}, Acknowledge: all, HomeBranch: 1}
	partly := b.submit(1, late)[0]
	wantLate(t, "of an escrow that is out of reach", partly, 3)
	if !slices.Equal(partly.GetUnavailable(), []uint32{1}) || partly.GetReplay() {
		t.Errorf("answered %v, want operation 1 to be unavailable", partly)
	}
	for _, at := range []uint32{1, 2} {
		for _, level := range levelsButAll {
			if a := b.submit(at, list(level))[0]; a.GetErrorCode() != "" || !slices.Equal(a.GetInsufficient(), first.GetInsufficient()) {
				t.Errorf("again at branch %d, %v: answered %v", at, level, a)
			}
		}
		for _, l := range []*bankv1.SubmitRequest{list(all), late} {
			a := b.submit(at, l)[0]
			wantLate(t, "again", a, 3)
			if !a.GetReplay() || len(a.GetInsufficient())+len(a.GetUnavailable()) != 1 {
				t.Errorf("again at branch %d: answered %v", at, a)
			}
			if says := strings.HasPrefix(a.GetError(), "branch 1, the home of the request id, answers: recorded by branch 1"); says != (at == 2) {
				t.Errorf("again at branch %d: the error is %q", at, a.GetError())
			}
		}
	}
}

// wantLate checks the answer to a list that is recorded by branch 1 and has not
// reached its level: it says all that one would say that has.
func wantLate(t *testing.T, what string, a *bankv1.SubmitResponse, missing ...uint32) {
	t.Helper()
	if a.GetErrorCode() != "deadline_exceeded" || a.GetReceipt().GetBranch() != 1 || a.GetSession() == "" {
		t.Fatalf("%s: answered %v", what, a)
	}
	for _, id := range missing {
		if !slices.Contains(a.GetUnreachableBranches(), id) {
			t.Errorf("%s: unreachable are %v", what, a.GetUnreachableBranches())
		}
	}
	if len(a.GetErrorDetails()) != 1 {
		t.Fatalf("%s: details %v", what, a.GetErrorDetails())
	}
	d, err := a.GetErrorDetails()[0].UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	want := &bankv1.NotReplicated{Receipt: a.GetReceipt(), MissingBranches: a.GetUnreachableBranches(), Session: a.GetSession(), Replay: a.GetReplay()}
	if diff := cmp.Diff(want, d, protocmp.Transform()); diff != "" {
		t.Errorf("%s: detail (-want +got):\n%s", what, diff)
	}
}

// The same for writes by themselves.
func TestTheOutcomeOfAWriteAlwaysComes(t *testing.T) {
	b := runBank(t, 3, 90)
	b.cutOff(3)
	req := &bankv1.WithdrawRequest{Amount: 7, RequestId: "w", HomeBranch: 1, Acknowledge: all}
	for i, at := range []uint32{1, 1, 2} {
		_, err := b.customers(at).Withdraw(b.ctx, req)
		wantCode(t, err, connect.CodeDeadlineExceeded)
		d := detail[*bankv1.NotReplicated](t, err)
		if d.GetBalance() != 83 || d.GetSession() == "" || d.GetReplay() != (i > 0) || d.GetReceipt().GetBranch() != 1 || d.GetReceipt().GetSequence() != 1 {
			t.Errorf("call %d: %v", i, d)
		}
		b.wantQuery(1, &bankv1.QueryRequest{Session: d.GetSession()}, 83)
		if !strings.Contains(err.Error(), "the same request id") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, Acknowledge: all})
	wantCode(t, err, connect.CodeDeadlineExceeded)
	if text := err.Error(); strings.Contains(text, "same request id") || !strings.Contains(text, "it would count again") {
		t.Errorf("without a request id: %v", err)
	}
}

// A branch that knows a write says so, whether or not its home can be asked.
func TestARetryIsKnownWhileItsHomeIsDown(t *testing.T) {
	b := runBank(t, 3, 90)
	write := func(level bankv1.Acknowledge) *bankv1.DepositRequest {
		return &bankv1.DepositRequest{Amount: 7, RequestId: "w", HomeBranch: 1, Acknowledge: level}
	}
	list := func(level bankv1.Acknowledge) *bankv1.SubmitRequest {
		l := deposits("l", 1, 2)
		l.HomeBranch, l.Acknowledge = 1, level
		return l
	}
	b.mustDeposit(1, write(all))
	first := b.submit(1, list(all))[0]
	b.stop(1)
	for _, level := range levelsButAll[:2] {
		if res := b.mustDeposit(2, write(level)); !res.GetReplay() || res.GetBalance() != 97 {
			t.Errorf("%v: %v", level, res)
		}
		if a := b.submit(2, list(level))[0]; a.GetErrorCode() != "" || !a.GetReplay() {
			t.Errorf("%v: %v", level, a)
		}
	}
	for _, level := range []bankv1.Acknowledge{majority, all, nearest} {
		_, err := b.customers(2).Deposit(b.ctx, write(level))
		wantCode(t, err, connect.CodeDeadlineExceeded)
		d := detail[*bankv1.NotReplicated](t, err)
		if d.GetReceipt().GetBranch() != 1 || d.GetReceipt().GetSequence() != 1 || d.GetBalance() != 97 || !d.GetReplay() || !slices.Contains(d.GetMissingBranches(), 3) {
			t.Errorf("%v: %v", level, d)
		}
		a := b.submit(2, list(level))[0]
		wantLate(t, level.String(), a, 3)
		if a.GetReceipt().GetSequence() != first.GetReceipt().GetSequence() {
			t.Errorf("%v: %v, first answered %v", level, a, first)
		}
	}
	// With other content it is refused, at every branch that knows it.
	_, err := b.customers(2).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 8, RequestId: "w", HomeBranch: 1, Acknowledge: all})
	wantCode(t, err, connect.CodeAlreadyExists)
	if d := detail[*bankv1.RequestIdUsed](t, err); d.GetRequestId() != "w" || d.GetReceipt().GetBranch() != 1 || d.GetReceipt().GetSequence() != 1 {
		t.Errorf("detail is %v", d)
	}
}

// A home that freezes is linked and silent. Then, too, the branch says what it knows.
func TestARetryIsKnownWhileItsHomeGivesNoAnswer(t *testing.T) {
	b := runBank(t, 2, 90)
	req := &bankv1.DepositRequest{Amount: 7, RequestId: "w", HomeBranch: 1, Acknowledge: all}
	b.mustDeposit(1, req)
	b.roads[[2]uint32{2, 1}].setClosed(true) // the link goes the other way
	_, err := b.customers(2).Deposit(b.ctx, req)
	wantCode(t, err, connect.CodeDeadlineExceeded)
	if d := detail[*bankv1.NotReplicated](t, err); d.GetReceipt().GetBranch() != 1 {
		t.Errorf("%v", d)
	}
	req.Acknowledge = reachable
	if res := b.mustDeposit(2, req); !res.GetReplay() {
		t.Errorf("%v", res)
	}
}
