package replica_test

import (
	"fmt"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// spendAt has a branch pay withdrawals of an account, one after the other, and delivers all
// that follows.
func (b *bank) spendAt(n *node, account string, amount ledger.Amount, times int) {
	for range times {
		b.submitSpend(n, account, amount)
		b.stabilize()
	}
}

// entries is how many entries all branches have made.
func (b *bank) entries() (sum uint64) {
	for i := range b.nodes {
		sum += b.nodes[i].replica.Ledger().Head(i).Sequence
	}
	return sum
}

// Two branches have learned different things, since one of them was started anew: the old one
// knows that the new one spends, the new one only that the old one does. They don't send
// escrow to and fro: a grant is never made because of another one, and nobody wants to be
// woken.
func TestNothingIsGrantedAheadForAGrant(t *testing.T) {
	b := quietBank(t, 2, 2000)
	first, second := b.nodes[0], b.nodes[1]
	b.spendAt(first, ledger.SharedAccount, 50, 15)
	b.crash(first)
	b.restart(first, false)
	b.stabilize()
	before := b.entries()
	const spends = 20
	for range spends {
		b.submitSpend(second, ledger.SharedAccount, 10)
		b.deliverLater(300)
	}
	for range 20 {
		b.deliverLater(300)
	}
	if grants := b.entries() - before - spends; grants == 0 || grants > 4 {
		t.Errorf("%d grants, want few", grants)
	}
	for _, n := range b.nodes {
		if next, ok := n.replica.NextTick(); ok {
			t.Errorf("branch %d wants to be told the time at %d, and it is %d", n.id, next, b.now)
		}
	}
}

// deliverLater delivers what is on its way, after a while.
func (b *bank) deliverLater(millis protocol.Millis) {
	b.tick(millis)
	transit := b.transit
	b.transit = nil
	for _, m := range transit {
		b.receive(m)
	}
}

// Grants ahead are few: where a branch spends half of what it has at every turn, and all is
// paid in again at another one, that grants some four times a second at most.
func TestGrantsAheadAreFew(t *testing.T) {
	const seconds, step = 5, 10
	b := quietBank(t, 2, 1000)
	first, second := b.nodes[0], b.nodes[1]
	const turns = seconds * 1000 / step
	for range turns {
		b.tick(step)
		amount := second.replica.Ledger().Escrow(ledger.SharedAccount, 1) / 2
		if amount > 0 {
			b.spendAt(second, ledger.SharedAccount, amount, 1)
		}
		b.pay(first, amount+1)
		b.stabilize()
	}
	if grants := int(first.replica.Ledger().Head(0).Sequence) - turns; grants < seconds || grants > 4*seconds {
		t.Errorf("%d grants in %d s, want 1 to 4 a second", grants, seconds)
	}
}

// An account that was claimed twice stays hot while half of it is spent within moments: what is
// paid in goes to where it is spent with the batches that are made anyway, and nobody has to
// claim any more.
func TestAnAccountStaysHotWhileItIsSpentFast(t *testing.T) {
	const step = 2
	b := quietBank(t, 2, 1000)
	first, second := b.nodes[0], b.nodes[1]
	b.claimTwice(first, ledger.SharedAccount)
	b.stabilize()
	claims := 0
	for millis := 0; millis < 3000; millis += step {
		b.tick(step)
		b.submitSpend(second, ledger.SharedAccount, 100)
		for _, m := range b.transit {
			if m.Claim != nil && millis >= 1000 {
				claims++
			}
		}
		b.stabilize()
		b.pay(first, 100)
		b.stabilize()
	}
	if claims > 0 {
		t.Errorf("%d claims in 2 s", claims)
	}
}

// submitSpend has a branch decide a withdrawal.
func (b *bank) submitSpend(n *node, account string, amount ledger.Amount) {
	b.calls++
	n.calls[b.calls] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
		Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: amount},
	})
	b.turn(n)
}

// What is spent of accounts over the bound is not remembered. With time, places get free.
func TestSpendingIsFollowedOfSoManyAccounts(t *testing.T) {
	const bound = 16384
	b := quietBank(t, 2, 0)
	first, second := b.nodes[0], b.nodes[1]
	open := func(account string) {
		for _, n := range b.nodes {
			b.payInto(n, account, 100)
		}
		b.stabilize()
	}
	granted := func(account string) bool {
		before := first.replica.Ledger().Head(0).Sequence
		b.spendAt(second, account, 10, 9)
		return first.replica.Ledger().Head(0).Sequence > before
	}
	open("within")
	open("over")
	open("later")
	if !granted("within") {
		t.Error("nothing is granted ahead of an account within the bound")
	}
	for i := range bound {
		b.claimTwice(first, fmt.Sprint("account ", i))
	}
	b.transit = nil
	if granted("over") {
		t.Error("an account over the bound is followed")
	}
	b.tick(500)
	if !granted("later") {
		t.Error("no place got free")
	}
}
