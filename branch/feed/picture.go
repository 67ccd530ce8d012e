package feed

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxWatchedEntries bounds the entries that a picture has. The newest win.
const maxWatchedEntries = 32

// picture is what is known of the bank, or of one branch, and when each part of it
// last changed, counted in versions. So what has changed since any version can be
// told, and no watcher needs a queue.
type picture struct {
	// version counts the changes, from 1 on.
	version uint64
	// self is the branch that is watched.
	self uint32
	// bank is the name of its bank.
	bank string
	// faults says that the branch offers FaultService.
	faults bool
	// branches are those whose journals positions tell of, ascending.
	branches []uint32
	// reports are of the branches that report here, ascending.
	reports []pictured
	// entries are the newest ones, at most maxWatchedEntries, oldest first.
	entries []shown
	// added counts the entries that there have been, also those left out.
	added uint64
	// samples are the last seconds, at most maxSamples, ascending.
	samples []sample
	// headline is nil where there is none.
	headline *bankv1.Headline
	// headlineAt is the version in which the headline changed.
	headlineAt uint64
}

// report is what a branch reports of itself, and the survey's verdict on it. It is
// not changed once it is in a picture. The fields are those of
// bank.v1.BranchReport.
type report struct {
	// branch and address say which branch it is, and where.
	branch  uint32
	address string
	// health and reason are the verdict.
	health bankv1.BranchHealth
	reason string
	// behind is how many entries it lacks that were known for a while.
	behind uint64
	// balance is the account's at the branch.
	balance int64
	// available is what the branch alone may spend of it.
	available int64
	// unreachable are the peers with which it can't exchange entries.
	unreachable []uint32
	// state and epoch are as in GetStatus.
	state bankv1.BranchState
	epoch uint64
	// uptime is how long it has run.
	uptime time.Duration
	// alarms are what needs an operator.
	alarms []string
	// p50 and p99 are how long its entries took of late until all branches had
	// applied them, in microseconds.
	p50, p99 int64
}

// same reports whether only time has passed between two reports.
func (r *report) same(o *report) bool {
	return r.health == o.health && r.reason == o.reason && r.behind == o.behind && r.balance == o.balance && r.available == o.available &&
		slices.Equal(r.unreachable, o.unreachable) && r.state == o.state && r.epoch == o.epoch && slices.Equal(r.alarms, o.alarms) &&
		r.p50 == o.p50 && r.p99 == o.p99
}

// pictured is a branch in a picture.
type pictured struct {
	// report is the last one.
	report report
	// since is when its health became what it is.
	since time.Time
	// changed is the version in which anything of it last changed.
	changed uint64
	// applied are its positions by the order of the branches.
	applied []uint64
	// moved are the versions in which those last changed.
	moved []uint64
	// trips are the round trips to its peers by the order of the branches, in
	// microseconds; 0 for one that is not known.
	trips []int64
	// measured are the versions in which those last changed.
	measured []uint64
}

// shown is an entry in a picture.
type shown struct {
	// message is the entry. It is not changed any more, only replaced.
	message *bankv1.WatchedEntry
	// first is the version in which it came.
	first uint64
	// changed is the version in which it last changed.
	changed uint64
}

// sample is one second in a picture.
type sample struct {
	// unix is the second.
	unix int64
	// balance is the account's at its end.
	balance int64
	// known says that balance is known.
	known bool
	// entries is how many entries the branch that is watched applied.
	entries uint64
	// spread is how long entries took that were applied everywhere in it.
	spread []bucketCount
	// p50 and p99 are percentiles of spread, in microseconds.
	p50, p99 int64
	// changed is 0 until the second is shown.
	changed uint64
}

func newPicture(of Config, branches, reporting []uint32) picture {
	p := picture{version: 1, self: of.Branch, bank: of.Bank, faults: of.Faults, branches: branches}
	for _, id := range reporting {
		p.reports = append(p.reports, pictured{
			report: report{branch: id}, applied: make([]uint64, len(branches)), moved: make([]uint64, len(branches)),
			trips: make([]int64, len(branches)), measured: make([]uint64, len(branches)),
		})
	}
	return p
}

// move takes a position of a branch's report.
func (p *picture) move(at *pictured, journal int, sequence uint64) {
	if at.applied[journal] != sequence {
		at.applied[journal] = sequence
		at.moved[journal], at.changed = p.version, p.version
	}
}

// change replaces a report, if there is anything new in it.
func (p *picture) change(at *pictured, r report) {
	if !at.report.same(&r) {
		at.changed = p.version
	}
	at.report = r
}

