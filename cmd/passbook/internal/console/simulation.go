package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"passbook.example/passbook/branch/simulation"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// Simulated reports on a simulation.
func (c *Console) Simulated(r *simulation.Report, seeds int, took time.Duration, failure error, asJSON bool) error {
	if asJSON {
		return c.simulatedJSON(r, seeds, failure)
	}
	t := table{header: []string{"KIND", "WHAT", ">COUNT"}}
	for _, kind := range []struct {
		name string
		of   simulation.Counters
	}{{"operation", r.Operations}, {"fault", r.Faults}, {"path", r.Paths}} {
		for _, name := range slices.Sorted(maps.Keys(kind.of)) {
			t.add(kind.name, name, kind.of[name])
		}
	}
	if err := t.write(c.Out, c.outTerminal, true); err != nil {
		return err
	}
	result := "every promise was kept"
	if failure != nil {
		result = "a promise was broken"
	}
	_, err := fmt.Fprintf(c.Out, "Simulated %s: %s in %s, %d virtual seconds, in %v: %s.\n",
		words.Count(seeds, "bank"), words.Count(r.Calls(), "call"), words.Count(r.Steps, "step"), r.Millis/1000, words.Duration(took), result)
	return err
}

// simulatedJSON reports in one line.
func (c *Console) simulatedJSON(r *simulation.Report, seeds int, failure error) error {
	out := struct {
		Good  bool `json:"good"`
		Seeds int  `json:"seeds"`
		Calls int  `json:"calls"`
		*simulation.Report
		Failure *simulatedFailure `json:"failure,omitempty"`
	}{Good: failure == nil, Seeds: seeds, Calls: r.Calls(), Report: r}
	var f *simulation.Failure
	if errors.As(failure, &f) {
		out.Failure = &simulatedFailure{Invariant: f.Invariant, Text: f.Text, Step: f.Step, Repeat: f.Repeat()}
	}
	return json.NewEncoder(c.Out).Encode(out)
}

// simulatedFailure is a promise that was broken.
type simulatedFailure struct {
	// Invariant names the promise, and Text says how it was broken.
	Invariant string `json:"invariant"`
	Text      string `json:"text"`
	// Step is when, and Repeat the command that repeats it.
	Step   int    `json:"step"`
	Repeat string `json:"repeat"`
}
