package replica_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// boundedBranch is branch 1 of 2, with so many accounts at most. The shared account is
// the first.
func boundedBranch(t *testing.T, most int) (*bank, func(ops ...protocol.Operation) []protocol.Reply) {
	t.Helper()
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	c, err := first.disk.Boot()
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.PeerTimeout, c.Now, c.MaxAccounts = 1, 1000, b.now, most
	r, err := replica.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.unlink(first, b.nodes[1])
	first.replica = r
	b.link(first, b.nodes[1])
	b.stabilize()
	return b, func(ops ...protocol.Operation) []protocol.Reply {
		t.Helper()
		for i := range ops {
			b.calls++
			ops[i].ID, ops[i].Acknowledge, ops[i].Deadline = b.calls, protocol.Local, b.now+1000
			r.Submit(ops[i])
		}
		r.Tick(b.now)
		ready := r.Ready()
		r.Advance()
		slices.SortFunc(ready.Replies, func(a, b protocol.Reply) int { return cmp.Compare(a.ID, b.ID) })
		return ready.Replies
	}
}

func deposits(accounts ...string) (ops []protocol.Operation) {
	for _, name := range accounts {
		ops = append(ops, protocol.Operation{Entry: ledger.Entry{Kind: ledger.Deposit, Account: name, Amount: 10}})
	}
	return ops
}

func wantOpened(t *testing.T, replies []protocol.Reply, want ...string) {
	t.Helper()
	for i, reply := range replies {
		var refused *protocol.AccountsError
		got := ""
		switch {
		case errors.As(reply.Err, &refused):
			got = refused.Account
		case reply.Err != nil:
			got = reply.Err.Error()
		}
		if i >= len(want) || got != want[i] {
			t.Errorf("reply %d: refused for %q, want %v", i, got, want)
		}
	}
	if len(replies) != len(want) {
		t.Errorf("%d replies, want %d", len(replies), len(want))
	}
}

// A write that would open an account too many is refused, also when those before it
// come at the same moment; what is there goes on, and queries and claims open nothing.
func TestAccountsAreBounded(t *testing.T) {
	const most = 4
	b, write := boundedBranch(t, most)
	r := b.nodes[0].replica
	wantOpened(t, write(deposits("a", "b", "b", "c", "d", "a", "e", ledger.SharedAccount)...), "", "", "", "", "d", "", "e", "")
	transfer := func(from, to string) protocol.Operation {
		return protocol.Operation{Entry: ledger.Entry{Kind: ledger.Transfer, Account: from, ToAccount: to, Amount: 1}}
	}
	wantOpened(t, write(transfer("a", "b"), transfer("a", "d"), protocol.Operation{Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: "a", Amount: 1}}), "", "d", "")
	// One that has to wait for escrow is refused before it claims any.
	wantOpened(t, write(protocol.Operation{Entry: ledger.Entry{Kind: ledger.Transfer, Account: ledger.SharedAccount, ToAccount: "d", Amount: 105}}), "d")
	for i := range 100 {
		name := fmt.Sprint("nobody ", i)
		r.Ask(protocol.Query{ID: uint64(1000 + i), Account: name, Deadline: b.now + 1000})
		r.Receive(protocol.Message{From: 2, To: 1, Claim: &protocol.Claim{ID: uint64(i), Account: name, Amount: 5, Ticket: protocol.Ticket{Clock: 1, Branch: 2}}})
		r.Receive(protocol.Message{From: 2, To: 1, Collect: &protocol.Collect{ID: uint64(i), Account: name, Collect: 1, Look: 1, Freeze: true}})
	}
	write()
	if got := r.Ledger().Count(); got != most {
		t.Errorf("%d accounts, want %d", got, most)
	}
}

// A list that would open an account too many is refused whole, also one whose
// operations are carried out each by itself; refused operations open nothing.
func TestAListThatOpensTooManyAccountsIsRefusedWhole(t *testing.T) {
	list := func(all bool, from, to []uint32, accounts ...string) protocol.Operation {
		o := &ledger.Operations{Accounts: accounts, From: from, To: to, AllOrNone: all}
		for range from {
			o.Amounts = append(o.Amounts, 5)
		}
		return protocol.Operation{Entry: ledger.Entry{Kind: ledger.Bulk, Operations: o}}
	}
	for _, all := range []bool{true, false} {
		b, write := boundedBranch(t, 4)
		in := []uint32{0, 0, 0, 0}
		wantOpened(t, write(list(all, in, []uint32{1, 2, 3, 4}, "a", "b", "c", "d")), "a")
		if got := b.nodes[0].replica.Ledger().Count(); got != 1 {
			t.Errorf("%d accounts after a list that was refused", got)
		}
		wantOpened(t, write(list(all, in, []uint32{1, 2, 3, 1}, "a", "b", "c", "d")), "")
		wantOpened(t, write(list(all, in[:2], []uint32{1, 2}, "a", "d"), list(all, in[:2], []uint32{1, 2}, "a", "b")), "d", "")
		if got := b.nodes[0].replica.Ledger().Count(); got != 4 {
			t.Errorf("%d accounts, want 4", got)
		}
	}
}

// What peers have recorded applies, however many accounts it opens.
func TestAccountsOfPeersAlwaysOpen(t *testing.T) {
	b, write := boundedBranch(t, 2)
	second := b.nodes[1]
	for i := range 10 {
		b.calls++
		second.calls[b.calls] = pendingCall{}
		second.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Deposit, Account: fmt.Sprint("theirs ", i), Amount: 1},
		})
	}
	b.turn(second)
	b.stabilize()
	if got := b.nodes[0].replica.Ledger().Count(); got != 11 {
		t.Errorf("%d accounts, want 11", got)
	}
	wantOpened(t, write(deposits("theirs 3", "mine")...), "", "mine")
}
