package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// submitList has a branch take a list of half a mebibyte or so, at LOCAL.
func (b *bank) submitList(n *node) {
	o := &ledger.Operations{}
	for k := range 4000 {
		name := fmt.Sprintf("%s %04d", strings.Repeat("a", 100), k)
		o.Accounts = append(o.Accounts, name)
		o.From, o.To, o.Amounts = append(o.From, 0), append(o.To, uint32(len(o.Accounts))), append(o.Amounts, 1)
	}
	b.calls++
	n.calls[b.calls] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 60_000,
		Entry: ledger.Entry{Kind: ledger.Bulk, RequestID: fmt.Sprint("list ", b.calls), Operations: o},
	})
}

// A branch that is given lists faster than a peer acks them lets them wait, and not what
// comes one by one. It goes on when the peer acks, or after a peer time-out.
func TestListsWaitForPeersThatAreBehind(t *testing.T) {
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	first.replica.Measured(2, 100_000)
	recorded := func() int { return int(first.replica.Ledger().Head(0).Sequence) }
	const lists = 8
	for range lists {
		b.submitList(first)
		b.turn(first)
	}
	held := recorded()
	if held == 0 || held >= lists {
		t.Fatalf("%d of %d lists are recorded before any is acked", held, lists)
	}
	b.record(first, 1, 1)
	if got := recorded(); got != held+1 {
		t.Errorf("a deposit waits behind the lists")
	}
	b.submitList(first)
	b.turn(first)
	if got := recorded(); got != held+1 {
		t.Errorf("a list overtakes those that wait")
	}
	if next, ok := first.replica.NextTick(); !ok || next > b.now+1000 {
		t.Errorf("it wants to be told the time at %d, %v", next, ok)
	}
	b.stabilize()
	if got := recorded(); got != lists+2 {
		t.Errorf("%d entries are recorded once all is acked, want %d", got, lists+2)
	}
}

func TestNoListWaitsForAPeerForLong(t *testing.T) {
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	first.replica.Measured(2, 100_000)
	for range 8 {
		b.submitList(first)
		b.turn(first)
	}
	before := first.replica.Ledger().Head(0).Sequence
	b.pass(1000, 50) // the peer acks nothing
	if got := first.replica.Ledger().Head(0).Sequence; got != 8 {
		t.Errorf("%d lists are recorded after a peer time-out, %d before", got, before)
	}
}

// A peer that comes back is not waited for before it has been sent everything: else each
// write would wait for what it has missed.
func TestAPeerThatComesBackIsNotWaitedForBeforeItHasCaughtUp(t *testing.T) {
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	b.record(first, 1, 1)
	b.transit = nil // the road is cut, and neither side hears of that
	b.tick(1000)    // it is mended when the batch is sent again
	const missed = 50_000
	b.record(first, missed/1000, 1000) // many windows
	peer := func() protocol.PeerStatus { return first.replica.Status().Peers[0] }
	if peer().Reachable {
		t.Fatal("a peer that acks nothing is reachable")
	}
	for len(b.transit) > 0 && !peer().Reachable {
		m := b.transit[0]
		b.transit = b.transit[1:]
		b.receive(m)
	}
	if p := peer(); !p.Reachable || p.Lag > missed/4 {
		t.Errorf("it is reachable: %v, when it lacks %d entries of %d", p.Reachable, p.Lag, missed)
	}
}
