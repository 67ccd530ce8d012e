package branch_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"passbook/branch"
	bankv1 "passbook/gen/bank/v1"
	"passbook/gen/bank/v1/bankv1connect"
)

// countedListener counts what comes over TCP.
type countedListener struct {
	net.Listener
	accepted *atomic.Int64
}

// Accept is net.Listener's.
func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// household is a bank whose branches share a transport.
type household struct {
	t         *testing.T
	transport *branch.PeerTransport
	addresses map[uint32]string
	dirs      map[uint32]string
	accepted  atomic.Int64
	http      *http.Client
}

func (h *household) open(id uint32) *branch.Branch {
	h.t.Helper()
	l, err := net.Listen("tcp", h.addresses[id])
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := branch.Open(branch.Config{
		ID: id, Addresses: h.addresses, Opening: 300, Dir: h.dirs[id], Listener: countedListener{l, &h.accepted},
		PeerTimeout: patient, PeerTransport: h.transport, Faults: noFaults{},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// serve serves a branch until the test ends or it is killed.
func (h *household) serve(b *branch.Branch) (ended <-chan error) {
	ctx, stop := context.WithCancel(context.Background())
	result, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		result <- b.Serve(ctx)
	}()
	h.t.Cleanup(func() {
		stop()
		<-done
	})
	return result
}

// deposit returns the branches that a deposit at a branch did not reach.
func (h *household) deposit(id uint32) []uint32 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	client := bankv1connect.NewBranchServiceClient(h.http, "http://"+h.addresses[id])
	res, err := client.Deposit(ctx, &bankv1.DepositRequest{Amount: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	return res.GetUnreachableBranches()
}

// Branches that share a transport need no sockets for each other; a branch that
// is killed is gone there too, and is found again when it is back.
func TestBranchesOfOneProcessReachEachOtherThroughMemory(t *testing.T) {
	customers := &http.Transport{Protocols: new(http.Protocols)}
	customers.Protocols.SetUnencryptedHTTP2(true)
	h := &household{t: t, transport: branch.NewPeerTransport(), addresses: map[uint32]string{}, dirs: map[uint32]string{}, http: &http.Client{Transport: customers}}
	t.Cleanup(customers.CloseIdleConnections)
	for _, id := range []uint32{1, 2, 3} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		h.addresses[id], h.dirs[id] = l.Addr().String(), t.TempDir()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := h.open(1), h.open(2), h.open(3)
	h.serve(first)
	h.serve(second)
	ended := h.serve(third)
	for _, b := range []*branch.Branch{first, second, third} {
		<-b.Ready()
	}
	for _, id := range []uint32{1, 2, 3} {
		if missed := h.deposit(id); len(missed) != 0 {
			t.Errorf("a deposit at branch %d did not reach %v", id, missed)
		}
	}
	if n := h.accepted.Load(); n != 3 {
		t.Errorf("%d connections over TCP, want those of the customer", n)
	}

	third.Kill()
	if err := <-ended; !errors.Is(err, branch.ErrKilled) {
		t.Fatal(err)
	}
	peer := bankv1connect.NewPeerServiceClient(&http.Client{Transport: h.transport}, "http://"+h.addresses[3])
	_, err := peer.Claim(t.Context(), &bankv1.ClaimRequest{Branch: 1, Amount: 1})
	wantCode(t, err, connect.CodeUnavailable)
	for len(h.deposit(1)) == 0 {
		// branch 1 has not noticed yet
	}
	third = h.open(3)
	h.serve(third)
	<-third.Ready()
	for len(h.deposit(1)) != 0 {
		// it is dialed again within about a second
	}
	if missed := h.deposit(3); len(missed) != 0 {
		t.Errorf("a deposit at the branch that is back did not reach %v", missed)
	}
}
