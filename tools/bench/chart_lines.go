package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// lineChart shows how quantities change, with each line's name at its end.
type lineChart struct {
	// title says what is to be seen. axis is what the lines measure, along what they
	// are measured along, with their units.
	title, axis, along string
	// description is for those who can't see the chart.
	description string
	// logarithmic is for values of several orders of magnitude; those below the axis,
	// such as 0, are drawn at its beginning.
	logarithmic bool
	lines       []chartLine
	spans       []chartSpan
}

// chartLine is one contender.
type chartLine struct {
	name   string
	colour colour
	// points are in the order of x. Where y is NaN the line is broken.
	points []chartPoint
}

type chartPoint struct{ x, y float64 }

// chartSpan is a part of the chart that is shaded, and what happens there.
type chartSpan struct {
	from, to float64
	name     string
}

const (
	plotHeight = 220
	// keyWidth is that of the piece of line before its name, nameHeight keeps names apart.
	keyWidth, nameHeight = 14, 16
)

// write draws the chart.
func (c *lineChart) write(w io.Writer) error {
	for _, l := range c.lines {
		if err := checkColour(l.colour, l.name); err != nil {
			return err
		}
	}
	d := newDrawing(c.title)
	x, y := c.scales()
	d.y += smallSize + 2
	d.text(chartMargin, d.y, "small soft", start, y.axisText(c.axis))
	d.y += 8
	if len(c.spans) > 0 {
		d.y += smallSize + 6
	}
	y = y.between(d.y+plotHeight, d.y)
	x = x.between(c.plot(y))
	c.drawSpans(d, x, y)
	c.drawAxes(d, x, y)
	for _, l := range c.lines {
		fmt.Fprintf(&d.body, `<path class="line line%d" d="%s"/>`+"\n", l.colour, pathOfLine(l.points, x, y))
	}
	c.drawNames(d, x, y)
	d.y = y.from + 2*smallSize + 14
	d.text(x.to, d.y, "small soft", end, c.along)
	return d.write(w, c.title, c.describe())
}

// plot returns where lines begin, behind the ticks, and where they end, before their names.
func (c *lineChart) plot(y scale) (from, to float64) {
	var before, after float64
	for _, v := range y.ticks {
		before = max(before, textWidth(c.tickText(v, y), smallSize))
	}
	for _, l := range c.lines {
		after = max(after, textWidth(l.name, textSize))
	}
	return chartMargin + before + labelSpace, chartWidth - chartMargin - after - keyWidth - 2*labelSpace
}

// scales hold all points and spans.
func (c *lineChart) scales() (x, y scale) {
	first, last := math.Inf(1), math.Inf(-1)
	least, most := math.Inf(1), 0.0
	for _, l := range c.lines {
		for _, p := range l.points {
			first, last = min(first, p.x), max(last, p.x)
			if p.y > 0 {
				least, most = min(least, p.y), max(most, p.y)
			}
		}
	}
	for _, s := range c.spans {
		first, last = min(first, s.from), max(last, s.to)
	}
	if math.IsInf(first, 1) {
		first, last = 0, 1 // nothing was measured
	}
	x = linearScale(first, last)
	x.most = max(last, first+math.SmallestNonzeroFloat64) // a line ends where its axis does
	x.ticks = slices.DeleteFunc(x.ticks, func(v float64) bool { return v > x.most })
	if c.logarithmic && most > 0 {
		return x, logScale(least, most)
	}
	return x, linearScale(0, most)
}

// tickText names a tick of the values. Where the axis begins, there may be less.
func (c *lineChart) tickText(v float64, y scale) string {
	if !y.logarithmic || v > y.least {
		return tickText(v)
	}
	for _, l := range c.lines {
		if slices.ContainsFunc(l.points, func(p chartPoint) bool { return p.y < y.least }) {
			return "≤ " + tickText(v)
		}
	}
	return tickText(v)
}

func (c *lineChart) drawSpans(d *drawing, x, y scale) {
	for _, s := range c.spans {
		d.rect("span", x.at(s.from), y.to, x.at(s.to)-x.at(s.from), y.from-y.to, 0)
		// The name has its middle above that of the span, unless the chart ends.
		half := textWidth(s.name, smallSize) / 2
		at := min(max((x.at(s.from)+x.at(s.to))/2, chartMargin+half), chartWidth-chartMargin-half)
		d.text(at, y.to-6, "small", middle, s.name)
	}
}

func (c *lineChart) drawAxes(d *drawing, x, y scale) {
	for _, v := range y.ticks {
		class := "grid"
		if v == y.least {
			class = "base"
		}
		d.line(class, x.from, y.at(v), x.to, y.at(v))
		d.text(x.from-labelSpace, y.at(v)+smallSize*0.36, "small soft", end, c.tickText(v, y))
	}
	for _, v := range x.ticks {
		d.line("base", x.at(v), y.from, x.at(v), y.from+4)
		d.text(x.at(v), y.from+smallSize+6, "small soft", middle, tickText(v))
	}
}

// pathOfLine returns what a path draws.
func pathOfLine(points []chartPoint, x, y scale) string {
	var b strings.Builder
	pen := "M"
	for _, p := range points {
		if math.IsNaN(p.y) {
			pen = "M"
			continue
		}
		b.WriteString(pen + place(x.at(p.x)) + " " + place(y.at(p.y)))
		pen = "L"
	}
	return b.String()
}

// drawNames draws the name of each line near its end.
func (c *lineChart) drawNames(d *drawing, x, y scale) {
	type named struct {
		chartLine
		at float64
	}
	var all []named
	for _, l := range c.lines {
		measured := slices.DeleteFunc(slices.Clone(l.points), func(p chartPoint) bool { return math.IsNaN(p.y) })
		at := y.from
		if len(measured) > 0 {
			at = y.at(measured[len(measured)-1].y)
		}
		all = append(all, named{l, at})
	}
	slices.SortStableFunc(all, func(a, b named) int { return cmp.Compare(a.at, b.at) })
	// Down from the top, and then up from the bottom, each makes room for the one before.
	for i := 1; i < len(all); i++ {
		all[i].at = max(all[i].at, all[i-1].at+nameHeight)
	}
	low := y.from
	for i := len(all) - 1; i >= 0; i-- {
		all[i].at = min(all[i].at, low)
		low = all[i].at - nameHeight
	}
	for _, n := range all {
		d.line(fmt.Sprintf("line line%d", n.colour), x.to+labelSpace, n.at, x.to+labelSpace+keyWidth, n.at)
		d.text(x.to+2*labelSpace+keyWidth, n.at+textSize*0.36, "row", start, n.name)
	}
}

// describe tells what the lines are and what is shaded.
func (c *lineChart) describe() string {
	var names []string
	for _, l := range c.lines {
		names = append(names, l.name)
	}
	text := fmt.Sprintf("%s Lines of %s, along %s: %s.", c.description, c.axis, c.along, strings.Join(names, "; "))
	for _, s := range c.spans {
		text += fmt.Sprintf(" From %s to %s: %s.", tickText(s.from), tickText(s.to), s.name)
	}
	return strings.TrimSpace(text)
}
