package branch_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Short names that tests use often.
const (
	local     = bankv1.Acknowledge_ACKNOWLEDGE_LOCAL
	reachable = bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE
	majority  = bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY
	all       = bankv1.Acknowledge_ACKNOWLEDGE_ALL
	nearest   = bankv1.Acknowledge_ACKNOWLEDGE_NEAREST
)

// deposit makes a deposit into the shared account that must succeed.
func (b *bank) deposit(at uint32, amount int64) *bankv1.DepositResponse {
	b.t.Helper()
	return b.mustDeposit(at, &bankv1.DepositRequest{Amount: amount})
}

func (b *bank) mustDeposit(at uint32, req *bankv1.DepositRequest) *bankv1.DepositResponse {
	b.t.Helper()
	res, err := b.customers(at).Deposit(b.ctx, req)
	if err != nil {
		b.t.Fatalf("deposit at branch %d: %v", at, err)
	}
	return res
}

func (b *bank) mustWithdraw(at uint32, req *bankv1.WithdrawRequest) *bankv1.WithdrawResponse {
	b.t.Helper()
	res, err := b.customers(at).Withdraw(b.ctx, req)
	if err != nil {
		b.t.Fatalf("withdrawal at branch %d: %v", at, err)
	}
	return res
}

// wantBalance checks the balance of the shared account in a branch's view.
func (b *bank) wantBalance(at uint32, want int64) {
	b.t.Helper()
	b.wantQuery(at, &bankv1.QueryRequest{}, want)
}

// wantStrongBalance checks the balance over all branches.
func (b *bank) wantStrongBalance(at uint32, want int64) {
	b.t.Helper()
	b.wantQuery(at, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG}, want)
}

func (b *bank) wantQuery(at uint32, req *bankv1.QueryRequest, want int64) {
	b.t.Helper()
	res, err := b.customers(at).Query(b.ctx, req)
	if err != nil {
		b.t.Fatalf("query at branch %d: %v", at, err)
	}
	if res.GetBalance() != want {
		b.t.Errorf("balance at branch %d is %d, want %d", at, res.GetBalance(), want)
	}
}

func (b *bank) status(at uint32) *bankv1.GetStatusResponse {
	b.t.Helper()
	s, err := b.customers(at).GetStatus(b.ctx, &bankv1.GetStatusRequest{})
	if err != nil {
		b.t.Fatalf("status of branch %d: %v", at, err)
	}
	return s
}

func wantCode(t testing.TB, err error, want connect.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("call succeeded, want %v", want)
	}
	if got := connect.CodeOf(err); got != want {
		t.Fatalf("got %v, want %v: %v", got, want, err)
	}
}

// detail returns the only detail of an error, which must be of type M.
func detail[M proto.Message](t *testing.T, err error) M {
	t.Helper()
	var none M
	var known *connect.Error
	if !errors.As(err, &known) || len(known.Details()) != 1 {
		t.Fatalf("want one detail of type %T in: %v", none, err)
	}
	v, derr := known.Details()[0].Value()
	if derr != nil {
		t.Fatal(derr)
	}
	m, ok := v.(M)
	if !ok {
		t.Fatalf("detail is a %T, want %T", v, none)
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
