package service

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/gen/bank"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

var (
	bob = &identity.Identity{Bank: "bank", Client: "bob", Role: identity.Customer, Accounts: identity.Accounts{"bob", "bob-*"}}
	ann = &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}
)

// as returns the context of a call that somebody makes.
func as(ctx context.Context, who *identity.Identity) context.Context {
	return identity.WithCaller(ctx, who, identity.Proof{})
}

func (s *scripted) Begin(op protocol.Operation) (<-chan protocol.Reply, error) {
	s.got = op
	reply := make(chan protocol.Reply, 1)
	reply <- s.reply
	return reply, s.err
}

func (s *scripted) Await(_ context.Context, reply <-chan protocol.Reply) (protocol.Reply, error) {
	return <-reply, nil
}

func (s *scripted) Ask(_ context.Context, q protocol.Query) (protocol.Reply, error) {
	s.asked = q
	return s.reply, s.err
}

func (s *scripted) Watch(_ context.Context, _ *bankv1.WatchRequest, send func(*bankv1.WatchResponse) error) error {
	s.watched++
	return send(s.shown)
}

// submit makes a call of Submit with one list.
func submit(ctx context.Context, c *Customers, req *bankv1.SubmitRequest) error {
	s := c.newStream(nil)
	l := s.begin(ctx, req)
	if res := c.answerList(ctx, &l); res.GetErrorCode() != "" {
		return api.ErrorOfList(res)
	}
	return nil
}

// calls are all by which a customer may use accounts, each with an account, and another
// one where the call is about two.
var calls = map[string]func(ctx context.Context, c *Customers, account, other string) error{
	"deposit": func(ctx context.Context, c *Customers, account, _ string) error {
		_, err := c.Deposit(ctx, &bankv1.DepositRequest{Account: account, Amount: 1, RequestId: "r"})
		return err
	},
	"withdrawal": func(ctx context.Context, c *Customers, account, _ string) error {
		_, err := c.Withdraw(ctx, &bankv1.WithdrawRequest{Account: account, Amount: 1, RequestId: "r"})
		return err
	},
	"transfer from": func(ctx context.Context, c *Customers, account, other string) error {
		_, err := c.Transfer(ctx, &bankv1.TransferRequest{FromAccount: account, ToAccount: other, Amount: 1, RequestId: "r"})
		return err
	},
	"transfer to": func(ctx context.Context, c *Customers, account, other string) error {
		_, err := c.Transfer(ctx, &bankv1.TransferRequest{FromAccount: other, ToAccount: account, Amount: 1, RequestId: "r"})
		return err
	},
	"list": func(ctx context.Context, c *Customers, account, other string) error {
		return submit(ctx, c, &bankv1.SubmitRequest{RequestId: "r", Accounts: []string{other, account}, To: []uint32{1, 2}, Amounts: []int64{1, 1}})
	},
	"query": func(ctx context.Context, c *Customers, account, _ string) error {
		_, err := c.Query(ctx, &bankv1.QueryRequest{Account: account})
		return err
	},
	"watch": func(ctx context.Context, c *Customers, account, _ string) error {
		return c.watch(ctx, &bankv1.WatchRequest{Account: account}, func(*bankv1.WatchResponse) error { return nil })
	},
}

// A customer may use its own accounts and no other. The refusal names the account that was
// asked for, and comes before anything is looked up: neither the engine nor the feed is
// asked, so the text can't depend on what they know. Those who watch an account see
// nothing of those who may not use it.
func TestCustomersUseTheirOwnAccounts(t *testing.T) {
	s := &scripted{reply: protocol.Reply{ID: 1, Balance: 5}, shown: &bankv1.WatchResponse{}}
	c := s.desk()
	customer, teller := as(t.Context(), bob), as(t.Context(), ann)
	for name, call := range calls {
		for _, account := range []string{"", "shared", "carol", "bobby"} {
			*s = scripted{reply: s.reply, shown: s.shown}
			err := call(customer, c, account, "bob-2")
			if want := api.AccountName(account); connect.CodeOf(api.ConnectError(customer, c.cfg.Logger, name, err)) != connect.CodePermissionDenied ||
				!strings.Contains(err.Error(), `you are customer "bob" of bank "bank", and may not use account "`+want+`"`) {
				t.Errorf("%s, %q: %v", name, account, err)
			}
			if s.got.Entry.Kind != 0 || s.asked.Account != "" || s.watched > 0 || len(s.refused) > 0 {
				t.Errorf("%s, %q is refused, and yet the branch was asked: %+v", name, account, s)
			}
			if err := call(teller, c, account, "bob-2"); err != nil {
				t.Errorf("%s, %q, a teller: %v", name, account, err)
			}
			if err := call(t.Context(), c, account, "bob-2"); err != nil {
				t.Errorf("%s, %q, where nobody proves anything: %v", name, account, err)
			}
		}
		if err := call(customer, c, "bob", "bob-2"); err != nil {
			t.Errorf("%s, its own account: %v", name, err)
		}
	}
}

