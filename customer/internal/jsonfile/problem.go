package jsonfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// MaxProblems is how many problems of a file are reported one by one.
const MaxProblems = 10

// Error is one problem of a file.
type Error struct {
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
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.Name, e.Line, e.Column, e.Path, e.Problem)
}

// Problems collects the problems of one file.
type Problems struct {
	// Name is the file's name as the caller gave it.
	Name string
	// Data is the whole file.
	Data  []byte
	found []error
	more  int // how many problems came after the first MaxProblems
}

// Place returns the line and column of an offset in the file. It reads everything
// before that, which is fast enough for the few places that messages name.
func (p *Problems) Place(offset int) (line, column int) {
	before := p.Data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return CountLines(before) + 1, utf8.RuneCount(before[start:]) + 1
}

// CountLines returns how many lines end in data.
func CountLines(data []byte) int { return bytes.Count(data, []byte{'\n'}) }

// Add records a problem at an offset in the file.
func (p *Problems) Add(offset int, at, format string, args ...any) {
	if len(p.found) == MaxProblems {
		p.more++
		return
	}
	line, column := p.Place(offset)
	p.found = append(p.found, &Error{
		Name: p.Name, Line: line, Column: column, Path: at, Problem: fmt.Sprintf(format, args...),
	})
}

// Err returns the problems, a line each; nil if there are none.
func (p *Problems) Err() error {
	all := slices.Clone(p.found)
	if p.more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more problems", p.Name, p.more))
	}
	return errors.Join(all...)
}

// Any reports whether there is a problem.
func (p *Problems) Any() bool { return len(p.found) > 0 }

// Parse returns the value that the file is. If the file is no JSON text in UTF-8, it
// records why, and returns false. Once the syntax of the whole file is known to be
// right, nothing that takes the value apart can fail.
func (p *Problems) Parse() (Value, bool) {
	for _, check := range []func([]byte) (int, string){checkEncoding, checkSyntax, checkSurrogates} {
		if offset, problem := check(p.Data); problem != "" {
			p.Add(offset, "", "%s", problem)
			return Value{}, false
		}
	}
	return New(p.Data, 0), true
}

// WithoutMark returns a file without the byte order mark that editors on Windows put
// in front, which isn't JSON.
func WithoutMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
