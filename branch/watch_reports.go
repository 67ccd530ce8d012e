package branch

import (
	"slices"
	"strings"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// What a bankWatch makes of what the branches report.

// take takes what a branch reports of itself.
func (h *bankWatch) take(id uint32, m *bankv1.WatchResponse) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.picture
	p.version++
	i := h.place(id)
	s := &h.sources[i]
	if !s.reported || h.isMissing(s, now) || len(m.GetReports())+len(m.GetEntries())+len(m.GetSamples()) > 0 {
		h.signal()
	}
	s.heard, s.failed = now, 0
	for _, r := range m.GetReports() {
		if r.GetBranch() == id {
			s.reported = true
			h.takeReport(i, r, m.GetComplete(), now)
		}
	}
	p.added += m.GetSkippedEntries()
	for _, e := range m.GetEntries() {
		if e.GetBranch() == id {
			p.show(e)
		}
	}
	for _, at := range m.GetSamples() {
		h.takeSample(id, s, at)
	}
	h.count(i, now)
}

func (h *bankWatch) takeReport(i int, r *bankv1.BranchReport, complete bool, now time.Time) {
	p := &h.picture
	at := &p.reports[i]
	if complete {
		told := map[uint32]bool{}
		for _, a := range r.GetApplied() {
			told[a.GetBranch()] = true
		}
		for j, id := range p.branches {
			if !told[id] {
				p.move(at, j, 0)
			}
		}
	}
	for _, a := range r.GetApplied() {
		if j, ok := slices.BinarySearch(p.branches, a.GetBranch()); ok {
			p.move(at, j, a.GetSequence())
			h.known[j] = max(h.known[j], a.GetSequence())
		}
	}
	apart := map[uint32]time.Time{}
	unreachable := slices.DeleteFunc(r.GetUnreachablePeers(), func(peer uint32) bool {
		_, ok := slices.BinarySearch(p.branches, peer)
		return !ok
	})
	unreachable = unreachable[:min(len(unreachable), len(p.branches))]
	for _, peer := range unreachable {
		if apart[peer] = h.sources[i].apart[peer]; apart[peer].IsZero() {
			apart[peer] = now
		}
	}
	h.sources[i].apart = apart
	fresh := at.report
	fresh.balance, fresh.available, fresh.unreachable = r.GetBalance(), r.GetAvailable(), unreachable
	fresh.state, fresh.epoch, fresh.uptime = r.GetState(), r.GetEpoch(), time.Duration(r.GetUptimeMs())*time.Millisecond
	fresh.alarms, fresh.p50, fresh.p99 = reportedAlarms(r.GetAlarms()), r.GetSpreadP50Us(), r.GetSpreadP99Us()
	h.sources[i].notServing = r.GetReason()
	p.change(at, fresh)
}

// maxReportedAlarms bounds the alarms of a report, and maxReportedAlarm the bytes of
// each: a report says what its branch likes.
const (
	maxReportedAlarms = 128
	maxReportedAlarm  = 2048
)

func reportedAlarms(in []string) []string {
	out := slices.Clone(in[:min(len(in), maxReportedAlarms)])
	for i, a := range out {
		if len(a) > maxReportedAlarm {
			out[i] = strings.ToValidUTF8(a[:maxReportedAlarm], "") + " …"
		}
	}
	return out
}

// takeSample adds what a branch tells about a second.
func (h *bankWatch) takeSample(id uint32, s *source, in *bankv1.Sample) {
	unix := in.GetUnixMs() / 1000
	if unix <= s.second {
		return // it has told before
	}
	s.second = unix
	p := &h.picture
	at := p.second(unix)
	if at == nil {
		return
	}
	var times histogram
	times.add(at.spread)
	times.add(bucketsFromProto(in.GetSpread()))
	at.spread, at.p50, at.p99 = times.pack(), times.percentile(50), times.percentile(99)
	if id == uint32(h.branch.id) {
		at.balance, at.known, at.entries = in.GetBalance(), true, in.GetEntries()
	}
	if at.changed > 0 {
		at.changed = p.version
	}
}

// count counts what a branch has not applied.
func (h *bankWatch) count(i int, now time.Time) {
	at := &h.picture.reports[i]
	fresh := at.report
	fresh.behind = h.lacks(i, now)
	h.picture.change(at, fresh)
}

// lacks returns how many entries a branch has not applied that were known a
// while before it last reported. So a report that is only late says nothing.
func (h *bankWatch) lacks(i int, at time.Time) uint64 {
	var known []uint64
	for _, m := range h.marks {
		if at.Sub(m.at) < grace {
			break
		}
		known = m.known
	}
	report := &h.picture.reports[i]
	apart := h.sources[i].apart
	if report.report.health == bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF {
		apart = nil
	}
	var n uint64
	for j, k := range known {
		// What a branch that is cut off has written, the others can't have: it
		// lags behind them, not they behind it.
		if _, cut := apart[h.picture.branches[j]]; !cut {
			n += k - min(k, report.applied[j])
		}
	}
	return n
}