// The entries of a branch's journal are not for customers, nor is the statement of an
// account of others. The journal is not opened for that: there is none.
func TestCustomersListTheirOwnAccounts(t *testing.T) {
	c := (&scripted{}).desk()
	ctx := as(t.Context(), bob)
	for name, req := range map[string]*bankv1.ListEntriesRequest{
		`account "carol"`: {Account: "carol"}, `account "shared"`: {}, "not those of a branch": {Branch: 1}, "those of a branch": {Branch: 7},
	} {
		if _, err := c.ListEntries(ctx, req); api.CodeOf(err) != connect.CodePermissionDenied || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", req, err)
		}
	}
}

// A write is recorded under the name that whoever calls has proven, whatever label it gives.
func TestWritesNameTheirCustomer(t *testing.T) {
	s := &scripted{reply: protocol.Reply{ID: 1}}
	c := s.desk()
	for name, call := range calls {
		for want, ctx := range map[string]context.Context{"bob": as(t.Context(), bob), "ann": as(t.Context(), ann), "": t.Context()} {
			s.got = protocol.Operation{}
			if err := call(ctx, c, "bob", "bob-2"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if s.got.Entry.Kind != 0 && s.got.Entry.Customer != want {
				t.Errorf("%s: recorded for %q, want %q", name, s.got.Entry.Customer, want)
			}
		}
	}
	shared := *bob
	shared.Accounts = identity.Accounts{"shared"}
	s.got = protocol.Operation{}
	if _, err := NewCourse(c).MsgDelivery(as(t.Context(), &shared), &bank.TransactionRequest{Operation: "deposit", Amount: 1, CustomerId: 9}); err != nil || s.got.Entry.Customer != "bob" || s.got.Entry.CustomerID != 9 {
		t.Errorf("the course's deposit: %v, recorded %+v", err, s.got.Entry)
	}
	if _, err := NewCourse(c).MsgDelivery(as(t.Context(), bob), &bank.TransactionRequest{Operation: "query"}); api.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("the course's query of an account of others: %v", err)
	}
}

// heard is a home that notes in whose name it is called, over HTTP.
type heard struct {
	bankv1connect.UnimplementedBranchServiceHandler
	client bankv1connect.BranchServiceClient
	names  []string
}

func (h *heard) Call(ctx context.Context, _ ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient) {
	return ctx, h.client
}

func (h *heard) Deposit(context.Context, *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return &bankv1.DepositResponse{}, nil
}

func (h *heard) Submit(_ context.Context, stream *connect.BidiStream[bankv1.SubmitRequest, bankv1.SubmitResponse]) error {
	if _, err := stream.Receive(); err != nil {
		return err
	}
	return stream.Send(&bankv1.SubmitResponse{})
}

