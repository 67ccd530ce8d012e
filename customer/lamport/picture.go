package lamport

import (
	"cmp"
	"fmt"
	"slices"
)

// picture is a trace as it is drawn: items in columns and rows, and arrows between them.
// Rows are clocks, so that every arrow of a right trace goes down.
type picture struct {
	*plan
	// columns are the lines of processes; the last one may be of several.
	columns []string
	items   []*item
	arrows  []*arrow
	// rows are the clocks that are drawn, in ascending order, each as often as one
	// column needs it.
	rows []int64
}

// look is how an item is drawn.
type look string

const (
	asks      look = "asks"     // a customer sends a request
	isAsked   look = "asked"    // a branch receives it
	tells     look = "tells"    // a branch propagates it
	isTold    look = "told"     // another branch receives that
	does      look = "does"     // a branch executes it, in the edition of 2020
	hears     look = "hears"    // the response of a peer comes, in the edition of 2020
	responses look = "responds" // the customer gets its response, in the edition of 2020
)

// item is an event, or several of one kind that are folded.
type item struct {
	look    look
	request int64
	column  int
	// row is its place in picture.rows.
	row int
	// nodes are the events in the order of their clocks; at least one.
	nodes []*node
	// refused says that the request ends here.
	refused bool
	// side is where the tag goes: -1 left, 1 right.
	side int
}

// arrow is a message, or several between the same two items. One end may be missing.
type arrow struct {
	from, to *item
	// messages are those with these ends; at least one.
	messages []*message
	// decides says that the message's clock was later than the receiver's own.
	decides bool
}

// newPicture lays a plan out.
func newPicture(p *plan) *picture {
	pic := &picture{plan: p}
	at := make(map[Process]int)
	for _, process := range p.lines {
		at[process] = len(pic.columns)
		pic.columns = append(pic.columns, process.String())
	}
	for _, process := range p.folded {
		at[process] = len(pic.columns)
	}
	if len(p.folded) > 0 {
		pic.columns = append(pic.columns, fmt.Sprintf("%d other branches", len(p.folded)))
	}
	pic.place(at)
	pic.markRefused()
	pic.sides()
	pic.layRows()
	return pic
}

// lookOf returns how an event is drawn.
func lookOf(n *node) look {
	switch {
	case n.Kind == Customer:
		return asks
	case n.Step == Sent:
		return tells
	case n.Step == Received && n.Peer.Kind == Customer, n.Step == Request:
		return isAsked
	case n.Step == Received, n.Step == PropagateRequest:
		return isTold
	case n.Step == PropagateResponse:
		return hears
	case n.Step == Response:
		return responses
	}
	return does
}

// placing makes the items of a picture.
type placing struct {
	*picture
	// at are the columns of the processes that are drawn; shared is that of several, or -1.
	at     map[Process]int
	shared int
	// of are the items of the events.
	of map[*node]*item
}

// place makes the items and the arrows between them.
func (p *picture) place(at map[Process]int) {
	l := &placing{picture: p, at: at, shared: -1, of: make(map[*node]*item)}
	if len(p.folded) > 0 {
		l.shared = len(p.columns) - 1
	}
	l.placeOwn()
	l.placeShared()
	for _, i := range p.items {
		slices.SortStableFunc(i.nodes, func(a, b *node) int { return cmp.Compare(a.Clock, b.Clock) })
	}
	p.joinArrows(l.of)
}

// column returns the column of an event that is drawn, or -1.
func (l *placing) column(n *node) int {
	column, ok := l.at[n.Process]
	if !ok || !l.drawn(n.Request) {
		return -1
	}
	return column
}

// add makes an item of an event.
func (l *placing) add(n *node, column int) *item {
	i := &item{look: lookOf(n), request: n.Request, column: column, nodes: []*node{n}}
	l.items = append(l.items, i)
	l.of[n] = i
	return i
}

// join adds an event to an item.
func (l *placing) join(n *node, i *item) {
	i.nodes = append(i.nodes, n)
	l.of[n] = i
}

// placeOwn makes the items of processes with lines of their own: of sends to the shared
// line that follow each other, one.
func (l *placing) placeOwn() {
	var last *item // of such sends
	for _, n := range l.nodes {
		column := l.column(n)
		if column < 0 || column == l.shared {
			continue
		}
		folds := n.Step == Sent && n.Kind == Branch && l.shared >= 0 && l.at[n.Peer] == l.shared
		if folds && last != nil && last.request == n.Request && last.column == column {
			l.join(n, last)
			continue
		}
		i := l.add(n, column)
		last = nil
		if folds {
			last = i
		}
	}
}

