// Package customers are those who call the bank, over its public API and in each
// of its dialects: deposits, withdrawals, transfers, lists and queries, with
// deadlines, and with retries that keep their request id. It knows the history that
// it writes, and at which ports branches listen; the bank knows it.
package customers

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// maxListing bounds a reply: a page of a listing.
const maxListing = 4 << 20

// dialect is how a customer speaks to the bank.
type dialect struct {
	// name is for people.
	name string
	// http2 is HTTP/2 without TLS, else HTTP/1.1.
	http2 bool
	// options choose protocol and encoding.
	options []connect.ClientOption
}

// dialects are those that the customers take turns to speak.
var dialects = []dialect{
	{name: "Connect, JSON, HTTP/1.1", options: []connect.ClientOption{connect.WithProtoJSON()}},
	{name: "Connect, binary, HTTP/2", http2: true},
	{name: "Connect, JSON, HTTP/2", http2: true, options: []connect.ClientOption{connect.WithProtoJSON()}},
	{name: "Connect, binary, HTTP/1.1"},
	{name: "gRPC", http2: true, options: []connect.ClientOption{connect.WithGRPC()}},
}

// listDialects are those in which lists can be sent: what streams both ways
// needs HTTP/2.
var listDialects = slices.DeleteFunc(slices.Clone(dialects), func(d dialect) bool { return !d.http2 })

// Clients are a customer's connections to all branches.
type Clients map[uint32]bankv1connect.BranchServiceClient

// NewClients returns clients that speak the usual dialect.
func NewClients(p road.Ports) Clients { return dial(p, dialect{http2: true}) }

// dial returns clients that speak a dialect.
func dial(p road.Ports, d dialect) Clients {
	t := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 4}
	t.Protocols.SetHTTP1(!d.http2)
	t.Protocols.SetUnencryptedHTTP2(d.http2)
	c := Clients{}
	for _, id := range history.BranchIDs {
		options := append([]connect.ClientOption{connect.WithReadMaxBytes(maxListing)}, d.options...)
		c[id] = bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, "http://"+road.HostPort(p.Branch(id)), options...)
	}
	return c
}

// writeReply is what the replies to writes have in common.
type writeReply interface {
	GetBalance() int64
	GetReceipt() *bankv1.Receipt
	GetSession() string
	GetUnreachableBranches() []uint32
	GetReplay() bool
}

// send makes one attempt at a write. token is the session to carry.
func (c Clients) send(ctx context.Context, w *history.Write, a *history.Attempt, token string) (writeReply, error) {
	home := uint32(0)
	if a.Asked != w.Home {
		home = w.Home
	}
	to := c[a.Asked]
	switch w.Kind {
	case history.Deposit:
		return reply(to.Deposit(ctx, &bankv1.DepositRequest{
			Account: w.Account, Amount: w.Amount, RequestId: w.ID, HomeBranch: home, Acknowledge: a.Level, Session: token, CustomerId: w.Customer,
		}))
	case history.Withdraw:
		return reply(to.Withdraw(ctx, &bankv1.WithdrawRequest{
			Account: w.Account, Amount: w.Amount, RequestId: w.ID, HomeBranch: home, Acknowledge: a.Level, Session: token, CustomerId: w.Customer,
		}))
	}
	return reply(to.Transfer(ctx, &bankv1.TransferRequest{
		FromAccount: w.Account, ToAccount: w.To, Amount: w.Amount, RequestId: w.ID, HomeBranch: home, Acknowledge: a.Level, Session: token, CustomerId: w.Customer,
	}))
}

// reply keeps a nil response from becoming an interface that is not nil.
func reply[R writeReply](r R, err error) (writeReply, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// verdict is what an error says about the outcome of a call.
type verdict struct {
	// outcome is what the customer knows, receipt what it was given.
	outcome history.Outcome
	receipt history.Receipt
	// wrong says that the bank should not have answered so.
	wrong error
}

// judge says what a failed call means. amount is what was asked for.
func judge(err error, amount int64) verdict {
	if !connect.IsWireError(err) {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return verdict{outcome: history.Unsent}
		}
		return verdict{outcome: history.Unknown}
	}
	code := connect.CodeOf(err)
	switch code {
	case connect.CodeFailedPrecondition:
		d, ok := detail[*bankv1.InsufficientFunds](err)
		if !ok || d.GetBalance() >= d.GetAmount() || d.GetAmount() != amount {
			return verdict{history.Refused, history.Receipt{}, fmt.Errorf("refusal that does not justify itself: %w (details %v)", err, d)}
		}
		return verdict{outcome: history.Refused}
	case connect.CodeUnavailable:
		if strings.Contains(err.Error(), "not known") {
			return verdict{outcome: history.Unknown}
		}
		return verdict{outcome: history.Nothing}
	case connect.CodeResourceExhausted:
		return verdict{outcome: history.Nothing}
	case connect.CodeDeadlineExceeded:
		if d, ok := detail[*bankv1.NotReplicated](err); ok {
			return verdict{outcome: history.Recorded, receipt: history.ReceiptOf(d.GetReceipt())}
		}
		return verdict{outcome: history.Unknown}
	case connect.CodeCanceled:
		return verdict{outcome: history.Unknown}
	case connect.CodeAlreadyExists, connect.CodeInvalidArgument, connect.CodeInternal:
		return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("answer that no call here can get: %w", err)}
	}
	return verdict{history.Unknown, history.Receipt{}, fmt.Errorf("answer that the API does not name: %w", err)}
}

// detail returns the typed detail of an error.
func detail[D proto.Message](err error) (D, bool) {
	var none D
	var call *connect.Error
	if !errors.As(err, &call) {
		return none, false
	}
	for _, d := range call.Details() {
		if m, err := d.Value(); err == nil {
			if found, ok := m.(D); ok {
				return found, true
			}
		}
	}
	return none, false
}

// seen decodes a session token. To customers it is opaque; a checker may look.
func seen(token string) (history.Positions, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, fmt.Errorf("session token %q: %w", token, err)
	}
	var s bankv1.Session
	if err := proto.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("session token %q: %w", token, err)
	}
	p := history.Positions{}
	for _, at := range s.GetPositions() {
		p[at.GetBranch()] = at.GetSequence()
	}
	return p, nil
}
