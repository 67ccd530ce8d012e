package answers

import (
	"bytes"
	"fmt"
	"slices"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/internal/jsonfile"
)

// MaxOutputBytes is the size of the largest output that is read.
const MaxOutputBytes = customer.MaxInputBytes

// File is a file in memory.
type File struct {
	// Name is the file's name, for messages.
	Name string
	// Data is all of it.
	Data []byte
}

// Mode says how customers ran.
type Mode string

const (
	// Sequential customers run one after the other, in the input's order.
	Sequential Mode = "one after the other"
	// Concurrent customers run at once, and all queries come last.
	Concurrent Mode = "at once, queries last"
)

// Verdict is what was found in an output.
type Verdict struct {
	// Differences are what is wrong, in the output's order; none in a right output.
	Differences []Difference
	// Mode is how the customers ran for whom the output was judged.
	Mode Mode
	// Form is the form that the output has.
	Form Form
	// Events is how many events the input has.
	Events int
	// Undecided says that no order of the writes was found that explains the answers, and
	// none was excluded, within the time that it may take.
	Undecided bool
}

// Difference is something wrong in an output.
type Difference struct {
	// Problem says what is wrong and what was expected.
	Problem string
	// Input is the place of the event in the input; empty if it is about none.
	Input string
	// Reason says why the answer was expected, or what the wrong one comes from; empty
	// if there is no more to say.
	Reason string

	out *output
	at  place
}

// Place returns where it is: "output.json:3:9: element 2 (id 2), answer 1". It reads the
// output up to there.
func (d Difference) Place() string { return d.out.where(d.at) }

// String returns the difference in one line.
func (d Difference) String() string {
	text := fmt.Sprintf("%s: %s", d.Place(), d.Problem)
	if d.Input != "" {
		text += fmt.Sprintf(" (%s)", d.Input)
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// Lines returns the difference in a few lines, of which the first has its place.
func (d Difference) Lines() []string {
	lines := []string{fmt.Sprintf("%s: %s", d.Place(), d.Problem)}
	for _, more := range []string{d.Input, d.Reason} {
		if more != "" {
			lines = append(lines, more)
		}
	}
	return lines
}

// maxDifferences is how many differences are told at most, and maxReasons how many of
// them with what takes a search.
const (
	maxDifferences = 10_000
	maxReasons     = 100
)

// Check judges an output. Files of the edition of 2020 are those in which queries have
// money. Their customers may have run either way; others ran one after the other, unless
// concurrent says that they ran at once. An error says why a file can't be read, a line
// for each problem.
func Check(input, output File, concurrent bool) (*Verdict, error) {
	in, err := customer.ReadInput(input.Name, bytes.NewReader(input.Data))
	if err != nil {
		return nil, err
	}
	out, err := readOutput(output, maxAnswers)
	if err != nil {
		return nil, err
	}
	labels := readLabels(input)
	t := newTask(in, labels.events)
	if concurrent {
		return t.judge(out, Concurrent), nil
	}
	v := t.judge(out, Sequential)
	if len(v.Differences) > 0 && labels.queriesHaveMoney {
		if other := t.judge(out, Concurrent); len(other.Differences) <= len(v.Differences) {
			return other, nil
		}
	}
	return v, nil
}

// judge judges an output, in the form that explains it best: without "recv", the balances
// may be those of customers or those of queries.
func (t *task) judge(out *output, mode Mode) *Verdict {
	var best *Verdict
	for _, form := range out.forms(t.input.Form) {
		v := &Verdict{Mode: mode, Form: form, Events: len(t.events)}
		c := &checker{task: t, out: out, verdict: v, answered: make([]*answer, len(t.events)), moved: make([]bool, len(t.events))}
		c.check()
		slices.SortStableFunc(v.Differences, func(a, b Difference) int { return a.at.offset - b.at.offset })
		if best == nil || len(v.Differences) < len(best.Differences) {
			best = v
		}
	}
	return best
}

// checker judges one output in one form and mode.
type checker struct {
	*task
	out     *output
	verdict *Verdict
	// answered are the answers to the events; nil where there is none.
	answered []*answer
	// moved says of which events the answers are out of order.
	moved []bool
}

// check finds the differences.
func (c *checker) check() {
	c.verdict.Differences = append(c.verdict.Differences, c.out.faults...)
	c.expect()
	if c.verdict.Form == Basic || c.verdict.Form == Consistency {
		c.align()
		c.shape()
	} else {
		c.alignBalances()
	}
	if c.verdict.Mode == Sequential {
		c.compareAll()
		return
	}
	c.explain()
}

// differ records a difference at an answer to an event, or at a place of its own.
func (c *checker) differ(at place, e *event, reason, format string, args ...any) {
	if len(c.verdict.Differences) >= maxDifferences {
		return
	}
	d := Difference{Problem: fmt.Sprintf(format, args...), Reason: reason, out: c.out, at: at}
	if e != nil {
		d.Input = e.where(c.input.Name)
	}
	c.verdict.Differences = append(c.verdict.Differences, d)
}

// labels are what of an input means nothing to a replay.
type labels struct {
	// events are the ids of the events of each customer element; -1 where there is none.
	events [][]int64
	// queriesHaveMoney says that the file is of the edition of 2020.
	queriesHaveMoney bool
}

// readLabels reads them from an input that can be read.
func readLabels(input File) labels {
	var l labels
	p := &jsonfile.Problems{Name: input.Name, Data: jsonfile.WithoutMark(input.Data)}
	top, ok := p.Parse()
	if !ok || top.Kind() != '[' {
		return l
	}
	for element := range top.Items() {
		events, ok := fields(element)["events"]
		if !ok || events.Kind() != '[' {
			continue
		}
		ids := []int64{}
		for e := range events.Items() {
			f := fields(e)
			id, ok := integer(f["id"])
			if !ok {
				id = -1
			}
			ids = append(ids, id)
			_, money := f["money"]
			l.queriesHaveMoney = l.queriesHaveMoney || money && word(f["interface"]) == string(customer.Query)
		}
		l.events = append(l.events, ids)
	}
	return l
}
