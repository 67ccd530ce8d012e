package lamport

import (
	"fmt"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// Place is where a file says something. The zero value is no place.
type Place struct {
	file   *jsonfile.Problems
	offset int
	// element and event count from 1 in the file and in the element; 0 stands for none.
	element, event int
	// of is whose element it is; zero for an element of part 3.
	of Process
}

// Known reports whether there is a place.
func (p Place) Known() bool { return p.file != nil }

// String returns the place as messages have it: "trace.json:4:17: element 3 (branch 1),
// event 2". It is empty for no place.
func (p Place) String() string {
	if p.file == nil {
		return ""
	}
	line, column := p.file.Place(p.offset)
	text := fmt.Sprintf("%s:%d:%d", p.file.Name, line, column)
	if path := p.path(); path != "" {
		text += ": " + path
	}
	return text
}

// path returns the place in the array of the file.
func (p Place) path() string {
	if p.element == 0 {
		return ""
	}
	text := fmt.Sprintf("element %d", p.element)
	if p.of != (Process{}) {
		text += fmt.Sprintf(" (%s)", p.of)
	}
	if p.event > 0 {
		text += fmt.Sprintf(", event %d", p.event)
	}
	return text
}

// at returns the place of a value within.
func (p Place) at(v jsonfile.Value) Place {
	p.offset = v.Offset
	return p
}
