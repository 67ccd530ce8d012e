package customer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// fakeBank is a bank whose branches all work on one small ledger, so that each
// shows every write at once.
type fakeBank struct {
	mu       sync.Mutex
	balances map[string]int64
	// answers holds the balance each request id was answered with.
	answers map[string]int64
	// calls tells what arrived, in order: a retry shows as a second call.
	calls []string
	// sessions holds the session tokens that arrived, in order.
	sessions []string
	// acknowledge is what the last write asked for.
	acknowledge bankv1.Acknowledge
	// clocks holds the headers of the writes that arrived, in order: the clock and the
	// number of the request.
	clocks []string
	// trace, if not nil, answers GetTrace.
	trace func(branch uint32, r *bankv1.GetTraceRequest) *bankv1.GetTraceResponse
	// executed, if not nil, runs after a call number (from 1) was executed and
	// before the reply is sent. Its error replaces the reply.
	executed func(ctx context.Context, call int) error
}

func newFakeBank(in *customer.Input) *fakeBank {
	return &fakeBank{balances: map[string]int64{"": in.Opening()}, answers: make(map[string]int64)}
}

// fakeBranch is one branch of a fakeBank.
type fakeBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
	bank *fakeBank
	id   uint32
}

// Deposit adds to the account.
func (b *fakeBranch) Deposit(ctx context.Context, r *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	balance, session, err := b.write(ctx, r, "", r.GetAccount(), r.GetAmount())
	return &bankv1.DepositResponse{Balance: balance, Session: session}, err
}

// Withdraw takes from the account if it has enough.
func (b *fakeBranch) Withdraw(ctx context.Context, r *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	balance, session, err := b.write(ctx, r, r.GetAccount(), "", r.GetAmount())
	return &bankv1.WithdrawResponse{Balance: balance, Session: session, UnreachableBranches: []uint32{99}}, err
}

// Transfer moves from one account to the other.
func (b *fakeBranch) Transfer(ctx context.Context, r *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	balance, session, err := b.write(ctx, r, r.GetFromAccount(), r.GetToAccount(), r.GetAmount())
	return &bankv1.TransferResponse{Balance: balance, Session: session}, err
}

// Query reads the balance.
func (b *fakeBranch) Query(ctx context.Context, r *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	b.bank.mu.Lock()
	call := b.arrive(fmt.Sprintf("query %q %v", r.GetAccount(), r.GetConsistency()), r.GetSession())
	balance := b.bank.balances[r.GetAccount()]
	b.bank.mu.Unlock()
	return &bankv1.QueryResponse{Balance: balance, Session: session(call)}, b.finish(ctx, call)
}

// write executes a write once for each request id.
func (b *fakeBranch) write(ctx context.Context, r interface {
	GetRequestId() string
	GetHomeBranch() uint32
	GetSession() string
	GetAcknowledge() bankv1.Acknowledge
}, from, to string, amount int64) (int64, string, error) {
	if r.GetHomeBranch() != b.id {
		return 0, "", connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("the home is %d, and branch %d was called", r.GetHomeBranch(), b.id))
	}
	_, deposit := r.(*bankv1.DepositRequest)
	_, withdraw := r.(*bankv1.WithdrawRequest)
	b.bank.mu.Lock()
	what := fmt.Sprintf("%d from %q to %q", amount, from, to)
	call := b.arrive(what, r.GetSession())
	if info, ok := connect.CallInfoForHandlerContext(ctx); ok {
		b.bank.clocks = append(b.bank.clocks, info.RequestHeader().Get("Passbook-Lamport")+" "+info.RequestHeader().Get("Passbook-Customer-Request"))
	}
	b.bank.acknowledge = r.GetAcknowledge()
	balance, done := b.bank.answers[r.GetRequestId()]
	if !done {
		if !deposit && b.bank.balances[from] < amount {
			b.bank.mu.Unlock()
			return 0, "", connect.NewError(connect.CodeFailedPrecondition, errors.New("insufficient funds"))
		}
		account := to
		if !deposit {
			account = from
			b.bank.balances[from] -= amount
		}
		if !withdraw {
			b.bank.balances[to] += amount
		}
		balance = b.bank.balances[account]
		b.bank.answers[r.GetRequestId()] = balance
	}
	b.bank.mu.Unlock()
	return balance, session(call), b.finish(ctx, call)
}

// GetTrace asks the test.
func (b *fakeBranch) GetTrace(ctx context.Context, r *bankv1.GetTraceRequest) (*bankv1.GetTraceResponse, error) {
	if b.bank.trace == nil {
		return b.UnimplementedBranchServiceHandler.GetTrace(ctx, r)
	}
	return b.bank.trace(b.id, r), nil
}

// arrive notes a call and returns its number.
func (b *fakeBranch) arrive(what, session string) int {
	b.bank.calls = append(b.bank.calls, fmt.Sprintf("branch %d: %s", b.id, what))
	b.bank.sessions = append(b.bank.sessions, session)
	return len(b.bank.calls)
}

func (b *fakeBranch) finish(ctx context.Context, call int) error {
	if b.bank.executed == nil {
		return nil
	}
	return b.bank.executed(ctx, call)
}

func session(call int) string { return fmt.Sprintf("seen %d", call) }

// network connects HTTP clients to branches over pipes. A host it doesn't know
// refuses the connection.
type network struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
	client    *http.Client
}

// set puts a branch at an address, or nobody.
func (n *network) set(address string, l *pipeListener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[address] = l
}

// serve starts a branch for each id of the input but the dead ones.
func serve(t *testing.T, bank *fakeBank, in *customer.Input, dead ...uint32) *network {
	t.Helper()
	n := &network{listeners: make(map[string]*pipeListener), client: customer.NewHTTPClient()}
	for _, id := range in.BranchIDs() {
		n.listeners[fmt.Sprintf("branch-%d:80", id)] = startBranch(t, &fakeBranch{bank: bank, id: id})
	}
	for _, id := range dead {
		delete(n.listeners, fmt.Sprintf("branch-%d:80", id))
	}
	transport := n.client.Transport.(*http.Transport)
	transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
		n.mu.Lock()
		l := n.listeners[address]
		n.mu.Unlock()
		if l == nil {
			return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
		}
		return l.dial()
	}
	t.Cleanup(transport.CloseIdleConnections)
	return n
}

// options returns options for a replay in which the input's branches exist.
func (n *network) options(in *customer.Input) customer.Options {
	exists := make(map[uint32]bool)
	for _, id := range in.BranchIDs() {
		exists[id] = true
	}
	return customer.Options{
		HTTPClient: n.client,
		Address: func(branch uint32) string {
			if !exists[branch] {
				return ""
			}
			return fmt.Sprintf("http://branch-%d", branch)
		},
	}
}

// startBranch serves a branch over HTTP/2 until the test ends.
func startBranch(t *testing.T, branch *fakeBranch) *pipeListener {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(branch))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close branch %d: %v", branch.id, err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve branch %d: %v", branch.id, err)
		}
	})
	return l
}

// pipeListener is a listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	served []net.Conn
}

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	}
}

// Accept waits for the next connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.served = append(l.served, conn)
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// breakConnections closes every connection so far.
func (l *pipeListener) breakConnections() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.served {
		conn.Close()
	}
}

// Close ends Accept.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr names the listener.
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
