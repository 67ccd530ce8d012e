package lamport_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// world2020 is a bank of the edition of 2020 in one goroutine. Chance picks what happens
// next; sends and replies are no events and carry the clock of that moment.
type world2020 struct {
	random   *rand.Rand
	branches [][]event2020
	writes   []*write2020
}

// event2020 is an event of a branch.
type event2020 struct {
	ID    int    `json:"id,omitempty"`
	Name  string `json:"name"`
	Clock int64  `json:"clock"`
}

// write2020 is a write on its way: step says how far it is at each branch.
type write2020 struct {
	id, origin int
	operation  string
	refused    bool
	stage      int // at the origin: 0 before the request, 1 requested, 2 executed, 3 over
	asked      []int64
	replies    []int64
	peer       []int // 0, 1 asked, 2 requested, 3 executed, 4 replied, 5 counted
}

func (w *world2020) clock(b int) int64 {
	if n := len(w.branches[b]); n > 0 {
		return w.branches[b][n-1].Clock
	}
	return 0
}

func (w *world2020) tick(b int, x *write2020, step string, message int64) {
	w.branches[b] = append(w.branches[b], event2020{x.id, x.operation + "_" + step, max(w.clock(b), message) + 1})
}

// simulate2020 returns the events of each branch in a run.
func simulate2020(seed uint64, most int) [][]event2020 {
	w := &world2020{random: rand.New(rand.NewPCG(seed, 2020))}
	w.branches = make([][]event2020, 1+w.random.IntN(most))
	for id := range 1 + w.random.IntN(2) {
		x := &write2020{id: id + 2, origin: w.random.IntN(len(w.branches)), operation: []string{"deposit", "withdraw"}[w.random.IntN(2)]}
		x.refused = x.operation == "withdraw" && w.random.IntN(3) == 0
		x.peer, x.asked, x.replies = make([]int, len(w.branches)), make([]int64, len(w.branches)), make([]int64, len(w.branches))
		w.writes = append(w.writes, x)
	}
	for {
		var acts []func()
		for _, x := range w.writes {
			acts = append(acts, w.acts(x)...)
		}
		if len(acts) == 0 {
			return w.branches
		}
		acts[w.random.IntN(len(acts))]()
	}
}

// acts returns what may happen next about a write.
func (w *world2020) acts(x *write2020) (acts []func()) {
	at := func(stage int, step string, message int64) {
		if x.stage == stage {
			acts = append(acts, func() { x.stage++; w.tick(x.origin, x, step, message) })
		}
	}
	at(0, "request", 1)
	at(1, "execute", 0)
	counted := 0
	for p := range x.peer {
		if p == x.origin || x.refused {
			counted++
			continue
		}
		switch x.peer[p] {
		case 0:
			if x.stage == 2 {
				acts = append(acts, func() { x.peer[p], x.asked[p] = 1, w.clock(x.origin) })
			}
		case 1:
			acts = append(acts, func() { x.peer[p] = 2; w.tick(p, x, "propagate_request", x.asked[p]) })
		case 2:
			acts = append(acts, func() { x.peer[p] = 3; w.tick(p, x, "propagate_execute", 0) })
		case 3:
			acts = append(acts, func() { x.peer[p], x.replies[p] = 4, w.clock(p) })
		case 4:
			acts = append(acts, func() { x.peer[p] = 5; w.tick(x.origin, x, "propagate_response", x.replies[p]) })
		case 5:
			counted++
		}
	}
	if counted == len(x.peer) {
		at(2, "response", 0)
	}
	return acts
}

// element2020 is an element of an output.
type element2020 struct {
	Pid     int         `json:"pid,omitempty"`
	Eventid int         `json:"eventid,omitempty"`
	Data    []event2020 `json:"data"`
}

// output2020 returns the output that belongs to the events of each branch.
func output2020(branches [][]event2020) (elements []element2020) {
	writes := map[int][]event2020{}
	for b, events := range branches {
		elements = append(elements, element2020{Pid: b + 1, Data: append([]event2020{}, events...)})
		for _, e := range events {
			writes[e.ID] = append(writes[e.ID], event2020{Name: e.Name, Clock: e.Clock})
		}
	}
	for id := 2; len(writes[id]) > 0; id++ {
		slices.SortStableFunc(writes[id], func(a, b event2020) int { return int(a.Clock - b.Clock) })
		elements = append(elements, element2020{Eventid: id, Data: writes[id]})
	}
	return elements
}

