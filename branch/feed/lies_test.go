package feed

import (
	"math"
	"strings"
	"testing"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Whatever a branch reports of itself, the picture of the bank holds no more of it
// than a report may say, and is shown.
func TestReportsThatLieAreBounded(t *testing.T) {
	v := newSurvey(stillFeed(t), "a", nil)
	defer v.cancel()
	numbers := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 62, 1 << 53}
	for _, n := range numbers {
		report := &bankv1.BranchReport{
			Branch: 2, State: bankv1.BranchState(n), Epoch: uint64(n), UptimeMs: n, Balance: n, Available: n, SpreadP50Us: n, SpreadP99Us: n,
			Reason: strings.Repeat("r", 1000), Alarms: make([]string, 100_000), UnreachablePeers: make([]uint32, 100_000),
		}
		for i := range report.UnreachablePeers {
			report.Alarms[i], report.UnreachablePeers[i] = strings.Repeat("é", 2000), uint32(i)
			report.Applied = append(report.Applied, &bankv1.Position{Branch: uint32(i % 5), Sequence: uint64(n) + uint64(i)})
		}
		m := &bankv1.WatchResponse{Complete: n > 0, Reports: []*bankv1.BranchReport{report}, SkippedEntries: uint64(n)}
		for i := range 1000 {
			m.Samples = append(m.Samples, &bankv1.Sample{UnixMs: n + int64(i)*1000, Balance: n, Spread: []*bankv1.SpreadBucket{{MostUs: n, Count: uint64(n)}}})
			m.Entries = append(m.Entries, &bankv1.WatchedEntry{Branch: 2, Receipt: &bankv1.Receipt{Branch: 2, Sequence: uint64(n) + uint64(i)}, SpreadUs: n, Balance: n})
		}
		v.hear(2, m)
		v.picture.since(seen{}, time.Now())
	}
	p := &v.picture
	got := p.reports[v.place(2)].report
	if len(got.alarms) > maxReportedAlarms || len(got.unreachable) > 3 || len(p.entries) > maxWatchedEntries || len(p.samples) > maxSamples {
		t.Errorf("%d alarms, %d unreachable, %d entries, %d samples", len(got.alarms), len(got.unreachable), len(p.entries), len(p.samples))
	}
	if n := len(got.alarms[0]); n > maxReportedAlarm+len(" …") {
		t.Errorf("an alarm of %d bytes", n)
	}
}
