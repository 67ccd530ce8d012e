package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := []row{
		{Goal: "one by one", What: "deposits/s", Subject: "bank", Figure: figure{90, 80, 100}, Reference: "echo", ReferenceFigure: figure{100, 100, 110}, Bound: atLeast(0.8)},
		{Goal: "idle", What: "memory", Subject: "bank", Figure: figure{200}, Bound: atMost(150)},
		{Goal: "bulk", What: "operations/s", Subject: "bank", Reference: "redis", ReferenceFigure: figure{5}, Bound: atLeast(1), Note: "not there yet"},
		{Goal: "far", What: "p50", Subject: "bank", Figure: figure{math.NaN()}, Bound: atMost(1)},
		{Goal: "peers", What: "operations/s", Subject: "bank", Figure: figure{7}},
	}
	var out strings.Builder
	table(&out, rows)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if got, want := len(lines), 2+len(rows); got != want {
		t.Fatalf("got %d lines, want %d:\n%s", got, want, out.String())
	}
	for i, want := range []string{"0.90 (0.80–0.91)|≥ 0.80|met", "≤ 150|not met", "–|≥ 1.00|not measured", "–|≤ 1.00|not met"} {
		var cells []string
		for _, cell := range strings.Split(lines[2+i], "|") {
			if cell = strings.TrimSpace(cell); cell != "" {
				cells = append(cells, cell)
			}
		}
		if got := strings.Join(cells, "|"); !strings.HasSuffix(got, want) {
			t.Errorf("row %d: got %s, want it to end with %s", i+1, got, want)
		}
	}
	columns := strings.Count(lines[0], "|")
	for i, line := range lines {
		if got := strings.Count(line, "|"); got != columns {
			t.Errorf("line %d has %d bars, the first has %d", i+1, got, columns)
		}
	}
}

// TestTableOfNothing is what is printed when nothing could be measured.
func TestTableOfNothing(t *testing.T) {
	var out strings.Builder
	table(&out, nil)
	if got, want := strings.Count(out.String(), "\n"), 2; got != want {
		t.Errorf("got %d lines, want %d:\n%s", got, want, out.String())
	}
}

func TestTheReportIsJSON(t *testing.T) {
	text, err := json.Marshal(report{
		Rows:    []row{{Goal: "g", Figure: figure{1, math.NaN(), math.Inf(1)}, Bound: atMost(1.3)}},
		Records: []record{{"g", "bank", 0, reading{p50: math.NaN(), perSecond: 0}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"figure":[1,null,null],"bound":"≤ 1.30"`, `"reading":{"operations/s":0,"p50 µs":null}`} {
		if got := string(text); !strings.Contains(got, want) {
			t.Errorf("got %s, want it to contain %s", got, want)
		}
	}
}
