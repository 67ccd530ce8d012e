package branch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"passbook/branch"
	bankv1 "passbook/gen/bank/v1"
	"passbook/gen/bank/v1/bankv1connect"
)

func TestSmoke(t *testing.T) {
	n := 50
	began := time.Now()
	addrs := map[uint32]string{}
	ls := map[uint32]net.Listener{}
	for i := 1; i <= n; i++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ls[uint32(i)] = l
		addrs[uint32(i)] = l.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var bs []*branch.Branch
	for i := 1; i <= n; i++ {
		b, err := branch.Open(branch.Config{ID: uint32(i), Addresses: addrs, Opening: 400, Dir: fmt.Sprintf("%s/b%d", t.TempDir(), i), Listener: ls[uint32(i)], Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
		wg.Go(func() {
			if err := b.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Log("opened", time.Since(began))
	for _, b := range bs {
		<-b.Ready()
	}
	t.Log("ready", time.Since(began))
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	hc := &http.Client{Transport: tr}
	for round := 0; round < 3; round++ {
		t0 := time.Now()
		for i := 1; i <= n; i++ {
			c := bankv1connect.NewBranchServiceClient(hc, "http://"+addrs[uint32(i)])
			res, err := c.Deposit(ctx, &bankv1.DepositRequest{Amount: 10, RequestId: fmt.Sprint("d", round, i)})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.UnreachableBranches) > 0 {
				t.Error(res)
			}
			q, err := c.Query(ctx, &bankv1.QueryRequest{})
			if err != nil || q.Balance != int64(400+n*10*round+i*10) {
				t.Fatal(q, err)
			}
		}
		t.Log("50 deposits+queries", time.Since(t0))
	}
	c := bankv1connect.NewBranchServiceClient(hc, "http://"+addrs[7])
	t0 := time.Now()
	res, err := c.Withdraw(ctx, &bankv1.WithdrawRequest{Amount: 1500})
	t.Log(res, err, time.Since(t0))
	t0 = time.Now()
	res, err = c.Withdraw(ctx, &bankv1.WithdrawRequest{Amount: 1500})
	t.Log(res, err, time.Since(t0))
	t0 = time.Now()
	var ok, bad int
	var mu sync.Mutex
	var w2 sync.WaitGroup
	for i := 1; i <= n; i++ {
		w2.Go(func() {
			c := bankv1connect.NewBranchServiceClient(hc, "http://"+addrs[uint32(i)])
			_, err := c.Withdraw(ctx, &bankv1.WithdrawRequest{Amount: 10})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			} else {
				bad++
				t.Log(err)
			}
		})
	}
	w2.Wait()
	t.Log("contested", ok, bad, time.Since(t0))
	qs, err := c.Query(ctx, &bankv1.QueryRequest{Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
	t.Log(qs.GetBalance(), err)
	b, _ := os.ReadFile("/proc/self/status")
	for _, l := range []byte(b) {
		_ = l
	}
	fmt.Println(string(b[:0]))
	cancel()
	t0 = time.Now()
	wg.Wait()
	t.Log("stopped", time.Since(t0))
}
