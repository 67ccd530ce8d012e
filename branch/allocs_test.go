package branch_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// echo answers deposits without carrying them out, which measures the calls alone.
type echo struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

// Deposit implements BranchServiceHandler. The reply is what a branch of three answers.
func (echo) Deposit(_ context.Context, req *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return &bankv1.DepositResponse{Balance: req.GetAmount(), Receipt: &bankv1.Receipt{Branch: 1, Sequence: 1 << 20}, Session: "CgQIARABCgQIAhAYCgQIAxAB"}, nil
}

// serveEcho serves the bare echo of tools/bench: a Connect handler that does nothing,
// with the settings of a branch's port.
func serveEcho(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(echo{}, connect.WithCompressMinBytes(4<<10)))
	s := &http.Server{
		Handler: mux, MaxHeaderBytes: 32 << 10, Protocols: new(http.Protocols), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Minute,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1024, MaxReceiveBufferPerConnection: 4<<20 - 1, MaxReceiveBufferPerStream: 256 << 10, MaxReadFrameSize: 16 << 10,
			SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// counted is a bank of three branches and an echo, each in a process of its own, which
// counts what it allocates. What their customers allocate, in this process, is not
// counted.
type counted struct {
	*bank
	echo *running
	// calls counts the deposits, for their request ids.
	calls atomic.Int64
}

func newCounted(t testing.TB) *counted {
	t.Helper()
	b := newBank(t, 3, 0, branchOptions{})
	b.inProcesses = true
	b.startAll()
	c := &counted{bank: b, echo: startProcess(b.ctx, t, processConfig{Echo: true})}
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		c.echo.stop()
		<-c.echo.done
	})
	return c
}

// deposit makes n deposits by so many callers, over the branches at these addresses.
func (c *counted) deposit(callers, n int, addresses ...string) {
	c.t.Helper()
	var running sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for i := range callers {
		client := bankv1connect.NewBranchServiceClient(c.http, "http://"+addresses[i%len(addresses)])
		running.Go(func() {
			for left.Add(-1) >= 0 {
				req := &bankv1.DepositRequest{Account: "hot", Amount: 1, RequestId: fmt.Sprintf("request-%08d", c.calls.Add(1)), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE}
				if _, err := client.Deposit(c.ctx, req); err != nil {
					c.t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// allocations returns how many objects each of the processes allocates for a deposit.
func (c *counted) allocations(callers, n int, processes []*running, addresses ...string) []float64 {
	c.t.Helper()
	c.deposit(callers, n/5, addresses...) // until what is kept for later is there
	each := make([]float64, len(processes))
	for i, p := range processes {
		each[i] = -float64(p.count(c.t))
	}
	c.deposit(callers, n, addresses...)
	for i, p := range processes {
		each[i] = (each[i] + float64(p.count(c.t))) / float64(n)
	}
	return each
}

// beyondEcho is what the branches allocate for a deposit beyond what the bare echo does.
type beyondEcho struct {
	// together is that of all branches, when each takes deposits. taking is that of a
	// branch that takes all of them, applying that of one which takes none.
	together, taking, applying float64
}

// beyondEcho counts over n deposits of so many callers.
func (c *counted) beyondEcho(callers, n int) (b beyondEcho) {
	c.t.Helper()
	branches := []*running{c.at(1), c.at(2), c.at(3)}
	echo := c.allocations(callers, n, []*running{c.echo}, c.echo.address)[0]
	all := c.allocations(callers, n, branches, branches[0].address, branches[1].address, branches[2].address)
	one := c.allocations(callers, n, branches, branches[0].address)
	return beyondEcho{together: all[0] + all[1] + all[2] - echo, taking: one[0] - echo, applying: (one[1] + one[2]) / 2}
}

// What a deposit allocates at the branches, beyond what the bare echo does. The first
// figure is that of all branches when each takes deposits; then one takes all of them.
func BenchmarkAllocationsBeyondEcho(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := newCounted(b)
			b.ResetTimer()
			got := c.beyondEcho(callers, max(b.N, 100))
			b.ReportMetric(got.together, "together/op")
			b.ReportMetric(got.taking, "taking/op")
			b.ReportMetric(got.applying, "applying/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}
