package ledger_test

import (
	"fmt"
	"iter"
	"runtime"
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// accountsWeighed is enough that a map that has just grown, or is about to,
// does not matter.
const accountsWeighed = 50_000

// heap is what is in use of the heap.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// branchesOf returns the ids of a bank of n branches.
func branchesOf(n int) []ledger.BranchID {
	var ids []ledger.BranchID
	for id := range n {
		ids = append(ids, ledger.BranchID(id+1))
	}
	return ids
}

// An account costs what the branches have to do with it that use it, however
// many branches the bank has. docs/limits.md has the figures.
func TestMemoryOfAnAccount(t *testing.T) {
	for _, tt := range []struct{ branches, users, most int }{
		{3, 1, 150}, {3, 3, 220}, {50, 1, 150}, {50, 3, 220}, {50, 50, 2100},
	} {
		accounts := accountsWeighed
		if tt.users > 3 {
			accounts /= 10
		}
		l, err := ledger.New(branchesOf(tt.branches), 0)
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		for i := range accounts {
			for u := range tt.users {
				e := deposit(uint64(i+1), fmt.Sprintf("account-%07d", i), 1)
				e.Clock = uint64(i + 1)
				if _, err := l.Post(u, &e); err != nil {
					t.Fatal(err)
				}
			}
			if i%1000 == 0 {
				l.TakeTouched()
			}
		}
		l.TakeTouched()
		each := int(heap()-before) / accounts
		t.Logf("%d branches, %d of them use it: %d bytes an account", tt.branches, tt.users, each)
		if each > tt.most {
			t.Errorf("%d branches, %d of them use it: %d bytes an account, want %d at most", tt.branches, tt.users, each, tt.most)
		}
		runtime.KeepAlive(l)
	}
}

// manyAccounts are states of accounts that one branch uses.
func manyAccounts(n, branches int) iter.Seq2[*ledger.AccountState, error] {
	return func(yield func(*ledger.AccountState, error) bool) {
		s := ledger.AccountState{Escrow: make([]ledger.Amount, branches), Paid: make([]ledger.Amount, branches), Last: make([]uint64, branches)}
		s.Escrow[0], s.Paid[0], s.Last[0] = 1, 1, 1
		for i := range n {
			if s.Name = fmt.Sprintf("account-%07d", i); !yield(&s, nil) {
				return
			}
		}
	}
}

// Restoring accounts takes no more memory than they have afterwards.
func TestMemoryOfRestoredAccounts(t *testing.T) {
	const branches, most = 50, 150
	l, err := ledger.New(branchesOf(branches), 0)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	if err := l.Restore(make([]ledger.Head, branches), manyAccounts(accountsWeighed, branches), 1); err != nil {
		t.Fatal(err)
	}
	each := int(heap()-before) / accountsWeighed
	t.Logf("%d bytes an account", each)
	if each > most {
		t.Errorf("%d bytes an account, want %d at most", each, most)
	}
	runtime.KeepAlive(l)
}

// BenchmarkRestore measures how fast a branch that starts gets its accounts.
func BenchmarkRestore(b *testing.B) {
	const accounts = 100_000
	for _, branches := range []int{3, 50} {
		b.Run(fmt.Sprintf("branches=%d", branches), func(b *testing.B) {
			l, err := ledger.New(branchesOf(branches), 0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Restore(make([]ledger.Head, branches), manyAccounts(accounts, branches), 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/accounts, "ns/account")
		})
	}
}
