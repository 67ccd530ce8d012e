package replica_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// peerTimeout is that of each bank.
const peerTimeout protocol.Millis = 1000

// asks gives a branch a look or a mark of a peer, and returns the answer.
func (b *bank) asks(n *node, from ledger.BranchID, c protocol.Collect) *protocol.CollectAnswer {
	b.t.Helper()
	b.receive(protocol.Message{From: from, To: n.id, Collect: &c})
	for k, m := range b.transit {
		if m.CollectAnswer != nil && m.To == from {
			b.transit = slices.Delete(b.transit, k, k+1)
			return m.CollectAnswer
		}
	}
	b.t.Fatalf("branch %d does not answer", n.id)
	return nil
}

// refusedOf counts the messages in a peer's name that a branch has refused.
func refusedOf(n *node, peer ledger.BranchID) uint64 {
	peers := n.replica.Status().Peers
	return peers[slices.IndexFunc(peers, func(p protocol.PeerStatus) bool { return p.Branch == peer })].Refused
}

// asked returns the look or mark on its way that a branch has asked a peer for last.
func (b *bank) asked(by, of ledger.BranchID) *protocol.Collect {
	for _, m := range slices.Backward(b.transit) {
		if m.From == by && m.To == of && m.Collect != nil {
			return m.Collect
		}
	}
	return nil
}

// deposits asks for a deposit to the shared account and reports whether it is answered at
// once.
func (b *bank) deposits(n *node, level protocol.Level) (id uint64, answered bool) {
	b.calls++
	n.calls[b.calls] = pendingCall{name: fmt.Sprint("deposit ", b.calls)}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: level, Deadline: b.now + 1_000_000,
		Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1},
	})
	b.turn(n)
	_, open := n.calls[b.calls]
	return b.calls, !open
}

// strong asks for the balance over all branches.
func (b *bank) strong(n *node) {
	b.calls++
	n.calls[b.calls] = pendingCall{name: fmt.Sprint("query ", b.calls)}
	n.replica.Ask(protocol.Query{ID: b.calls, Account: ledger.SharedAccount, Strong: true, Deadline: b.now + 100_000})
	b.turn(n)
}

// A mark, or a look, that no honest peer can have sent is refused, and counts as a lie.
func TestMarksAreChecked(t *testing.T) {
	const lead = ledger.MaxClockLead
	tests := map[string]struct {
		collect protocol.Collect
		lie     bool
	}{
		"a mark":                           {protocol.Collect{Look: 1, Mark: 1 << 20}, false},
		"a mark as far ahead as can be":    {protocol.Collect{Look: 1, Mark: lead}, false},
		"a mark too far ahead":             {protocol.Collect{Look: 1, Mark: lead + 1}, true},
		"a mark with a time too far ahead": {protocol.Collect{Look: 1, Mark: 1, Clock: lead + 1}, true},
		"a mark at the end of time":        {protocol.Collect{Look: 1, Mark: 1<<64 - 1}, true},
		"a third look of a mark":           {protocol.Collect{Look: 3, Mark: 1 << 20}, true},
		"a mark without a look":            {protocol.Collect{Mark: 1 << 20}, true},
		"a look":                           {protocol.Collect{Look: 1, Clock: 1 << 20}, false},
		"a look too far ahead":             {protocol.Collect{Look: 1, Clock: lead + 1}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 2, 0)
			first := b.nodes[0]
			test.collect.Account, test.collect.Collect = "a", 1
			a := b.asks(first, 2, test.collect)
			if lied := refusedOf(first, 2) > 0; lied != test.lie || (a.Refused != "") != test.lie || a.Failed && a.Marked {
				t.Errorf("%+v, %d lies counted, want a lie: %t", a, refusedOf(first, 2), test.lie)
			}
			if test.lie && a.Clock != 0 {
				t.Errorf("it says more than that: %+v", a)
			}
			before := first.replica.Ledger().Clock()
			b.deposits(first, protocol.Local)
			if after := first.replica.Ledger().Clock(); test.lie && after != before+1 {
				t.Errorf("after a lie the next entry is at %d", after)
			}
		})
	}
}

