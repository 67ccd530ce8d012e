//go:build !race

package branch_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// An account with a name of 15 bytes and one entry takes this much live heap of the
// process that serves the branch, in all: the ledger, indexes, caches, and everything
// else that knows it. There are almost a million, and the map of their names has grown
// not long before, so that it is almost as large for each as it can be.
//
// With the race detector Pebble's memory is on the heap, too, so it is weighed
// without, and in a process of its own: what other tests have left behind goes at
// any time, and is more than all these accounts.
func TestMemoryOfAnAccountAtABranch(t *testing.T) {
	if os.Getenv(aloneEnv) == "" {
		t.Log(inItsOwnProcess(t, "1"))
		return
	}
	const lists, singles, most = 980_000, 10_000, 150
	b := runBank(t, 1, 0)
	b.mustDeposit(1, &bankv1.DepositRequest{Account: "first", Amount: 1})
	before := live()
	b.openByLists(lists)
	b.openOneByOne(lists, singles)
	each := (live() - before - pebbleOnHeap) / (lists + singles)
	t.Logf("%d bytes an account; the process has %s", each, residentMemory())
	if each > most {
		t.Errorf("%d bytes an account, want %d at most", each, most)
	}
	if got := b.status(1).GetAccountCount(); got != 1+lists+singles {
		t.Errorf("%d accounts, want %d", got, 1+lists+singles)
	}
}

// live is the part of the heap that is in use after a collection.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools kept through the first
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func residentMemory() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "an unknown size" // not Linux
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func accountName(i int) string { return fmt.Sprintf("account-%07d", i) }

// openByLists opens this many accounts at branch 1, by lists.
func (b *bank) openByLists(n int) {
	b.t.Helper()
	s, err := b.customers(1).Submit(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.CloseResponse()
	const most = 8192
	for from := 0; from < n; from += most {
		req := &bankv1.SubmitRequest{RequestId: fmt.Sprint("list ", from)}
		for i := from; i < min(n, from+most); i++ {
			req.Accounts = append(req.Accounts, accountName(i))
			req.To = append(req.To, uint32(i-from+1))
			req.Amounts = append(req.Amounts, 1)
		}
		if err := s.Send(req); err != nil {
			b.t.Fatal(err)
		}
		if res, err := s.Receive(); err != nil || res.GetErrorCode() != "" {
			b.t.Fatalf("%v, %v", res, err)
		}
	}
	_ = s.CloseRequest()
}

// openOneByOne opens more accounts, each by a deposit with a request id.
func (b *bank) openOneByOne(from, n int) {
	b.t.Helper()
	const callers = 32
	client := b.customers(1)
	var calls sync.WaitGroup
	for c := range callers {
		calls.Go(func() {
			for i := from + c; i < from+n; i += callers {
				if _, err := client.Deposit(b.t.Context(), &bankv1.DepositRequest{Account: accountName(i), Amount: 1, RequestId: fmt.Sprint(i)}); err != nil {
					b.t.Error(err)
					return
				}
			}
		})
	}
	calls.Wait()
}
