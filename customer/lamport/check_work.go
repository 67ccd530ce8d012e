package lamport

// request is what a branch did about a customer's request.
type request struct {
	id     int64
	branch Process
	// received are the receipts from customers: one, unless the request id is used
	// again.
	received []*node
	// sent are the sends to each peer, in the branch's order.
	sent map[int64][]*node
	// sends are all of them.
	sends []*node
}

// requestsOf gathers what each branch did about each request.
func (c *checker) requestsOf() {
	type key struct {
		request int64
		branch  Process
	}
	known := make(map[key]*request)
	for _, n := range c.nodes {
		if n.Kind != Branch || n.Step == Received && n.Peer.Kind == Branch {
			continue
		}
		k := key{n.Request, n.Process}
		r := known[k]
		if r == nil {
			r = &request{id: n.Request, branch: n.Process, sent: make(map[int64][]*node)}
			known[k] = r
			c.requests = append(c.requests, r)
		}
		if n.Step == Received {
			r.received = append(r.received, n)
			continue
		}
		r.sent[n.Peer.ID] = append(r.sent[n.Peer.ID], n)
		r.sends = append(r.sends, n)
	}
}

// work checks that each branch did what a request asks of it: after the receipt, and
// unless it refused a withdrawal, it sends the propagation to each peer, once.
func (c *checker) work() {
	c.requestsOf()
	for _, r := range c.requests {
		if len(r.received) == 0 {
			n := r.sends[0]
			c.add(n, nil, "a branch propagates what a customer asked it for, but %s never receives request %d from a customer", n.Process, r.id)
			continue
		}
		c.causes(r)
		c.completeness(r)
	}
}

// causes checks that a request is received before it is propagated, and for the same
// operation.
func (c *checker) causes(r *request) {
	for _, sends := range r.sent {
		for i, n := range sends {
			if i >= len(r.received) {
				break
			}
			if cause := r.received[i]; n.index < cause.index {
				c.add(n, cause, "a branch propagates a request once it has received it, not before")
			}
		}
	}
	for _, n := range r.sends {
		if cause := r.received[0]; len(r.received) == 1 && n.Operation != cause.Operation {
			c.add(n, cause, "a %s is propagated as a %s", cause.Operation, n.Operation)
		}
	}
}

// completeness checks that the propagation goes to each peer, once for each receipt.
func (c *checker) completeness(r *request) {
	most := 0
	for _, sends := range r.sent {
		most = max(most, len(sends))
	}
	deposits := 0
	for _, n := range r.received {
		if n.Operation == Deposit {
			deposits++
		}
	}
	want := max(deposits, min(most, len(r.received)))
	for _, h := range c.t.Branches {
		if h.Process == r.branch {
			continue
		}
		sends := r.sent[h.ID]
		switch {
		case len(sends) > want:
			n := sends[want]
			c.add(n, sends[max(0, want-1)], "the same request is propagated to %s once more than it was received", h.Process)
		case len(sends) < want && !c.unsentRoutes[route{r.id, r.branch, h.Process}]:
			cause := r.received[0]
			c.add(cause, nil, "the propagation to %s is missing: %s never sends it there", h.Process, r.branch)
		}
	}
}

// homes checks that customers call the branches with their own ids. A customer may go
// elsewhere in files that name a branch in each event. Then there are requests of it
// that another branch carried out.
func (c *checker) homes() {
	elsewhere := make(map[Process]bool)
	for _, r := range c.requests {
		for _, n := range r.received {
			if n.Peer.ID != n.ID && len(r.sends) > 0 {
				elsewhere[n.Peer] = true
			}
		}
	}
	for _, r := range c.requests {
		for _, n := range r.received {
			if n.Peer.ID != n.ID && c.has(n.Peer.ID) && !elsewhere[n.Peer] {
				c.add(n, nil, "%s calls branch %d, but another branch has its request", n.Peer, n.Peer.ID)
			}
		}
	}
}

// order checks that the requests of a customer come to a branch in the order in which
// they were sent: a customer waits for each reply.
func (c *checker) order() {
	type way struct{ from, to Process }
	last := make(map[way]*node)
	for _, n := range c.nodes {
		if n.Kind != Customer || n.message.received == nil {
			continue
		}
		received := n.message.received
		w := way{n.Process, received.Process}
		if before := last[w]; before != nil && before.index > received.index {
			c.add(received, before, "a customer waits for each reply, but the request that it sent before comes after this one")
		}
		last[w] = received
	}
}
