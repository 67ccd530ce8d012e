package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/simulation"
)

// lie is `lie 2->1 hello=(1/9,3/2)`, `lie 2->1 ack=9`, `lie 2->1 forked` or
// `lie 2->1 batch=1/3`: a frame that its sender has not sent. The hello names more
// than the last true one did, the batch follows nothing, or with whole the one before it
// at the receiver. With signed its writer has signed it.
func (b *bank) lie(d *datadriven.TestData) {
	var from, to ledger.BranchID
	if _, err := fmt.Sscanf(d.CmdArgs[0].Key, "%d->%d", &from, &to); err != nil {
		b.t.Fatalf("%s: %v", d.Pos, err)
	}
	f := &protocol.Frame{}
	if a, ok := d.Arg("hello"); ok {
		hello := *b.hellos[[2]ledger.BranchID{from, to}]
		hello.Applied = slices.Clone(hello.Applied)
		for _, v := range a.Vals {
			p := b.position(d, v)
			hello.Applied = slices.DeleteFunc(hello.Applied, func(m ledger.MarkedPosition) bool { return m.Branch == p.Branch })
			hello.Applied = append(hello.Applied, ledger.MarkedPosition{Position: p, Hash: ledger.Hash{1}})
		}
		f.Hello = &hello
	}
	if d.HasArg("ack") || d.HasArg("forked") {
		f.Ack = &protocol.Ack{Applied: uint64(option(b.t, d, "ack", 0)), Forked: d.HasArg("forked")}
	}
	if text := text(d, "batch"); text != "" {
		p := b.position(d, text)
		prev := ledger.Hash{1}
		if d.HasArg("whole") {
			prev = b.hashAt(to, ledger.Position{Branch: p.Branch, Sequence: p.Sequence - 1})
		}
		f.Batches = []*ledger.Sealed{ledger.NewSealed(&ledger.Batch{Branch: p.Branch, Epoch: 1, FirstSequence: p.Sequence, PrevHash: prev, Entries: []ledger.Entry{
			{Sequence: p.Sequence, Clock: 9, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1},
		}})}
		if d.HasArg("signed") {
			simulation.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: f.Batches[0], Made: true}}})
		}
	}
	b.receive(protocol.Message{From: from, To: to, Frame: f})
}

// hashAt returns the hash of a batch that ends at a position, as a branch has it.
func (b *bank) hashAt(at ledger.BranchID, p ledger.Position) ledger.Hash {
	b.t.Helper()
	n := b.node(at)
	if p.Sequence == 0 {
		return n.genesis()
	}
	hash, ok, err := n.disk.HashAt(p.Branch, p.Sequence)
	if err != nil || !ok {
		b.t.Fatalf("branch %d has no entry %d of branch %d: %v", at, p.Sequence, p.Branch, err)
	}
	return hash
}

// position reads one as in 1/9.
func (b *bank) position(d *datadriven.TestData, text string) (p ledger.Position) {
	b.t.Helper()
	if _, err := fmt.Sscanf(text, "%d/%d", &p.Branch, &p.Sequence); err != nil {
		b.t.Fatalf("%s: %s: %v", d.Pos, text, err)
	}
	return p
}

// noteHello keeps what a branch has last said in a hello.
func (b *bank) noteHello(m *protocol.Message) {
	if b.hellos == nil {
		b.hellos = map[[2]ledger.BranchID]*protocol.Hello{}
	}
	if m.Frame != nil && m.Frame.Hello != nil {
		b.hellos[[2]ledger.BranchID{m.From, m.To}] = m.Frame.Hello
	}
}

// pass lets time pass in which every branch has its say and nothing arrives.
func (b *bank) pass(span, step protocol.Millis) {
	b.quiet = true
	for until := b.now + span; b.now < until; {
		b.tick(step)
		b.transit = nil
	}
	b.quiet = false
}

// A grant whose entry never comes holds the queue of its account for as long as a
// claim may take without an answer.
func TestAnAnswerToAClaimIsNotWaitedForForEver(t *testing.T) {
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	withdraw := func(within protocol.Millis) {
		b.calls++
		first.calls[b.calls] = pendingCall{name: fmt.Sprint("withdrawal ", b.calls)}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + within,
			Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 60},
		})
		b.turn(first)
	}
	withdraw(1000)
	claim := b.transit[slices.IndexFunc(b.transit, func(m protocol.Message) bool { return m.Claim != nil })].Claim
	b.transit = nil
	b.receive(protocol.Message{From: 2, To: 1, ClaimAnswer: &protocol.ClaimAnswer{ID: claim.ID, Granted: 10, Sequence: 1 << 61}})
	b.pass(4000, 100)
	withdraw(5000)
	b.stabilize()
	if out := b.out.String(); !strings.Contains(out, "answers withdrawal 2: success") {
		t.Errorf("the next withdrawal is not paid:\n%s", out)
	}
}

// A peer that names more of a journal than it shows is asked by turns with one
// that has it, and its link is ended after a while.
func TestWhoShowsNothingKeepsNobodyFromBeingAsked(t *testing.T) {
	b := quietBank(t, 4, 0)
	first := b.nodes[0]
	b.cut(first, b.nodes[3]) // the writer
	b.quiet = true
	journal := b.depositBatches(4, 1, 1)
	for _, from := range []ledger.BranchID{2, 3} {
		hello := *b.hellos[[2]ledger.BranchID{from, 1}]
		hello.Applied = []ledger.MarkedPosition{{Position: ledger.Position{Branch: 4, Sequence: 1}, Hash: journal[0].Hash}}
		if from == 2 {
			hello.Applied[0].Sequence = 1 << 40
		}
		b.receive(protocol.Message{From: from, To: 1, Frame: &protocol.Frame{Hello: &hello}})
	}
	asked := map[ledger.BranchID]int{}
	refused := false
	early := 0 // how often the honest one is asked in the first ten rounds
	for round := range 80 {
		if round == 10 {
			early = asked[3]
		}
		b.now += 500
		first.replica.Tick(b.now)
		ready := first.replica.Ready()
		if ready.Commit != nil {
			first.disk.Commit(ready.Commit)
		}
		first.replica.Advance()
		for _, m := range ready.Messages {
			if m.Frame != nil && len(m.Frame.Wants) > 0 {
				asked[m.To]++
			}
		}
		for _, f := range ready.Refusals {
			refused = refused || f.Peer == 2 && f.Lie == protocol.BadPosition && f.Close
		}
	}
	if asked[2] < 30 || early < 4 {
		t.Errorf("asked %v, the honest one %d times in the first ten rounds; want both by turns", asked, early)
	}
	if !refused {
		t.Error("the one that shows nothing keeps its link")
	}
}
