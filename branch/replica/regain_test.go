package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A branch that served, and gets back more of its own journal than its disk had,
// writes nothing before it has all of that: neither for a customer nor to share out
// escrow that peers have claimed.
func TestABranchThatGetsItsEndBackSharesNothingOutMeanwhile(t *testing.T) {
	b := quietBank(t, 3, 0)
	first, third := b.nodes[0], b.nodes[2]
	b.cut(first, b.nodes[1])
	b.cut(third, b.nodes[1])
	backup := first.disk.Copy()
	for _, account := range []string{"a", "b", "c"} { // a batch each
		b.calls++
		first.calls[b.calls] = pendingCall{name: "deposit"}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Majority, Deadline: b.now + 500,
			Entry: ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: 100},
		})
		b.turn(first)
		b.stabilize()
	}
	want := first.replica.Status().Applied[0]
	if want.Sequence != 3 {
		t.Fatalf("branch 1 has %d entries", want.Sequence)
	}
	b.crash(first)
	first.disk = backup
	b.severed[pair(first, third)] = true
	b.restart(first, false)
	b.heal(first, b.nodes[1])
	b.stabilize()
	b.tick(3000)
	if s := first.replica.Status(); s.State != protocol.Serving {
		t.Fatalf("branch 1 doesn't serve: %s", s.Reason)
	}
	for range 2 { // it has nothing of the account yet
		b.calls++
		b.receive(protocol.Message{From: 2, To: 1, Claim: &protocol.Claim{ID: b.calls, Account: "a", Amount: 50, Ticket: protocol.Ticket{Clock: 1, Branch: 2}}})
	}
	b.heal(first, third)
	for len(b.transit) > 0 {
		m := b.transit[0]
		b.transit = b.transit[1:]
		if m.To == 1 && m.Frame != nil && len(m.Frame.Batches) > 1 { // as when it is longer than a frame
			for _, s := range m.Frame.Batches {
				b.receive(protocol.Message{From: m.From, To: m.To, Frame: &protocol.Frame{Batches: []*ledger.Sealed{s}}})
			}
			continue
		}
		b.receive(m)
	}
	b.tick(1000)
	b.stabilize()
	for _, n := range b.nodes {
		s := n.replica.Status()
		if s.State != protocol.Serving || len(s.Alarms) > 0 {
			t.Errorf("branch %d: %s %v", n.id, s.Reason, s.Alarms)
		}
	}
	if strings.Contains(b.out.String(), "ALARM") {
		t.Error(b.out.String())
	}
}

// Whoever speaks in the name of a branch that is away, and names more of a journal
// than there is, keeps a branch from serving for a while only: however often that is
// said, on one link or on new ones, and whatever else is.
func TestWhoNamesMoreThanThereIsKeepsNobodyFromServing(t *testing.T) {
	lies := map[string]func(n uint64, hello *protocol.Hello) *protocol.Frame{
		"a hello": func(_ uint64, hello *protocol.Hello) *protocol.Frame {
			hello.Applied = []ledger.MarkedPosition{{Position: ledger.Position{Branch: 1, Sequence: 1 << 40}}}
			return &protocol.Frame{Hello: hello}
		},
		"a hello that names ever more, and an ack": func(n uint64, hello *protocol.Hello) *protocol.Frame {
			hello.Applied = []ledger.MarkedPosition{{Position: ledger.Position{Branch: 1, Sequence: 1<<40 + n}}}
			return &protocol.Frame{Hello: hello, Ack: &protocol.Ack{Applied: 1}}
		},
		"a batch far ahead": func(n uint64, hello *protocol.Hello) *protocol.Frame {
			hello.Applied = []ledger.MarkedPosition{{Position: ledger.Position{Branch: 1, Sequence: 1<<40 + n}}}
			s := ledger.NewSealed(&ledger.Batch{Branch: 1, Epoch: 1, FirstSequence: 1<<40 + n, PrevHash: ledger.Hash{1}, Entries: []ledger.Entry{
				{Sequence: 1<<40 + n, Clock: 1, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1},
			}})
			return &protocol.Frame{Hello: hello, Batches: []*ledger.Sealed{s}}
		},
	}
	for what, lie := range lies {
		for _, every := range []int{1, 20, 60} { // a new link each so many tenths of a second
			t.Run(fmt.Sprintf("%s, every %d", what, every), func(t *testing.T) {
				b := quietBank(t, 3, 0)
				first := b.nodes[0]
				b.ask(first, 10, protocol.All)
				hello := *b.hellos[[2]ledger.BranchID{3, 1}]
				b.crash(first)
				b.crash(b.nodes[2])
				b.restart(first, false)
				linked := false
				for n := range 1200 {
					if n%every == 0 || !linked {
						first.replica.LinkUp(3)
						linked = true
					}
					said := hello
					first.replica.Tick(b.now)
					first.replica.Receive(protocol.Message{From: 3, To: 1, Frame: lie(uint64(n), &said)})
					before := b.out.Len()
					b.tick(100)
					for len(b.transit) > 0 {
						m := b.transit[0]
						b.transit = b.transit[1:]
						b.receive(m)
					}
					if strings.Contains(b.out.String()[before:], "REFUSED from 3") {
						first.replica.LinkDown(3)
						delete(b.severed, pair(first, b.nodes[2]))
						linked = false
					}
				}
				if s := first.replica.Status(); s.State != protocol.Serving {
					t.Errorf("after two minutes branch 1 doesn't serve: %s", s.Reason)
				}
			})
		}
	}
}
