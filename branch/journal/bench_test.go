package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// BenchmarkCommit measures one commit of own entries on the machine's disk:
// with a sync, as for customers' writes, and without, as for peers' batches. Entries
// are on one hot account or on a thousand, and all have request ids.
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

// fill writes batches of a thousand entries.
func (b *branch) fill(batches int, entry func() ledger.Entry) {
	b.t.Helper()
	for range batches {
		entries := make([]ledger.Entry, 1000)
		for i := range entries {
			entries[i] = entry()
		}
		b.write(1, entries...)
	}
}

// BenchmarkOpen measures how fast a journal with many entries and one account opens.
func BenchmarkOpen(b *testing.B) {
	for _, batches := range []int{0, 300} {
		b.Run(fmt.Sprintf("entries=%d", 1000*batches), func(b *testing.B) {
			dir := b.TempDir()
			j, s, err := journal.Open(dir, bank, journal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			br := &branch{Journal: j, State: s, t: b}
			br.fill(batches, func() ledger.Entry { return deposit("a", 1) })
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

// BenchmarkNewRequests measures how fast request ids are found to be new, as
// almost all are, in a short journal and in a longer one: one by one, and a hundred
// at once.
func BenchmarkNewRequests(b *testing.B) {
	for _, batches := range []int{1, 300} {
		j, s, err := journal.Open(b.TempDir(), bank, journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		br := &branch{Journal: j, State: s, t: b}
		br.fill(batches, func() ledger.Entry { return withID(fmt.Sprintf("%016x", rand.Uint64()), deposit("a", 1)) })
		for _, together := range []int{1, 100} {
			b.Run(fmt.Sprintf("entries=%d/together=%d", 1000*batches, together), func(b *testing.B) {
				ids := make([]ledger.RequestKey, together)
				for b.Loop() {
					for i := range ids {
						ids[i] = ledger.RequestKey(fmt.Sprintf("%016x", rand.Uint64()))
					}
					if _, err := j.Positions(ids); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*together), "ns/id")
			})
		}
		br.close()
	}
}

// BenchmarkRequestMiss measures how fast one request id is found to be new, in
// a journal of 100,000: by the filter, and without one, as when it was given up.
func BenchmarkRequestMiss(b *testing.B) {
	j, s, err := journal.Open(b.TempDir(), bank, journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	br := &branch{Journal: j, State: s, t: b}
	for range 100 {
		entries := make([]ledger.Entry, 1000)
		for i := range entries {
			entries[i] = withID(fmt.Sprintf("%016x", rand.Uint64()), deposit("a", 1))
		}
		br.write(1, entries...)
	}
	ids := make([]ledger.RequestKey, 1<<16)
	for i := range ids {
		ids[i] = ledger.RequestKey(fmt.Sprintf("%016x", rand.Uint64()))
	}
	for _, filtered := range []bool{true, false} {
		b.Run(fmt.Sprintf("filter=%t", filtered), func(b *testing.B) {
			if !filtered {
				j.GiveUpFilter()
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, ok, err := j.Request(ids[n%len(ids)]); ok || err != nil {
					b.Fatal(ok, err)
				}
				n++
			}
		})
	}
}
