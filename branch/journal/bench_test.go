package journal_test

import (
	"fmt"
	"testing"

	"passbook/branch/journal"
	"passbook/branch/ledger"
)

// BenchmarkCommit measures one commit of own entries on the machine's disk:
// with a sync, as it answers customers, and without, as for peers' batches.
// Entries are on one hot account or on a thousand, with and without request
// ids.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 1000} {
		for _, accounts := range []int{1, 1000} {
			for _, sync := range []bool{true, false} {
				b.Run(fmt.Sprintf("entries=%d/accounts=%d/sync=%v", size, accounts, sync), func(b *testing.B) {
					benchmarkCommit(b, size, accounts, sync)
				})
			}
		}
	}
}

func benchmarkCommit(b *testing.B, size, accounts int, sync bool) {
	j, s, err := journal.Open(b.TempDir(), bank, journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	br := &branch{Journal: j, State: s, t: b}
	entries := make([]ledger.Entry, size)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range entries {
			n++
			entries[i] = withID(fmt.Sprintf("request-%016d", n), deposit(fmt.Sprintf("account-%d", n%accounts), 1))
		}
		c := br.gather(br.post(1, entries...))
		c.Sync = sync
		b.StartTimer()
		if err := j.Commit(c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkOpen measures how fast a journal opens that has many entries and
// one account.
func BenchmarkOpen(b *testing.B) {
	for _, batches := range []int{0, 300} {
		b.Run(fmt.Sprintf("entries=%d", 1000*batches), func(b *testing.B) {
			dir := b.TempDir()
			j, s, err := journal.Open(dir, bank, journal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			br := &branch{Journal: j, State: s, t: b}
			for range batches {
				entries := make([]ledger.Entry, 1000)
				for i := range entries {
					entries[i] = deposit("a", 1)
				}
				br.write(1, entries...)
			}
			br.close()
			for b.Loop() {
				j, _, err := journal.Open(dir, bank, journal.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
