package feed

import (
	"testing"
	"time"

	"passbook.example/passbook/branch/ledger"
)

func TestAHistogramKeepsTimesApart(t *testing.T) {
	for _, us := range []int64{0, 1, 2, 3, 4, 5, 7, 8, 100, 999, 1000, 1 << 20, 3_600_000_000} {
		i := bucketOf(us)
		if most := mostOf(i); most < us || float64(most) > 1.25*float64(us)+1 {
			t.Errorf("%d µs count as %d", us, most)
		}
		if i > 0 && mostOf(i-1) >= us {
			t.Errorf("%d µs fit into the bucket before, of %d", us, mostOf(i-1))
		}
		if bucketOf(mostOf(i)) != i {
			t.Errorf("bucket %d does not hold its own most", i)
		}
	}
	for us, want := range map[int64]int{-1: 0, 1 << 60: spreadBuckets - 1} {
		if got := bucketOf(us); got != want {
			t.Errorf("%d µs are in bucket %d, want %d", us, got, want)
		}
	}
	var h histogram
	if h.percentile(50) != 0 {
		t.Error("there are none")
	}
	for us := range int64(1000) {
		h[bucketOf(us)]++
	}
	if p50, p99 := h.percentile(50), h.percentile(99); p50 < 500 || p50 > 640 || p99 < 990 || p99 > 1200 {
		t.Errorf("percentiles are %d and %d", p50, p99)
	}
	var again histogram
	again.add(bucketsFromProto(bucketsToProto(h.pack())))
	if again != h {
		t.Error("it changes on its way")
	}
}

// own is a commit of one batch of branch 1.
func own(first, last uint64) *ledger.Commit {
	b := &ledger.Batch{Branch: 1, FirstSequence: first, Entries: make([]ledger.Entry, last-first+1)}
	return &ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: &ledger.Sealed{Batch: b}}}}
}

func noBalances() []accountBalance { return nil }

func TestThePulseMeasuresTheSpread(t *testing.T) {
	began := time.Unix(1000, 0)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	p := &pulse{self: 1}
	observe := func(ms int, c *ledger.Commit, everywhere uint64) {
		p.turn(at(ms), noBalances)
		p.observe(at(ms), c, everywhere)
	}
	observe(0, own(1, 3), 0)
	observe(10, own(4, 4), 2) // only a part of a batch
	observe(30, nil, 3)
	for sequence, want := range map[uint64]int64{1: 30_000, 3: 30_000, 4: 0, 9: 0} {
		if got := p.spreadOf(sequence); got != want {
			t.Errorf("entry %d took %d µs, want %d", sequence, got, want)
		}
	}
	observe(1010, nil, 4)
	if got := p.spreadOf(4); got != 1_000_000 {
		t.Errorf("entry 4 took %d µs", got)
	}
	p.turn(at(5000), noBalances)
	if len(p.ended) != 2 || p.ended[0].entries != 4 || p.ended[1].entries != 0 || len(p.ended[1].spread) != 1 {
		t.Fatalf("%+v", p.ended)
	}
	if got := p.since(1000); len(got) != 1 || got[0].unix != 1001 {
		t.Errorf("after the first second: %+v", got)
	}
	if p50, p99 := p.recent(at(5000)); p50 < 30_000 || p50 > 40_000 || p99 < 1_000_000 {
		t.Errorf("lately %d and %d µs", p50, p99)
	}
	if p50, _ := p.recent(at(60_000)); p50 != 0 {
		t.Errorf("a minute later still %d µs", p50)
	}
}

// Whatever happens, the pulse remembers only so much.
func TestThePulseIsBounded(t *testing.T) {
	p := &pulse{self: 1}
	for i := range uint64(maxSpreading + 100) {
		p.observe(time.Unix(1, 0), own(i+1, i+1), 0) // a peer is away
	}
	if len(p.spreading) != maxSpreading || p.spreading[0].first != 101 {
		t.Errorf("%d batches are followed, from entry %d on", len(p.spreading), p.spreading[0].first)
	}
	p.observe(time.Unix(2, 0), nil, maxSpreading+100)
	if len(p.spreading) != 0 || len(p.spread) != maxSpread || p.spreadOf(maxSpreading+100) != 1_000_000 {
		t.Errorf("%d are followed, %d are remembered", len(p.spreading), len(p.spread))
	}
	for s := range int64(maxSamples + 100) {
		p.turn(time.Unix(10+s, 0), noBalances)
		p.observe(time.Unix(10+s, 0), own(1, 1), 0)
	}
	if len(p.ended) != maxSamples {
		t.Errorf("%d seconds are remembered", len(p.ended))
	}
}

func TestTheHistoryOfAPictureIsBounded(t *testing.T) {
	p := newPicture(Config{Branch: 1}, []uint32{1}, []uint32{1})
	for s := range int64(maxSamples + 10) {
		p.second(s).entries = uint64(s)
	}
	if len(p.samples) != maxSamples || p.samples[0].unix != 10 || p.second(3) != nil {
		t.Errorf("%d seconds, the first is %d", len(p.samples), p.samples[0].unix)
	}
	if at := p.second(100); at.entries != 100 || len(p.samples) != maxSamples {
		t.Errorf("second 100 is %+v", at)
	}
}

func BenchmarkPulse(b *testing.B) {
	p := &pulse{self: 1}
	c := own(1, 1)
	now := time.Unix(1, 0)
	for i := range uint64(b.N) {
		batch := c.Batches[0].Batch
		batch.FirstSequence = i + 1
		now = now.Add(50 * time.Microsecond)
		p.turn(now, noBalances)
		p.observe(now, c, i)
	}
}
