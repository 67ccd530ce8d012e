package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook/branch/ledger"
	"passbook/branch/replica"
)

// look has a branch asked for one look by its peer, and returns the answer.
func (b *bank) look(n *node, from ledger.BranchID, account string, number uint64) *replica.CollectAnswer {
	b.t.Helper()
	n.replica.Receive(replica.Message{From: from, To: n.id, Collect: &replica.Collect{ID: 1, Account: account, Collect: 1, Look: number}})
	for _, m := range n.replica.Ready().Messages {
		if m.CollectAnswer != nil {
			n.replica.Advance()
			return m.CollectAnswer
		}
	}
	b.t.Fatalf("branch %d does not answer", n.id)
	return nil
}

// A peer that looks at ever new accounts is answered, also over the bound; but
// nothing is remembered for it, and it is told so. With time, places get free.
func TestWatchesAreBounded(t *testing.T) {
	const bound = 4096
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	for i := range bound + 1 {
		b.look(first, 2, fmt.Sprint("account ", i), 1)
	}
	if !b.look(first, 2, fmt.Sprint("account ", bound-1), 2).Watched {
		t.Error("the last account within the bound is not watched")
	}
	over := fmt.Sprint("account ", bound)
	if b.look(first, 2, over, 2).Watched {
		t.Error("an account over the bound is watched")
	}
	first.replica.Tick(b.now + 1_000_000)
	first.replica.Ready()
	first.replica.Advance()
	b.look(first, 2, over, 1)
	if !b.look(first, 2, over, 2).Watched {
		t.Error("no place got free")
	}
}

// Retries that wait with their first attempt are bounded.
func TestRetriesOfOneRequestAreBounded(t *testing.T) {
	const bound, retries = 64, 70
	b := quietBank(t, 2, 10)
	first := b.nodes[0]
	for range 1 + retries {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Submit(replica.Operation{
			ID: b.calls, Acknowledge: replica.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 9, RequestID: "x"},
		})
	}
	b.turn(first)
	if got, want := strings.Count(b.out.String(), replica.ErrQueueFull.Error()), retries-bound; got != want {
		t.Errorf("%d retries were refused for the bound, want %d", got, want)
	}
	b.stabilize()
	if got := strings.Count(b.out.String(), "success"); got != 1+bound {
		t.Errorf("%d calls succeeded, want the first and its %d retries", got, bound)
	}
}

// Calls that wait for one double collect are bounded.
func TestCallsOfOneCollectAreBounded(t *testing.T) {
	const bound, calls = 8192, 8200
	b := quietBank(t, 2, 10)
	first := b.nodes[0]
	for range calls {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Ask(replica.Query{ID: b.calls, Account: ledger.SharedAccount, Strong: true, Deadline: b.now + 1000})
	}
	b.turn(first)
	if got, want := strings.Count(b.out.String(), replica.ErrQueueFull.Error()), calls-bound; got != want {
		t.Errorf("%d calls were refused for the bound, want %d", got, want)
	}
	b.stabilize()
	if len(first.calls) > 0 {
		t.Errorf("%d calls are not answered", len(first.calls))
	}
}
