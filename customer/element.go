package customer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/customer/internal/jsonfile"
)

// object is a JSON object under its place in the array.
type object struct {
	reader *inputReader
	path   path
	offset int
	// keys are the keys that mean something, each of them once, with their values.
	keys   []string
	values []jsonfile.Value
}

// object reads an object whose keys may be only the known ones; others are
// noted and ignored. The second result is false if v is no object. An object can
// be used until the next one at its depth is read.
func (r *inputReader) object(v jsonfile.Value, at path, known ...string) (object, bool) {
	if v.Kind() != '{' {
		r.problems.Add(v.Offset, at.String(), "must be an object, got %s", v)
		return object{}, false
	}
	room := &r.elementRoom
	if at.event > 0 {
		room = &r.eventRoom
	}
	o := object{reader: r, path: at, offset: v.Offset, keys: room.keys[:0], values: room.values[:0]}
	for m := range v.Members() {
		i := slices.IndexFunc(known, m.Is)
		if i < 0 {
			r.ignore(m)
			continue
		}
		if o.has(known[i]) {
			r.problems.Add(m.Key.Offset, at.String(), "key %q occurs twice", known[i])
			continue
		}
		o.keys, o.values = append(o.keys, known[i]), append(o.values, m.Value)
	}
	room.keys, room.values = o.keys, o.values
	return o, true
}

// room is memory for the keys and values of an object.
type room struct {
	keys   []string
	values []jsonfile.Value
}

// value returns the value of a key, and whether there is one.
func (o *object) value(key string) (jsonfile.Value, bool) {
	if i := slices.Index(o.keys, key); i >= 0 {
		return o.values[i], true
	}
	return jsonfile.Value{}, false
}

// has reports whether there is a key.
func (o *object) has(key string) bool {
	_, ok := o.value(key)
	return ok
}

// ignore records the first occurrence of a key that means nothing here.
func (r *inputReader) ignore(m jsonfile.Member) {
	if len(r.ignored) == jsonfile.MaxProblems {
		return
	}
	key := m.Word()
	if r.ignored[key] {
		return
	}
	r.ignored[key] = true
	line, column := r.problems.Place(m.Key.Offset)
	r.input.Ignored = append(r.input.Ignored,
		fmt.Sprintf("%s:%d:%d: key %q means nothing here", r.input.Name, line, column, key))
}

// problem records a problem with a key: at its value, or at the object if the key
// is missing.
func (o *object) problem(key, format string, args ...any) {
	offset := o.offset
	if v, ok := o.value(key); ok {
		offset = v.Offset
	}
	o.reader.problems.Add(offset, o.path.String()+": "+key, format, args...)
}

// integer returns the integer of a key. It reports a problem that ends in
// needs if there is none from least to most.
func (o *object) integer(key string, least, most int64, needs string) (int64, bool) {
	v, ok := o.value(key)
	if !ok {
		o.problem(key, "missing; must be %s", needs)
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	if err != nil || n < least || n > most {
		o.problem(key, "must be %s, got %s", needs, v)
		return 0, false
	}
	return n, true
}

// text returns the text of an optional key; "" if it is absent.
func (o *object) text(key string) (text string, present bool) {
	v, ok := o.value(key)
	if !ok {
		return "", false
	}
	text, ok = v.Text()
	if !ok {
		o.problem(key, "must be a string, got %s", v)
	}
	return text, ok
}

// name returns the name of an account in an optional key; "" if it is absent,
// or can't be a name.
func (o *object) name(key string) (text string, present bool) {
	text, present = o.text(key)
	if err := name.Check(text); err != nil {
		o.problem(key, "%v", err)
		return "", false
	}
	return o.reader.shared(text), present
}

// word returns the text of a key that must be one of a few words.
func (o *object) word(key string, words ...string) (string, bool) {
	v, ok := o.value(key)
	if !ok {
		o.problem(key, "missing; must be %s", choice(words))
		return "", false
	}
	text, _ := v.Text()
	if i := slices.Index(words, strings.TrimSpace(text)); i >= 0 {
		return words[i], true
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

// element reads one element of the array. It returns true if the file is an output,
// which ends the reading.
func (r *inputReader) element(v jsonfile.Value) (isOutput bool) {
	o, ok := r.object(v, path{element: r.elements.total}, "id", "type", "events", "balance", "customer-requests", "recv")
	if !ok {
		return false
	}
	if o.has("recv") && !o.has("type") {
		o.problem("recv", "this is what a replay wrote, an output.json; an input has customers with their events, and branches")
		return true
	}
	kind, ok := o.word("type", "customer", "client", "branch", "bank")
	switch {
	case !ok:
	case kind == "branch" || kind == "bank":
		r.branch(&o)
	default:
		r.customer(&o)
	}
	return false
}

// branch reads a branch element.
func (r *inputReader) branch(o *object) {
	r.elements.branches++
	id, idOK := o.integer("id", 1, maxBranchID, fmt.Sprintf("an integer from 1 to %d", maxBranchID))
	if idOK {
		o.path.kind, o.path.id = "branch", id
		if r.branches[uint32(id)] {
			o.problem("id", "another branch has this id already")
		}
		r.branches[uint32(id)] = true
	}
	balance, ok := o.integer("balance", 0, math.MaxInt64, "an integer of at least 0")
	if !idOK || !ok {
		return
	}
	place, _ := o.value("balance")
	r.balances = append(r.balances, branchBalance{id: id, balance: balance, offset: place.Offset})
	r.input.Branches = append(r.input.Branches, Branch{ID: uint32(id), Balance: balance})
}

// customer reads a customer element with its events. The project with logical clocks
// calls them customer-requests.
func (r *inputReader) customer(o *object) {
	id, ok := o.integer("id", math.MinInt64, math.MaxInt64, anInteger)
	if ok {
		o.path.kind, o.path.id = "customer", id
	}
	c := Element{ID: id}
	key := "events"
	if o.has(requestsKey) {
		if o.has(key) {
			o.problem(requestsKey, `a customer has its requests once, as "events" or as %q`, requestsKey)
			return
		}
		key, r.input.Form = requestsKey, Lamport
	}
	events, ok := o.value(key)
	if !ok || events.Kind() != '[' {
		o.problem(key, "%s", missingOr(events, ok, "an array"))
		return
	}
	at := o.path
	for v := range events.Items() {
		at.event++
		if r.events++; r.events > r.maxEvents {
			r.problems.Add(v.Offset, at.String(), "the file has more than %d events, which is as many as are read", r.maxEvents)
			return
		}
		if e := r.event(v, at, id, key == requestsKey); !r.problems.Any() { // otherwise the file is refused
			c.Events = append(c.Events, e)
		}
	}
	c.Events = slices.Clip(c.Events)
	r.input.Customers = append(r.input.Customers, c)
}

// missingOr says that a value is missing or not what it must be.
func missingOr(v jsonfile.Value, present bool, needs string) string {
	if !present {
		return "missing; must be " + needs
	}
	return fmt.Sprintf("must be %s, got %s", needs, v)
}
