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
// the first takes so many more each millisecond, and each message is 10 ms on its
// way. It returns how long it takes until the second has all that the first has.
func comeBack(t *testing.T, each func(now replica.Millis) int) replica.Millis {
	t.Helper()
	b := quietBank(t, 2, 0)
	first, second := b.nodes[0], b.nodes[1]
	b.crash(second)
	b.writeDeposits(first, 60_000)
	b.now += 2000
	b.restart(second)
	began := b.now
	for lag := uint64(1); lag > 0; {
		b.now++
		if n := each(b.now); n > 0 {
			b.writeDeposits(first, n)
		}
		b.turn(first)
		b.turn(second)
		if b.now%10 == 0 {
			arrived := b.transit
			b.transit = nil
			for _, m := range arrived {
				b.receive(m)
			}
		}
		lag = first.replica.Ledger().Head(0).Sequence - second.replica.Ledger().Head(0).Sequence
		if n := uint64(each(b.now)) * 100; lag <= n {
			break // that is what is on its way
		}
		if b.now-began > 20_000 {
			t.Fatalf("after %d ms the branch lacks %d entries", b.now-began, lag)
		}
	}
	return b.now - began
}

// A branch that comes back rests while the others have customers, and not in a
// quiet bank.
func TestWhoComesBackLeavesRoomForCustomers(t *testing.T) {
	quiet := comeBack(t, func(replica.Millis) int { return 0 })
	busy := comeBack(t, func(now replica.Millis) int { return int(1 - min(now%20, 1)) })
	if busy < quiet*4/3 || busy > 4*quiet {
		t.Errorf("it took %d ms in a busy bank and %d in a quiet one, want up to three times as long", busy, quiet)
	}
}
