package branch_test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestACustomerReadsItsOwnWritesAtAnotherBranch(t *testing.T) {
	b := runBank(t, 3, 0)
	session := ""
	balance := int64(0)
	for i := range 12 {
		at, next := uint32(i%3+1), uint32((i+1)%3+1)
		balance++
		res := b.mustDeposit(at, &bankv1.DepositRequest{Amount: 1, Acknowledge: local, Session: session})
		if res.GetBalance() != balance {
			t.Errorf("balance after deposit %d is %d", i, res.GetBalance())
		}
		session = res.GetSession()
		b.wantQuery(next, &bankv1.QueryRequest{Session: session}, balance)
	}
}

func TestAQueryWaitsForItsSession(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(3)
	res := b.deposit(1, 10)
	done := make(chan error, 1)
	go func() {
		q, err := b.customers(3).Query(b.ctx, &bankv1.QueryRequest{Session: res.GetSession()})
		if err == nil && q.GetBalance() != 310 {
			t.Errorf("query answered %d before it had seen its session", q.GetBalance())
		}
		done <- err
	}()
	b.wantBalance(3, 300) // one without a session does not wait
	b.rejoin(3)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestASessionThatCantBeSeenInTimeIsUnavailable(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 300)
	b.cutOff(2)
	res := b.deposit(1, 10)
	// The branch gives up by itself: a deadline of the caller's would race with its answer.
	_, err := b.customers(2).Query(b.ctx, &bankv1.QueryRequest{Session: res.GetSession()})
	wantCode(t, err, connect.CodeUnavailable)
	ctx, cancel := context.WithTimeout(b.ctx, time.Second)
	defer cancel()
	_, err = b.customers(2).Deposit(ctx, &bankv1.DepositRequest{Amount: 1, Session: res.GetSession()})
	if code := connect.CodeOf(err); code != connect.CodeUnavailable && code != connect.CodeDeadlineExceeded {
		t.Errorf("deposit: %v", err)
	}
	b.wantBalance(2, 300)
}

func TestBadSessionTokensAreRefused(t *testing.T) {
	b := runBank(t, 2, 300)
	encode := func(s *bankv1.Session) string {
		bytes, err := proto.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(bytes)
	}
	tokens := map[string]string{
		"not base64":      "%%%",
		"not a message":   base64.RawURLEncoding.EncodeToString([]byte("passbook")),
		"unknown branch":  encode(&bankv1.Session{Positions: []*bankv1.Position{{Branch: 9, Sequence: 1}}}),
		"no branch":       encode(&bankv1.Session{Positions: []*bankv1.Position{{Sequence: 1}}}),
		"too many":        encode(&bankv1.Session{Positions: make([]*bankv1.Position, 3)}),
		"of other ending": encode(&bankv1.Session{Positions: []*bankv1.Position{{Branch: 1}}}) + "=",
	}
	for name, token := range tokens {
		_, err := b.customers(1).Query(b.ctx, &bankv1.QueryRequest{Session: token})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: query got %v", name, err)
		}
		_, err = b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, Session: token})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: deposit got %v", name, err)
		}
	}
	b.wantBalance(1, 300)
}

func TestAStrongQuerySeesWhatNoViewHas(t *testing.T) {
	b := runBank(t, 3, 300)
	for _, at := range b.ids {
		b.mustDeposit(at, &bankv1.DepositRequest{Amount: 1, Acknowledge: local})
	}
	for _, id := range b.ids {
		b.wantStrongBalance(id, 303)
	}
	res, err := b.customers(1).Query(b.ctx, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
	if err != nil {
		t.Fatal(err)
	}
	b.wantQuery(2, &bankv1.QueryRequest{Session: res.GetSession()}, 303)
}

func TestAStrongQueryNeedsEveryBranch(t *testing.T) {
	b := runBank(t, 3, 300)
	b.cutOff(3)
	_, err := b.customers(1).Query(b.ctx, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
	wantCode(t, err, connect.CodeUnavailable)
	b.wantBalance(1, 300)
	b.rejoin(3)
	b.wantStrongBalance(1, 300)
}
