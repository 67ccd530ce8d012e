package customer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// OutputForm is a form of output.json.
type OutputForm string

const (
	// Basic has one element for each customer element, with what it received.
	Basic OutputForm = "basic"
	// Consistency has one element for each event, which names its branch.
	Consistency OutputForm = "consistency"
	// ConsistencyFinal has one element for each customer element that makes a
	// query: the balance that its last query showed. It is the form from before
	// 2023 and no dialect's default, since it drops all the rest.
	ConsistencyFinal OutputForm = "consistency-final"
	// MonotonicWrites has one element for each query, under the event's id: the balance
	// that it showed. It is the form of 2025's project, whose inputs look like those of
	// Consistency, so it is no dialect's default.
	MonotonicWrites OutputForm = "monotonic-writes"
	// Lamport has the logical clocks of all events, as the project with them wants it
	// since 2024: customers, branches, and all events by request, in one array.
	Lamport OutputForm = "lamport"
	// LamportParts is the same in three files, as in 2023.
	LamportParts OutputForm = "lamport-parts"
	// Lamport2020 has the logical clocks by the rules of 2020 to 2022, which count
	// executions and replies of branches, and nothing at customers.
	Lamport2020 OutputForm = "lamport-2020"
)

// OutputForms returns all forms.
func OutputForms() []OutputForm {
	return []OutputForm{Basic, Consistency, ConsistencyFinal, MonotonicWrites, Lamport, LamportParts, Lamport2020}
}

// ParseOutputForm returns the form of that name.
func ParseOutputForm(name string) (OutputForm, error) {
	var words []string
	for _, form := range OutputForms() {
		if form == OutputForm(name) {
			return form, nil
		}
		words = append(words, form.String())
	}
	last := len(words) - 1
	return "", fmt.Errorf("unknown output form %q; there are %s and %s", name, strings.Join(words[:last], ", "), words[last])
}

// IsTrace reports whether the form shows logical clocks, which a replay has only with
// [Options.Trace].
func (f OutputForm) IsTrace() bool { return f == Lamport || f == LamportParts || f == Lamport2020 }

// String returns the form's name.
func (f OutputForm) String() string { return string(f) }

// The elements of output.json. The order of the fields is that of the course's
// files, and a key that has no meaning in a place is not there at all.
type (
	outputElement struct {
		ID      int64            `json:"id"`
		Receive []outputReceived `json:"recv"`
	}
	outputReceived struct {
		Interface Interface `json:"interface"`
		Branch    *int64    `json:"branch,omitempty"`
		Result    string    `json:"result,omitempty"`
		Balance   *int64    `json:"balance,omitempty"`
		// Error says why an event failed by name. The course's files don't have
		// it, and its readers skip it.
		Error string `json:"error,omitempty"`
	}
	outputFinal struct {
		ID      int64  `json:"id"`
		Balance *int64 `json:"balance,omitempty"`
		Result  string `json:"result,omitempty"`
		Error   string `json:"error,omitempty"`
	}
)

// Encode returns the output.json of a report, indented as the course's files
// are. The elements are in the order of the input and never merged. After a replay
// that was stopped it has the answers so far: it leaves out events that were not
// executed, and customer elements without any executed event.
func Encode(report *Report, form OutputForm) ([]byte, error) {
	if form.IsTrace() {
		return encodeTrace(report, form)
	}
	report = report.answered()
	var elements any
	switch form {
	case MonotonicWrites:
		elements = queryElements(report)
	case Basic:
		elements = basicElements(report)
	case Consistency:
		elements = consistencyElements(report)
	case ConsistencyFinal:
		elements = finalElements(report)
	default:
		return nil, fmt.Errorf("unknown output form %q", form)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(elements); err != nil {
		return nil, fmt.Errorf("encode output: %w", err)
	}
	return b.Bytes(), nil
}

// answered returns the report without the events that were not executed, and
// without the customer elements of which none was.
func (r *Report) answered() *Report {
	left := &Report{}
	for _, c := range r.Customers {
		kept := Results{ID: c.ID}
		for _, received := range c.Received {
			if received.Outcome != NotExecuted {
				kept.Received = append(kept.Received, received)
			}
		}
		left.Events += len(kept.Received)
		if len(kept.Received) > 0 || len(c.Received) == 0 {
			left.Customers = append(left.Customers, kept)
		}
	}
	return left
}

func basicElements(report *Report) []outputElement {
	elements := make([]outputElement, 0, len(report.Customers))
	for _, c := range report.Customers {
		e := outputElement{ID: c.ID, Receive: make([]outputReceived, 0, len(c.Received))}
		for _, r := range c.Received {
			e.Receive = append(e.Receive, newOutputReceived(r))
		}
		elements = append(elements, e)
	}
	return elements
}

func consistencyElements(report *Report) []outputElement {
	elements := make([]outputElement, 0, report.Events)
	for _, c := range report.Customers {
		for _, r := range c.Received {
			received := newOutputReceived(r)
			received.Branch = &r.Branch
			elements = append(elements, outputElement{ID: c.ID, Receive: []outputReceived{received}})
		}
	}
	return elements
}

func finalElements(report *Report) []outputFinal {
	elements := make([]outputFinal, 0, len(report.Customers))
	for _, c := range report.Customers {
		for i := len(c.Received) - 1; i >= 0; i-- {
			if c.Received[i].Interface == Query {
				r := newOutputReceived(c.Received[i])
				elements = append(elements, outputFinal{ID: c.ID, Balance: r.Balance, Result: r.Result, Error: r.Error})
				break
			}
		}
	}
	return elements
}

// queryElements returns an element for each query, under its id.
func queryElements(report *Report) []outputFinal {
	elements := make([]outputFinal, 0, report.Events)
	for _, c := range report.Customers {
		for _, received := range c.Received {
			if received.Interface == Query {
				r := newOutputReceived(received)
				elements = append(elements, outputFinal{ID: received.ID, Balance: r.Balance, Result: r.Result, Error: r.Error})
			}
		}
	}
	return elements
}

// newOutputReceived returns what output.json says of an event, but for its
// branch. A query that got an answer has a balance and no result.
func newOutputReceived(r Received) outputReceived {
	out := outputReceived{Interface: r.Interface}
	switch {
	case r.Outcome != Succeeded:
		out.Result = "fail"
	case r.Interface == Query:
		out.Balance = &r.Balance
	default:
		out.Result = "success"
	}
	if r.Err != nil && r.Outcome == Failed {
		out.Error = r.Err.Error()
	}
	return out
}
