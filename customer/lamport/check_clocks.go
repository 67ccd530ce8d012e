package lamport

import "fmt"

// clocks checks the clock of each event. What only follows from another wrong clock is
// not told again.
func (c *checker) clocks() {
	told := make(map[*node]bool)
	for _, n := range c.nodes {
		want, exact := wanted(n.clockBefore(), n.clockOfMessage(c))
		if n.Clock == want || !exact && n.Clock > want {
			continue
		}
		n.want = want
	}
	for _, n := range c.nodes {
		if n.want != 0 && !c.follows(n, told) {
			told[n] = true
			c.tellClock(n)
		}
	}
}

// clockBefore returns the clock of the process before an event.
func (n *node) clockBefore() int64 {
	if n.before == nil {
		return n.opening
	}
	return n.before.Clock
}

// clockOfMessage returns the clock that a message carries which an event receives; 0
// where there is none, and -1 where it is not known.
func (n *node) clockOfMessage(c *checker) int64 {
	switch {
	case n.Step == Sent:
		return 0
	case n.message.sent != nil:
		return n.message.sent.Clock
	case n.Peer.Kind == Customer && !c.knowsCustomers:
		return c.turns[n]
	}
	return -1
}

// count finds the clocks of customers' requests whose sends are not there: each is the
// number of the request among those that came of the customer, as long as all came to one
// branch.
func (c *checker) count() {
	if c.knowsCustomers {
		return
	}
	c.turns = make(map[*node]int64)
	counts, branches := make(map[Process]int64), make(map[Process]Process)
	for _, n := range c.nodes {
		if n.Step != Received || n.Peer.Kind != Customer {
			continue
		}
		if counts[n.Peer]++; counts[n.Peer] == 1 {
			branches[n.Peer] = n.Process
		}
		c.turns[n] = counts[n.Peer]
		if branches[n.Peer] != n.Process {
			branches[n.Peer] = Process{}
		}
	}
	for n := range c.turns {
		if branches[n.Peer] == (Process{}) {
			c.turns[n] = -1
		}
	}
}

// wanted returns what the clock of an event must be after others; at least that, unless
// it is exact.
func wanted(before, message int64) (want int64, exact bool) {
	return max(before, message) + 1, message >= 0
}

// follows reports whether a clock would be right if those were right that are told to be
// wrong.
func (c *checker) follows(n *node, told map[*node]bool) bool {
	before, message := n.clockBefore(), n.clockOfMessage(c)
	befores, messages := []int64{before}, []int64{message}
	if told[n.before] {
		befores = append(befores, n.before.want)
	}
	if n.Step == Received && told[n.message.sent] {
		messages = append(messages, n.message.sent.want)
	}
	for _, b := range befores {
		for _, m := range messages {
			if want, _ := wanted(b, m); want == n.Clock {
				return true
			}
		}
	}
	return false
}

// tellClock records that the clock of an event is wrong, and why.
func (c *checker) tellClock(n *node) {
	other, before, message := n.before, n.clockBefore(), n.clockOfMessage(c)
	rule := fmt.Sprintf("one more than before, at %d", before)
	switch {
	case n.Kind == Customer:
		rule = fmt.Sprintf("a customer counts its requests, and was at %d", before)
	case n.Step == Received && message > before:
		rule = fmt.Sprintf("one more than the message, which has %d and is later than %s itself, at %d", message, n.Process, before)
		if n.message.sent != nil {
			other = n.message.sent
		}
	case n.Step == Received && message >= 0:
		rule = fmt.Sprintf("one more than %s itself, at %d; the message has %d", n.Process, before, message)
	case n.Step == Received:
		c.add(n, other, "the clock must be more than %d, got %d: %s was at %d before", n.want-1, n.Clock, n.Process, before)
		return
	}
	c.add(n, other, "the clock must be %d, got %d: %s", n.want, n.Clock, rule)
}
