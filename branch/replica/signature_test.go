package replica_test

import (
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/simulation"
)

// signedBank is quietBank, with branches that sign what they write from now on.
func signedBank(t *testing.T) *bank {
	t.Helper()
	b := quietBank(t, 3, 90)
	b.signed = true
	for _, n := range b.nodes {
		b.crash(n)
	}
	for _, n := range b.nodes {
		b.restart(n, false)
	}
	b.stabilize()
	return b
}

// A bank that had no certificates has some, and its old batches still go around: what is
// here already needs no signature, and nobody lies who sends it.
func TestWhatIsHereNeedsNoSignature(t *testing.T) {
	b := quietBank(t, 3, 90)
	b.ask(b.nodes[0], 10, protocol.All)
	b.signed = true
	for _, n := range b.nodes {
		b.crash(n)
	}
	for _, n := range b.nodes {
		b.restart(n, false)
	}
	b.stabilize()
	if text := b.ask(b.nodes[0], 5, protocol.All); !strings.Contains(text, "success") {
		t.Fatalf("a deposit is answered: %s", text)
	}
	old := b.nodes[0].disk.Journal(0)
	if len(old) != 2 || old[0].Signature != nil || old[1].Signature == nil {
		t.Fatalf("the journal has %d batches", len(old))
	}
	b.receive(protocol.Message{From: 3, To: 2, Frame: &protocol.Frame{Batches: old}})
	b.receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: old}})
	for _, n := range b.nodes {
		if alarms := n.replica.Status().Alarms; len(alarms) > 0 {
			t.Errorf("branch %d has alarms %q", n.id, alarms)
		}
	}
	b.crash(b.nodes[1]) // it loses them, and nobody can prove to it who has written them
	b.nodes[1].disk.Wipe()
	b.restart(b.nodes[1], false)
	b.stabilize()
	if s := b.nodes[1].replica.Status(); len(s.Alarms) == 0 || !strings.Contains(s.Alarms[0], "not signed") {
		t.Errorf("an empty branch has alarms %q", s.Alarms)
	}
}

// Only what a branch has just made is to be signed by it, and nothing that it gets back.
func TestABranchMakesItsOwnBatchesAlone(t *testing.T) {
	b := signedBank(t)
	b.ask(b.nodes[0], 10, protocol.All)
	b.crash(b.nodes[0])
	b.nodes[0].disk.Wipe()
	made, fetched := 0, 0
	b.onCommit = func(n *node, c *ledger.Commit) {
		for i := range c.Batches {
			switch s := &c.Batches[i]; {
			case s.Made && s.Span.Branch == n.id:
				made++
			case s.Made:
				t.Errorf("branch %d makes %v", n.id, s.Span)
			case s.Span.Branch == n.id:
				fetched++
			}
		}
	}
	b.restart(b.nodes[0], false)
	b.stabilize()
	b.tick(5000)
	b.stabilize()
	if made != 0 || fetched != 1 {
		t.Errorf("%d batches are made, %d fetched back, want 0 and 1", made, fetched)
	}
	b.ask(b.nodes[0], 1, protocol.All)
	if made != 1 {
		t.Errorf("%d batches are made, want 1", made)
	}
}

// Batches that were signed are given out signed: to those that lack them, from memory and
// from disk, and with a proof that a journal has forked.
func TestSignaturesGoWithTheirBatches(t *testing.T) {
	b := signedBank(t)
	b.ask(b.nodes[0], 10, protocol.All)
	b.cut(b.nodes[0], b.nodes[2])
	b.ask(b.nodes[0], 20, protocol.Reachable)
	b.tick(2000)
	b.stabilize() // branch 3 gets it from branch 2
	for i, n := range b.nodes {
		j := n.disk.Journal(0)
		if len(j) != 2 {
			t.Fatalf("branch %d has %d batches of branch 1", i+1, len(j))
		}
		for _, s := range j {
			if s.Signature == nil || *s.Signature != *b.nodes[0].disk.Journal(0)[0].Signature && s.Span.First == 1 {
				t.Errorf("branch %d has %v with signature %v", i+1, s.Span, s.Signature)
			}
		}
	}
	fork := ledger.NewSealed(&ledger.Batch{Branch: 1, Epoch: 1, FirstSequence: 1, PrevHash: b.nodes[0].genesis(), Entries: []ledger.Entry{
		{Sequence: 1, Clock: 1, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 99},
	}})
	simulation.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: fork, Made: true}}})
	b.receive(protocol.Message{From: 3, To: 2, Frame: &protocol.Frame{Batches: []*ledger.Sealed{fork}}})
	b.stabilize()
	if s := b.nodes[0].replica.State(); s != protocol.Halted {
		t.Errorf("with two batches that it has signed in one place branch 1 is in state %v", s)
	}
}
