package customer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object under its place in the array.
type object struct {
	reader *inputReader
	path   string // "element 3 (customer 3), event 2"
	offset int
	values map[string]value
}

// object reads an object whose keys may be only the known ones; others are
// noted and ignored. The second result is false if v is no object.
func (r *inputReader) object(v value, path string, known ...string) (object, bool) {
	if v.kind() != '{' {
		r.problems.add(v.offset, path, "must be an object, got %s", v)
		return object{}, false
	}
	o := object{reader: r, path: path, offset: v.offset, values: make(map[string]value)}
	for m := range v.members() {
		if _, twice := o.values[m.key]; twice {
			r.problems.add(m.at, path, "key %q occurs twice", m.key)
		}
		if !slices.Contains(known, m.key) {
			r.ignore(m)
		}
		o.values[m.key] = m.value
	}
	return o, true
}

// ignore notes the first occurrence of a key that means nothing here.
func (r *inputReader) ignore(m member) {
	if r.ignored[m.key] || len(r.ignored) == maxProblems {
		return
	}
	r.ignored[m.key] = true
	line, column := r.problems.place(m.at)
	r.input.Ignored = append(r.input.Ignored,
		fmt.Sprintf("%s:%d:%d: key %q means nothing here", r.input.Name, line, column, m.key))
}

// problem notes a problem of a key: at its value, or at the object if the key
// is missing.
func (o object) problem(key, format string, args ...any) {
	offset := o.offset
	if v, ok := o.values[key]; ok {
		offset = v.offset
	}
	o.reader.problems.add(offset, o.path+": "+key, format, args...)
}

// integer returns the integer of a key. It reports a problem that ends in
// needs if there is none from least to most.
func (o object) integer(key string, least, most int64, needs string) (int64, bool) {
	v, ok := o.values[key]
	if !ok {
		o.problem(key, "missing; must be %s", needs)
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	if err != nil || n < least || n > most {
		o.problem(key, "must be %s, got %s", needs, v)
		return 0, false
	}
	return n, true
}

// text returns the text of an optional key; "" if it is absent.
func (o object) text(key string) (text string, present bool) {
	v, ok := o.values[key]
	if !ok {
		return "", false
	}
	text, ok = v.text()
	if !ok {
		o.problem(key, "must be a string, got %s", v)
	}
	return text, ok
}

// word returns the text of a key that must be one of a few words.
func (o object) word(key string, words ...string) (string, bool) {
	v, ok := o.values[key]
	if !ok {
		o.problem(key, "missing; must be %s", choice(words))
		return "", false
	}
	text, _ := v.text()
	if word := strings.TrimSpace(text); slices.Contains(words, word) {
		return word, true
	}
	o.problem(key, "must be %s, got %s", choice(words), v)
	return "", false
}

// choice lists words for a message: `"a", "b" or "c"`.
func choice(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// anInteger is what ids must be that only need to be integers.
const anInteger = "an integer"

// element reads one element of the array. It returns true if the file is of
// the Lamport dialect, which ends the reading.
func (r *inputReader) element(v value) (lamport bool) {
	path := fmt.Sprintf("element %d", r.elements.total)
	o, ok := r.object(v, path, "id", "type", "events", "balance", "customer-requests")
	if !ok {
		return false
	}
	if _, ok := o.values["customer-requests"]; ok {
		o.problem("customer-requests", `this is the dialect with logical clocks, which can't be replayed; customers need "events"`)
		return true
	}
	kind, ok := o.word("type", "customer", "client", "branch", "bank")
	switch {
	case !ok:
	case kind == "branch" || kind == "bank":
		r.branch(o)
	default:
		r.customer(o)
	}
	return false
}

// branch reads a branch element.
func (r *inputReader) branch(o object) {
	r.elements.branches++
	id, idOK := o.integer("id", 1, maxBranchID, fmt.Sprintf("an integer from 1 to %d", maxBranchID))
	if idOK {
		o.path += fmt.Sprintf(" (branch %d)", id)
		if r.branches[uint32(id)] {
			o.problem("id", "another branch has this id already")
		}
		r.branches[uint32(id)] = true
	}
	balance, ok := o.integer("balance", 0, math.MaxInt64, "an integer of at least 0")
	if !idOK || !ok {
		return
	}
	r.balances = append(r.balances, branchBalance{id: id, balance: balance, offset: o.values["balance"].offset})
	r.input.Branches = append(r.input.Branches, Branch{ID: uint32(id), Balance: balance})
}

// customer reads a customer element with its events.
func (r *inputReader) customer(o object) {
	id, ok := o.integer("id", math.MinInt64, math.MaxInt64, anInteger)
	if ok {
		o.path += fmt.Sprintf(" (customer %d)", id)
	}
	c := Element{ID: id}
	events, ok := o.values["events"]
	if !ok || events.kind() != '[' {
		o.problem("events", "%s", missingOr(events, ok, "an array"))
		return
	}
	for v := range events.items() {
		path := fmt.Sprintf("%s, event %d", o.path, len(c.Events)+1)
		c.Events = append(c.Events, r.event(v, path, id))
	}
	r.input.Customers = append(r.input.Customers, c)
}

// missingOr says that a value is missing or not what it must be.
func missingOr(v value, present bool, needs string) string {
	if !present {
		return "missing; must be " + needs
	}
	return fmt.Sprintf("must be %s, got %s", needs, v)
}