// A call that is forwarded is made in the name of whoever calls, with all its rights, and
// in nobody's name where nobody proves anything, or where a branch calls.
func TestForwardedCallsNameTheCaller(t *testing.T) {
	h := &heard{}
	mux := http.NewServeMux()
	path, handler := bankv1connect.NewBranchServiceHandler(h)
	mux.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id, err := identity.OnBehalf(req.Header)
		if err != nil {
			t.Error(err)
		}
		h.names = append(h.names, id.String())
		if id != nil && !id.Equal(bob) {
			t.Errorf("got %v, want %v", id, bob)
		}
		handler.ServeHTTP(w, req)
	}))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	h.client = bankv1connect.NewBranchServiceClient(server.Client(), server.URL, connect.WithGRPC())
	s := &scripted{reply: protocol.Reply{ID: 1, Forward: 2}}
	c := s.desk()
	c.cfg.Homes = h
	for _, who := range []*identity.Identity{bob, nil, {Bank: "bank", Branch: 2}} {
		ctx := t.Context()
		if who != nil {
			ctx = as(ctx, who)
		}
		if err := calls["deposit"](ctx, c, "bob", ""); err != nil {
			t.Error(err)
		}
		if err := calls["list"](ctx, c, "bob", "bob-2"); err != nil {
			t.Error(err)
		}
	}
	want := []string{bob.String(), bob.String(), "nobody", "nobody", "nobody", "nobody"}
	if diff := cmp.Diff(want, h.names); diff != "" {
		t.Errorf("called in the name of (-want +got):\n%s", diff)
	}
}

// Of what others do to its accounts a customer sees what changes them: neither request
// ids, nor what the same list does to other accounts, nor why it was refused, nor alarms.
func TestWhatACustomerSeesOfOthers(t *testing.T) {
	list := func() *bankv1.Bulk {
		return &bankv1.Bulk{
			Accounts: []string{"bob", "carol", "dave", "eve"}, From: []uint32{0, 2, 3, 2, 3}, To: []uint32{1, 3, 1, 0, 0}, Amounts: []int64{1, 2, 3, 4, 5},
			AllOrNone: true, Insufficient: []uint32{1, 2}, Unavailable: []uint32{3},
		}
	}
	seen := &bankv1.Bulk{
		Accounts: []string{"bob", "dave"}, From: []uint32{0, 2}, To: []uint32{1, 1}, Amounts: []int64{1, 3}, AllOrNone: true, Insufficient: []uint32{1},
	}
	entry := func(customer, id string, bulk *bankv1.Bulk) *bankv1.Entry {
		return &bankv1.Entry{Customer: customer, RequestId: id, Fact: &bankv1.Entry_Bulk{Bulk: bulk}}
	}
	message := func() *bankv1.WatchResponse {
		return &bankv1.WatchResponse{
			Reports: []*bankv1.BranchReport{{Branch: 1, Balance: 5, Alarms: []string{"request id"}}},
			Entries: []*bankv1.WatchedEntry{
				{Entry: entry("ann", "r", list()), RefusalCode: "failed_precondition", Refusal: "carol has 7"},
				{Entry: entry("bob", "s", list()), RefusalCode: "failed_precondition", Refusal: "bob has 7"},
			},
		}
	}
	want := &bankv1.WatchResponse{
		Reports: []*bankv1.BranchReport{{Branch: 1, Balance: 5}},
		Entries: []*bankv1.WatchedEntry{
			{Entry: entry("ann", "", seen), RefusalCode: "failed_precondition"},
			{Entry: entry("bob", "s", seen), RefusalCode: "failed_precondition", Refusal: "bob has 7"},
		},
	}
	s := &scripted{shown: message()}
	for who, want := range map[*identity.Identity]*bankv1.WatchResponse{bob: want, ann: message(), nil: message()} {
		ctx := t.Context()
		if who != nil {
			ctx = as(ctx, who)
		}
		err := s.desk().watch(ctx, &bankv1.WatchRequest{Account: "bob"}, func(got *bankv1.WatchResponse) error {
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%v sees (-want +got):\n%s", who, diff)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if !proto.Equal(s.shown, message()) {
		t.Error("what others are shown has changed, too")
	}
	// Columns of zeros may be left out.
	got := entry("ann", "r", &bankv1.Bulk{Accounts: []string{"bob", "carol"}, To: []uint32{2, 1}, Amounts: []int64{1, 2}})
	discretion{bob}.entry(got)
	if diff := cmp.Diff(entry("ann", "", &bankv1.Bulk{Accounts: []string{"bob"}, From: []uint32{0}, To: []uint32{1}, Amounts: []int64{2}}), got, protocmp.Transform()); diff != "" {
		t.Errorf("deposits (-want +got):\n%s", diff)
	}
}
