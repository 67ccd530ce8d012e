package lamport

import "slices"

// check2020 checks a trace of the edition of 2020, whose branches tick at a customer's
// request, when they execute it, and at each reply of a peer. Sends do not tick, so it is
// not known which clock a message carried: only that its sender had it between two
// events. Such a clock is wrong if no clock in between explains it.
func (c *checker) check2020() {
	c.gather()
	if c.knowsBranches {
		writes := c.writes()
		for _, w := range writes {
			w.check(c)
		}
		c.clocks2020(writes)
	}
	c.flat2020()
}

// write is what all branches did about a customer's write, in the edition of 2020.
type write struct {
	id int64
	// steps are the events of each step, by branch in the trace's order.
	steps map[Step][]*node
	// places are the same events, those of each branch apart.
	places map[stepAt][]*node
	// first is the first event that any branch has of it.
	first *node
}

// stepAt is a step at a branch.
type stepAt struct {
	Step
	Process
}

// writes gathers the writes, in the order of their first events.
func (c *checker) writes() []*write {
	known := make(map[int64]*write)
	var all []*write
	for _, n := range c.nodes {
		w := known[n.Request]
		if w == nil {
			w = &write{id: n.Request, steps: make(map[Step][]*node), places: make(map[stepAt][]*node), first: n}
			known[n.Request] = w
			all = append(all, w)
		}
		w.steps[n.Step] = append(w.steps[n.Step], n)
		place := stepAt{n.Step, n.Process}
		w.places[place] = append(w.places[place], n)
	}
	return all
}

// origin returns the customer's request, if there is exactly one.
func (w *write) origin() *node {
	if r := w.steps[Request]; len(r) == 1 {
		return r[0]
	}
	return nil
}

// at returns the events of a step at a branch.
func (w *write) at(step Step, p Process) []*node { return w.places[stepAt{step, p}] }

// check checks that a write has all its events, each once, in their order. An id that
// several customers use is that of several writes, whose events can only be counted.
func (w *write) check(c *checker) {
	origin := w.origin()
	if len(w.steps[Request]) > 1 {
		w.checkRepeated(c)
		return
	}
	if origin == nil {
		c.add(w.first, nil, "no branch has the %s of event %d", Request, w.id)
		return
	}
	for _, steps := range w.steps {
		for _, n := range steps {
			if n.Operation != origin.Operation {
				c.add(n, origin, "it is a %s here, and a %s where the customer asked for it", n.Operation, origin.Operation)
			}
		}
	}
	propagated := len(w.steps[PropagateRequest])+len(w.steps[PropagateExecute])+len(w.steps[PropagateResponse]) > 0
	if !propagated && (origin.Operation == Deposit && len(c.t.Branches) > 1) {
		c.add(origin, nil, "a deposit is propagated to all branches, and this one to none")
	}
	w.checkOrigin(c, origin, propagated)
	if !propagated {
		return
	}
	for _, h := range c.t.Branches {
		if h.Process != origin.Process {
			w.checkPeer(c, origin, h.Process)
		}
	}
}

// checkRepeated checks the events of several writes with one id.
func (w *write) checkRepeated(c *checker) {
	for _, h := range c.t.Branches {
		for _, pair := range [][2]Step{{Request, Response}, {PropagateRequest, PropagateExecute}} {
			a, b := w.at(pair[0], h.Process), w.at(pair[1], h.Process)
			if len(a) != len(b) {
				n := slices.Concat(a, b)[0]
				c.add(n, nil, "%s has %d events %s and %d %s of the writes with id %d", h.Process, len(a), pair[0], len(b), pair[1], w.id)
			}
		}
	}
	asked, answered := w.steps[PropagateRequest], w.steps[PropagateResponse]
	if len(asked) != len(answered) {
		n := slices.Concat(asked, answered)[0]
		c.add(n, nil, "the peers have %d events %s of the writes with id %d, and there are %d %s", len(asked), PropagateRequest, w.id, len(answered), PropagateResponse)
	}
}

// checkOrigin checks the events at the branch that the customer asked.
func (w *write) checkOrigin(c *checker, origin *node, propagated bool) {
	before := origin
	for _, step := range []Step{Execute, PropagateResponse, Response} {
		here := w.at(step, origin.Process)
		want := 1
		switch {
		case step == PropagateResponse && propagated:
			want = len(c.t.Branches) - 1
		case step == PropagateResponse:
			want = 0
		case step == Execute && !propagated:
			want = min(1, len(here)) // whether a refused withdrawal is executed, nobody says
		}
		w.counted(c, origin, origin.Process, step, here, want)
		for _, n := range here {
			if n.index < before.index {
				c.add(n, before, "%s comes before %s", n.Step, before.Step)
			}
		}
		if len(here) > 0 {
			before = here[len(here)-1]
		}
	}
	for _, step := range []Step{Execute, Response, PropagateResponse} {
		for _, n := range w.steps[step] {
			if n.Process != origin.Process {
				c.add(n, origin, "only the branch that the customer asked has such an event")
			}
		}
	}
	for _, step := range []Step{PropagateRequest, PropagateExecute} {
		for _, n := range w.at(step, origin.Process) {
			c.add(n, origin, "a branch does not propagate to itself")
		}
	}
}

// checkPeer checks the events at a peer.
func (w *write) checkPeer(c *checker, origin *node, p Process) {
	asked, executed := w.at(PropagateRequest, p), w.at(PropagateExecute, p)
	w.counted(c, origin, p, PropagateRequest, asked, 1)
	w.counted(c, origin, p, PropagateExecute, executed, 1)
	if len(asked) > 0 && len(executed) > 0 && executed[0].index < asked[0].index {
		c.add(executed[0], asked[0], "%s comes before %s", PropagateExecute, PropagateRequest)
	}
}

// counted checks how many events of a step a branch has.
func (w *write) counted(c *checker, origin *node, p Process, step Step, here []*node, want int) {
	switch {
	case len(here) < want:
		c.add(origin, nil, "%s has %d of %d events %s_%s of event %d", p, len(here), want, origin.Operation, step, w.id)
	case len(here) > want:
		c.add(here[want], here[max(0, want-1)], "%s has %d events like this, and should have %d", p, len(here), want)
	}
}

// flat2020 checks the elements of the requests: they have the events of the branches, in
// the order of their clocks.
func (c *checker) flat2020() {
	if c.t.read == nil || !c.t.read.events {
		return
	}
	all := flatNodes(c.t.read.flat)
	for i, n := range all {
		if i > 0 && n.place.element == all[i-1].place.element && n.place.file == all[i-1].place.file && n.Clock < all[i-1].Clock {
			c.add(n, all[i-1], "the events of a request are in the order of their clocks, but clock %d comes after %d", n.Clock, all[i-1].Clock)
		}
	}
	if !c.t.read.branches {
		return
	}
	type same struct {
		request, clock int64
		operation      Operation
		step           Step
	}
	of := func(n *node) same { return same{n.Request, n.Clock, n.Operation, n.Step} }
	count := make(map[same]int)
	for _, n := range all {
		count[of(n)]++
	}
	for _, n := range c.nodes {
		if count[of(n)]--; count[of(n)] < 0 {
			c.add(n, nil, "the element of event %d does not have this event", n.Request)
		}
	}
	for _, n := range slices.Backward(all) {
		if count[of(n)] > 0 {
			count[of(n)]--
			c.add(n, nil, "no branch has this event, or not so often")
		}
	}
}