// find returns where an entry is among those shown, or -1.
func (p *picture) find(e *bankv1.WatchedEntry) int {
	for i := len(p.entries) - 1; i >= 0; i-- {
		o := p.entries[i].message
		switch {
		case o.GetBranch() != e.GetBranch() || (o.GetReceipt() == nil) != (e.GetReceipt() == nil):
		case e.GetReceipt() != nil && o.GetReceipt().GetSequence() == e.GetReceipt().GetSequence(),
			e.GetReceipt() == nil && proto.Equal(o, e):
			return i
		}
	}
	return -1
}

// show adds an entry, or replaces it if more is known of it now. An entry that is
// older than all those of a full picture is not news.
func (p *picture) show(e *bankv1.WatchedEntry) {
	i := p.find(e)
	switch full := len(p.entries) == maxWatchedEntries; {
	case i >= 0:
		old := p.entries[i].message
		if e.GetSpreadUs() == 0 && old.GetSpreadUs() > 0 {
			e = withSpread(e, old.GetSpreadUs())
		}
		if !proto.Equal(old, e) {
			p.entries[i].message, p.entries[i].changed = e, p.version
		}
		return
	case full && recordedAt(e) < recordedAt(p.entries[0].message):
		return
	case full:
		p.entries = slices.Delete(p.entries, 0, 1)
	}
	p.entries = append(p.entries, shown{message: e, first: p.version, changed: p.version})
	p.added++
}

// withSpread returns an entry that was recorded, with how long it took until
// it was applied everywhere.
func withSpread(e *bankv1.WatchedEntry, us int64) *bankv1.WatchedEntry {
	return &bankv1.WatchedEntry{Branch: e.GetBranch(), Receipt: e.GetReceipt(), Entry: e.GetEntry(), Balance: e.GetBalance(), SpreadUs: us}
}

func recordedAt(e *bankv1.WatchedEntry) int64 { return e.GetEntry().GetRecordedAtUnixMs() }

// second returns the sample of a second, made if need be; nil for one that is
// too old to keep.
func (p *picture) second(unix int64) *sample {
	i, found := slices.BinarySearchFunc(p.samples, unix, func(s sample, unix int64) int { return cmp.Compare(s.unix, unix) })
	if !found {
		if len(p.samples) >= maxSamples {
			if i == 0 {
				return nil
			}
			p.samples = slices.Delete(p.samples, 0, 1)
			i--
		}
		p.samples = slices.Insert(p.samples, i, sample{unix: unix})
	}
	return &p.samples[i]
}

// seen is how much of a picture a watcher has seen: nothing at first.
type seen struct {
	// version is that of the picture.
	version uint64
	// added is how many entries there had been.
	added uint64
}

// since returns what has changed since a watcher was shown the picture last.
func (p *picture) since(s seen, now time.Time) *bankv1.WatchResponse {
	out := &bankv1.WatchResponse{}
	if s.version == 0 {
		out.Complete, out.Branch, out.BankName, out.Faults = true, p.self, p.bank, p.faults
	}
	if p.headline != nil && p.headlineAt > s.version {
		out.Headline = p.headline
	}
	for i := range p.reports {
		if at := &p.reports[i]; out.Complete || at.changed > s.version {
			out.Reports = append(out.Reports, p.reportToProto(at, s.version, now))
		}
	}
	fresh := uint64(0)
	for _, e := range p.entries {
		if e.changed > s.version {
			out.Entries = append(out.Entries, e.message)
		}
		if e.first > s.version {
			fresh++
		}
	}
	if !out.Complete {
		out.SkippedEntries = p.added - s.added - fresh
	}
	for i := range p.samples {
		if at := &p.samples[i]; at.changed > s.version {
			out.Samples = append(out.Samples, at.toProto(p.headline == nil))
		}
	}
	return out
}

func (p *picture) reportToProto(at *pictured, version uint64, now time.Time) *bankv1.BranchReport {
	r := &at.report
	out := &bankv1.BranchReport{
		Branch: r.branch, Address: r.address, Health: r.health, Reason: r.reason, Behind: r.behind, Balance: r.balance, Available: r.available,
		UnreachablePeers: r.unreachable, State: r.state, Epoch: r.epoch, UptimeMs: r.uptime.Milliseconds(), Alarms: r.alarms,
		SpreadP50Us: r.p50, SpreadP99Us: r.p99,
	}
	if !at.since.IsZero() {
		out.HealthForMs = now.Sub(at.since).Milliseconds()
	}
	for j, moved := range at.moved {
		if moved > version || version == 0 {
			out.Applied = append(out.Applied, &bankv1.Position{Branch: p.branches[j], Sequence: at.applied[j]})
		}
	}
	out.RoundTrips = p.tripsToProto(at, version)
	return out
}

func (s *sample) toProto(histogram bool) *bankv1.Sample {
	out := &bankv1.Sample{UnixMs: s.unix * 1000, Balance: s.balance, Entries: s.entries, SpreadP50Us: s.p50, SpreadP99Us: s.p99}
	if histogram {
		out.Spread = bucketsToProto(s.spread)
	}
	return out
}
