package feed

import (
	"slices"
	"strings"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// hear takes what a branch reports of itself.
func (v *survey) hear(id uint32, m *bankv1.WatchResponse) {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &v.picture
	p.version++
	i := v.place(id)
	s := &v.subjects[i]
	if !s.reported || v.isMissing(s, now) || len(m.GetReports())+len(m.GetEntries())+len(m.GetSamples()) > 0 {
		v.signal()
	}
	s.heard, s.failed = now, 0
	for _, r := range m.GetReports() {
		if r.GetBranch() == id {
			s.reported = true
			v.hearReport(i, r, m.GetComplete(), now)
		}
	}
	p.added += m.GetSkippedEntries()
	for _, e := range m.GetEntries() {
		if e.GetBranch() == id {
			p.show(e)
		}
	}
	for _, at := range m.GetSamples() {
		v.hearSample(id, s, at)
	}
	v.count(i, now)
}

// hearReport takes a branch's report, complete or only its changes. Positions and
// peers that the bank doesn't have are left out.
func (v *survey) hearReport(i int, r *bankv1.BranchReport, complete bool, now time.Time) {
	p := &v.picture
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
			v.known[j] = max(v.known[j], a.GetSequence())
		}
	}
	apart := map[uint32]time.Time{}
	unreachable := slices.DeleteFunc(r.GetUnreachablePeers(), func(peer uint32) bool {
		_, ok := slices.BinarySearch(p.branches, peer)
		return !ok
	})
	unreachable = unreachable[:min(len(unreachable), len(p.branches))]
	for _, peer := range unreachable {
		if apart[peer] = v.subjects[i].apart[peer]; apart[peer].IsZero() {
			apart[peer] = now
		}
	}
	v.subjects[i].apart = apart
	fresh := at.report
	fresh.balance, fresh.available, fresh.unreachable = r.GetBalance(), r.GetAvailable(), unreachable
	fresh.state, fresh.epoch, fresh.uptime = r.GetState(), r.GetEpoch(), time.Duration(r.GetUptimeMs())*time.Millisecond
	fresh.alarms, fresh.p50, fresh.p99 = reportedAlarms(r.GetAlarms()), r.GetSpreadP50Us(), r.GetSpreadP99Us()
	v.subjects[i].notServing = r.GetReason()
	p.change(at, fresh)
	p.hearTrips(at, r.GetRoundTrips(), complete)
}

// Bounds of a report's alarms, since a branch may report what it likes.
const (
	// maxReportedAlarms bounds the alarms of a report.
	maxReportedAlarms = 128
	// maxReportedAlarm bounds the bytes of one.
	maxReportedAlarm = 2048
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

// hearSample adds what a branch tells about a second.
func (v *survey) hearSample(id uint32, s *subject, in *bankv1.Sample) {
	unix := in.GetUnixMs() / 1000
	if unix <= s.second {
		return // it has told before
	}
	s.second = unix
	p := &v.picture
	at := p.second(unix)
	if at == nil {
		return
	}
	var times histogram
	times.add(at.spread)
	times.add(bucketsFromProto(in.GetSpread()))
	at.spread, at.p50, at.p99 = times.pack(), times.percentile(50), times.percentile(99)
	if id == v.self() {
		at.balance, at.known, at.entries = in.GetBalance(), true, in.GetEntries()
	}
	if at.changed > 0 {
		at.changed = p.version
	}
}

// count puts into a branch's report how many entries it lacks.
func (v *survey) count(i int, now time.Time) {
	at := &v.picture.reports[i]
	fresh := at.report
	fresh.behind = v.lacks(i, now)
	v.picture.change(at, fresh)
}

// lacks returns how many entries a branch has not applied that were known a while
// before it last reported. So a report that is only late counts for nothing.
func (v *survey) lacks(i int, at time.Time) uint64 {
	var known []uint64
	for _, m := range v.marks {
		if at.Sub(m.at) < grace {
			break
		}
		known = m.known
	}
	report := &v.picture.reports[i]
	apart := v.subjects[i].apart
	if report.report.health == bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF {
		apart = nil
	}
	var n uint64
	for j, k := range known {
		// The others can't have what a branch that is cut off has written: it lags
		// behind them, not they behind it.
		if _, cut := apart[v.picture.branches[j]]; !cut {
			n += k - min(k, report.applied[j])
		}
	}
	return n
}
