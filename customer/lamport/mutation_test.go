package lamport_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// seeds is how many simulated traces are changed, besides the sample.
var seeds = 2

// rounds returns how many of them to change.
func rounds() int {
	if testing.Short() {
		return 1
	}
	return seeds
}

// Of every change of a single event, in every part, exactly those are found that make
// the output wrong. What is wrong, a second judge says.
func TestEveryWrongEventIsFound(t *testing.T) {
	traces := []*lamport.Trace{read(t, sample(t))}
	for seed := range uint64(rounds()) {
		traces = append(traces, simulate(seed))
	}
	checkMutations(t, traces, func(rows []row) []row { return rows }, judge)
}

// From part 3 alone follows what happened in each process.
func TestEveryWrongEventIsFoundInPart3Alone(t *testing.T) {
	checkMutations(t, wholeTraces(t), partOf(true), func(flat []row) bool {
		var rows []row
		places := map[string]int{}
		byClock := slices.Clone(flat)
		slices.SortStableFunc(byClock, func(a, b row) int { return cmp.Compare(a.Clock, b.Clock) })
		for _, r := range byClock {
			if _, ok := places[r.process()]; !ok {
				places[r.process()] = len(rows)
				rows = append(rows, row{ID: r.ID, Type: r.Type})
			}
			p := &rows[places[r.process()]]
			p.Events = append(p.Events, row{Request: r.Request, Clock: r.Clock, Interface: r.Interface, Comment: r.Comment})
		}
		return judge(slices.Concat(rows, flat))
	})
}

// From part 2 alone follows what customers sent: the requests that came, in that order.
func TestEveryWrongEventIsFoundInPart2Alone(t *testing.T) {
	checkMutations(t, wholeTraces(t), func(rows []row) []row {
		return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.flat() || r.Type == "customer" })
	}, func(branches []row) bool {
		rows := slices.Clone(branches)
		places := map[string]int{}
		for _, b := range branches {
			for _, e := range b.Events {
				from, is := strings.CutPrefix(e.Comment, "event_recv from customer ")
				if !is {
					continue
				}
				if _, ok := places[from]; !ok {
					places[from] = len(rows)
					id, err := strconv.ParseInt(from, 10, 64)
					if err != nil {
						return false
					}
					rows = append(rows, row{ID: id, Type: "customer"})
				}
				c := &rows[places[from]]
				c.Events = append(c.Events, row{Request: e.Request, Clock: int64(len(c.Events) + 1), Interface: e.Interface, Comment: "event_sent from customer " + from})
			}
		}
		return judge(withPart3(rows))
	})
}

// partOf returns what takes one part of an output: its list of events, or the rest.
func partOf(flat bool) func([]row) []row {
	return func(rows []row) []row {
		return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.flat() != flat })
	}
}

// withPart3 returns parts 1 and 2 with the part 3 that belongs to them.
func withPart3(rows []row) []row {
	var flat []row
	for _, r := range rows {
		for _, e := range r.Events {
			e.ID, e.Type = r.ID, r.Type
			flat = append(flat, e)
		}
	}
	slices.SortStableFunc(flat, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Clock, b.Clock))
	})
	return slices.Concat(rows, flat)
}

// wholeTraces returns the sample, and traces in which each branch takes part.
func wholeTraces(t *testing.T) []*lamport.Trace {
	traces := []*lamport.Trace{read(t, sample(t))}
	for seed := uint64(0); len(traces) <= rounds(); seed++ {
		trace := simulate(seed)
		if !slices.ContainsFunc(trace.Branches, func(h lamport.History) bool { return len(h.Events) < 3 }) {
			traces = append(traces, trace)
		}
	}
	return traces
}

// checkMutations checks that of every change of a part of each trace exactly those are
// found that a judge finds wrong.
func checkMutations(t *testing.T, traces []*lamport.Trace, part func([]row) []row, judge func([]row) bool) {
	t.Helper()
	wrong, right := 0, 0
	for _, trace := range traces {
		var rows []row
		if err := json.Unmarshal(encoded(t, trace), &rows); err != nil {
			t.Fatal(err)
		}
		rows = part(rows)
		if !judge(rows) {
			t.Fatalf("the second judge finds a right trace wrong:\n%s", encoded(t, trace))
		}
		mutate(rows, func(what string, mutated []row) {
			data, err := json.Marshal(mutated)
			if err != nil {
				t.Fatal(err)
			}
			got, err := lamport.Read(lamport.File{Name: "mutated", Data: data})
			if err != nil {
				t.Fatal(err)
			}
			found := lamport.Check(got)
			if judge(mutated) {
				right++
				if len(found) > 0 {
					t.Fatalf("%s leaves it right, and is complained of: %v\n%s", what, found, data)
				}
				return
			}
			wrong++
			if len(found) == 0 {
				t.Fatalf("%s is not found:\n%s", what, data)
			}
		})
	}
	if wrong < 300 || right == 0 {
		t.Errorf("%d changes make it wrong, %d leave it right: want many, and some", wrong, right)
	}
	t.Logf("%d changes made traces wrong, %d left them right", wrong, right)
}