// checked2020 returns what is wrong in an output, as messages.
func checked2020(t *testing.T, elements []element2020) (violations, text string) {
	t.Helper()
	data, err := json.Marshal(elements)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, v := range lamport.Check(read(t, lamport.File{Name: "f", Data: data})) {
		found = append(found, v.String())
	}
	return strings.Join(found, "\n"), string(data)
}

func TestConcurrentRunsOf2020AreRight(t *testing.T) {
	for seed := range uint64(1000) {
		if found, text := checked2020(t, output2020(simulate2020(seed, 5))); found != "" {
			t.Fatalf("seed %d is right, and is complained of:\n%s\n%s", seed, found, text)
		}
	}
}

// Of every change of a single event at a branch, exactly those are found that no run can
// have made. Which these are is found by trying all runs.
func TestEveryWrongEventOf2020IsFound(t *testing.T) {
	wrong, right := 0, 0
	for seed := range uint64(5 * rounds()) {
		branches := simulate2020(seed, 3)
		if !possible(branches) {
			t.Fatalf("seed %d: the search finds no run that makes %v", seed, branches)
		}
		mutate2020(branches, func(what string, mutated [][]event2020) {
			found, text := checked2020(t, output2020(mutated))
			switch {
			case possible(mutated):
				right++
				if found != "" {
					t.Errorf("%s leaves it right, and is complained of:\n%s\n%s", what, found, text)
				}
			case found == "":
				t.Errorf("%s is not found:\n%s", what, text)
			default:
				wrong++
			}
		})
	}
	if wrong < 300 || right == 0 {
		t.Errorf("%d changes make it wrong, %d leave it right: want many, and some", wrong, right)
	}
	t.Logf("%d changes made traces wrong, %d left them right", wrong, right)
}

// mutate2020 calls yield with every list of events that one change makes.
func mutate2020(branches [][]event2020, yield func(string, [][]event2020)) {
	for b, events := range branches {
		with := func(what string, list []event2020) {
			mutated := slices.Clone(branches)
			mutated[b] = list
			yield(what, mutated)
		}
		for i, e := range events {
			at := fmt.Sprintf("branch %d, event %d: ", b+1, i+1)
			set := func(what string, change event2020) {
				list := slices.Clone(events)
				list[i] = change
				with(at+what, list)
			}
			with(at+"deleted", slices.Delete(slices.Clone(events), i, i+1))
			with(at+"doubled", slices.Insert(slices.Clone(events), i, e))
			for _, by := range []int64{-1, 1, 2, 50} {
				set(fmt.Sprintf("clock changed by %d", by), event2020{e.ID, e.Name, e.Clock + by})
			}
			set("another write", event2020{5 - e.ID, e.Name, e.Clock})
			operation, step, _ := strings.Cut(e.Name, "_")
			set("another operation", event2020{e.ID, map[string]string{"deposit": "withdraw", "withdraw": "deposit"}[operation] + "_" + step, e.Clock})
			for _, other := range []string{"request", "execute", "propagate_request", "propagate_execute", "propagate_response", "response", "respond"} {
				set("step made "+other, event2020{e.ID, operation + "_" + other, e.Clock})
			}
			if i > 0 {
				list := slices.Clone(events)
				list[i-1], list[i] = list[i], list[i-1]
				with(at+"swapped with the one before", list)
			}
			for to := range branches {
				if to != b {
					mutated := slices.Clone(branches)
					mutated[b] = slices.Delete(slices.Clone(events), i, i+1)
					place, _ := slices.BinarySearchFunc(branches[to], e.Clock, func(o event2020, clock int64) int { return int(o.Clock - clock) })
					mutated[to] = slices.Insert(slices.Clone(branches[to]), place, e)
					yield(fmt.Sprintf("%smoved to branch %d", at, to+1), mutated)
				}
			}
		}
	}
}
