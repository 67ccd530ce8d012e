package customer

import (
	"fmt"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// path is a place in the array of a file. Each event has one, and few of them ever
// appear in a message.
type path struct {
	// element counts from 1; 0 stands for the whole file.
	element int
	// kind is "branch" or "customer" once the element's id is known.
	kind string
	id   int64
	// event counts from 1; 0 stands for none.
	event int
}

// String returns the path as messages have it: "element 3 (customer 3), event 2".
func (p path) String() string {
	if p.element == 0 {
		return ""
	}
	text := fmt.Sprintf("element %d", p.element)
	if p.kind != "" {
		text += fmt.Sprintf(" (%s %d)", p.kind, p.id)
	}
	if p.event > 0 {
		text += fmt.Sprintf(", event %d", p.event)
	}
	return text
}

// lines finds the lines of places that come one after the other.
type lines struct {
	data []byte
	// at is the last place, line its line from 0.
	at, line int
	// looked counts the bytes that were read: no more than the file has, if the
	// places are in order.
	looked int
}

// of returns the line of a place, from 1.
func (l *lines) of(offset int) int {
	if offset < l.at {
		l.at, l.line = 0, 0
	}
	l.line += jsonfile.CountLines(l.data[l.at:offset])
	l.looked += offset - l.at
	l.at = offset
	return l.line + 1
}
