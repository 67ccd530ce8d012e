package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Charts are SVG files that are right on a light and on a dark page: they have a ground
// of their own, and follow what the reader prefers even as an image in Markdown. They
// need no font but those of the system. The same figures give the same bytes.

const (
	// chartWidth is also that of the text column that charts are shown in, so that
	// sizes of text are what they say.
	chartWidth  = 720
	chartMargin = 20
	// Sizes of text, in pixels. glyphWidth is that of an average glyph of a wide font,
	// in parts of the size: what is placed by it has room with every font.
	titleSize, textSize, smallSize = 16, 13, 12
	glyphWidth                     = 0.6
)

// colour is that of a contender. More than these few can't be told from each other by
// everybody, so contenders of one kind share one; their names stand beside them anyway.
type colour int

const (
	blue colour = iota
	amber
	slate
	plum
	colours // how many there are
)

// chartStyle has plain declarations: not all programs that draw SVG know variables. What
// is written over the grid hides it.
const chartStyle = `
.chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:13px;font-variant-numeric:tabular-nums}
.ground{fill:#fff}.title{font-size:16px;font-weight:600}.head{font-weight:600}.small{font-size:12px}
text{fill:#131a24}.soft{fill:#566275}.over{paint-order:stroke;stroke:#fff;stroke-width:4px}
.grid{stroke:#e1e6ec}.base{stroke:#8592a3}.asked{stroke:#131a24;stroke-width:2}.span{fill:#eceff4}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.bar0{fill:#1d5fd1}.bar1{fill:#d97706}.bar2{fill:#72839a}.bar3{fill:#8a1f9c}
.line0{stroke:#1d5fd1}.line1{stroke:#d97706}.line2{stroke:#72839a}.line3{stroke:#8a1f9c}
@media (prefers-color-scheme:dark){
.ground{fill:#141a22}
text{fill:#e9eef5}.soft{fill:#9aa8ba}.over{stroke:#141a22}
.grid{stroke:#28323f}.base{stroke:#66758a}.asked{stroke:#e9eef5}.span{fill:#222c38}
.bar0{fill:#5b9bff}.bar1{fill:#f0953c}.bar2{fill:#a9b4c2}.bar3{fill:#b545cc}
.line0{stroke:#5b9bff}.line1{stroke:#f0953c}.line2{stroke:#a9b4c2}.line3{stroke:#b545cc}
}
`

// drawing is the inside of a chart, from the top down.
type drawing struct {
	body bytes.Buffer
	// y is how far down it goes.
	y float64
}

// newDrawing begins with a title, in as many lines as it needs.
func newDrawing(title string) *drawing {
	d := &drawing{y: chartMargin}
	for _, line := range wrap(title, chartWidth-2*chartMargin, titleSize) {
		d.y += titleSize
		d.text(chartMargin, d.y, "title", start, line)
		d.y += 6
	}
	d.y += 5
	return d
}

// write ends the chart. Somebody who can't see it hears its title and description.
func (d *drawing) write(w io.Writer, title, description string) error {
	height := place(d.y + chartMargin)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="%d" height="%s" viewBox="0 0 %[1]d %[2]s" role="img" aria-labelledby="title description">
<title id="title">%s</title>
<desc id="description">%s</desc>
<style>%s</style>
<rect class="ground" width="%[1]d" height="%[2]s" rx="8"/>
%[6]s</svg>
`, chartWidth, height, escaped(title), escaped(description), chartStyle, d.body.Bytes())
	return err
}

// anchor is which part of a text is at its place.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

func (d *drawing) text(x, y float64, class string, a anchor, text string) {
	fmt.Fprintf(&d.body, `<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`+"\n", class, place(x), place(y), a, escaped(text))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.body, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, place(x1), place(y1), place(x2), place(y2))
}

func (d *drawing) rect(class string, x, y, width, height, round float64) {
	fmt.Fprintf(&d.body, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`+"\n", class, place(x), place(y), place(width), place(height), place(round))
}

// place writes a coordinate, to a tenth of a pixel.
func place(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// textWidth is about how wide a text is, or less.
func textWidth(text string, size float64) float64 {
	return float64(utf8.RuneCountInString(text)) * size * glyphWidth
}

// wrap breaks a text into lines that are no wider than a width, at spaces.
func wrap(text string, width, size float64) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if longer := line + " " + word; line == "" {
			line = word
		} else if textWidth(longer, size) <= width {
			line = longer
		} else {
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// checkColour returns an error for a colour that there isn't.
func checkColour(c colour, of string) error {
	if c < 0 || c >= colours {
		return fmt.Errorf("chart: %s has colour %d of %d", of, c, colours)
	}
	return nil
}
