package lamport_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// seeds is how many simulated traces are changed, besides the sample.
var seeds = 3

// Of every change of a single event, in every part, exactly those are found that make
// the output wrong. What is wrong, a second judge says.
func TestEveryWrongEventIsFound(t *testing.T) {
	traces := []*lamport.Trace{read(t, sample(t))}
	for seed := range uint64(seeds) {
		traces = append(traces, simulate(seed))
	}
	wrong, right := 0, 0
	for _, trace := range traces {
		var rows []row
		if err := json.Unmarshal(encoded(t, trace), &rows); err != nil {
			t.Fatal(err)
		}
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
	if wrong < 10_000 || right == 0 {
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
	v := values{requests: []int64{99}, interfaces: []string{"propagate_deposit", "propagate_withdraw", "propogate_withdrawl", "query", ""}, comments: []string{"", "event_sent to customer 1", "event_recv from branch 9", "event_sent to branch 9"}}
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
