package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// barChart has groups of horizontal bars. Each bar has its name before it and its value
// after it, so nothing depends on telling colours apart.
type barChart struct {
	// title says what is to be seen, axis what the bars measure, with its unit.
	title, axis string
	// description is for those who can't see the chart; all values follow it.
	description string
	// logarithmic is for values of several orders of magnitude.
	logarithmic bool
	groups      []barGroup
}

// barGroup is what is compared.
type barGroup struct {
	name string
	bars []bar
}

// bar is one contender.
type bar struct {
	name   string
	colour colour
	// value is NaN if it was not measured.
	value float64
	// asked, if not nil, is what the goal asks of the value; a mark shows where it is.
	asked *bound
}

// label is what stands after a bar.
func (b *bar) label() string {
	if math.IsNaN(b.value) {
		return "not measured"
	}
	return number(b.value)
}

// goal is what stands after the label.
func (b *bar) goal() string {
	if b.asked == nil {
		return ""
	}
	return "asked: " + b.asked.String()
}

const (
	// rowHeight is that of a bar with the space around it.
	rowHeight, barHeight = 22, 14
	// groupSpace lies between groups, labelSpace between a bar and a text.
	groupSpace, labelSpace = 10, 8
)

// write draws the chart.
func (c *barChart) write(w io.Writer) error {
	for _, b := range c.all() {
		if err := checkColour(b.colour, b.name); err != nil {
			return err
		}
	}
	d := newDrawing(c.title)
	s := c.scale()
	s = s.between(c.plot(s))
	for _, g := range c.groups {
		c.drawGroup(d, s, g)
	}
	d.y += smallSize
	for _, v := range s.ticks {
		d.text(s.at(v), d.y, "small soft", middle, tickText(v))
	}
	d.y += smallSize + 6
	d.text(s.to, d.y, "small soft", end, s.axisText(c.axis))
	return d.write(w, c.title, c.describe())
}

// drawGroup draws a name, and bars in front of the grid.
func (c *barChart) drawGroup(d *drawing, s scale, g barGroup) {
	d.y += textSize + 4
	d.text(chartMargin, d.y, "head", start, g.name)
	d.y += 6
	for _, v := range s.ticks {
		class := "grid"
		if v == s.least {
			class = "base"
		}
		d.line(class, s.at(v), d.y, s.at(v), d.y+rowHeight*float64(len(g.bars)))
	}
	for _, b := range g.bars {
		c.drawBar(d, s, &b)
		d.y += rowHeight
	}
	d.y += groupSpace
}

func (c *barChart) drawBar(d *drawing, s scale, b *bar) {
	top, base := d.y+(rowHeight-barHeight)/2, d.y+rowHeight/2+textSize*0.36
	d.text(s.from-labelSpace, base, "row", end, b.name)
	x := s.from
	if b.value > 0 {
		width := max(s.at(b.value)-s.from, 1)
		d.rect(fmt.Sprintf("bar bar%d", b.colour), s.from, top, width, barHeight, min(2, width/2))
		x += width
	}
	if b.asked != nil {
		mark := s.at(b.asked.limit)
		d.line("asked", mark, top-3, mark, top+barHeight+3)
		if mark >= x && mark < x+b.after() {
			x = mark
		}
	}
	x += labelSpace
	d.text(x, base, "over", start, b.label())
	if b.asked != nil {
		d.text(x+textWidth(b.label(), textSize)+labelSpace, base, "small soft over", start, b.goal())
	}
}

// after is how much room there must be after a bar.
func (b *bar) after() float64 {
	room := labelSpace + textWidth(b.label(), textSize)
	if b.asked != nil {
		room += labelSpace + textWidth(b.goal(), smallSize)
	}
	return room
}

// plot returns where bars begin, behind their names, and where the axis ends: each bar
// leaves room for what stands after it.
func (c *barChart) plot(s scale) (from, to float64) {
	for _, b := range c.all() {
		from = max(from, textWidth(b.name, textSize))
	}
	from += chartMargin + labelSpace
	to = chartWidth - 2*chartMargin
	part := s.between(0, 1)
	for _, b := range c.all() {
		var length float64
		if b.value > 0 {
			length = part.at(b.value)
		}
		if b.asked != nil {
			length = max(length, part.at(b.asked.limit))
		}
		if length > 0 {
			to = min(to, from+(chartWidth-chartMargin-b.after()-from)/length)
		}
	}
	return from, to
}

// scale holds all values and all that is asked for.
func (c *barChart) scale() scale {
	least, most := math.Inf(1), 0.0
	for _, b := range c.all() {
		values := []float64{b.value}
		if b.asked != nil {
			values = append(values, b.asked.limit)
		}
		for _, v := range values {
			if v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if c.logarithmic && most > 0 {
		return logScale(least, most)
	}
	return linearScale(0, most)
}

func (c *barChart) all() (all []bar) {
	for _, g := range c.groups {
		all = append(all, g.bars...)
	}
	return all
}

// describe tells all values.
func (c *barChart) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s Bars of %s.", c.description, c.axis)
	for _, g := range c.groups {
		var values []string
		for _, one := range g.bars {
			values = append(values, strings.TrimSpace(one.name+" "+one.label()+" "+one.goal()))
		}
		fmt.Fprintf(&b, " %s: %s.", g.name, strings.Join(values, "; "))
	}
	return strings.TrimSpace(b.String())
}
