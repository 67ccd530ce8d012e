package ledger_test

import (
	"fmt"
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// BenchmarkOpenSealed measures what a branch spends on a peer's batch before it
// looks at its ledger: as many deposits, and as many positions that the batch
// comes after.
func BenchmarkOpenSealed(b *testing.B) {
	for _, c := range []struct{ deposits, after int }{{1, 0}, {1, 49}, {11, 2}, {1000, 2}} {
		b.Run(fmt.Sprintf("deposits=%d/after=%d", c.deposits, c.after), func(b *testing.B) {
			batch := &ledger.Batch{Branch: 1, Epoch: 3, FirstSequence: 1_000_000, PrevHash: ledger.Hash{1}}
			for i := range c.deposits {
				n := batch.FirstSequence + uint64(i)
				batch.Entries = append(batch.Entries, ledger.Entry{
					Sequence: n, Clock: 3 * n, RecordedAt: 1_700_000_000_000, RequestID: fmt.Sprintf("request-%014d", i),
					Kind: ledger.Deposit, Account: "hot", Amount: 1,
				})
			}
			for i := range c.after {
				batch.After = append(batch.After, ledger.Position{Branch: ledger.BranchID(2 + i), Sequence: 1_000_000})
			}
			sealed := ledger.NewSealed(batch)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ledger.OpenSealed(sealed.Bytes, sealed.Hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOutline measures what a branch spends on a batch that it relays.
func BenchmarkOutline(b *testing.B) {
	batch := &ledger.Batch{Branch: 1, Epoch: 3, FirstSequence: 1_000_000, PrevHash: ledger.Hash{1}}
	for i := range 1000 {
		batch.Entries = append(batch.Entries, ledger.Entry{
			Sequence: batch.FirstSequence + uint64(i), Clock: uint64(i + 1), RequestID: fmt.Sprintf("request-%014d", i),
			Kind: ledger.Deposit, Account: "hot", Amount: 1,
		})
	}
	sealed := ledger.NewSealed(batch)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.ReadOutline(sealed.Bytes, sealed.Hash); err != nil {
			b.Fatal(err)
		}
	}
}