// An answer that no honest peer can have given fails the query that it is for, and nothing
// else: the next one is answered, and writes are acknowledged as ever.
func TestALyingAnswerFailsTheQueryOnly(t *testing.T) {
	lies := map[string]protocol.CollectAnswer{
		"a clock too far ahead":       {Marked: true, Paid: 10, Clock: 1 << 40},
		"an entry too far ahead":      {Marked: true, Paid: 10, Last: 1 << 40},
		"more than a branch can have": {Marked: true, Paid: 1 << 62},
		"less than a branch can have": {Marked: true, Paid: math.MinInt64},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 3, 30)
			first := b.nodes[0]
			b.strong(first)
			lie.ID = b.asked(1, 2).ID
			b.receive(protocol.Message{From: 2, To: 1, CollectAnswer: &lie})
			if got := b.out.String(); !strings.Contains(got, "answers query 1: unavailable") || refusedOf(first, 2) != 1 {
				t.Errorf("%d lies counted: %s", refusedOf(first, 2), got)
			}
			if _, answered := b.deposits(first, protocol.Local); !answered {
				t.Error("a LOCAL write waits for a snapshot that has failed")
			}
			if !strings.Contains(b.out.String(), "REFUSED from 2 (answer)") {
				t.Errorf("the operator is not told: %s", b.out)
			}
			b.stabilize()
			b.strong(first)
			b.stabilize()
			if got := b.out.String(); !strings.Contains(got, "answers query 3: balance 31") {
				t.Errorf("the next query: %s", got)
			}
		})
	}
}

// A peer that marks ever new accounts is answered, and is marked up to a bound. With time,
// places get free.
func TestMarksAreBoundedAndExpire(t *testing.T) {
	const bound = 4096
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	mark := func(i int) bool {
		return b.asks(first, 2, protocol.Collect{Account: fmt.Sprint("account ", i), Collect: uint64(i + 1), Look: 1, Mark: 1 << 20}).Marked
	}
	for i := range bound {
		if !mark(i) {
			t.Fatalf("account %d is not marked", i)
		}
	}
	if mark(bound) {
		t.Error("an account over the bound is marked")
	}
	b.strong(first)
	b.stabilize()
	if got := b.out.String(); !strings.Contains(got, "answers query 1: balance 0") {
		t.Errorf("a strong query of this branch meanwhile: %s", got)
	}
	b.now += 4*peerTimeout - 1
	b.turn(first)
	if mark(bound) {
		t.Error("a mark is forgotten too early")
	}
	b.now++
	b.turn(first)
	if !mark(bound) {
		t.Error("no place got free")
	}
}

// A peer marks an account and never asks for it again. Until that is forgotten, a LOCAL
// write waits as one does that is REACHABLE, and no longer.
func TestAMarkThatIsForgottenDelaysWritesForAWhile(t *testing.T) {
	b := quietBank(t, 3, 30)
	first := b.nodes[0]
	mark := protocol.Collect{Account: ledger.SharedAccount, Collect: 1, Look: 1, Mark: 1 << 20}
	if a := b.asks(first, 2, mark); !a.Marked {
		t.Fatalf("not marked: %+v", a)
	}
	began := b.now
	together := func(when string) {
		t.Helper()
		local, answered := b.deposits(first, protocol.Local)
		if answered {
			t.Errorf("%s: a write is answered before anybody has it", when)
		}
		reachable, _ := b.deposits(first, protocol.Reachable)
		b.stabilizeUntil(func() bool { _, open := first.calls[reachable]; return !open })
		if _, open := first.calls[local]; open {
			t.Errorf("%s: a LOCAL write waits longer than one that is REACHABLE", when)
		}
	}
	together("all take part")
	// Branch 3 says nothing any more, and is waited for until the peer time-out.
	local, _ := b.deposits(first, protocol.Local)
	reachable, _ := b.deposits(first, protocol.Reachable)
	for _, open := first.calls[reachable]; open; _, open = first.calls[reachable] {
		b.transit = slices.DeleteFunc(b.transit, func(m protocol.Message) bool { return m.From == 3 || m.To == 3 })
		if len(b.transit) > 0 {
			m := b.transit[0]
			b.transit = b.transit[1:]
			b.receive(m)
		} else {
			b.tick(10)
		}
		_, localOpen := first.calls[local]
		if _, open := first.calls[reachable]; localOpen && !open {
			t.Fatal("a LOCAL write waits longer than one that is REACHABLE")
		}
	}
	if b.now-began > 2*peerTimeout {
		t.Fatalf("it took %d ms", b.now-began)
	}
	b.now = began + 4*peerTimeout
	b.turn(first)
	if _, answered := b.deposits(first, protocol.Local); !answered {
		t.Error("a LOCAL write waits for a mark that is forgotten")
	}
}

// stabilizeUntil delivers messages until something is so.
func (b *bank) stabilizeUntil(so func() bool) {
	b.t.Helper()
	for !so() {
		if len(b.transit) == 0 {
			b.t.Fatal("nothing is on its way")
		}
		m := b.transit[0]
		b.transit = b.transit[1:]
		b.receive(m)
	}
}

