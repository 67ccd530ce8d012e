package customer

import (
	"bytes"
	"fmt"
	"testing"
)

// oneLine is a file of that many events in a single line.
func oneLine(events int) []byte {
	var b bytes.Buffer
	b.WriteString(`[{"id":1,"type":"customer","events":[`)
	for i := range events {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"interface":"deposit","money":%d,"account":"account-%d"}`, i+1, i+1, i%100)
	}
	b.WriteString(`]},{"id":1,"type":"branch","balance":0}]`)
	return b.Bytes()
}

// indented is a file as the course has them, with a line for each value.
func indented(events int) []byte {
	var b bytes.Buffer
	b.WriteString("[\n  {\n    \"id\": 1,\n    \"type\": \"customer\",\n    \"events\": [\n")
	for i := range events {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "      {\n        \"id\": %d,\n        \"interface\": \"deposit\",\n        \"money\": %d\n      }", i+1, i+1)
	}
	b.WriteString("\n    ]\n  },\n  {\n    \"id\": 1,\n    \"type\": \"branch\",\n    \"balance\": 0\n  }\n]\n")
	return b.Bytes()
}

// Telling the lines of all events looks at no byte of the file twice, whether it
// has one line or many.
func TestLinesAreCountedOnce(t *testing.T) {
	const events = 1000
	for name, data := range map[string][]byte{"one line": oneLine(events), "indented": indented(events)} {
		r := newInputReader(name, data)
		r.file(data)
		if err := r.problems.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.lines.looked == 0 || r.lines.looked > len(data) {
			t.Errorf("%s: %d bytes were looked at for the lines of %d, want at most as many", name, r.lines.looked, len(data))
		}
		got := r.input.Customers[0].Events[events-1].Line
		if want := bytes.Count(data[:bytes.LastIndex(data, []byte(`"deposit"`))], []byte("\n")) + 1; name == "one line" && got != 1 || name == "indented" && got != want-2 {
			t.Errorf("%s: the last event is on line %d", name, got)
		}
	}
}

// Reading makes something for each event, and nothing for the pairs of them.
func TestReadingIsLinear(t *testing.T) {
	allocations := func(events int) float64 {
		data := oneLine(events)
		return testing.AllocsPerRun(1, func() {
			if _, err := ReadInput("input.json", bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
	if small, large := allocations(1000), allocations(8000); large > 12*small {
		t.Errorf("8 times as many events take %.0f allocations, not %.0f", large, 8*small)
	}
}

func TestTheEventsOfAFileAreBounded(t *testing.T) {
	for _, test := range []struct {
		most int
		want string
	}{
		{4, ""},
		{3, "input.json:1:227: element 1 (customer 1), event 4: the file has more than 3 events, which is as many as are read"},
	} {
		data := oneLine(4)
		r := newInputReader("input.json", data)
		r.maxEvents = test.most
		r.file(data)
		got := ""
		if err := r.problems.Err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("4 events, %d at most: got %q, want %q", test.most, got, test.want)
		}
	}
	if r := newInputReader("", nil); r.maxEvents != maxInputEvents || maxInputEvents < 1_000_000 {
		t.Errorf("a file may have %d events", r.maxEvents)
	}
}

// BenchmarkReadInput reads a million events.
func BenchmarkReadInput(b *testing.B) {
	for name, data := range map[string][]byte{"one line": oneLine(1_000_000), "indented": indented(1_000_000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadInput("input.json", bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
