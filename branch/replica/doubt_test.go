package replica_test

import (
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// What is asked of a peer that is wrong about several journals does not hang on
// chance.
func TestSeveralDoubtsGoByTheirJournals(t *testing.T) {
	const n = 8
	for range 5 {
		b := quietBank(t, n, 0)
		first := b.nodes[0]
		for _, node := range b.nodes {
			b.ask(node, 1, protocol.All)
		}
		hello := *b.hellos[[2]ledger.BranchID{2, 1}]
		hello.Applied = nil
		for k := range n {
			hello.Applied = append(hello.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: ledger.BranchID(k + 1), Sequence: 1}, Hash: ledger.Hash{1}})
		}
		first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Hello: &hello}})
		first.replica.Ready()
		first.replica.Advance()
		first.replica.Tick(b.now + 500) // it has shown nothing
		ready := first.replica.Ready()
		var asked []ledger.BranchID
		for _, m := range ready.Messages {
			for _, w := range m.Frame.Wants {
				asked = append(asked, w.Branch)
			}
		}
		if len(asked) != n || !slices.IsSorted(asked) {
			t.Fatalf("it is asked for the journals %v", asked)
		}
	}
}

// A branch that recovers, and whose journal is another one at a peer far back, looks
// for the place as one that serves does: by halves.
func TestABranchThatRecoversLooksForAForkByHalves(t *testing.T) {
	const deep = 200
	b := quietBank(t, 2, 0)
	first, second := b.nodes[0], b.nodes[1]
	b.ask(first, 1, protocol.All)
	backup := first.disk.Copy()
	for range deep {
		b.ask(first, 2, protocol.All)
	}
	b.crash(first)
	first.disk = backup
	b.severed[pair(first, second)] = true
	b.restart(first, false)
	b.tick(3000)
	for range deep / 2 { // so the peer has more
		b.ask(first, 3, protocol.Local)
	}
	b.crash(first)
	delete(b.severed, pair(first, second))
	b.restart(first, false)
	asked := 0
	for first.replica.State() != protocol.Halted && asked < deep {
		if len(b.transit) == 0 {
			b.tick(500)
			continue
		}
		m := b.transit[0]
		b.transit = b.transit[1:]
		if m.To == 1 && m.Frame != nil { // the peer looks for nothing itself
			m.Frame.Wants = nil
		}
		if m.From == 1 && m.Frame != nil {
			asked += len(m.Frame.Wants)
			m.Frame.Batches = nil
		}
		b.receive(m)
	}
	if first.replica.State() != protocol.Halted || asked > 20 {
		t.Errorf("it asks %d times, and is %+v", asked, first.replica.Status())
	}
}
