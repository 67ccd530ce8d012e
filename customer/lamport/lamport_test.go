package lamport_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// file reads a file of testdata.
func file(t *testing.T, name string) lamport.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return lamport.File{Name: name, Data: data}
}

// read reads a trace that can be read.
func read(t *testing.T, files ...lamport.File) *lamport.Trace {
	t.Helper()
	trace, err := lamport.Read(files...)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// The course's files, read and written, are the same bytes.
func TestFilesComeBackAsTheyWere(t *testing.T) {
	parts := []lamport.File{file(t, "output-1-customers.json"), file(t, "output-2-branches.json"), file(t, "output-3-events.json")}
	whole, old := file(t, "output-2024-single.json"), file(t, "output-2021.json")
	forms := []lamport.Form{lamport.PartCustomers, lamport.PartBranches, lamport.PartEvents}
	for name, test := range map[string]struct {
		read []lamport.File
		form lamport.Form
		want lamport.File
	}{
		"one array":                 {[]lamport.File{whole}, lamport.Single, whole},
		"three files":               {parts, lamport.Single, whole},
		"in another order":          {[]lamport.File{parts[2], parts[0], parts[1]}, lamport.Single, whole},
		"without part 3":            {parts[:2], lamport.Single, whole},
		"from part 3":               {parts[2:], lamport.Single, whole},
		"part 1 of one array":       {[]lamport.File{whole}, forms[0], parts[0]},
		"part 2 of one array":       {[]lamport.File{whole}, forms[1], parts[1]},
		"part 3 of one array":       {[]lamport.File{whole}, forms[2], parts[2]},
		"part 1 alone":              {parts[:1], forms[0], parts[0]},
		"part 2 alone":              {parts[1:2], forms[1], parts[1]},
		"part 1 from part 3":        {parts[2:], forms[0], parts[0]},
		"part 2 from parts 1 and 3": {[]lamport.File{parts[0], parts[2]}, forms[1], parts[1]},
		"the edition of 2020":       {[]lamport.File{old}, lamport.Form2020, old},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lamport.Encode(read(t, test.read...), test.form, lamport.Propogate)
			if err != nil {
				t.Fatal(err)
			}
			if want := bytes.TrimSpace(test.want.Data); !bytes.Equal(bytes.TrimSpace(got), want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestBothSpellingsAreReadAndWritten(t *testing.T) {
	whole := file(t, "output-2024-single.json")
	other := lamport.File{Name: "other", Data: bytes.ReplaceAll(whole.Data, []byte("propogate_"), []byte("propagate_"))}
	for spelling, want := range map[lamport.Spelling]lamport.File{lamport.Propogate: whole, lamport.Propagate: other} {
		for _, f := range []lamport.File{whole, other} {
			got, err := lamport.Encode(read(t, f), lamport.Single, spelling)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want.Data)) {
				t.Errorf("%s, written as %s:\n%s", f.Name, spelling, got)
			}
		}
	}
}

// Keys are known with blanks around them, and by the names that hand-outs gave them.
func TestOddKeysAreRead(t *testing.T) {
	whole := file(t, "output-2024-single.json")
	for _, change := range [][2]string{
		{`"customer-request-id"`, `" customer-request-id "`},
		{`"customer-request-id"`, `"customer-requests"`},
		{`"customer-request-id"`, `"customer_request_id"`},
		{`"logical_clock"`, `"logical time"`},
		{`"logical_clock"`, `" logical_clock"`},
		{`"branch",`, `"bank",`},
		{`"customer",`, `"client",`},
		{`"comment": "event_recv from`, `"comment": " event_recv  from`},
	} {
		odd := strings.ReplaceAll(string(whole.Data), change[0], change[1])
		if odd == string(whole.Data) {
			t.Fatalf("%s is not in the file", change[0])
		}
		got, err := lamport.Encode(read(t, lamport.File{Name: "odd", Data: []byte(odd)}), lamport.Single, lamport.Propogate)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(whole.Data)) {
			t.Errorf("with %s:\n%s", change[1], got)
		}
	}
}

// An edition has forms of its own.
func TestNoEditionIsWrittenInAFormOfAnother(t *testing.T) {
	for name, form := range map[string]lamport.Form{"output-2021.json": lamport.Single, "output-2024-single.json": lamport.Form2020} {
		if got, err := lamport.Encode(read(t, file(t, name)), form, lamport.Propogate); err == nil {
			t.Errorf("%s as %s:\n%s", name, form, got)
		}
	}
}

func TestWhatIsNoTraceIsNotRead(t *testing.T) {
	for text, want := range map[string]string{
		``:                             `f:1:1: not JSON: unexpected end of JSON input`,
		`{"id": 1}`:                    `f:1:1: must be an array of processes with their events, or of events, got an object`,
		`[]`:                           `there is no trace: no processes and no events`,
		`[7]`:                          `f:1:2: element 1: must be an object, got 7`,
		"[{\"id\": 1,\n \"x\": 2}, 3]": `f:1:2: element 1: it is no part of a trace: that has processes with "events", or events with "logical_clock" and "comment"` + "\n" + `f:2:11: element 2: must be an object, got 3`,
		`[{"id": 1, "type": "customer", "customer-requests": []}]`:            `f:1:2: element 1: this is an input of the project, with customers' requests; a trace has the events that came of them`,
		`[{"id": 1, "recv": []}]`:                                             `f:1:2: element 1: this is an output of project 1 or 3, which has no clocks: see passbook check`,
		`[{"pid": 1, "data": []}, {"id": 1, "type": "branch", "events": []}]`: `f:1:26: element 2: it is of another edition of the project than the elements before`,
	} {
		_, err := lamport.Read(lamport.File{Name: "f", Data: []byte(text)})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
