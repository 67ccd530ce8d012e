package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A cut: one site can't be reached for a while, and all write to accounts of their own
// site meanwhile.

const (
	// cutSite is the one that is cut off.
	cutSite = 2
	// cutBin is how long throughput is counted for one point of a chart.
	cutBin = 250 * time.Millisecond
	// cutRest is how long a caller rests that was refused.
	cutRest = 10 * time.Millisecond
)

// cutPlan is how long what lasts.
type cutPlan struct {
	warm, before, cut, after time.Duration
	// mended is the part of the time after the cut that the goal is about.
	mended time.Duration
}

// cutPlan returns the plan of a run.
func (o *options) cutPlan() cutPlan {
	if o.quick {
		return cutPlan{warm: cutBin, before: 2 * cutBin, cut: 6 * cutBin, after: 8 * cutBin, mended: 8 * cutBin}
	}
	return cutPlan{warm: time.Second, before: 3 * time.Second, cut: 5 * time.Second, after: 4 * time.Second, mended: 2 * time.Second}
}

// counted is how long is counted.
func (p cutPlan) counted() time.Duration { return p.before + p.cut + p.after }

// bins is for how many points.
func (p cutPlan) bins() int { return int(p.counted() / cutBin) }

// cutLevels are the levels that are measured.
var cutLevels = []bankv1.Acknowledge{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL}

// cutLasts is about how long the cuts take at one distance.
func cutLasts(o *options) time.Duration {
	p := o.cutPlan()
	return time.Duration(o.farRuns()*len(cutLevels)) * (p.warm + p.counted())
}

// Who is counted together.
const (
	theOthers = "the other sites"
	theCutOff = "the cut site"
)

// Names of what a cut measures.
const (
	beforeCut = "operations/s before, "
	duringCut = "operations/s during the cut, "
	mendedCut = "operations/s just after it, "
	normalCut = "ms until acknowledged as before"
	cutErrors = "failed writes, "
)

// inBin names the throughput in one bin.
func (p cutPlan) inBin(who string, bin int) string {
	return fmt.Sprintf("operations/s at %+.2f s, %s", p.since(bin), who)
}

// since is when a bin begins, in seconds since the cut.
func (p cutPlan) since(bin int) float64 { return (time.Duration(bin)*cutBin - p.before).Seconds() }

func (s *farSet) cut(ctx context.Context) error { return s.cutAsPlanned(ctx, s.b.options.cutPlan()) }

func (s *farSet) cutAsPlanned(ctx context.Context, plan cutPlan) error {
	var all []contender
	for _, l := range cutLevels {
		all = append(all, contender{passbookAt(l), func(ctx context.Context, _ int) (reading, error) { return s.cutOnce(ctx, plan, l) }})
	}
	m, err := s.b.rounds(ctx, s.titled("a site cut off"), s.b.options.farRuns(), all...)
	if err != nil {
		return err
	}
	for _, l := range cutLevels {
		s.tellCut(plan, l, m[passbookAt(l)])
		file := fmt.Sprintf("cut-%s-%s.svg", strings.ToLower(levelName(l)), s.distance.file())
		if err := s.b.draw(file, cutChart(s.distance, plan, l, m[passbookAt(l)]).write); err != nil {
			return err
		}
	}
	return nil
}

func (s *farSet) tellCut(plan cutPlan, l bankv1.Acknowledge, m measures) {
	before := fmt.Sprintf("the %s before", plan.before)
	relative := func(when, quantity, who string, asked *bound) {
		s.tell(row{What: fmt.Sprintf("operations/s at %s, %s", who, when), Subject: passbookAt(l), Figure: m[quantity+who],
			Reference: before, ReferenceFigure: m[beforeCut+who], Bound: asked})
	}
	for _, who := range []string{theOthers, theCutOff} {
		relative(fmt.Sprintf("site %d cut off for %s", cutSite+1, plan.cut), duringCut, who, nil)
	}
	relative(fmt.Sprintf("in the %s after mending", plan.mended), mendedCut, theOthers, atLeast(0.85))
	if l != bankv1.Acknowledge_ACKNOWLEDGE_LOCAL { // which nobody has to confirm
		s.tell(row{What: "ms from mending until all branches confirm the writes of site " + fmt.Sprint(cutSite+1), Subject: passbookAt(l), Figure: m[normalCut]})
	}
}

// cutOnce cuts the site off and mends it, once.
func (s *farSet) cutOnce(ctx context.Context, plan cutPlan, level bankv1.Acknowledge) (reading, error) {
	// The run before may have left something to be applied.
	if _, err := s.bank.settled(ctx); err != nil {
		return nil, err
	}
	c := newCutRun(plan, time.Now())
	ctx, cancel := context.WithDeadline(ctx, c.end.Add(patience))
	defer cancel()
	var running sync.WaitGroup
	for site := range sites {
		for i := range farCallers {
			w := c.watch(site)
			write := s.writer(site, i, level, atHome)
			running.Go(func() { w.call(ctx, write) })
		}
	}
	defer s.roads.cutOff(cutSite, false)
	for _, step := range []struct {
		at  time.Time
		cut bool
	}{{c.cutAt, true}, {c.mendAt, false}} {
		if err := sleepUntil(ctx, step.at); err != nil {
			break // and so the callers end
		}
		s.roads.cutOff(cutSite, step.cut)
	}
	running.Wait()
	return c.reading()
}

// sleepUntil waits until t, or for the context to end.
func sleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
