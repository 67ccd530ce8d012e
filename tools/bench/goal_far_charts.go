package main

import (
	"fmt"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// barsOf is what a chart shows of a load: the throughput of all contenders.
func (s *farSet) barsOf(load farLoad, m map[string]measures) barGroup {
	g := barGroup{name: capital(load.what)}
	better := betterPeer(s.peers, m)
	for _, l := range levels {
		b := bar{name: passbookAt(l), colour: blue, value: m[passbookAt(l)][perSecond].median()}
		if ratio := load.bound(l); ratio != nil && better != nil {
			b.asked = atLeast(ratio.limit * m[better.name][perSecond].median())
		}
		g.bars = append(g.bars, b)
	}
	for _, p := range s.peers {
		g.bars = append(g.bars, bar{name: p.name, colour: p.colour, value: m[p.name][perSecond].median()})
	}
	return g
}

// capital begins a text with a capital letter.
func capital(text string) string { return string(text[0]-'a'+'A') + text[1:] }

// throughputChart shows how many writes there are in a second.
func throughputChart(d distance, groups []barGroup) *barChart {
	return &barChart{
		title:       fmt.Sprintf("Writes a second at three sites, round trips of %s", d.name),
		description: "Eight callers at each of three sites pay in or take out, as fast as they are answered: with Passbook at each acknowledge level, and with its peers.",
		axis:        perSecond,
		logarithmic: true,
		groups:      groups,
	}
}

// cutChart shows what a cut does to the throughput.
func cutChart(d distance, plan cutPlan, l bankv1.Acknowledge, m measures) *lineChart {
	c := &lineChart{
		title:       fmt.Sprintf("Writes a second while site %d is cut off: %s, %s", cutSite+1, levelName(l), d.name),
		description: "Eight callers at each of three sites write to accounts of their own site.",
		axis:        perSecond,
		along:       "seconds since the cut",
		logarithmic: true,
		spans:       []chartSpan{{0, plan.cut.Seconds(), "cut off"}},
	}
	for i, who := range []string{theOthers, theCutOff} {
		line := chartLine{name: who, colour: colour(i)}
		for bin := range plan.bins() {
			line.points = append(line.points, chartPoint{plan.since(bin) + (cutBin / 2).Seconds(), m[plan.inBin(who, bin)].median()})
		}
		c.lines = append(c.lines, line)
	}
	return c
}
