package lamport

import (
	"fmt"
	"math"
	"strings"
)

// item draws an event, or several in one, with its tag and its tooltip.
func (s *sheet) item(i *item) {
	x, y, w := s.x[i.column], s.y(i.row), i.width()
	class := string(i.look)
	if len(s.problems(i)) > 0 {
		class += " wrong"
	}
	tagX, tagW := x+w/2+gapBeside, i.tagWidth()
	if i.side < 0 {
		tagX = x - w/2 - gapBeside - tagW
	}
	s.printf(`<g class="event %s" data-request="%d"><title>%s</title>`, class, i.request, s.tooltip(i))
	s.printf(`<rect class="tag hue%d" x="%.1f" y="%.1f" width="%.1f" height="17" rx="5"/><text class="tag-label" x="%.1f" y="%.1f">%s</text>`,
		s.hue(i.request), tagX, y-8.5, tagW, tagX+tagW/2, y+4, i.tag())
	s.printf(`<rect class="halo" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="%d"/>`, x-w/2-3.5, y-dotHeight/2-3.5, w+7, dotHeight+7, dotHeight/2+4)
	s.printf(`<rect class="dot" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="%d"/><text class="clock" x="%.1f" y="%.1f">%s</text></g>`+"\n",
		x-w/2, y-dotHeight/2, w, dotHeight, dotHeight/2, x, y+4, i.clocks())
}

// hues is how many colours requests have.
const hues = 6

// hue returns the colour of a request: neighbours have different ones.
func (p *picture) hue(request int64) int {
	for k, id := range p.requests {
		if id == request {
			return k % hues
		}
	}
	return 0
}

// tooltip says what happens in an item, and how its clock follows.
func (s *sheet) tooltip(i *item) string {
	const most = 12 // of the events that are folded
	var lines []string
	for k, n := range i.nodes {
		if k == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(i.nodes)-most))
			break
		}
		lines = append(lines, n.words())
		if len(i.nodes) == 1 {
			lines = append(lines, s.sum(n))
		}
	}
	if i.refused {
		lines = append(lines, "The branch refuses the withdrawal, so there is nothing to propagate.")
	}
	for _, problem := range s.problems(i) {
		lines = append(lines, "Wrong: "+problem)
	}
	return escaped(strings.Join(lines, "\n"))
}

// sum says how the clock of an event follows from those before.
func (s *sheet) sum(n *node) string {
	before := n.clockBefore()
	if n.message != nil && n.message.sent != nil && n.message.received == n {
		carried := n.message.sent.Clock
		return fmt.Sprintf("max(own %d, message %d) + 1 = %d", before, carried, max(before, carried)+1)
	}
	return fmt.Sprintf("own %d + 1 = %d", before, before+1)
}

// escaped returns a text as XML has it.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}

// arrow draws a message. One without a receipt, or a send, is a stub with a cross.
func (s *sheet) arrow(a *arrow) {
	if a.from == nil || a.to == nil {
		s.stub(a)
		return
	}
	x1, y1, x2, y2 := s.x[a.from.column], s.y(a.from.row), s.x[a.to.column], s.y(a.to.row)
	class := "request"
	if a.from.look != asks {
		class = "propagation"
	}
	if a.to.look == hears {
		class = "response"
	}
	if !a.decides {
		class += " waits"
	}
	marker := strings.Fields(class)[0]
	if a.messages[0].received.Clock <= a.messages[0].sent.Clock {
		class, marker = "backwards", "wrong"
	}
	x1, y1 = edge(x1, y1, x2, y2, a.from.width(), 1)
	x2, y2 = edge(x2, y2, x1, y1, a.to.width(), 5)
	s.printf(`<path class="arrow %s" data-request="%d" marker-end="url(#head-%s)" d="M%.1f %.1fL%.1f %.1f"><title>%s</title></path>`+"\n",
		class, a.from.request, marker, x1, y1, x2, y2, escaped(a.words()))
}

// edge returns where the line from a dot to another place leaves the dot, and a gap.
func edge(x, y, toX, toY, width, gap float64) (float64, float64) {
	dx, dy := toX-x, toY-y
	if dx == 0 && dy == 0 {
		return x, y
	}
	rx, ry := width/2+gap, float64(dotHeight)/2+gap
	t := 1 / math.Sqrt(dx*dx/(rx*rx)+dy*dy/(ry*ry))
	return x + dx*t, y + dy*t
}

// words says what an arrow is.
func (a *arrow) words() string {
	m := a.messages[0]
	if n := len(a.messages); n > 1 {
		return fmt.Sprintf("%d messages of request %d from %s", n, a.from.request, m.sent.Process)
	}
	text := fmt.Sprintf("the message of request %d from %s to %s carries %d", a.from.request, m.sent.Process, m.received.Process, m.sent.Clock)
	if a.decides {
		return text + ": later than the receiver's own clock, which jumps to one more"
	}
	return text + ": the receiver's own clock is as late or later, and counts on"
}

// stub draws the end of a message that has only one.
func (s *sheet) stub(a *arrow) {
	i, dy := a.from, 22.0
	if i == nil {
		i, dy = a.to, -22
	}
	dx := float64(-i.side) * 26
	x, y := s.x[i.column]+dx, s.y(i.row)+dy
	x1, y1 := edge(s.x[i.column], s.y(i.row), x, y, i.width(), 1)
	s.printf(`<path class="arrow backwards" data-request="%d" d="M%.1f %.1fL%.1f %.1fm-4 -4l8 8m0 -8l-8 8"><title>the other end of this message is missing</title></path>`+"\n", i.request, x1, y1, x, y)
}
