package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// quietBank opens a bank whose branches serve.
func quietBank(t *testing.T, branches int, opening ledger.Amount) *bank {
	t.Helper()
	d := &datadriven.TestData{Cmd: "bank", CmdArgs: []datadriven.CmdArg{{Key: "branches"}, {Key: "opening", Vals: []string{fmt.Sprint(opening)}}}}
	for i := range branches {
		d.CmdArgs[0].Vals = append(d.CmdArgs[0].Vals, fmt.Sprint(i+1))
	}
	b := openBank(t, d)
	b.t, b.out = t, &strings.Builder{}
	b.start(d)
	b.quiet = true
	return b
}

// One commit may hold far more than the window to a peer and the memory kept
// for it. All of it arrives all the same, although nobody waits for it.
func TestMoreThanTheWindowInOneCommit(t *testing.T) {
	const deposits = 20_000
	b := quietBank(t, 3, 0)
	first := b.nodes[0]
	for i := range deposits {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Deposit, Account: strings.Repeat("a", 100), Amount: 1, RequestID: fmt.Sprintf("%0100d", i)},
		})
	}
	b.turn(first)
	if len(first.calls) > 0 {
		t.Errorf("%d calls are not answered", len(first.calls))
	}
	b.stabilize()
	for _, n := range b.nodes {
		if got := n.replica.Ledger().Head(0).Sequence; got != deposits {
			t.Errorf("branch %d has %d of %d deposits", n.id, got, deposits)
		}
		if at, wanted := n.replica.NextTick(); wanted {
			t.Errorf("branch %d is at rest, and wants to be woken at %d ms", n.id, at)
		}
	}
}

// Over its bound a queue refuses, with an error that says so; what it holds is
// answered in the end.
func TestQueueOfAnAccountIsBounded(t *testing.T) {
	b := quietBank(t, 2, 10)
	first := b.nodes[0]
	full := 0
	for range 5000 {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 9},
		})
	}
	b.turn(first)
	full = strings.Count(b.out.String(), protocol.ErrQueueFull.Error())
	if want := 5000 - 4096; full != want {
		t.Errorf("%d were refused for the bound, want %d", full, want)
	}
	b.stabilize()
	if got := strings.Count(b.out.String(), "success"); got != 1 {
		t.Errorf("%d were paid, want 1", got)
	}
	if len(first.calls) > 0 {
		t.Errorf("%d calls are not answered", len(first.calls))
	}
}
