package service

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/session"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// scripted is an engine that answers every write in one way, and a feed.
type scripted struct {
	Engine
	Feed
	reply protocol.Reply
	err   error
	// got is what the engine was asked.
	got  protocol.Operation
	home home
	// asked is the query that the engine was asked, watched counts the watches, and shown
	// is what each of them shows.
	asked   protocol.Query
	watched int
	shown   *bankv1.WatchResponse
	// refused are the writes that the feed was told of.
	refused []ledger.Entry
}

func (s *scripted) Now() protocol.Millis { return 0 }

func (s *scripted) Submit(_ context.Context, op protocol.Operation) (protocol.Reply, error) {
	s.got = op
	return s.reply, s.err
}

func (s *scripted) Refused(e *ledger.Entry, _ error) { s.refused = append(s.refused, *e) }

func (s *scripted) desk() *Customers {
	return NewCustomers(Config{
		ID: 1, Addresses: map[uint32]string{1: "", 2: ""}, Engine: s, Homes: &s.home, Feed: s, Logger: slog.New(slog.DiscardHandler),
	})
}

// home is another branch, which answers every write.
type home struct {
	bankv1connect.BranchServiceClient
	got proto.Message
}

func (h *home) Call(ctx context.Context, _ ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient) {
	return ctx, h
}

func (h *home) Deposit(_ context.Context, req *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	h.got = req
	return &bankv1.DepositResponse{Balance: 1}, nil
}

func (h *home) Withdraw(_ context.Context, req *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	h.got = req
	return &bankv1.WithdrawResponse{Balance: 1}, nil
}

func (h *home) Transfer(_ context.Context, req *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	h.got = req
	return &bankv1.TransferResponse{Balance: 1}, nil
}

// writes are the three calls, each with what it is to record.
var writes = map[string]struct {
	call func(context.Context, *Customers) (proto.Message, error)
	want ledger.Entry
	// answer is what the customer gets, forwarded what a home does.
	answer, forwarded proto.Message
}{
	"deposit": {
		func(ctx context.Context, c *Customers) (proto.Message, error) {
			return c.Deposit(ctx, &bankv1.DepositRequest{Account: "rent", Amount: 7, RequestId: "r", CustomerId: 9})
		},
		ledger.Entry{Kind: ledger.Deposit, Account: "rent", Amount: 7, RequestID: "r", CustomerID: 9},
		&bankv1.DepositResponse{Balance: 5, Receipt: &bankv1.Receipt{Branch: 1, Sequence: 3}, Session: token, UnreachableBranches: []uint32{2}, Replay: true},
		&bankv1.DepositRequest{Account: "rent", Amount: 7, RequestId: "r", CustomerId: 9, HomeBranch: 2},
	},
	"withdrawal": {
		func(ctx context.Context, c *Customers) (proto.Message, error) {
			return c.Withdraw(ctx, &bankv1.WithdrawRequest{Amount: 7, RequestId: "r", CustomerId: 9})
		},
		ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 7, RequestID: "r", CustomerID: 9},
		&bankv1.WithdrawResponse{Balance: 5, Receipt: &bankv1.Receipt{Branch: 1, Sequence: 3}, Session: token, UnreachableBranches: []uint32{2}, Replay: true},
		&bankv1.WithdrawRequest{Amount: 7, RequestId: "r", CustomerId: 9, HomeBranch: 2},
	},
	"transfer": {
		func(ctx context.Context, c *Customers) (proto.Message, error) {
			return c.Transfer(ctx, &bankv1.TransferRequest{ToAccount: "rent", Amount: 7, RequestId: "r", CustomerId: 9})
		},
		ledger.Entry{Kind: ledger.Transfer, Account: ledger.SharedAccount, ToAccount: "rent", Amount: 7, RequestID: "r", CustomerID: 9},
		&bankv1.TransferResponse{Balance: 5, Receipt: &bankv1.Receipt{Branch: 1, Sequence: 3}, Session: token, UnreachableBranches: []uint32{2}, Replay: true},
		&bankv1.TransferRequest{ToAccount: "rent", Amount: 7, RequestId: "r", CustomerId: 9, HomeBranch: 2},
	},
}

var (
	seen  = []ledger.Position{{Branch: 1, Sequence: 3}}
	token = session.Encode(seen)
)

// The three calls that write differ in their messages and accounts, and in nothing
// else.
func TestWritesGoOnePath(t *testing.T) {
	for name, test := range writes {
		t.Run(name, func(t *testing.T) {
			s := &scripted{reply: protocol.Reply{Balance: 5, Receipt: seen[0], Session: seen, Unreachable: []ledger.BranchID{2}, Replay: true}}
			got, err := test.call(t.Context(), s.desk())
			if diff := cmp.Diff(test.answer, got, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("%v, answer (-want +got):\n%s", err, diff)
			}
			if s.got.Entry.RecordedAt == 0 {
				t.Error("the entry says no time")
			}
			s.got.Entry.RecordedAt = 0
			if diff := cmp.Diff(test.want, s.got.Entry); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
		})
	}
}

// A write whose request id belongs to another branch is asked there, with the name
// of that branch.
func TestWritesGoToTheirHome(t *testing.T) {
	for name, test := range writes {
		t.Run(name, func(t *testing.T) {
			s := &scripted{reply: protocol.Reply{Forward: 2}}
			got, err := test.call(t.Context(), s.desk())
			if b, ok := got.(interface{ GetBalance() int64 }); err != nil || !ok || b.GetBalance() != 1 {
				t.Errorf("got %v, %v; want the home's answer", got, err)
			}
			if diff := cmp.Diff(test.forwarded, s.home.got, protocmp.Transform()); diff != "" {
				t.Errorf("forwarded (-want +got):\n%s", diff)
			}
		})
	}
}

// The feed is told of a write that is refused.
func TestRefusedWritesAreShown(t *testing.T) {
	refusal := errors.New("no")
	for name, test := range writes {
		t.Run(name, func(t *testing.T) {
			s := &scripted{err: refusal}
			if _, err := test.call(t.Context(), s.desk()); !errors.Is(err, refusal) {
				t.Errorf("got %v, want %v", err, refusal)
			}
			if len(s.refused) != 1 || s.refused[0].Kind != test.want.Kind {
				t.Errorf("the feed was told of %v", s.refused)
			}
		})
	}
}
