package lamport

import (
	"cmp"
	"slices"
)

// flat checks part 3: that it has the events of parts 1 and 2, grouped by request
// and in the order of their clocks.
func (c *checker) flat() {
	if c.t.read == nil || !c.t.read.events {
		return
	}
	c.flatOrder()
	if c.t.read.customers {
		c.same(Customer)
	}
	if c.t.read.branches {
		c.same(Branch)
	}
}

// flatOrder checks the order of part 3.
func (c *checker) flatOrder() {
	nodes := flatNodes(c.t.read.flat)
	for i, n := range nodes {
		if i == 0 {
			continue
		}
		switch before := nodes[i-1]; {
		case n.Request < before.Request:
			c.add(n, before, "the events are grouped by customer-request-id, ascending, but request %d comes after request %d", n.Request, before.Request)
		case n.Request == before.Request && n.Clock < before.Clock:
			c.add(n, before, "the events of a request are in the order of their clocks, but clock %d comes after %d", n.Clock, before.Clock)
		}
	}
}

// flatNodes returns nodes of the events of part 3.
func flatNodes(events []flatEvent) []*node {
	nodes := make([]*node, len(events))
	for i := range events {
		nodes[i] = &node{Process: events[i].Process, Event: &events[i].Event}
	}
	return nodes
}

// deed is what tells the events of a process apart, but for their clocks.
type deed struct {
	Process
	request int64
	step    Step
	peer    Process
}

func (n *node) deed() deed { return deed{n.Process, n.Request, n.Step, n.Peer} }

// same checks that part 3 has the same events of the processes of a kind as their own
// elements.
func (c *checker) same(kind Kind) {
	type pair struct{ own, flat []*node }
	all := make(map[deed]*pair)
	var order []deed
	gather := func(nodes []*node, into func(*pair) *[]*node) {
		for _, n := range nodes {
			if n.Kind != kind {
				continue
			}
			p := all[n.deed()]
			if p == nil {
				p = &pair{}
				all[n.deed()] = p
				order = append(order, n.deed())
			}
			list := into(p)
			*list = append(*list, n)
		}
	}
	gather(c.nodes, func(p *pair) *[]*node { return &p.own })
	gather(flatNodes(c.t.read.flat), func(p *pair) *[]*node { return &p.flat })
	for _, d := range order {
		c.alike(all[d].own, all[d].flat)
	}
}

// alike compares the events of one deed in both places. There is one of each, but where
// a request id is used again.
func (c *checker) alike(own, flat []*node) {
	byClock := func(a, b *node) int { return cmp.Compare(a.Clock, b.Clock) }
	slices.SortStableFunc(own, byClock)
	slices.SortStableFunc(flat, byClock)
	for i := range max(len(own), len(flat)) {
		switch {
		case i >= len(flat):
			c.add(own[i], nil, "the list of all events does not have this event")
		case i >= len(own):
			c.add(flat[i], nil, "%s itself does not have this event, or not so often", flat[i].Process)
		case own[i].Clock != flat[i].Clock:
			c.add(flat[i], own[i], "the clock is %d in the list of all events, and %d at %s itself", flat[i].Clock, own[i].Clock, flat[i].Process)
		case own[i].Operation != flat[i].Operation:
			c.add(flat[i], own[i], "it is a %s in the list of all events, and a %s at %s itself", flat[i].Operation, own[i].Operation, flat[i].Process)
		}
	}
}
