package branch_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/port/porttest"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// countedListener counts the connections that come over TCP.
type countedListener struct {
	net.Listener
	accepted *atomic.Int64
}

// Accept implements net.Listener.
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
	transport *peernet.Transport
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
		PeerTimeout: patient / 10, PeerTransport: h.transport, Faults: noFaults{},
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

// awaitMissed deposits at a branch until just those others miss it.
func (h *household) awaitMissed(id uint32, want ...uint32) {
	h.t.Helper()
	for !slices.Equal(h.deposit(id), want) {
		// a link that breaks is noticed soon, and dialed again within a second
	}
}

// newHousehold returns three branches' addresses and directories.
func newHousehold(t *testing.T) *household {
	t.Helper()
	customers := &http.Transport{Protocols: new(http.Protocols)}
	customers.Protocols.SetUnencryptedHTTP2(true)
	h := &household{t: t, transport: peernet.New(), addresses: map[uint32]string{}, dirs: map[uint32]string{}, http: &http.Client{Transport: customers}}
	t.Cleanup(customers.CloseIdleConnections)
	// Ports that nobody else gets while a branch is down.
	base, release, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	for _, id := range []uint32{1, 2, 3} {
		h.addresses[id], h.dirs[id] = fmt.Sprintf("127.0.0.1:%d", base+int(id)), t.TempDir()
	}
	return h
}

// Branches that share a transport need no sockets for each other; a branch that
// is killed is gone there too, and is found again when it is back.
func TestBranchesOfOneProcessReachEachOtherThroughMemory(t *testing.T) {
	t.Parallel() // it waits most of the time
	h := newHousehold(t)
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

	mustApply(t, third, fault.Kill)
	if err := <-ended; !errors.Is(err, fault.ErrKilled) {
		t.Fatal(err)
	}
	peer := bankv1connect.NewPeerServiceClient(&http.Client{Transport: h.transport}, "http://"+h.addresses[3])
	_, err := peer.Claim(t.Context(), &bankv1.ClaimRequest{Branch: 1, Amount: 1})
	wantCode(t, err, connect.CodeUnavailable)
	h.awaitMissed(1, 3)
	third = h.open(3)
	h.serve(third)
	<-third.Ready()
	h.awaitMissed(1)
	if missed := h.deposit(3); len(missed) != 0 {
		t.Errorf("a deposit at the branch that is back did not reach %v", missed)
	}
}

// What breaks a branch on purpose breaks it for those of its process, too.
func TestABranchOfOneProcessCanBeBroken(t *testing.T) {
	t.Parallel()                            // it waits most of the time
	for _, broken := range []uint32{1, 3} { // who dials, who is dialed
		t.Run(fmt.Sprint("branch ", broken), func(t *testing.T) {
			h := newHousehold(t)
			all := map[uint32]*branch.Branch{}
			var ended <-chan error
			for id := range h.addresses {
				all[id] = h.open(id)
				result := h.serve(all[id])
				if id == broken {
					ended = result
				}
			}
			for _, b := range all {
				<-b.Ready()
			}
			h.awaitMissed(2)
			mustApply(t, all[broken], fault.Cut)
			h.awaitMissed(2, broken)
			h.awaitMissed(broken, slices.DeleteFunc([]uint32{1, 2, 3}, func(id uint32) bool { return id == broken })...)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			peer := bankv1connect.NewPeerServiceClient(&http.Client{Transport: h.transport}, "http://"+h.addresses[broken])
			_, err := peer.Claim(ctx, &bankv1.ClaimRequest{Branch: 2, Amount: 1})
			wantCode(t, err, connect.CodeUnavailable)
			mustApply(t, all[broken], fault.Heal)
			h.awaitMissed(2)
			h.awaitMissed(broken)

			mustApply(t, all[broken], fault.Pause)
			h.awaitMissed(2, broken)
			mustApply(t, all[broken], fault.Resume)
			h.awaitMissed(2)

			mustApply(t, all[broken], fault.Pause)
			mustApply(t, all[broken], fault.Kill)
			if err := <-ended; !errors.Is(err, fault.ErrKilled) {
				t.Fatal(err)
			}
			h.awaitMissed(2, broken)
			again := h.open(broken)
			h.serve(again)
			h.awaitMissed(2)
			h.awaitMissed(broken)
		})
	}
}
