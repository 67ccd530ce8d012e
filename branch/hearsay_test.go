package branch_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// A claim about a branch's journal without proof ends the link, with the reason. The
// branch goes on serving, and reports the claim.
func TestHearsayEndsTheLink(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 1, Acknowledge: local})
	more := b.hello()
	more.Applied = []*bankv1.Position{{Branch: 2, Sequence: 1 << 40, Hash: make([]byte, 32)}}
	other := b.hello()
	other.Applied = []*bankv1.Position{{Branch: 2, Sequence: 1, Hash: []byte(strings.Repeat("x", 32))}}
	for i, test := range []struct {
		name, text string
		frames     []*bankv1.Frame
	}{
		{"it has forked", "shows no batch that differs", []*bankv1.Frame{{Hello: b.hello()}, {Ack: &bankv1.Ack{Forked: true}}}},
		{"it goes on", "it has entry 1099511627776 of this branch's journal", []*bankv1.Frame{{Hello: more}}},
		{"it is another", "it has another entry 1 of branch 2 than is here", []*bankv1.Frame{{Hello: other}}},
		{"more is applied", "it has entry 7 of this branch's journal", []*bankv1.Frame{{Hello: b.hello()}, {Ack: &bankv1.Ack{AppliedSequence: 7}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stream, err := b.peers(2).Propagate(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range test.frames {
				if err := stream.Send(&bankv1.PropagateRequest{Frame: f}); err != nil {
					t.Fatal(err)
				}
			}
			for err == nil { // frames of branch 2 come before the refusal
				_, err = stream.Receive()
			}
			if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want invalid_argument that says %q", err, test.text)
			}
			_ = stream.CloseRequest()
			_ = stream.CloseResponse()
			s := b.status(2)
			if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING || s.GetPeers()[0].GetRefusedMessages() != uint64(i+1) || len(s.GetAlarms()) == 0 {
				t.Errorf("branch 2 is %v, has refused %d messages, alarms %q", s.GetState(), s.GetPeers()[0].GetRefusedMessages(), s.GetAlarms())
			}
			b.mustDeposit(2, &bankv1.DepositRequest{Amount: 1, Acknowledge: local})
		})
	}
}

// lyingServer is branch 3 of a bank, run by somebody who lies.
type lyingServer struct {
	bankv1connect.UnimplementedPeerServiceHandler
	mu sync.Mutex
	*hostile
	answered int
}

// Propagate sends a hello as if nothing were wrong, and then anything.
func (s *lyingServer) Propagate(_ context.Context, stream *connect.BidiStream[bankv1.PropagateRequest, bankv1.PropagateResponse]) error {
	req, err := stream.Receive()
	if err != nil {
		return err
	}
	hello := req.GetFrame().GetHello()
	hello.Branch, hello.ToBranch = 3, hello.GetBranch()
	s.mu.Lock()
	s.answered++
	frames := []*bankv1.Frame{{Hello: hello}}
	for range s.IntN(4) {
		f := &bankv1.Frame{}
		s.spoil(f)
		frames = append(frames, f)
	}
	s.mu.Unlock()
	for _, f := range frames {
		if err := stream.Send(&bankv1.PropagateResponse{Frame: f}); err != nil {
			return err
		}
	}
	for {
		if _, err := stream.Receive(); err != nil {
			return nil
		}
	}
}

// Claim answers anything.
func (s *lyingServer) Claim(context.Context, *bankv1.ClaimRequest) (*bankv1.ClaimResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered++
	res := &bankv1.ClaimResponse{}
	s.spoil(res)
	return res, nil
}

// Collect answers with a sum that no branch can have paid.
func (s *lyingServer) Collect(context.Context, *bankv1.CollectRequest) (*bankv1.CollectResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered++
	return &bankv1.CollectResponse{Paid: -1 << 63, MostPaid: 1<<63 - 1, LastSequence: 1<<64 - 1, Watched: true}, nil
}

// A peer whose answers lie is refused, and the others serve on.
func TestAPeerThatAnswersLiesIsRefused(t *testing.T) {
	t.Parallel() // it waits most of the time
	lies := &lyingServer{hostile: newHostile(1, 3)}
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewPeerServiceHandler(lies))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close) // once the branches have stopped
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	done := make(chan struct{})
	close(done)
	b.mu.Lock()
	b.branches[3] = &running{address: server.Listener.Addr().String(), ready: done, done: done, stop: func() {}}
	b.mu.Unlock()
	for _, id := range []uint32{1, 2} {
		b.start(id)
		b.awaitReady(id)
	}
	for i := range 40 {
		id := uint32(1 + i%2)
		b.mustDeposit(id, &bankv1.DepositRequest{Amount: 1, Acknowledge: local})
		ctx, cancel := context.WithTimeout(b.ctx, patient/10)
		// More than the escrow of both takes a claim, more than there is a look.
		_, _ = b.customers(id).Withdraw(ctx, &bankv1.WithdrawRequest{Amount: int64(200 + 400*(i%3))})
		cancel()
	}
	for _, id := range []uint32{1, 2} {
		s := b.status(id)
		if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING || len(b.list(id, &bankv1.ListEntriesRequest{Branch: 3})) > 0 {
			t.Errorf("branch %d: %v", id, s)
		}
		if n := s.GetPeers()[1].GetRefusedMessages(); n == 0 {
			t.Errorf("branch %d has refused nothing of branch 3", id)
		}
		for _, a := range s.GetAlarms() {
			if strings.Contains(a, "has forked:") || strings.Contains(a, "has forked, it") {
				t.Errorf("branch %d: %s", id, a)
			}
		}
	}
	lies.mu.Lock()
	defer lies.mu.Unlock()
	t.Logf("it has answered %d times", lies.answered)
}
