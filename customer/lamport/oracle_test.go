package lamport_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// row is an element of an output, or an event in one, as a student may have it.
type row struct {
	ID        int64  `json:"id,omitempty"`
	Request   int64  `json:"customer-request-id,omitempty"`
	Type      string `json:"type,omitempty"`
	Clock     int64  `json:"logical_clock,omitempty"`
	Interface string `json:"interface,omitempty"`
	Comment   string `json:"comment,omitempty"`
	Events    []row  `json:"events,omitempty"`
}

// MarshalJSON gives a process its events, also where there are none.
func (r row) MarshalJSON() ([]byte, error) {
	if r.flat() || r.Type == "" {
		type plain row
		return json.Marshal(plain(r))
	}
	return json.Marshal(map[string]any{"id": r.ID, "type": r.Type, "events": append([]row{}, r.Events...)})
}

// flat reports whether the row is an event.
func (r *row) flat() bool { return r.Comment != "" || r.Clock != 0 || r.Interface != "" }

// process names whose row it is.
func (r *row) process() string { return fmt.Sprint(r.Type, " ", r.ID) }

// oracle is a second judge of a whole output, made as differently as can be: it runs the
// processes again, each through its events in their order, with messages that carry the
// clocks, and compares the clocks. It knows no message before it is sent.
type oracle struct {
	queues map[string][]row
	clocks map[string]int64
	// mail has what is on its way, by request, interface, sender and receiver.
	mail map[string][]int64
	// asked are the requests of each customer that its branch has not received yet.
	asked map[string][]string
	// duties are the peers that a branch has not told of a request; all of them, if it
	// refused it.
	duties   map[string]map[string]bool
	branches []string
}

// judge reports whether an output is right.
func judge(rows []row) bool {
	o := &oracle{queues: map[string][]row{}, clocks: map[string]int64{}, mail: map[string][]int64{}, asked: map[string][]string{}, duties: map[string]map[string]bool{}}
	var own, flat []row
	for _, r := range rows {
		if r.flat() {
			flat = append(flat, r)
			continue
		}
		if r.Type == "branch" {
			o.branches = append(o.branches, r.process())
		}
		for _, e := range r.Events {
			e.ID, e.Type = r.ID, r.Type
			own = append(own, e)
			o.queues[r.process()] = append(o.queues[r.process()], e)
		}
	}
	return o.run() && sameRows(own, flat) && sorted(flat) && !mixed(own)
}

// run runs all processes to their ends, and reports whether all went right.
func (o *oracle) run() bool {
	for progress := true; progress; {
		progress = false
		for p, queue := range o.queues {
			if len(queue) == 0 {
				continue
			}
			moves, right := o.step(p, queue[0])
			if !right {
				return false
			}
			if moves {
				o.queues[p] = queue[1:]
				progress = true
			}
		}
	}
	for _, queue := range o.queues {
		if len(queue) > 0 {
			return false
		}
	}
	for _, mail := range o.mail {
		if len(mail) > 0 {
			return false
		}
	}
	for request, duty := range o.duties {
		told := len(o.branches) - 1 - len(duty)
		if len(duty) > 0 && (told > 0 || strings.HasSuffix(request, "deposit")) {
			return false
		}
	}
	return true
}

// step lets a process do its next event. It reports whether it can yet, and whether it
// is right.
func (o *oracle) step(p string, e row) (moves, right bool) {
	words := strings.Fields(e.Comment)
	if len(words) != 4 || e.Clock < 1 || e.Request < 1 {
		return false, false
	}
	peer := words[2] + " " + words[3]
	operation := strings.TrimPrefix(strings.TrimPrefix(e.Interface, "propogate_"), "propagate_")
	propagated := operation != e.Interface
	request := fmt.Sprint(e.Request, " ", operation)
	if operation != "deposit" && operation != "withdraw" {
		return false, false
	}
	switch form := e.Type + " " + strings.Join(words[:3], " "); {
	case form == "customer event_sent from customer" && peer == p && !propagated:
		home := "branch " + strings.TrimPrefix(p, "customer ")
		o.clocks[p]++
		o.send(request, p, home)
		o.asked[p] = append(o.asked[p], request)
	case form == "branch event_recv from customer" && !propagated:
		if len(o.asked[peer]) == 0 || o.asked[peer][0] != request || !o.receive(request, peer, p) {
			return false, true
		}
		o.asked[peer] = o.asked[peer][1:]
		o.duties[p+" "+request] = map[string]bool{}
		for _, b := range o.branches {
			if b != p {
				o.duties[p+" "+request][b] = true
			}
		}
	case form == "branch event_sent to branch" && propagated:
		if !o.duties[p+" "+request][peer] {
			return false, true
		}
		delete(o.duties[p+" "+request], peer)
		o.clocks[p]++
		o.send(request, p, peer)
	case form == "branch event_recv from branch" && propagated:
		if !o.receive(request, peer, p) {
			return false, true
		}
	default:
		return false, false
	}
	return true, o.clocks[p] == e.Clock
}

func (o *oracle) send(request, from, to string) {
	key := request + from + to
	o.mail[key] = append(o.mail[key], o.clocks[from])
}

// receive reports whether there is such a message, and takes it.
func (o *oracle) receive(request, from, to string) bool {
	key := request + from + to
	if len(o.mail[key]) == 0 {
		return false
	}
	o.clocks[to] = max(o.clocks[to], o.mail[key][0]) + 1
	o.mail[key] = o.mail[key][1:]
	return true
}

// sameRows reports whether part 3 has the events of the other parts.
func sameRows(own, flat []row) bool {
	text := func(r row) string {
		return fmt.Sprint(r.ID, r.Type, r.Request, r.Clock, strings.Replace(r.Interface, "propagate", "propogate", 1), r.Comment)
	}
	count := map[string]int{}
	for _, r := range own {
		count[text(r)]++
	}
	for _, r := range flat {
		count[text(r)]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return !mixed(slices.Concat(own, flat))
}

// sorted reports whether part 3 is grouped by request and goes by clock.
func sorted(flat []row) bool {
	return slices.IsSortedFunc(flat, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Clock, b.Clock))
	})
}

// mixed reports whether both spellings occur.
func mixed(rows []row) bool {
	has := func(s string) bool {
		return slices.ContainsFunc(rows, func(r row) bool { return strings.HasPrefix(r.Interface, s) })
	}
	return has("propogate_") && has("propagate_")
}
