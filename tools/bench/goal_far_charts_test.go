package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestAChartOfThroughput(t *testing.T) {
	etcd, postgres := madeUpPeers()
	s := &farSet{b: farBench(t), distance: farDistances[0], peers: []*farPeer{etcd, postgres}}
	var groups []barGroup
	for _, load := range farLoads {
		groups = append(groups, s.barsOf(load, madeUpLoad()))
	}
	all := draw(t, throughputChart(s.distance, groups).write)
	checkInside(t, all)
	textOf(t, all, "Writes a second at three sites, round trips of 40/80/90 ms")
	textOf(t, all, "Accounts used mostly at home")
	if got, want := len(with(all, "bar")), 2*(len(levels)+2); got != want {
		t.Errorf("got %d bars, want %d", got, want)
	}
	// Of accounts at home, 16 times and 1.5 times the better peer are asked.
	if got := len(with(all, "asked")); got != 2 {
		t.Errorf("got %d marks, want 2", got)
	}
	textOf(t, all, "asked: ≥ 3,200")
	textOf(t, all, "asked: ≥ 300")
}

// madeUpCut are figures of a cut: nothing gets through at the others for a second.
func madeUpCut(plan cutPlan) measures {
	m := measures{}
	for bin := range plan.bins() {
		others, cut := 200.0, 100.0
		switch since := plan.since(bin); {
		case since >= 0 && since < 1:
			others, cut = 0, 0
		case since >= 1 && since < plan.cut.Seconds():
			cut = 2000
		}
		m[plan.inBin(theOthers, bin)], m[plan.inBin(theCutOff, bin)] = figure{others}, figure{cut}
	}
	return m
}

func TestAChartOfACut(t *testing.T) {
	plan := (&options{}).cutPlan()
	c := cutChart(farDistances[1], plan, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, madeUpCut(plan))
	all := draw(t, c.write)
	checkInside(t, all)
	textOf(t, all, theCutOff)
	if got, want := len(c.lines[0].points), plan.bins(); got != want {
		t.Fatalf("got %d points, want %d", got, want)
	}
	for i, want := range map[int]chartPoint{0: {-2.875, 200}, 12: {0.125, 0}, 16: {1.125, 200}, 47: {8.875, 200}} {
		if got := c.lines[0].points[i]; got != want {
			t.Errorf("point %d: got %v, want %v", i, got, want)
		}
	}
	if span := c.spans[0]; span.from != 0 || span.to != 5 {
		t.Errorf("the cut is from %v to %v, want 0 to 5", span.from, span.to)
	}
}

func TestDraw(t *testing.T) {
	b := farBench(t)
	plan := (&options{}).cutPlan()
	chart := cutChart(farDistances[1], plan, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, madeUpCut(plan))
	if err := b.draw("cut.svg", chart.write); err != nil {
		t.Errorf("without --charts: got error %v", err)
	}
	b.options.charts = filepath.Join(t.TempDir(), "docs", "charts")
	if err := b.draw("cut.svg", chart.write); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := chart.write(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(b.options.charts, "cut.svg"))
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d bytes, %v, want the %d of the chart", len(got), err, want.Len())
	}
	chart.lines[0].colour = colours
	if err := b.draw("other.svg", chart.write); err == nil || !strings.Contains(err.Error(), "other.svg") {
		t.Errorf("a chart that can't be drawn: got error %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.options.charts, "other.svg")); err == nil {
		t.Error("half a chart is left")
	}
}
