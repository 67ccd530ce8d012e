package branch_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/signature/signaturetest"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// BenchmarkEcho is the limit for BenchmarkDeposit.
func BenchmarkEcho(b *testing.B) {
	_, handler := bankv1connect.NewBranchServiceHandler(echo{}, connect.WithCompressMinBytes(4096))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	var customers []bankv1connect.BranchServiceClient
	for range 3 {
		server := httptest.NewUnstartedServer(handler)
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		b.Cleanup(server.Close)
		customers = append(customers, bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, server.URL))
	}
	depositInParallel(b, customers)
}

// A deposit with a request id: synced at one branch, applied at three, which
// run in this process.
func BenchmarkDeposit(b *testing.B) {
	bank := runBank(b, 3, 0)
	customers := make([]bankv1connect.BranchServiceClient, 3)
	for i := range customers {
		customers[i] = bank.customers(uint32(i + 1))
	}
	depositInParallel(b, customers)
}

// The same, and the branches sign what they write: one checks each batch for all that
// run in its process, or each for itself, as on machines of their own.
func BenchmarkDepositSigned(b *testing.B) {
	for _, shared := range []bool{true, false} {
		b.Run(fmt.Sprintf("shared=%t", shared), func(b *testing.B) {
			a := signaturetest.New(b, branch.DefaultBank)
			all := signature.New(a, signature.Options{})
			bank := runBankWith(b, 3, 0, branchOptions{Signatures: func(uint32) *signature.Signatures {
				if shared {
					return all
				}
				return signature.New(a, signature.Options{})
			}})
			customers := make([]bankv1connect.BranchServiceClient, 3)
			for i := range customers {
				customers[i] = bank.customers(uint32(i + 1))
			}
			b.ResetTimer()
			depositInParallel(b, customers)
		})
	}
}

// depositInParallel deposits from 32 callers at all branches alike.
func depositInParallel(b *testing.B, customers []bankv1connect.BranchServiceClient) {
	b.Helper()
	var callers, calls atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		c := customers[callers.Add(1)%int64(len(customers))]
		for pb.Next() {
			id := fmt.Sprintf("r-%d", calls.Add(1))
			if _, err := c.Deposit(b.Context(), &bankv1.DepositRequest{Amount: 1, RequestId: id}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// Lists of 8,192 deposits at one branch, all of which hold every entry.
func BenchmarkSubmit(b *testing.B) {
	for _, branches := range []int{1, 3} {
		b.Run(fmt.Sprintf("branches=%d", branches), func(b *testing.B) {
			bank := runBank(b, branches, 0)
			amounts := make([]int64, 8192)
			for i := range amounts {
				amounts[i] = int64(i + 1)
			}
			list := deposits("", amounts...)
			stream, err := bank.customers(1).Submit(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			answered := make(chan error, 1)
			b.ReportAllocs()
			n := 0
			lists := make(chan struct{}, 64)
			go func() {
				for range lists {
					res, err := stream.Receive()
					if err != nil || res.GetErrorCode() != "" {
						answered <- fmt.Errorf("answered %v, %w", res, err)
						return
					}
				}
				answered <- nil
			}()
			for b.Loop() {
				n++
				list.RequestId = fmt.Sprintf("l-%d", n)
				if err := stream.Send(list); err != nil {
					b.Fatal(err)
				}
				lists <- struct{}{}
			}
			close(lists)
			if err := <-answered; err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(n)*8192/b.Elapsed().Seconds(), "operations/s")
			_ = stream.CloseRequest()
		})
	}
}
