package customer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxProblems is how many problems of a file are reported one by one.
const maxProblems = 10

// InputError is one problem of an input file.
type InputError struct {
	// Name is the file's name as the caller gave it.
	Name string
	// Line and Column are the place in the file, from 1; Column counts
	// characters.
	Line, Column int
	// Path is the place in the array, such as "element 3 (customer 3), event 2:
	// money"; empty for the file as a whole.
	Path string
	// Problem says what is wrong there.
	Problem string
}

// Error returns the problem in one line, with its place.
func (e *InputError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.Name, e.Line, e.Column, e.Path, e.Problem)
}

// problems collects the problems of one file.
type problems struct {
	name  string
	data  []byte
	found []error
	more  int // how many problems came after the first maxProblems
}

// place returns the line and column of an offset in the file. It reads everything
// before that, which is fast enough for the few places that messages name.
func (p *problems) place(offset int) (line, column int) {
	before := p.data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return countLines(before) + 1, utf8.RuneCount(before[start:]) + 1
}

// countLines returns how many lines end in data.
func countLines(data []byte) int { return bytes.Count(data, []byte{'\n'}) }

// add records a problem at an offset in the file.
func (p *problems) add(offset int, at, format string, args ...any) {
	if len(p.found) == maxProblems {
		p.more++
		return
	}
	line, column := p.place(offset)
	p.found = append(p.found, &InputError{
		Name: p.name, Line: line, Column: column, Path: at, Problem: fmt.Sprintf(format, args...),
	})
}

// err returns the problems, a line each; nil if there are none.
func (p *problems) err() error {
	all := slices.Clone(p.found)
	if p.more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more problems", p.name, p.more))
	}
	return errors.Join(all...)
}
