package feed

import (
	"slices"
	"time"

	"passbook.example/passbook/branch/ledger"
)

// Bounds of what a branch remembers of its last minutes, watched or not.
const (
	// maxSpreading bounds the own batches that are followed until every branch
	// has applied them. While a peer is away the oldest ones are let go.
	maxSpreading = 1024
	// maxSpread bounds the own batches whose time is remembered.
	maxSpread = 256
	// maxSamples bounds the seconds that are remembered.
	maxSamples = 300
	// spreadWindow is over how many seconds a report tells the spread.
	spreadWindow = 10
)

// pulse is what a branch remembers of its last minutes: how many entries it
// applied in each second, and how long its own took until every branch had
// applied them. It is told of each step, and has no timer: a second without a
// step is left out. It belongs to the engine's goroutine.
type pulse struct {
	// self is the branch.
	self ledger.BranchID
	// spreading are own batches that not all branches have applied, oldest first.
	spreading []spreading
	// spread are own batches that all branches have applied, oldest first.
	spread []spreading
	// open is the second that has not ended.
	open second
	// times are those of the entries that were applied everywhere in it.
	times histogram
	// timed says that times has any.
	timed bool
	// ended are the seconds before it that had anything to tell, oldest first.
	ended []second
}

// spreading is an own batch on its way to every branch.
type spreading struct {
	// first and last are the sequences of its entries.
	first, last uint64
	// at is when it was committed.
	at time.Time
	// us is how long it took until every branch had applied it, in microseconds;
	// 0 until then.
	us int64
}

// second is one second of a branch.
type second struct {
	// unix is the second.
	unix int64
	// entries is how many entries the branch applied.
	entries uint64
	// spread is how long own entries took that were applied everywhere in it.
	spread []bucketCount
	// balances are those at its end, of the accounts that are remembered.
	balances []accountBalance
}

// accountBalance is what an account has.
type accountBalance struct {
	// account is its name.
	account string
	// balance is what it has.
	balance ledger.Amount
}

// balance returns what an account had at the end of the second, if that is
// remembered.
func (s *second) balance(account string) (ledger.Amount, bool) {
	for _, b := range s.balances {
		if b.account == account {
			return b.balance, true
		}
	}
	return 0, false
}

// turn ends the open second if it is over. balances are those until now.
func (p *pulse) turn(now time.Time, balances func() []accountBalance) {
	unix := now.Unix()
	if unix == p.open.unix {
		return
	}
	if p.isEventful() {
		p.open.spread, p.open.balances = p.times.pack(), balances()
		p.ended = append(p.ended, p.open)
		p.ended = p.ended[max(0, len(p.ended)-maxSamples):]
		p.times, p.timed = histogram{}, false
	}
	p.open = second{unix: unix}
}

// isEventful reports whether there is anything to tell of the open second.
func (p *pulse) isEventful() bool { return p.open.entries > 0 || p.timed }

// observe takes what a step has committed, and how far every branch has applied
// this branch's journal.
func (p *pulse) observe(now time.Time, commit *ledger.Commit, everywhere uint64) {
	if commit != nil {
		for i := range commit.Batches {
			b := commit.Batches[i].Batch
			p.open.entries += uint64(len(b.Entries))
			if b.Branch == p.self {
				p.spreading = append(p.spreading, spreading{first: b.FirstSequence, last: b.LastSequence(), at: now})
			}
		}
		p.spreading = p.spreading[max(0, len(p.spreading)-maxSpreading):]
	}
	for len(p.spreading) > 0 && p.spreading[0].last <= everywhere {
		s := p.spreading[0]
		p.spreading = slices.Delete(p.spreading, 0, 1)
		s.us = max(now.Sub(s.at).Microseconds(), 1)
		p.times[bucketOf(s.us)] += s.last - s.first + 1
		p.timed = true
		p.spread = append(p.spread, s)
		p.spread = p.spread[max(0, len(p.spread)-maxSpread):]
	}
}

// spreadOf returns how long an own entry took until every branch had applied
// it, in microseconds; 0 when that is not known.
func (p *pulse) spreadOf(sequence uint64) int64 {
	for i := len(p.spread) - 1; i >= 0 && p.spread[i].last >= sequence; i-- {
		if p.spread[i].first <= sequence {
			return p.spread[i].us
		}
	}
	return 0
}

// since returns the seconds that ended after one.
func (p *pulse) since(unix int64) []second {
	i := len(p.ended)
	for i > 0 && p.ended[i-1].unix > unix {
		i--
	}
	return p.ended[i:]
}

// recent returns how long own entries took over the last seconds.
func (p *pulse) recent(now time.Time) (p50, p99 int64) {
	times := p.times
	for _, s := range p.since(now.Unix() - spreadWindow - 1) {
		times.add(s.spread)
	}
	return times.percentile(50), times.percentile(99)
}
