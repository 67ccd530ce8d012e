package lamport

import "slices"

// clocks2020 checks the clock of each event of the edition of 2020.
func (c *checker) clocks2020(writes []*write) {
	byID := make(map[int64]*write)
	for _, w := range writes {
		byID[w.id] = w
	}
	spans := newSpans(c.nodes)
	for _, n := range c.nodes {
		carried, known := c.carried(n, byID[n.Request], spans)
		if !known {
			carried = nil
		}
		befores := []int64{n.clockBefore()}
		if n.before != nil && n.before.want != 0 {
			befores = append(befores, n.before.want)
		}
		if !slices.ContainsFunc(befores, func(before int64) bool { return explained(n.Clock, before, carried, known) }) {
			n.want = n.clockBefore() + 1
			c.tell2020(n, carried)
		}
	}
	for _, w := range writes {
		c.answers(w, spans)
	}
}

// explained reports whether a clock comes of the clock before, or of one that a message
// may have carried; of none if the clocks are known and there are none.
func explained(clock, before int64, carried []span, known bool) bool {
	if !known {
		return clock > before
	}
	if len(carried) == 0 {
		return clock == before+1
	}
	return slices.ContainsFunc(carried, func(s span) bool { return s.explains(clock, before) })
}

// span is what the clock of a process was from one event up to another.
type span []int64

// explains reports whether a receipt with a clock, after another clock, comes of a
// message that was sent in the span.
func (s span) explains(clock, before int64) bool {
	if len(s) == 0 {
		return false
	}
	if clock == before+1 && s[0] <= before {
		return true
	}
	_, found := slices.BinarySearch(s, clock-1)
	return found && clock-1 >= before
}

// spans are the clocks of all processes.
type spans map[Process]span

func newSpans(nodes []*node) spans {
	all := make(spans)
	for _, n := range nodes {
		all[n.Process] = append(all[n.Process], n.Clock)
	}
	for _, s := range all {
		slices.Sort(s) // they are in order, in a right trace
	}
	return all
}

// from returns the clocks of a process from an event on, up to before a later one; up to
// the end if that is nil.
func (all spans) from(n, end *node) span {
	s := all[n.Process]
	if end == nil {
		return s[n.index:]
	}
	return s[n.index:max(n.index+1, end.index)]
}

// carried returns the clocks that the message may have carried that an event receives;
// none for an event that receives nothing. They are not known for a write that is not
// whole.
func (c *checker) carried(n *node, w *write, all spans) ([]span, bool) {
	switch n.Step {
	case Request:
		return []span{{1}}, true // the customer's own clock, at its first event
	case PropagateRequest:
		origin := w.origin()
		if origin == nil {
			return nil, false
		}
		executed, answered := w.at(Execute, origin.Process), w.at(Response, origin.Process)
		if len(executed) == 0 || len(answered) == 0 {
			return nil, false
		}
		return []span{all.from(executed[0], answered[0])}, true
	case PropagateResponse:
		if w.origin() == nil || len(w.steps[PropagateExecute]) > maxAnswers {
			return nil, false
		}
		var from []span
		for _, executed := range w.steps[PropagateExecute] {
			from = append(from, all.from(executed, nil))
		}
		return from, len(from) > 0
	}
	return nil, true
}

// tell2020 records that the clock of an event is wrong, and why.
func (c *checker) tell2020(n *node, carried []span) {
	if len(carried) == 0 {
		c.add(n, n.before, "the clock must be %d, got %d: one more than before", n.want, n.Clock)
		return
	}
	earliest := carried[0][0]
	for _, s := range carried {
		earliest = min(earliest, s[0])
	}
	c.add(n, n.before, "the clock must be one more than the branch's own or than the message's, whichever is later, got %d: the branch was at %d, and the message has %d or a later clock of its sender",
		n.Clock, n.clockBefore(), earliest)
}

// maxAnswers bounds the peers whose answers are told apart.
const maxAnswers = 256

// answers checks that the responses of a write can be those of its peers, one of each.
// Each response alone is checked already.
func (c *checker) answers(w *write, all spans) {
	responses, executed := w.steps[PropagateResponse], w.steps[PropagateExecute]
	if w.origin() == nil || len(responses) != len(executed) || len(responses) > maxAnswers {
		return
	}
	// A response that no peer explains is told already.
	of := make([]int, len(executed)) // the response of each peer, from 1
	for i, response := range responses {
		if response.want != 0 {
			return
		}
		if !assign(i+1, of, make([]bool, len(executed)), func(peer, i int) bool {
			r := responses[i-1]
			return all.from(executed[peer], nil).explains(r.Clock, r.clockBefore())
		}) {
			c.add(response, responses[0], "the responses can't come of all peers: in no order do they explain this one")
			return
		}
	}
}

// assign finds a peer for a response, and other peers for those that have it already
// (Kuhn's algorithm).
func assign(response int, of []int, tried []bool, may func(peer, response int) bool) bool {
	for peer := range of {
		if tried[peer] || !may(peer, response) {
			continue
		}
		tried[peer] = true
		if of[peer] == 0 || assign(of[peer], of, tried, may) {
			of[peer] = response
			return true
		}
	}
	return false
}
