package lamport

import (
	"errors"
	"fmt"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// MaxFileBytes is the size of the largest file that is read: 64 MiB.
const MaxFileBytes = 64 << 20

const (
	// maxFiles is how many files a trace comes in at most: three, or one for each
	// process of a bank, which some hand in.
	maxFiles = 256
	// maxEvents is how many events are read, those of part 3 included.
	maxEvents = 1 << 20
	// maxFaults is how many faults of the reading are kept.
	maxFaults = 1000
)

// File is a file that holds a trace, or a part of one.
type File struct {
	// Name is the file's name, for messages.
	Name string
	// Data is all of it.
	Data []byte
}

// reading is what a trace that came from files knows besides its events.
type reading struct {
	// flat is part 3, in the file's order; for the edition of 2020 the events of the
	// requests.
	flat []flatEvent
	// customers, branches and events say which parts were there.
	customers, branches, events bool
	// faults are what can't be understood in an event, or is told twice.
	faults []Violation
	// spellings counts the interfaces of propagations of each spelling, and has the
	// places of all.
	spellings map[Spelling][]Place
}

// Read reads a trace from files: the one array of 2024 and 2025, the three parts of 2023
// in any order, any part alone, or the array of 2020. It takes both spellings, keys with
// blanks around them, and the names that hand-outs have given to keys. An error says
// what can't be read at all, a line for each problem. What is read and is wrong in
// itself, such as an event without a clock, [Check] tells.
func Read(files ...File) (*Trace, error) {
	if len(files) > maxFiles {
		return nil, fmt.Errorf("%d files are more than a trace can have (%d)", len(files), maxFiles)
	}
	r := &reader{branches: make(map[int64]bool), trace: &Trace{read: &reading{spellings: make(map[Spelling][]Place)}}}
	var problems []error
	for _, f := range files {
		problems = append(problems, r.file(f))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if !r.any {
		return nil, errors.New("there is no trace: no processes and no events")
	}
	r.trace.complete()
	return r.trace, nil
}

// reader gathers a trace.
type reader struct {
	trace    *Trace
	problems *jsonfile.Problems
	// any says that there was an element, and edition2020 and edition2023 of which
	// edition the first ones were.
	any, edition2020, edition2023 bool
	events                        int
	// branches are the ids of the branches so far.
	branches map[int64]bool
}

// file reads one file.
func (r *reader) file(f File) error {
	if len(f.Data) > MaxFileBytes {
		return fmt.Errorf("read %s: larger than %d MiB", f.Name, MaxFileBytes>>20)
	}
	r.problems = &jsonfile.Problems{Name: f.Name, Data: jsonfile.WithoutMark(f.Data)}
	top, ok := r.problems.Parse()
	if !ok {
		return r.problems.Err()
	}
	if top.Kind() != '[' {
		r.problems.Add(top.Offset, "", "must be an array of processes with their events, or of events, got %s", top)
		return r.problems.Err()
	}
	at := Place{file: r.problems}
	for v := range top.Items() {
		at.element++
		at.offset = v.Offset
		if err := r.element(v, at); err != nil {
			r.problems.Add(v.Offset, at.path(), "%v", err)
		}
		if r.problems.Any() && r.events > maxEvents {
			break
		}
	}
	return r.problems.Err()
}

// element reads one element of an array. An error says that it belongs to no trace.
func (r *reader) element(v jsonfile.Value, at Place) error {
	if v.Kind() != '{' {
		return fmt.Errorf("must be an object, got %s", v)
	}
	o := newObject(v, at)
	for _, shape := range []struct {
		keys []string
		read func(*object) error
		only *bool
	}{
		{[]string{"pid", "data"}, r.process2020, &r.edition2020},
		{[]string{"eventid", "data"}, r.request2020, &r.edition2020},
		{[]string{"events"}, r.history, &r.edition2023},
		{[]string{"comment"}, r.flatEvent, &r.edition2023},
		{[]string{"clock"}, r.flatEvent, &r.edition2023},
		{[]string{"interface"}, r.flatEvent, &r.edition2023},
	} {
		if !o.has(shape.keys...) {
			continue
		}
		r.any, *shape.only = true, true
		if r.edition2020 && r.edition2023 {
			return errors.New("it is of another edition of the project than the elements before")
		}
		return shape.read(o)
	}
	switch requests, ok := o.value("request"); {
	case ok && requests.Kind() == '[':
		return errors.New("this is an input of the project, with customers' requests; a trace has the events that came of them")
	case o.has("balance"):
		return errors.New("this is an input of the project, with branches' balances; a trace has the events that came of it")
	case o.has("recv"):
		return errors.New("this is an output of project 1 or 3, which has no clocks: see passbook check")
	}
	return errors.New(`it is no part of a trace: that has processes with "events", or events with "logical_clock" and "comment"`)
}

// count counts an event, and returns an error if there are too many.
func (r *reader) count() error {
	if r.events++; r.events > maxEvents {
		return fmt.Errorf("there are more than %d events, which is as many as are read", maxEvents)
	}
	return nil
}

// fault records what is wrong in itself.
func (r *reader) fault(at Place, format string, args ...any) {
	if read := r.trace.read; len(read.faults) < maxFaults {
		read.faults = append(read.faults, Violation{Place: at, Problem: fmt.Sprintf(format, args...)})
	}
}
