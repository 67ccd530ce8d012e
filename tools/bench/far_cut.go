package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// What callers see of a cut.

// cutRun is one run of a cut.
type cutRun struct {
	plan cutPlan
	// from is when counting begins, end when it ends.
	from, cutAt, mendAt, end time.Time
	watchers                 []*watcher
}

// newCutRun begins a run.
func newCutRun(p cutPlan, now time.Time) *cutRun {
	c := &cutRun{plan: p, from: now.Add(p.warm)}
	c.cutAt = c.from.Add(p.before)
	c.mendAt = c.cutAt.Add(p.cut)
	c.end = c.mendAt.Add(p.after)
	return c
}

// watcher is what one caller sees.
type watcher struct {
	run  *cutRun
	site int
	// done are its writes in each bin, failed those that were not acknowledged.
	done   []int
	failed int
	// acks are those after the mending, in their order.
	acks []ack
	// err is why it ended early.
	err error
}

// ack is how a write was answered.
type ack struct {
	at time.Time
	// whole says that all branches have confirmed it.
	whole bool
}

// watch adds a caller at a site.
func (c *cutRun) watch(site int) *watcher {
	w := &watcher{run: c, site: site, done: make([]int, c.plan.bins())}
	c.watchers = append(c.watchers, w)
	return w
}

// call writes until the end.
func (w *watcher) call(ctx context.Context, write siteWrite) {
	for time.Now().Before(w.run.end) {
		unreachable, err := write(ctx)
		if err != nil && (!isUnreachable(err) || ctx.Err() != nil) {
			w.err = fmt.Errorf("site %d: %w", w.site+1, err)
			return
		}
		w.answered(time.Now(), unreachable, err)
		if err != nil {
			_ = sleepUntil(ctx, time.Now().Add(cutRest)) // the next write tells
		}
	}
}

// answered notes the answer to a write.
func (w *watcher) answered(now time.Time, unreachable []uint32, err error) {
	if bin := int(math.Floor(float64(now.Sub(w.run.from)) / float64(cutBin))); err != nil {
		w.failed++
	} else if bin >= 0 && bin < len(w.done) {
		w.done[bin]++
	}
	if now.After(w.run.mendAt) {
		w.acks = append(w.acks, ack{now, err == nil && len(unreachable) == 0})
	}
}

// who is whom a watcher counts among.
func (w *watcher) who() string {
	if w.site == cutSite {
		return theCutOff
	}
	return theOthers
}

// reading adds up what all have seen.
func (c *cutRun) reading() (reading, error) {
	r := reading{}
	done := map[string][]int{theOthers: make([]int, c.plan.bins()), theCutOff: make([]int, c.plan.bins())}
	var acks []ack
	for _, w := range c.watchers {
		if w.err != nil {
			return nil, w.err
		}
		for bin, n := range w.done {
			done[w.who()][bin] += n
		}
		r[cutErrors+w.who()] += float64(w.failed)
		if w.site == cutSite {
			acks = append(acks, w.acks...)
		}
	}
	for who, bins := range done {
		for bin, n := range bins {
			r[c.plan.inBin(who, bin)] = float64(n) / cutBin.Seconds()
		}
		cut, mended := int(c.plan.before/cutBin), int((c.plan.before+c.plan.cut)/cutBin)
		r[beforeCut+who] = binRate(bins[:cut])
		r[duringCut+who] = binRate(bins[cut:mended])
		r[mendedCut+who] = binRate(bins[mended : mended+int(c.plan.mended/cutBin)])
	}
	r[normalCut] = untilWhole(acks, c.mendAt)
	return r, nil
}

// binRate is the operations a second in some bins.
func binRate(bins []int) float64 {
	sum := 0
	for _, n := range bins {
		sum += n
	}
	return float64(sum) / (time.Duration(len(bins)) * cutBin).Seconds()
}

// untilWhole returns how many ms after the mending the first ack comes from which on all
// are whole; NaN if there is none.
func untilWhole(acks []ack, mended time.Time) float64 {
	last, first := mended, time.Time{}
	for _, a := range acks {
		if !a.whole && a.at.After(last) {
			last = a.at
		}
	}
	for _, a := range acks {
		if a.at.After(last) && (first.IsZero() || a.at.Before(first)) {
			first = a.at
		}
	}
	if first.IsZero() {
		return math.NaN()
	}
	return float64(first.Sub(mended).Microseconds()) / 1000
}
