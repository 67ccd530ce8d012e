package feed

import (
	"slices"
	"time"

	"passbook.example/passbook/branch/feed/internal/verdict"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// update judges what is known and publishes it. It returns when to do so again if
// nothing happens.
func (v *survey) update(now time.Time) time.Duration {
	escrow := v.own.seenEscrow()
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &v.picture
	p.version++
	if !v.isShown {
		slices.SortStableFunc(p.entries, func(a, b shown) int { return int(recordedAt(a.message) - recordedAt(b.message)) })
	}
	rate := v.mark(now)
	for i, judged := range verdict.Judge(v.evidence(now)) {
		v.pronounce(i, judged, now)
	}
	n := v.news(now, rate, escrow)
	if line := n.Headline(); p.headline == nil || p.headline.GetText() != line.GetText() || p.headline.GetAgree() != line.GetAgree() {
		p.headline, p.headlineAt = line, p.version
	}
	next := min(watchHeartbeat, v.showSamples(now))
	v.publish()
	return next
}

// mark remembers what is known now, and returns how many entries a second this
// branch has applied of late.
func (v *survey) mark(now time.Time) (rate uint64) {
	var applied uint64
	for _, n := range v.picture.reports[v.place(v.self())].applied {
		applied += n
	}
	for k := len(v.marks) - 1; k >= 0; k-- {
		if m := v.marks[k]; now.Sub(m.at) >= grace || k == 0 && v.marks[k].at.Before(now) {
			rate = uint64(float64(applied-min(applied, m.applied)) / now.Sub(m.at).Seconds())
			break
		}
	}
	for len(v.marks) > 1 && now.Sub(v.marks[1].at) >= 2*grace || len(v.marks) >= maxMarks {
		v.marks = v.marks[1:]
	}
	v.marks = append(v.marks, mark{at: now, known: slices.Clone(v.known), applied: applied})
	return rate
}

// evidence gathers what the branches are judged by.
func (v *survey) evidence(now time.Time) []verdict.Evidence {
	out := make([]verdict.Evidence, len(v.subjects))
	for i := range v.subjects {
		s, at := &v.subjects[i], &v.picture.reports[i]
		e := &out[i]
		*e = verdict.Evidence{Branch: at.report.branch, Reporting: s.reported, State: at.report.state, Reason: s.notServing}
		switch {
		case s.failed >= failedAttempts:
			e.Silence = s.failure
		case v.isMissing(s, now):
			e.Silence = "it says nothing"
		}
		if e.Silence != "" {
			e.Reporting = false
			v.count(i, now) // when it reported last, it may not have known less
		}
		e.Behind = at.report.behind
		for peer, since := range s.apart {
			if k, ok := slices.BinarySearch(v.picture.branches, peer); ok && now.Sub(since) >= grace {
				e.Unreachable = append(e.Unreachable, k)
			}
		}
	}
	return out
}

// pronounce puts a verdict into a branch's report.
func (v *survey) pronounce(i int, judged verdict.Verdict, now time.Time) {
	at := &v.picture.reports[i]
	fresh := at.report
	fresh.health, fresh.reason = judged.Health, judged.Reason
	if fresh.health != at.report.health {
		switch at.since = now; judged.Health {
		case bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE:
			at.since = v.subjects[i].heardOr(v.started)
		case bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF, bankv1.BranchHealth_BRANCH_HEALTH_BEHIND:
			at.since = now.Add(-grace)
		}
	}
	v.picture.change(at, fresh)
}

// news gathers what the headline is made of. escrow is what this branch sees.
func (v *survey) news(now time.Time, rate uint64, escrow []int64) verdict.News {
	p := &v.picture
	self := v.place(v.self())
	n := verdict.News{Balance: p.reports[self].report.balance, Alike: true, Rate: rate}
	for i := range p.reports {
		at := &p.reports[i]
		b := verdict.NewsBranch{Branch: at.report.branch, Health: at.report.health, Lasts: now.Sub(at.since), Behind: at.report.behind, Escrow: at.report.available}
		// The branch that has applied more of this journal knows better what its
		// writer may spend.
		if escrow != nil && (!v.subjects[i].reported || p.reports[self].applied[i] > at.applied[i]) {
			b.Escrow = escrow[i]
		}
		n.Alike = n.Alike && slices.Equal(at.applied, p.reports[0].applied)
		n.Branches = append(n.Branches, b)
	}
	return n
}

// showSamples shows the seconds that have ended, and returns when the next one is
// to be shown.
func (v *survey) showSamples(now time.Time) time.Duration {
	p := &v.picture
	next := watchHeartbeat
	for i := range p.samples {
		at := &p.samples[i]
		if at.changed > 0 {
			continue
		}
		if due := time.Unix(at.unix+1, 0).Add(sampleDelay).Sub(now); due > 0 {
			next = min(next, due)
			continue
		}
		if at.changed = p.version; !at.known {
			at.balance = v.balanceBefore(i)
		}
	}
	return next
}

// balanceBefore returns the balance at the end of a second in which this branch
// has applied nothing.
func (v *survey) balanceBefore(i int) int64 {
	for i--; i >= 0; i-- {
		if at := &v.picture.samples[i]; at.known {
			return at.balance
		}
	}
	return v.picture.reports[v.place(v.self())].report.balance
}