// A peer pushes the time of a branch as far as it can, again and again. What the branch
// records then is accepted by a third one. One that lacks some of it takes no message for
// a lie, and strong balances are right.
func TestAPushedTimeIsBorneByOthers(t *testing.T) {
	const push, rounds = ledger.MaxClockLead, 20
	pushes := map[string]func(b *bank, n *node, clock uint64){
		"marks": func(b *bank, n *node, clock uint64) {
			b.asks(n, 2, protocol.Collect{Account: "a", Collect: clock, Look: 1, Mark: clock})
		},
		"looks": func(b *bank, n *node, clock uint64) {
			b.asks(n, 2, protocol.Collect{Account: "a", Collect: clock, Look: 1, Clock: clock})
		},
		"what is said of contested accounts": func(b *bank, n *node, clock uint64) {
			b.contest(n, 2, protocol.Contest{Clock: clock})
		},
	}
	for name, pushed := range pushes {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 3, 30)
			first, second, third := b.nodes[0], b.nodes[1], b.nodes[2]
			for round := range rounds {
				for _, by := range []uint64{push, push / 2, push / 64, push} { // the first moves the time as far as all
					pushed(b, first, first.replica.Ledger().Clock()+by)
				}
				b.deposits(first, protocol.Local)
				for _, m := range b.take(func(m *protocol.Message) bool { return m.From == 1 && m.To == 3 }) {
					b.receive(m)
				}
				if got := third.replica.Ledger().Head(0).Sequence; got != uint64(round+1) || refusedOf(third, 1) > 0 {
					t.Fatalf("round %d: branch 3 has %d entries, and has refused %d messages", round, got, refusedOf(third, 1))
				}
			}
			b.strong(first)
			for _, m := range b.take(func(m *protocol.Message) bool { return m.Collect != nil }) {
				b.receive(m)
			}
			if refusedOf(second, 1) > 0 {
				t.Errorf("branch 2 lacks %d entries, and takes looks for lies: %s", rounds, b.out)
			}
			b.stabilize()
			pushed(b, first, first.replica.Ledger().Clock()+push/2)
			b.out.Reset()
			for _, n := range b.nodes {
				b.strong(n)
				b.stabilize()
			}
			if got := strings.Count(b.out.String(), fmt.Sprint("balance ", 30+rounds)); got != 3 {
				t.Errorf("%d strong queries are answered: %s", got, b.out)
			}
		})
	}
}

// take takes messages off their way.
func (b *bank) take(wanted func(*protocol.Message) bool) (taken []protocol.Message) {
	b.transit = slices.DeleteFunc(b.transit, func(m protocol.Message) bool {
		if wanted(&m) {
			taken = append(taken, m)
			return true
		}
		return false
	})
	return taken
}

// A branch that can't follow a time, though no lie is proven, does not use what comes with
// it: a look would not carry the time on.
func TestATimeThatABranchCantFollow(t *testing.T) {
	const ahead = ledger.MaxClockLead
	t.Run("a look", func(t *testing.T) {
		b := quietBank(t, 2, 20)
		first := b.nodes[0]
		if a := b.asks(first, 2, protocol.Collect{Account: "a", Collect: 1, Look: 1, Clock: ahead}); !a.Failed || a.Refused != "" {
			t.Errorf("it answers %+v", a)
		}
	})
	t.Run("an answer", func(t *testing.T) {
		b := quietBank(t, 2, 20)
		first := b.nodes[0]
		b.submit(first, ledger.Withdrawal, 50)
		b.turn(first)
		b.receive(protocol.Message{From: 2, To: 1, CollectAnswer: &protocol.CollectAnswer{ID: b.asked(1, 2).ID, Paid: 10, Clock: ahead}})
		if got := b.out.String(); !strings.Contains(got, "unavailable") {
			t.Errorf("it goes on: %s", got)
		}
	})
	t.Run("a look at a contested account", func(t *testing.T) {
		b, first := contestSeat(t)
		l := lookOf(7, 1, 0, 0)
		l.Clock = ahead
		b.contest(first, chairOfShared, l)
		if got := b.answersTo(); len(got) > 0 {
			t.Errorf("it answers %+v", got)
		}
		l.Clock = ahead / 64
		b.contest(first, chairOfShared, l)
		if got := b.answersTo(); len(got) != 1 {
			t.Errorf("one that it can follow: %+v", got)
		}
	})
}