// mutate calls yield with every output that one change makes of another.
func mutate(rows []row, yield func(what string, mutated []row)) {
	all := gather(rows)
	for i := range rows {
		if rows[i].flat() {
			mutateList(rows, i, all, func(what string, list []row) { yield("part 3: "+what, list) })
			continue
		}
		for j := range rows[i].Events {
			mutateList(rows[i].Events, j, all, func(what string, list []row) {
				mutated := slices.Clone(rows)
				mutated[i].Events = list
				yield(fmt.Sprintf("%s: %s", rows[i].process(), what), mutated)
			})
			move(rows, i, j, yield)
		}
	}
}

// values are what the rows of an output have.
type values struct {
	requests             []int64
	interfaces, comments []string
	processes            []row
}

func gather(rows []row) values {
	v := values{
		requests:   []int64{99},
		interfaces: []string{"propagate_deposit", "propagate_withdraw", "propogate_withdrawal", "query", ""},
		comments:   []string{"", "event_sent to customer 1", "event_recv from branch 9", "event_sent to branch 9"},
	}
	for _, r := range rows {
		if !r.flat() {
			v.processes = append(v.processes, row{ID: r.ID, Type: r.Type})
			continue
		}
		v.requests = append(v.requests, r.Request)
		v.interfaces = append(v.interfaces, r.Interface)
		v.comments = append(v.comments, r.Comment)
	}
	v.processes = append(v.processes, row{ID: 9, Type: "branch"})
	slices.Sort(v.requests)
	slices.Sort(v.interfaces)
	slices.Sort(v.comments)
	v.requests, v.interfaces, v.comments = slices.Compact(v.requests), slices.Compact(v.interfaces), slices.Compact(v.comments)
	return v
}

// mutateList calls yield with every list that one change of a row makes.
func mutateList(list []row, i int, all values, yield func(what string, mutated []row)) {
	at := fmt.Sprintf("row %d, ", i)
	set := func(what string, change func(*row)) {
		mutated := slices.Clone(list)
		change(&mutated[i])
		yield(at+what, mutated)
	}
	yield(at+"deleted", slices.Delete(slices.Clone(list), i, i+1))
	for j := i; j <= len(list); j++ {
		yield(fmt.Sprintf("%sdoubled at %d", at, j), slices.Insert(slices.Clone(list), j, list[i]))
	}
	for j := i + 1; j < len(list); j++ {
		mutated := slices.Clone(list)
		mutated[i], mutated[j] = mutated[j], mutated[i]
		yield(fmt.Sprintf("%sswapped with %d", at, j), mutated)
		mutated = slices.Clone(list)
		mutated[i].Clock, mutated[j].Clock = mutated[j].Clock, mutated[i].Clock
		yield(fmt.Sprintf("%sclock swapped with %d", at, j), mutated)
	}
	for _, by := range []int64{-1, 1, 2, 100, -list[i].Clock} {
		set(fmt.Sprintf("clock changed by %d", by), func(r *row) { r.Clock += by })
	}
	for _, request := range all.requests {
		set(fmt.Sprintf("request made %d", request), func(r *row) { r.Request = request })
	}
	for _, word := range all.interfaces {
		set("interface made "+word, func(r *row) { r.Interface = word })
	}
	for _, comment := range all.comments {
		set("comment made "+comment, func(r *row) { r.Comment = comment })
	}
	if list[i].Type != "" {
		for _, p := range all.processes {
			set("process made "+p.process(), func(r *row) { r.ID, r.Type = p.ID, p.Type })
		}
	}
}

// move calls yield with every output in which an event is in another process.
func move(rows []row, i, j int, yield func(what string, mutated []row)) {
	for to := range rows {
		if to == i || rows[to].flat() {
			continue
		}
		for place := range len(rows[to].Events) + 1 {
			mutated := slices.Clone(rows)
			mutated[i].Events = slices.Delete(slices.Clone(rows[i].Events), j, j+1)
			mutated[to].Events = slices.Insert(slices.Clone(rows[to].Events), place, rows[i].Events[j])
			yield(fmt.Sprintf("%s: row %d moved to %s, place %d", rows[i].process(), j, rows[to].process(), place), mutated)
		}
	}
}
