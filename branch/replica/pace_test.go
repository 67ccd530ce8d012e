package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook/branch/ledger"
	"passbook/branch/replica"
)

// writeDeposits has a branch take deposits of some 250 bytes each.
func (b *bank) writeDeposits(n *node, deposits int) {
	for range deposits {
		b.calls++
		n.calls[b.calls] = pendingCall{}
		n.replica.Submit(replica.Operation{
			ID: b.calls, Acknowledge: replica.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Deposit, Account: strings.Repeat("a", 100), Amount: 1, RequestID: fmt.Sprintf("%0120d", b.calls)},
		})
	}
	b.turn(n)
}

// comeBack has the second of two branches miss 60,000 deposits and return, while
// the first takes one more now and then, if it is busy, and each message is 10 ms
// on its way. It returns how long it takes until the second has what it missed.
func comeBack(t *testing.T, busy bool) replica.Millis {
	t.Helper()
	b := quietBank(t, 2, 0)
	first, second := b.nodes[0], b.nodes[1]
	b.crash(second)
	b.writeDeposits(first, 60_000)
	missed := first.replica.Ledger().Head(0).Sequence
	b.now += 2000
	b.restart(second)
	began := b.now
	for second.replica.Ledger().Head(0).Sequence < missed {
		b.now++
		if b.now%10 == 0 {
			arrived := b.transit
			b.transit = nil
			for _, m := range arrived {
				b.receive(m)
			}
		}
		if busy && b.now%20 == 0 {
			b.writeDeposits(first, 1)
		}
		b.turn(first)
		b.turn(second)
		if b.now-began > 20_000 {
			t.Fatal("it does not catch up")
		}
	}
	return b.now - began
}

// A branch that comes back rests while the others have customers, and not in a
// quiet bank.
func TestWhoComesBackLeavesRoomForCustomers(t *testing.T) {
	quiet, busy := comeBack(t, false), comeBack(t, true)
	if busy < quiet*7/4 || busy > quiet*9/4 {
		t.Errorf("it took %d ms in a busy bank and %d in a quiet one, want about twice as long", busy, quiet)
	}
}
