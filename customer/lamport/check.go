package lamport

import (
	"cmp"
	"fmt"
	"slices"
)

// maxViolations is how many violations are told at most.
const maxViolations = 10_000

// Check returns what no right run can have made, in the order of the files; nothing for
// a right trace. It judges as far as the parts that were read go.
//
// In the edition of 2023 all clocks follow from the order of the events in each process:
// a send is one more than the event before, a receipt one more than that and than the
// message, whichever is later. Events carry no ids of messages, but a request has at most
// one message from each process to each other one, so it is known which send belongs to
// which receipt. What can't be concluded is not complained of: messages may overtake each
// other, and requests may be worked on at the same time.
func Check(t *Trace) []Violation {
	c := newChecker(t)
	c.run()
	slices.SortStableFunc(c.found, func(a, b Violation) int {
		if !a.Place.Known() || !b.Place.Known() {
			return 0
		}
		return cmp.Or(cmp.Compare(a.Place.file.Name, b.Place.file.Name), cmp.Compare(a.Place.offset, b.Place.offset))
	})
	return c.found
}

func newChecker(t *Trace) *checker {
	c := &checker{t: t, knowsCustomers: true, knowsBranches: true, wrong: make(map[*node][]string)}
	if t.read != nil {
		c.found = slices.Clone(t.read.faults)
		c.knowsCustomers = t.read.customers || t.read.events
		c.knowsBranches = t.read.branches || t.read.events
	}
	return c
}

// run finds the violations, in no order.
func (c *checker) run() {
	if c.t.Edition == Edition2020 {
		c.check2020()
		return
	}
	c.check2023()
}

// checker gathers the violations of a trace.
type checker struct {
	t     *Trace
	found []Violation
	// wrong are the problems of each event.
	wrong map[*node][]string
	// knowsCustomers and knowsBranches say whether the events of all customers, and of
	// all branches, are there.
	knowsCustomers, knowsBranches bool

	// nodes are the events of all processes, those of a process in their order.
	nodes []*node
	// branches are the ids of all branches.
	branches map[int64]bool
	// messages are all messages, in the order of their first events.
	messages []*message
	// unsentRoutes are those of messages that were received and not sent.
	unsentRoutes map[route]bool
	// turns are the numbers of customers' requests whose sends are not there, by their
	// receipts.
	turns map[*node]int64
	// requests are what branches did about requests, in the order of their first events.
	requests []*request
}

// node is an event in its process.
type node struct {
	Process
	*Event
	// before is the event before in the same process; nil for the first.
	before *node
	// index is the place of the event in its process.
	index int
	// message is the message that it sends or receives; nil where that is not known.
	message *message
	// opening is what the clock was before the first event of a process.
	opening int64
	// want is what the clock must be if it is wrong; 0 otherwise.
	want int64
}

// words describes the event.
func (n *node) words() string { return words(n.Process, n.Event) }

// add records a violation at an event; other may be nil.
func (c *checker) add(at, other *node, format string, args ...any) {
	if len(c.found) >= maxViolations {
		return
	}
	v := Violation{Place: at.place, Problem: fmt.Sprintf(format, args...), Event: at.words()}
	if other != nil {
		v.Other, v.OtherEvent = other.place, other.words()
	}
	c.found = append(c.found, v)
	c.wrong[at] = append(c.wrong[at], v.Problem)
}

// check2023 checks a trace of the edition of 2023.
func (c *checker) check2023() {
	c.spelling()
	c.gather()
	c.match()
	c.count()
	c.clocks()
	c.delivery()
	c.work()
	c.homes()
	c.order()
	c.flat()
}

// spelling checks that an output keeps to one spelling.
func (c *checker) spelling() {
	if c.t.read == nil {
		return
	}
	a, b := c.t.read.spellings[Propogate], c.t.read.spellings[Propagate]
	rare, usual, name, other := b, a, Propagate, Propogate
	if len(a) < len(b) {
		rare, usual, name, other = a, b, Propogate, Propagate
	}
	for _, place := range rare {
		c.found = append(c.found, Violation{
			Place:   place,
			Problem: fmt.Sprintf("this one is spelt %s_, and %d others %s_: keep to one spelling", name, len(usual), other),
		})
	}
}

// gather makes the nodes of all events. An element of a customer begins from 0, as a
// process of its own, or goes on from the customer's element before.
func (c *checker) gather() {
	last := make(map[int64]*node)
	for _, h := range c.t.Customers {
		var before *node
		for i := range h.Events {
			n := &node{Process: h.Process, Event: &h.Events[i], before: before, index: i}
			if earlier := last[h.ID]; i == 0 && earlier != nil && n.Clock != 1 {
				n.opening = earlier.Clock
			}
			c.nodes = append(c.nodes, n)
			before = n
		}
		if before != nil {
			last[h.ID] = before
		}
	}
	c.branches = make(map[int64]bool)
	for _, h := range c.t.Branches {
		c.branches[h.ID] = true
		var before *node
		for i := range h.Events {
			n := &node{Process: h.Process, Event: &h.Events[i], before: before, index: i}
			c.nodes = append(c.nodes, n)
			before = n
		}
	}
}

// has reports whether the trace has a branch.
func (c *checker) has(branch int64) bool { return c.branches[branch] }