// placeShared makes the items of the shared line: of what came of one item, one of each
// kind.
func (l *placing) placeShared() {
	type origin struct {
		from *item
		look look
	}
	together := make(map[origin]*item)
	for _, n := range l.nodes {
		if column := l.column(n); column < 0 || column != l.shared {
			continue
		}
		o := origin{l.of[cause(n)], lookOf(n)}
		if i := together[o]; i != nil && o.from != nil {
			l.join(n, i)
			continue
		}
		together[o] = l.add(n, l.shared)
	}
}

// cause returns the event whose message led to an event; nil where that is not known.
func cause(n *node) *node {
	switch {
	case n.message != nil && n.message.received == n:
		return n.message.sent
	case n.Step == PropagateExecute:
		return executedAt(n)
	}
	return nil
}

// executedAt returns the event at the origin whose message a peer executes, in the edition
// of 2020.
func executedAt(n *node) *node {
	for m := n.before; m != nil; m = m.before {
		if m.Request == n.Request && m.Step == PropagateRequest && m.message != nil {
			return m.message.sent
		}
	}
	return nil
}

// joinArrows makes the arrows between items.
func (p *picture) joinArrows(of map[*node]*item) {
	type ends struct{ from, to *item }
	known := make(map[ends]*arrow)
	for _, m := range p.messages {
		var e ends
		if m.sent != nil {
			e.from = of[m.sent]
		}
		if m.received != nil {
			e.to = of[m.received]
		}
		if e.from == nil && e.to == nil {
			continue
		}
		if (m.sent == nil) != (e.from == nil) || (m.received == nil) != (e.to == nil) {
			continue // the other end is not drawn
		}
		a := known[e]
		if a == nil {
			a = &arrow{from: e.from, to: e.to}
			known[e] = a
			p.arrows = append(p.arrows, a)
		}
		a.messages = append(a.messages, m)
		if m.sent != nil && m.received != nil && m.sent.Clock > m.received.clockBefore() {
			a.decides = true
		}
	}
}

// markRefused marks the requests that end where they are received.
func (p *picture) markRefused() {
	for _, r := range p.checker.requests {
		if len(r.sends) > 0 || len(p.t.Branches) < 2 || len(r.received) == 0 || r.received[0].Operation != Withdraw {
			continue
		}
		for _, i := range p.items {
			if i.nodes[0] == r.received[0] {
				i.refused = true
			}
		}
	}
}

// sides puts each tag where the item's own arrow is not.
func (p *picture) sides() {
	for _, i := range p.items {
		i.side = 1
	}
	for _, a := range p.arrows {
		if a.from == nil || a.to == nil {
			continue
		}
		if a.from.column < a.to.column {
			a.from.side, a.to.side = -1, 1
		} else {
			a.from.side, a.to.side = 1, -1
		}
	}
	for _, i := range p.items {
		if i.look == asks {
			i.side = -1
		}
	}
}

// layRows gives each item a row: that of its first clock, and a further one of the same
// clock where its column has one already.
func (p *picture) layRows() {
	type cell struct {
		column int
		clock  int64
	}
	used := make(map[cell]int)
	need := make(map[int64]int)
	sub := make([]int, len(p.items))
	for k, i := range p.items {
		c := cell{i.column, i.clock()}
		sub[k] = used[c]
		used[c]++
		need[c.clock] = max(need[c.clock], used[c])
	}
	var clocks []int64
	for clock := range need {
		clocks = append(clocks, clock)
	}
	slices.Sort(clocks)
	first := make(map[int64]int)
	for _, clock := range clocks {
		first[clock] = len(p.rows)
		for range need[clock] {
			p.rows = append(p.rows, clock)
		}
	}
	for k, i := range p.items {
		i.row = first[i.clock()] + sub[k]
	}
}

// clock returns the first clock of an item.
func (i *item) clock() int64 { return i.nodes[0].Clock }

// clocks returns the clock of an item, or its first and last one.
func (i *item) clocks() string {
	first, last := i.nodes[0].Clock, i.nodes[len(i.nodes)-1].Clock
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d–%d", first, last)
}

// tag names the request of an item, and says what becomes of it.
func (i *item) tag() string {
	text := fmt.Sprintf("r%d", i.request)
	switch {
	case i.look == asks, i.look == isAsked && i.nodes[0].Step == Request:
		text += " " + string(i.nodes[0].Operation)
	case i.refused:
		text += " refused"
	case len(i.nodes) > 1:
		text += fmt.Sprintf(" × %d", len(i.nodes))
	case i.look == does:
		text += " execute"
	case i.look == responses:
		text += " response"
	}
	return text
}

// problems returns what is wrong with the events of an item.
func (p *picture) problems(i *item) []string {
	var all []string
	for _, n := range i.nodes {
		all = append(all, p.wrong[n]...)
	}
	return all
}
