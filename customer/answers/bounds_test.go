package answers

import (
	"bytes"
	"strings"
	"testing"
)

func TestLargeOutputsAreRefused(t *testing.T) {
	if _, err := readOutput(File{Name: "out", Data: make([]byte, MaxOutputBytes+1)}, maxAnswers); err == nil || err.Error() != "read out: larger than 256 MiB" {
		t.Errorf("got %v", err)
	}
	data := []byte(`[{"id":1,"recv":[` + strings.Repeat("{},", 7) + `{}]}]`)
	if _, err := readOutput(File{Name: "out", Data: data}, 7); err == nil || err.Error() != "read out: more than 7 answers" {
		t.Errorf("got %v", err)
	}
	if o, err := readOutput(File{Name: "out", Data: data}, 8); err != nil || len(o.answers) != 8 {
		t.Errorf("got %v, %v", o, err)
	}
}

// Lists whose table would be too large are compared item by item.
func TestTheTableOfAComparisonIsBounded(t *testing.T) {
	const n = 3000
	asked := 0
	pairs := alignLists(n, n+1, 3, func(int, int) int { asked++; return -1 })
	if len(pairs) != n+1 || pairs[n] != (pair{-1, n}) || pairs[5] != (pair{5, 5}) {
		t.Errorf("%d pairs, the last one %v", len(pairs), pairs[len(pairs)-1])
	}
	if asked > 10 {
		t.Errorf("%d pairs were compared", asked)
	}
}

// Differences are told up to a number, and only of the first is it said where they come
// from.
func TestDifferencesAreBounded(t *testing.T) {
	var in, out bytes.Buffer
	in.WriteString(`[{"id":1,"type":"branch","balance":5},{"id":1,"type":"customer","events":[{"interface":"deposit","money":1}`)
	out.WriteString(`[{"id":1,"recv":[{"interface":"deposit","result":"success"}`)
	for range maxDifferences + 10 {
		in.WriteString(`,{"interface":"query"}`)
		out.WriteString(`,{"interface":"query","balance":5}`)
	}
	in.WriteString(`]}]`)
	out.WriteString(`]}]`)
	v, err := Check(File{Name: "in", Data: in.Bytes()}, File{Name: "out", Data: out.Bytes()}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(v.Differences); got != maxDifferences {
		t.Errorf("%d differences, want %d", got, maxDifferences)
	}
	for i, d := range v.Differences {
		if (d.Reason != "") != (i < maxReasons) {
			t.Fatalf("difference %d has the reason %q", i, d.Reason)
		}
	}
}
