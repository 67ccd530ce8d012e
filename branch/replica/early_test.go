package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// depositBatches returns the start of a branch's journal: batches that chain,
// each with so many deposits.
func depositBatches(genesis ledger.Hash, branch ledger.BranchID, batches, entries int) (journal []*ledger.Sealed) {
	prev := genesis
	var sequence uint64
	for range batches {
		batch := &ledger.Batch{Branch: branch, Epoch: 1, FirstSequence: sequence + 1, PrevHash: prev}
		for range entries {
			sequence++
			batch.Entries = append(batch.Entries, ledger.Entry{
				Sequence: sequence, Clock: sequence, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1,
				RequestID: fmt.Sprintf("%s %d", strings.Repeat("r", 100), sequence),
			})
		}
		s := ledger.NewSealed(batch)
		prev = s.Hash
		journal = append(journal, s)
	}
	return journal
}

func (b *bank) depositBatches(branch ledger.BranchID, batches, entries int) []*ledger.Sealed {
	return depositBatches(b.nodes[0].genesis(), branch, batches, entries)
}

// Batches that come before the one they follow are kept up to a number and up
// to a size. The later ones are dropped, and taken when they come again.
func TestEarlyBatchesAreBounded(t *testing.T) {
	const maxBatches, maxBytes = 4096, 8 << 20
	tests := map[string]struct{ batches, entries int }{
		"number": {maxBatches + 100, 1},
		"bytes":  {200, 1000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 2, 0)
			first := b.nodes[0]
			journal := b.depositBatches(2, test.batches, test.entries)
			receive := func(batches []*ledger.Sealed) uint64 {
				for _, s := range batches {
					first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: []*ledger.Sealed{s}}})
				}
				b.turn(first)
				return first.replica.Status().Applied[1].Sequence
			}
			kept, bytes := 0, 0
			for _, s := range journal[1:] {
				if kept == maxBatches || bytes+len(s.Bytes) > maxBytes {
					break
				}
				kept++
				bytes += len(s.Bytes)
			}
			if kept == len(journal)-1 {
				t.Fatalf("%d batches of %d bytes reach no bound", kept, bytes)
			}
			if got := receive(journal[1:]); got != 0 {
				t.Fatalf("%d entries are applied before the first", got)
			}
			if got, want := receive(journal[:1]), journal[kept].Batch.LastSequence(); got != want {
				t.Errorf("with the first batch there are %d entries, want %d: those of %d early batches and it", got, want, kept)
			}
			if got, want := receive(journal), journal[len(journal)-1].Batch.LastSequence(); got != want {
				t.Errorf("when all have come again there are %d entries, want %d", got, want)
			}
			if strings.Contains(b.out.String(), "ALARM") {
				t.Error(b.out.String())
			}
		})
	}
}

// Early batches go with the link that has brought them: who sent them may have lied,
// and sends them again if not.
func TestEarlyBatchesGoWithTheirLink(t *testing.T) {
	b := quietBank(t, 4, 0)
	first := b.nodes[0]
	b.cut(first, b.nodes[3]) // the writer
	journal := b.depositBatches(4, 2, 1)
	show := func(from ledger.BranchID, s *ledger.Sealed) {
		b.receive(protocol.Message{From: from, To: 1, Frame: &protocol.Frame{Batches: []*ledger.Sealed{s}}})
		b.turn(first)
	}
	show(2, journal[1])
	first.replica.LinkDown(2)
	show(3, journal[0])
	if got := first.replica.Status().Applied[3].Sequence; got != 1 {
		t.Errorf("applied up to entry %d, want 1", got)
	}
	show(3, journal[1])
	if got := first.replica.Status().Applied[3].Sequence; got != 2 {
		t.Errorf("shown again: applied up to entry %d, want 2", got)
	}
}
