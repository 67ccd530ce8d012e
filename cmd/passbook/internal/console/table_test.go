package console

import (
	"bytes"
	"testing"
)

func TestTable(t *testing.T) {
	sums := table{header: []string{"NAME", ">SUM"}}
	sums.add("a", 5)
	sums.add("Łódź\x1b[2J", 1000)
	for _, tt := range []struct {
		aligned, heading bool
		want             string
	}{
		{false, true, "NAME\tSUM\na\t5\nŁódź\\u001b[2J\t1000\n"},
		{false, false, "a\t5\nŁódź\\u001b[2J\t1000\n"},
		{true, true, "NAME            SUM\na                 5\nŁódź\\u001b[2J  1000\n"},
	} {
		var got bytes.Buffer
		if err := sums.write(&got, tt.aligned, tt.heading); err != nil || got.String() != tt.want {
			t.Errorf("aligned %t, heading %t: got\n%q, %v, want\n%q", tt.aligned, tt.heading, got.String(), err, tt.want)
		}
	}
}
