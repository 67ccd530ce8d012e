package lamport

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Form is one of the files that hold a trace.
type Form string

// The forms: the one array of 2024 and 2025, which is the three parts one after the other;
// the three files of 2023; and the array of the edition of 2020.
const (
	Single        Form = "single"
	PartCustomers Form = "customers"
	PartBranches  Form = "branches"
	PartEvents    Form = "events"
	Form2020      Form = "2020"
)

// Encode returns a file with a trace, an element a line, its keys in the course's order.
// The spelling means nothing to the form of 2020. An edition has forms of its own: any
// other is an error.
func Encode(t *Trace, form Form, spelling Spelling) ([]byte, error) {
	if (form == Form2020) != (t.Edition == Edition2020) {
		return nil, fmt.Errorf("encode trace: the edition of the trace has no form %q", form)
	}
	var elements []string
	switch form {
	case Single:
		elements = slices.Concat(
			historyElements(t.Customers, spelling), historyElements(t.Branches, spelling), eventElements(t, spelling))
	case PartCustomers:
		elements = historyElements(t.Customers, spelling)
	case PartBranches:
		elements = historyElements(t.Branches, spelling)
	case PartEvents:
		elements = eventElements(t, spelling)
	case Form2020:
		elements = slices.Concat(processElements2020(t), requestElements2020(t))
	default:
		return nil, fmt.Errorf("encode trace: unknown form %q", form)
	}
	if len(elements) == 0 {
		return []byte("[]\n"), nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "[\n%s\n]\n", strings.Join(elements, ",\n"))
	return b.Bytes(), nil
}

// historyElements returns the elements of part 1 or 2. No text in them needs escaping:
// all are words of the course.
func historyElements(histories []History, spelling Spelling) []string {
	elements := make([]string, 0, len(histories))
	for _, h := range histories {
		events := make([]string, 0, len(h.Events))
		for i := range h.Events {
			e := &h.Events[i]
			events = append(events, fmt.Sprintf(`{"customer-request-id": %d, "logical_clock": %d, "interface": %q, "comment": %q}`,
				e.Request, e.Clock, interfaceOf(e, spelling), comment(e)))
		}
		elements = append(elements, fmt.Sprintf(`{"id": %d, "type": %q, "events": [%s]}`, h.ID, h.Kind, strings.Join(events, ", ")))
	}
	return elements
}

// eventElements returns the elements of part 3.
func eventElements(t *Trace, spelling Spelling) []string {
	all := t.flat()
	elements := make([]string, 0, len(all))
	for i := range all {
		e := &all[i]
		elements = append(elements, fmt.Sprintf(`{"id": %d, "customer-request-id": %d, "type": %q, "logical_clock": %d, "interface": %q, "comment": %q}`,
			e.ID, e.Request, e.Kind, e.Clock, interfaceOf(&e.Event, spelling), comment(&e.Event)))
	}
	return elements
}

// processElements2020 returns the first elements of the form of 2020, one a branch.
func processElements2020(t *Trace) []string {
	elements := make([]string, 0, len(t.Branches))
	for _, h := range t.Branches {
		events := make([]string, 0, len(h.Events))
		for i := range h.Events {
			e := &h.Events[i]
			events = append(events, fmt.Sprintf(`{"id": %d, "name": %q, "clock": %d}`, e.Request, name2020(e), e.Clock))
		}
		elements = append(elements, fmt.Sprintf(`{"pid": %d, "data": [%s]}`, h.ID, strings.Join(events, ", ")))
	}
	return elements
}

// requestElements2020 returns the other elements of the form of 2020, one a write, in
// the order of their ids.
func requestElements2020(t *Trace) []string {
	all := t.flat()
	var elements []string
	for len(all) > 0 {
		request := all[0].Request
		n := 0
		var events []string
		for ; n < len(all) && all[n].Request == request; n++ {
			events = append(events, fmt.Sprintf(`{"clock": %d, "name": %q}`, all[n].Clock, name2020(&all[n].Event)))
		}
		all = all[n:]
		elements = append(elements, fmt.Sprintf(`{"eventid": %d, "data": [%s]}`, request, strings.Join(events, ", ")))
	}
	return elements
}
