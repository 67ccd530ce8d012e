package lamport

import "slices"

// message is one message: what was sent and what was received. One of them may be
// missing.
type message struct{ sent, received *node }

// route is all that tells the messages of a request apart.
type route struct {
	request  int64
	from, to Process
}

// routeOf returns the route of the message of an event. A customer's request goes to one
// branch only, which is not part of its route: the comment of the send does not name it.
func routeOf(n *node) route {
	switch {
	case n.Kind == Customer:
		return route{request: n.Request, from: n.Process}
	case n.Step == Sent:
		return route{n.Request, n.Process, n.Peer}
	case n.Peer.Kind == Customer:
		return route{request: n.Request, from: n.Peer}
	}
	return route{n.Request, n.Peer, n.Process}
}

// match finds the send of each receipt. Where a request id occurs again at the same
// customer, the first send belongs to the first receipt.
func (c *checker) match() {
	type ends struct{ sent, received []*node }
	all := make(map[route]*ends)
	c.unsentRoutes = make(map[route]bool)
	var routes []route
	for _, n := range c.nodes {
		key := routeOf(n)
		e := all[key]
		if e == nil {
			e = &ends{}
			all[key] = e
			routes = append(routes, key)
		}
		if n.Step == Sent {
			e.sent = append(e.sent, n)
		} else {
			e.received = append(e.received, n)
		}
	}
	for _, key := range routes {
		e := all[key]
		c.preferHome(key, e.received)
		for i := range max(len(e.sent), len(e.received)) {
			m := &message{}
			if i < len(e.sent) {
				m.sent, e.sent[i].message = e.sent[i], m
			}
			if i < len(e.received) {
				m.received, e.received[i].message = e.received[i], m
			}
			c.messages = append(c.messages, m)
			if m.sent == nil {
				c.unsentRoutes[key] = true
			}
		}
	}
}

// preferHome puts the receipts of a customer's request at the customer's own branch
// first: of two, the other one is the one too many.
func (c *checker) preferHome(key route, received []*node) {
	if key.from.Kind != Customer {
		return
	}
	slices.SortStableFunc(received, func(a, b *node) int {
		switch aHome, bHome := a.ID == key.from.ID, b.ID == key.from.ID; {
		case aHome == bHome:
			return 0
		case aHome:
			return -1
		}
		return 1
	})
}

// delivery checks that each message is sent once and received once.
func (c *checker) delivery() {
	first := make(map[route]*message)
	for _, m := range c.messages {
		key := routeOf(m.either())
		earlier := first[key]
		if earlier == nil {
			first[key] = m
		}
		switch {
		case m.received == nil && !c.knowsBranches, m.sent == nil && m.received.Peer.Kind == Customer && !c.knowsCustomers:
			// The other end is in a part that is not there.
		case m.received == nil:
			c.undelivered(m.sent, earlier)
		case m.sent == nil:
			c.unsent(m.received, earlier)
		case m.sent.Operation != m.received.Operation:
			c.add(m.received, m.sent, "the message is a %s where it is received, and a %s where it was sent", m.received.Operation, m.sent.Operation)
		}
	}
}

// either returns an end of a message that is there.
func (m *message) either() *node {
	if m.sent != nil {
		return m.sent
	}
	return m.received
}

// undelivered tells of a send without its receipt.
func (c *checker) undelivered(sent *node, earlier *message) {
	switch {
	case earlier != nil && earlier.sent != nil:
		c.add(sent, earlier.sent, "the message is sent once more than it is received")
	case sent.Kind == Customer && !c.has(sent.ID):
		// There is no branch for this customer, so its requests fail.
	case sent.Kind == Customer:
		c.add(sent, nil, "the receipt is missing: no branch receives this request")
	case !c.has(sent.Peer.ID):
		c.add(sent, nil, "there is no %s", sent.Peer)
	default:
		c.add(sent, nil, "the receipt is missing: %s has no event that receives this message", sent.Peer)
	}
}

// unsent tells of a receipt without its send.
func (c *checker) unsent(received *node, earlier *message) {
	if earlier != nil && earlier.received != nil {
		c.add(received, earlier.received, "the message is received once more than it is sent")
		return
	}
	c.add(received, nil, "the send is missing: %s has no event that sends this message", received.Peer)
}
