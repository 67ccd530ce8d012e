package lamport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mermaid returns a sequence diagram of a trace in the language of Mermaid, which many
// programs show in Markdown: the messages in the order in which each process has them, with
// a note of how the receiver's clock follows. Mermaid draws a message in one moment, so those
// that overtake each other seem not to. What does not fit is left out and folded as by
// [Draw].
func Mermaid(t *Trace, choice Choice) ([]byte, error) {
	plan, err := newPlan(t, choice)
	if err != nil {
		return nil, err
	}
	p := newPicture(plan)
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	if note := p.note(); note != "" {
		fmt.Fprintf(&b, "    %%%% %s\n", note)
	}
	for k, name := range p.columns {
		fmt.Fprintf(&b, "    participant P%d as %s\n", k+1, name)
	}
	for _, a := range p.inOrder() {
		a.mermaid(&b)
	}
	return []byte(b.String()), nil
}

// inOrder returns the arrows in an order in which those of each process are as it has
// them, as far as there is one.
func (p *picture) inOrder() []*arrow {
	queues := make([][]*arrow, len(p.columns))
	for _, a := range p.arrows {
		for _, i := range []*item{a.from, a.to} {
			if i != nil {
				queues[i.column] = append(queues[i.column], a)
			}
		}
	}
	for column, queue := range queues {
		slices.SortStableFunc(queue, func(x, y *arrow) int { return cmp.Compare(x.rowAt(column), y.rowAt(column)) })
	}
	done := make(map[*arrow]bool)
	var order []*arrow
	for len(order) < len(p.arrows) {
		for column, queue := range queues {
			for len(queue) > 0 && done[queue[0]] {
				queue = queue[1:]
			}
			queues[column] = queue
		}
		var best *arrow
		ready := false
		for _, queue := range queues {
			if len(queue) == 0 {
				continue
			}
			a := queue[0]
			first := a.isNext(queues)
			if best == nil || first && !ready || first == ready && a.last() < best.last() {
				best, ready = a, first
			}
		}
		done[best] = true
		order = append(order, best)
	}
	return order
}

// rowAt returns the row of the end of an arrow in a column.
func (a *arrow) rowAt(column int) int {
	if a.from != nil && a.from.column == column {
		return a.from.row
	}
	return a.to.row
}

// isNext reports whether an arrow is the next one of both its processes.
func (a *arrow) isNext(queues [][]*arrow) bool {
	for _, i := range []*item{a.from, a.to} {
		if i != nil && queues[i.column][0] != a {
			return false
		}
	}
	return true
}

// last returns the row where an arrow ends.
func (a *arrow) last() int {
	if a.to != nil {
		return a.to.row
	}
	return a.from.row
}

// either returns the end of an arrow that is there, the sender's first.
func (a *arrow) either() *item {
	if a.from != nil {
		return a.from
	}
	return a.to
}

// mermaid writes a message and its note.
func (a *arrow) mermaid(b *strings.Builder) {
	i := a.either()
	what := fmt.Sprintf("request %d (%s)", i.request, i.nodes[0].Operation)
	if i.look != asks && (a.to == nil || a.to.look != isAsked) {
		what = "propagation of " + what
	}
	if a.from != nil && a.to != nil && a.to.look == hears {
		what = "response to " + what
	}
	if n := len(a.messages); n > 1 {
		what += fmt.Sprintf(", %d times", n)
	}
	switch {
	case a.to == nil:
		fmt.Fprintf(b, "    P%d-xP%d: %s\n    Note over P%d: sent at %s, never received\n", i.column+1, i.column+1, what, i.column+1, i.clocks())
		return
	case a.from == nil:
		fmt.Fprintf(b, "    P%d-xP%d: %s\n    Note over P%d: received at %s, never sent\n", i.column+1, i.column+1, what, i.column+1, i.clocks())
		return
	}
	from, to := a.from.column+1, a.to.column+1
	fmt.Fprintf(b, "    P%d->>P%d: %s\n", from, to, what)
	note := fmt.Sprintf("sent at %s, received at %s", a.from.clocks(), a.to.clocks())
	if m := a.messages[0]; len(a.messages) == 1 && len(a.to.nodes) == 1 {
		note = fmt.Sprintf("sent at %d, received at max(%d, %d) + 1 = %d", m.sent.Clock, m.received.clockBefore(), m.sent.Clock, m.received.Clock)
	}
	if a.to.refused {
		note += ", refused"
	}
	fmt.Fprintf(b, "    Note over P%d,P%d: %s\n", min(from, to), max(from, to), note)
}
