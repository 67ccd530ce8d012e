package lamport

import (
	"fmt"
	"strings"
)

// Draw returns the space-time diagram of a trace, as an SVG file that needs nothing else:
// a line for each process, and time down it. Clocks are rows, so every message goes down,
// unless it is wrong. Where a trace has more than fits, a few requests are drawn, and
// the branches that only receive share a line; the picture says so. An error says that
// there is nothing to draw, or too much.
func Draw(t *Trace, choice Choice) ([]byte, error) {
	plan, err := newPlan(t, choice)
	if err != nil {
		return nil, err
	}
	return newSheet(newPicture(plan)).draw(), nil
}

// What a picture measures, in pixels.
const (
	rowHeight  = 46
	dotHeight  = 24
	headHeight = 30
	gapBeside  = 9 // between a dot and its tag
	axisWidth  = 54
	margin     = 24
	minWidth   = 640
	// charWidth is more than a character of a tag takes, and headCharWidth more than one of
	// a head does, noteWidth than one of a note: nobody knows with which font they are drawn.
	charWidth, headCharWidth, noteWidth = 7.2, 8.4, 7.3
)

// sheet is a picture with its measures.
type sheet struct {
	*picture
	b strings.Builder
	// x are the places of the columns.
	x []float64
	// width and top are the width of the sheet and the place of the first row.
	width, top float64
	notes      []string
}

func newSheet(p *picture) *sheet {
	s := &sheet{picture: p}
	left, right := make([]float64, len(p.columns)+1), make([]float64, len(p.columns)+1)
	for i, name := range p.columns {
		half := headCharWidth*float64(len(name))/2 + 12
		left[i], right[i] = half, half
	}
	for _, i := range p.items {
		side := left
		if i.side > 0 {
			side = right
		}
		side[i.column] = max(side[i.column], i.width()/2+gapBeside+i.tagWidth())
		left[i.column], right[i.column] = max(left[i.column], i.width()/2), max(right[i.column], i.width()/2)
	}
	s.columnsAt(left, right)
	s.notes = s.wrap(p.note())
	s.top = 84 + 18*float64(len(s.notes)) + headHeight + rowHeight
	return s
}

// columnsAt places the columns, which need some room on each side. The gaps between
// columns of the same kinds are the same.
func (s *sheet) columnsAt(left, right []float64) {
	const between = 20
	gaps := make(map[[2]bool]float64)
	kinds := func(i int) [2]bool { return [2]bool{s.isCustomer(i - 1), s.isCustomer(i)} }
	for i := 1; i < len(s.columns); i++ {
		gaps[kinds(i)] = max(gaps[kinds(i)], right[i-1]+left[i]+between)
	}
	at := margin + axisWidth + left[0] + between
	for i := range s.columns {
		if i > 0 {
			at += gaps[kinds(i)]
		}
		s.x = append(s.x, at)
	}
	s.width = max(at+right[len(s.columns)-1]+2*margin, minWidth)
}

// isCustomer reports whether a column is a customer's.
func (s *sheet) isCustomer(column int) bool {
	return column < len(s.lines) && s.lines[column].Kind == Customer
}

// wrap returns a note in lines that fit the sheet.
func (s *sheet) wrap(text string) []string { return wrapped(text, int((s.width-2*margin)/noteWidth)) }

// wrapped returns a text in lines of at most some characters.
func wrapped(text string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > most {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// width returns how wide the dot of an item is.
func (i *item) width() float64 { return max(dotHeight, 7.5*float64(len([]rune(i.clocks())))+12) }

func (i *item) tagWidth() float64 { return charWidth*float64(len([]rune(i.tag()))) + 8 }

// y returns the place of a row.
func (s *sheet) y(row int) float64 { return s.top + float64(row)*rowHeight }

// bottom returns where the lines of the processes end.
func (s *sheet) bottom() float64 { return s.y(len(s.rows)-1) + rowHeight*0.8 }

// printf writes to the sheet.
func (s *sheet) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// draw returns the whole file.
func (s *sheet) draw() []byte {
	legend := s.legend()
	rules := s.rules()
	height := s.bottom() + 30 + legendRow*float64(len(legend)) + 18*float64(len(rules)) + margin
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="title desc">`+"\n", s.width, height, s.width, height)
	s.printf("<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", s.title(), s.description())
	s.printf("<style>%s%s</style>\n", styleSheet, s.highlights())
	s.printf("%s\n", markers)
	s.printf(`<rect class="paper" width="100%%" height="100%%"/>` + "\n")
	s.printf(`<text class="title" x="%d" y="38">%s</text>`+"\n", margin, s.title())
	s.printf(`<text class="note" x="%d" y="60">%s</text>`+"\n", margin, s.summary())
	for i, line := range s.notes {
		s.printf(`<text class="note" x="%d" y="%d">%s</text>`+"\n", margin, 78+18*i, line)
	}
	s.grid()
	for _, a := range s.arrows {
		s.arrow(a)
	}
	for _, i := range s.items {
		s.item(i)
	}
	for i, line := range legend {
		s.printf(`<g transform="translate(%d %.0f)">%s</g>`+"\n", margin, s.bottom()+30+legendRow*float64(i), line)
	}
	for k, line := range rules {
		s.printf(`<text class="note" x="%d" y="%.0f">%s</text>`+"\n", margin, s.bottom()+42+legendRow*float64(len(legend))+18*float64(k), line)
	}
	s.printf("</svg>\n")
	return []byte(s.b.String())
}

// grid draws the heads and lines of the processes, and the ticks of the clocks.
func (s *sheet) grid() {
	s.printf(`<text class="axis" x="%d" y="%.0f">clock</text>`+"\n", margin, s.top-rowHeight-headHeight/2+4)
	for row, clock := range s.rows {
		if row > 0 && s.rows[row-1] == clock {
			continue
		}
		s.printf(`<path class="tick" d="M%d %.1fH%.1f"/><text class="tick-label" x="%d" y="%.1f">%d</text>`+"\n",
			margin+axisWidth-12, s.y(row), s.width-margin, margin+axisWidth-18, s.y(row)+4, clock)
		if row > 0 && clock > s.rows[row-1]+1 {
			s.printf(`<path class="skip" d="M%d %.1fv8"/>`+"\n", margin+axisWidth-26, s.y(row)-rowHeight/2-4)
		}
	}
	for i, name := range s.columns {
		kind := "branch"
		switch {
		case i >= len(s.lines):
			kind = "several"
		case s.isCustomer(i):
			kind = "customer"
		}
		half := headCharWidth*float64(len(name))/2 + 8
		y := s.top - rowHeight - headHeight
		s.printf(`<g class="%s"><path class="line" d="M%.1f %.1fV%.1f"/><rect class="head" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="8"/><text class="head-label" x="%.1f" y="%.1f">%s</text></g>`+"\n",
			kind, s.x[i], y+headHeight, s.bottom(), s.x[i]-half, y, 2*half, headHeight, s.x[i], y+20, name)
	}
}
