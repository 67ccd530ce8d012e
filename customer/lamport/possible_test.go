package lamport_test

import (
	"fmt"
	"slices"
	"strings"
)

// search tries all runs of the edition of 2020 that go through given events: at any
// moment a branch may send what it owes, with the clock that it has then.
type search struct {
	branches [][]event2020
	seen     map[string]bool
}

// moment is how far a run is. Its messages are values, so that they can be compared.
type moment struct {
	at []int
	// done has the steps that were made, such as "2 request 1" for write 2 at branch 1.
	done map[string]bool
	// asks and replies have the clocks of messages on their way, by write and peer.
	asks, replies map[string]int64
}

// possible reports whether there is a run with these events.
func possible(branches [][]event2020) bool {
	s := &search{branches: branches, seen: map[string]bool{}}
	return s.from(moment{make([]int, len(branches)), map[string]bool{}, map[string]int64{}, map[string]int64{}})
}

func (m moment) clone() moment {
	c := moment{slices.Clone(m.at), map[string]bool{}, map[string]int64{}, map[string]int64{}}
	for k := range m.done {
		c.done[k] = true
	}
	for k, v := range m.asks {
		c.asks[k] = v
	}
	for k, v := range m.replies {
		c.replies[k] = v
	}
	return c
}

func (s *search) from(m moment) bool {
	key := fmt.Sprint(m)
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	over := true
	for b, events := range s.branches {
		if m.at[b] == len(events) {
			continue
		}
		over = false
		for _, next := range s.next(m, b, events[m.at[b]]) {
			next.at[b]++
			if s.from(next) {
				return true
			}
		}
	}
	if over {
		return s.whole(m)
	}
	for _, next := range s.silent(m) {
		if s.from(next) {
			return true
		}
	}
	return false
}

func (s *search) clock(m moment, b int) int64 {
	if m.at[b] == 0 {
		return 0
	}
	return s.branches[b][m.at[b]-1].Clock
}

// write is the id and the operation of an event; a write has one operation.
func write(e event2020) (write, step string) {
	operation, step, _ := strings.Cut(e.Name, "_")
	return fmt.Sprint(e.ID, operation), step
}

// next returns what an event of a branch may lead to.
func (s *search) next(m moment, b int, e event2020) (all []moment) {
	id, step := write(e)
	own := s.clock(m, b)
	did := func(step string) string { return fmt.Sprint(id, " ", step, " ", b) }
	take := func(needs string, clock int64, change func(moment)) {
		if (needs == "" || m.done[did(needs)]) && (!m.done[did(step)] || step == "propagate_response") && e.Clock == clock+1 {
			c := m.clone()
			c.done[did(step)] = true
			change(c)
			all = append(all, c)
		}
	}
	switch step {
	case "request":
		if !m.done[fmt.Sprint(e.ID, " begun")] {
			take("", max(own, 1), func(c moment) { c.done[fmt.Sprint(e.ID, " begun")] = true })
		}
	case "execute":
		if !m.done[did("response")] {
			take("request", own, func(moment) {})
		}
	case "propagate_request":
		key := fmt.Sprint(id, " ", b)
		if ask, ok := m.asks[key]; ok {
			take("", max(own, ask), func(c moment) { delete(c.asks, key) })
		}
	case "propagate_execute":
		take("propagate_request", own, func(moment) {})
	case "propagate_response":
		for key, reply := range m.replies {
			if strings.HasPrefix(key, id+" ") && m.done[did("execute")] && !m.done[did("response")] {
				take("", max(own, reply), func(c moment) {
					delete(c.replies, key)
					c.done["counted "+key] = true
				})
			}
		}
	case "response":
		asked, counted := s.peers(m, id, b)
		refused := asked == 0 && strings.HasSuffix(id, "withdraw")
		if refused || m.done[did("execute")] && counted == len(s.branches)-1 {
			take("request", own, func(moment) {})
		}
	}
	return all
}

// peers counts the peers of a branch that were asked about a write, and whose replies
// were counted.
func (s *search) peers(m moment, id string, b int) (asked, counted int) {
	for p := range s.branches {
		if m.done[fmt.Sprint(id, " asked ", p)] {
			asked++
		}
		if m.done[fmt.Sprint("counted ", id, " ", p)] {
			counted++
		}
	}
	return asked, counted
}

// silent returns the moments after a send or a reply, which are no events.
func (s *search) silent(m moment) (all []moment) {
	for done := range m.done {
		words := strings.Fields(done)
		if len(words) != 3 || words[1] != "execute" && words[1] != "propagate_execute" {
			continue
		}
		id, b := words[0], int(words[2][0]-'0')
		if words[1] == "propagate_execute" {
			if key := fmt.Sprint(id, " ", b); !m.done["replied "+key] {
				c := m.clone()
				c.done["replied "+key] = true
				c.replies[key] = s.clock(m, b)
				all = append(all, c)
			}
			continue
		}
		for p := range s.branches {
			if p == b || m.done[fmt.Sprint(id, " asked ", p)] || m.done[fmt.Sprint(id, " response ", b)] {
				continue
			}
			c := m.clone()
			c.done[fmt.Sprint(id, " asked ", p)] = true
			c.asks[fmt.Sprint(id, " ", p)] = s.clock(m, b)
			all = append(all, c)
		}
	}
	return all
}

// whole reports whether every write is over, and nothing is on its way.
func (s *search) whole(m moment) bool {
	for b, events := range s.branches {
		for _, e := range events {
			id, step := write(e)
			if step == "request" && !m.done[fmt.Sprint(id, " response ", b)] || step == "propagate_request" && !m.done[fmt.Sprint(id, " propagate_execute ", b)] {
				return false
			}
		}
	}
	return len(m.asks) == 0 && len(m.replies) == 0
}
