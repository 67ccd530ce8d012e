package lamport

import (
	"errors"
	"fmt"
	"slices"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// Input is what a trace must tell of: the input of the project.
type Input struct {
	// customers has the requests of each customer element, in the file's order.
	customers []asked
	// branches are the ids of the branches.
	branches []int64
}

// asked is what a customer element asks for.
type asked struct {
	id       int64
	place    Place
	requests []ask
}

// ask is one request.
type ask struct {
	id        int64
	operation Operation
	place     Place
}

// ReadInput reads an input of the project, whose customers have "customer-requests". An
// error says what can't be read, a line for each problem.
func ReadInput(f File) (*Input, error) {
	if len(f.Data) > MaxFileBytes {
		return nil, fmt.Errorf("read %s: larger than %d MiB", f.Name, MaxFileBytes>>20)
	}
	r := &inputReader{input: &Input{}, problems: &jsonfile.Problems{Name: f.Name, Data: jsonfile.WithoutMark(f.Data)}}
	top, ok := r.problems.Parse()
	if !ok {
		return nil, r.problems.Err()
	}
	if top.Kind() != '[' {
		r.problems.Add(top.Offset, "", "must be an array of customers and branches, got %s", top)
		return nil, r.problems.Err()
	}
	at := Place{file: r.problems}
	for v := range top.Items() {
		at.element++
		at.offset = v.Offset
		r.element(v, at)
	}
	if len(r.input.customers) == 0 && !r.problems.Any() {
		r.problems.Add(top.Offset, "", `there is no customer with "customer-requests"`)
	}
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return r.input, nil
}

// inputReader gathers an input.
type inputReader struct {
	input    *Input
	problems *jsonfile.Problems
}

// element reads one element of the array.
func (r *inputReader) element(v jsonfile.Value, at Place) {
	if v.Kind() != '{' {
		r.problems.Add(v.Offset, at.path(), "must be an object, got %s", v)
		return
	}
	o := newObject(v, at)
	id, ok := r.integer(o, "id")
	requests, asks := o.value("request")
	switch {
	case !ok:
	case !asks && o.has("balance"):
		r.input.branches = append(r.input.branches, id)
	case !asks || requests.Kind() != '[':
		r.problems.Add(v.Offset, at.path(), `must be a customer with "customer-requests", or a branch with its "balance"`)
	default:
		at.of = Process{Customer, id}
		c := asked{id: id, place: at}
		for item := range requests.Items() {
			at.event++
			at.offset = item.Offset
			if a, ok := r.ask(item, at); ok {
				c.requests = append(c.requests, a)
			}
		}
		r.input.customers = append(r.input.customers, c)
	}
}

// ask reads one request.
func (r *inputReader) ask(v jsonfile.Value, at Place) (ask, bool) {
	if v.Kind() != '{' {
		r.problems.Add(v.Offset, at.path(), "must be an object, got %s", v)
		return ask{}, false
	}
	o := newObject(v, at)
	id, ok := r.integer(o, "request")
	word, _ := o.value("interface")
	if len(word.Raw) == 0 {
		r.problems.Add(v.Offset, at.path(), `"interface" is missing`)
		return ask{}, false
	}
	text, _ := word.Text()
	operation, spelling, known := parseInterface(text)
	if !known || spelling != "" {
		r.problems.Add(word.Offset, at.path(), `"interface" must be deposit or withdraw, got %s`, word)
		return ask{}, false
	}
	return ask{id, operation, at}, ok
}

// integer returns the integer of a key, or records a problem.
func (r *inputReader) integer(o *object, key string) (int64, bool) {
	n, err := o.integer(key)
	if err != nil {
		r.problems.Add(o.place.offset, o.place.path(), "%v", err)
	}
	return n, err == nil
}

// CheckAgainst returns what a trace lacks of an input, and what it has besides: each
// customer element's requests in their order, and the branches. It is for what [Check]
// can't know, such as a request that no process tells of. A customer without a branch may
// have none. An error says that the edition of the trace has no customers to compare.
func CheckAgainst(t *Trace, in *Input) ([]Violation, error) {
	if t.Edition == Edition2020 {
		return nil, errors.New("a trace of 2020 to 2022 has no customers that could be compared with those of an input")
	}
	c := newChecker(t)
	c.found = nil // what Check tells
	if c.knowsCustomers {
		c.compareCustomers(in)
	}
	if c.knowsBranches {
		c.compareBranches(in)
	}
	return c.found, nil
}

// compareCustomers compares the customers of a trace with those of an input. Those of the
// same id are in the same order.
func (c *checker) compareCustomers(in *Input) {
	told := make(map[int64][]Event) // all events of a customer, which may have several elements
	for _, h := range c.t.Customers {
		told[h.ID] = append(told[h.ID], h.Events...)
	}
	for _, customer := range in.customers {
		events := told[customer.id]
		for _, want := range customer.requests {
			p := Process{Customer, customer.id}
			if len(events) > 0 && events[0].Request == want.id && events[0].Operation == want.operation {
				events = events[1:]
				continue
			}
			if len(events) == 0 && !slices.Contains(in.branches, customer.id) {
				continue // there is no branch to send it to
			}
			if len(c.found) >= maxFaults {
				return // each takes a search
			}
			v := Violation{Place: want.place, Problem: fmt.Sprintf("the trace lacks request %d (%s) of %s, or has it in another order", want.id, want.operation, p)}
			if len(events) > 0 {
				v.Other, v.OtherEvent = events[0].place, words(p, &events[0])
			}
			c.found = append(c.found, v)
			if k := slices.IndexFunc(events, func(e Event) bool { return e.Request == want.id }); k >= 0 {
				events = slices.Delete(slices.Clone(events), k, k+1)
			}
		}
		told[customer.id] = events
	}
	for _, h := range c.t.Customers {
		for i := range told[h.ID] {
			e := &told[h.ID][i]
			if len(c.found) >= maxFaults {
				return
			}
			c.found = append(c.found, Violation{Place: e.place, Problem: "the input has no such request", Event: words(h.Process, e)})
		}
		told[h.ID] = nil
	}
}

// compareBranches compares the branches of a trace with those of an input.
func (c *checker) compareBranches(in *Input) {
	known := make(map[int64]bool)
	for _, h := range c.t.Branches {
		known[h.ID] = true
	}
	for _, id := range in.branches {
		if !known[id] {
			c.found = append(c.found, Violation{Problem: fmt.Sprintf("the trace lacks branch %d, which the input has", id)})
		}
		delete(known, id)
	}
	for _, h := range c.t.Branches {
		if known[h.ID] {
			c.found = append(c.found, Violation{Problem: fmt.Sprintf("the trace has branch %d, and the input does not", h.ID)})
		}
	}
}
