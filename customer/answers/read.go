package answers

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/internal/jsonfile"
)

// Form is a form of output.json.
type Form string

// The forms: those of customer, and the one of 2025, which has an element for each query
// with the id of its event.
const (
	Basic           = Form(customer.Basic)
	Consistency     = Form(customer.Consistency)
	Final           = Form(customer.ConsistencyFinal)
	MonotonicWrites = Form("monotonic-writes")
)

// maxAnswers is how many answers an output has at most.
const maxAnswers = 4 << 20

// output is an output as it was read.
type output struct {
	file     *jsonfile.Problems
	elements []element
	// answers are those of all elements, in the file's order.
	answers []*answer
	// faults are what can't be understood.
	faults []Difference
	// end is the offset of the end of the array.
	end int
}

// place is a place in an output.
type place struct {
	offset int
	// element and answer count from 1; 0 stands for none.
	element, answer int
	customer        string
}

// element is an element of an output.
type element struct {
	place place
	id    int64
	// balance is that of an element without "recv".
	balance *int64
	// received says that there is a "recv".
	received bool
}

// answer is what an output says of an event.
type answer struct {
	place     place
	element   int // in output.elements
	customer  int64
	word      string // the interface; empty if it is missing
	result    string // success, fail, another word as it is, or empty
	balance   *int64
	branch    *int64
	badNumber string // what a balance is that is no integer
	used      bool
}

// readOutput reads an output with at most so many answers. An error says why it is none.
func readOutput(f File, most int) (*output, error) {
	if len(f.Data) > MaxOutputBytes {
		return nil, fmt.Errorf("read %s: larger than %d MiB", f.Name, MaxOutputBytes>>20)
	}
	o := &output{file: &jsonfile.Problems{Name: f.Name, Data: jsonfile.WithoutMark(f.Data)}}
	top, ok := o.file.Parse()
	if !ok {
		return nil, o.file.Err()
	}
	if top.Kind() != '[' {
		o.file.Add(top.Offset, "", "must be an array of what customers received, got %s", top)
		return nil, o.file.Err()
	}
	o.end = top.Offset + len(top.Raw) - 1
	at := place{}
	for v := range top.Items() {
		at.element++
		at.offset = v.Offset
		if err := o.element(v, at); err != nil {
			o.file.Add(v.Offset, at.path(), "%v", err)
			return nil, o.file.Err()
		}
		if len(o.answers) > most {
			return nil, fmt.Errorf("read %s: more than %d answers", f.Name, most)
		}
	}
	return o, nil
}

// element reads one element.
func (o *output) element(v jsonfile.Value, at place) error {
	if v.Kind() != '{' {
		return fmt.Errorf("must be an object, got %s", v)
	}
	f := fields(v)
	for _, key := range []string{"logical-clock", "comment", "pid", "eventid"} {
		if _, ok := f[key]; ok {
			return errors.New("this is a trace of logical clocks: see passbook trace check")
		}
	}
	if _, ok := f["type"]; ok {
		return errors.New("this is an input, or a trace of logical clocks (see passbook trace check); an output has what customers received")
	}
	e := element{}
	id, ok := integer(f["id"])
	if !ok {
		o.fault(at, `"id" must be an integer, got %s`, describe(f["id"]))
	}
	e.id, at.customer = id, strconv.FormatInt(id, 10)
	e.place = at
	e.balance, _ = balanceOf(f)
	received, ok := f["recv"]
	e.received = ok
	o.elements = append(o.elements, e)
	switch {
	case !ok && e.balance == nil:
		o.fault(at, `the element has neither "recv" nor "balance"`)
	case ok && received.Kind() == '[':
		for item := range received.Items() {
			at.answer++
			o.answer(item, at, id)
		}
	case ok:
		at.answer++
		o.answer(received, at, id)
	}
	return nil
}

// answer reads one answer.
func (o *output) answer(v jsonfile.Value, at place, id int64) {
	at.offset = v.Offset
	if v.Kind() != '{' {
		o.fault(at, "an answer must be an object, got %s", v)
		return
	}
	f := fields(v)
	a := &answer{place: at, element: len(o.elements) - 1, customer: id, word: strings.ToLower(word(f["interface"])), result: strings.ToLower(word(f["result"]))}
	switch a.result {
	case "succeed", "succeeded", "ok":
		a.result = success
	case "failed", "failure":
		a.result = fail
	}
	a.balance, a.badNumber = balanceOf(f)
	for _, key := range []string{"branch", "dest"} {
		if n, ok := integer(f[key]); ok {
			a.branch = &n
		}
	}
	o.answers = append(o.answers, a)
}

// balanceOf returns the balance that an object tells, as "balance" or, in files of the
// edition of 2020, as "money"; or what is there in its place.
func balanceOf(f map[string]jsonfile.Value) (balance *int64, bad string) {
	for _, key := range []string{"balance", "money"} {
		if v, ok := f[key]; ok {
			if n, ok := integer(v); ok {
				return &n, ""
			}
			return nil, v.String()
		}
	}
	return nil, ""
}

// fault records what can't be understood.
func (o *output) fault(at place, format string, args ...any) {
	if len(o.faults) >= maxDifferences {
		return
	}
	o.faults = append(o.faults, Difference{Problem: fmt.Sprintf(format, args...), out: o, at: at})
}

// where returns a place as messages have it.
func (o *output) where(at place) string {
	line, column := o.file.Place(at.offset)
	text := fmt.Sprintf("%s:%d:%d", o.file.Name, line, column)
	if path := at.path(); path != "" {
		text += ": " + path
	}
	return text
}

// path returns the place in the array.
func (p place) path() string {
	if p.element == 0 {
		return ""
	}
	text := fmt.Sprintf("element %d", p.element)
	if p.customer != "" {
		text += fmt.Sprintf(" (id %s)", p.customer)
	}
	if p.answer > 0 {
		text += fmt.Sprintf(", answer %d", p.answer)
	}
	return text
}

// forms returns the forms that an output may have.
func (o *output) forms(usual customer.OutputForm) []Form {
	form := Form(usual)
	if form != Consistency {
		form = Basic // also for an input of the second project, whose own output is a trace
	}
	if len(o.elements) == 0 || slices.ContainsFunc(o.elements, func(e element) bool { return e.received }) {
		return []Form{form}
	}
	return []Form{Final, MonotonicWrites}
}

// fields returns the values of an object by their keys, apart from blanks, case and
// underscores.
func fields(v jsonfile.Value) map[string]jsonfile.Value {
	f := make(map[string]jsonfile.Value)
	if v.Kind() != '{' {
		return f
	}
	for m := range v.Members() {
		key := strings.ReplaceAll(strings.ToLower(m.Word()), "_", "-")
		if _, ok := f[key]; !ok {
			f[key] = m.Value
		}
	}
	return f
}

// integer returns the integer that a value is.
func integer(v jsonfile.Value) (int64, bool) {
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	return n, err == nil
}

// word returns the text that a value is, without blanks around it; empty if it is none.
func word(v jsonfile.Value) string {
	if len(v.Raw) == 0 {
		return ""
	}
	text, _ := v.Text()
	return strings.TrimSpace(text)
}

// describe describes a value that may be missing.
func describe(v jsonfile.Value) string {
	if len(v.Raw) == 0 {
		return "nothing"
	}
	return v.String()
}
