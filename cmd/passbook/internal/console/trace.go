package console

import (
	"fmt"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer/answers"
	"passbook.example/passbook/customer/lamport"
)

// maxFaults is how many faults of a file are shown.
const maxFaults = 20

// CheckedTrace tells what was found in a trace.
func (c *Console) CheckedTrace(t *lamport.Trace, found []lamport.Violation) {
	if len(found) == 0 {
		fmt.Fprintf(c.Out, "Right: %s of %s.\n", words.Count(t.Events(), "event"), processesText(t))
		return
	}
	faults := make([][]string, len(found))
	for i, v := range found {
		faults[i] = v.Lines()
	}
	c.faults(faults)
}

// faults prints the first few faults of a file, each in a few lines.
func (c *Console) faults(faults [][]string) {
	for i, lines := range faults {
		if i == maxFaults {
			fmt.Fprintf(c.Out, "and %d more\n", len(faults)-maxFaults)
			return
		}
		for j, line := range lines {
			indent := ""
			if j > 0 {
				indent = "    "
			}
			fmt.Fprintln(c.Out, indent+name.Printable(line))
		}
	}
}

// processesText counts the processes of a trace: "2 customers and 3 branches".
func processesText(t *lamport.Trace) string {
	customers, branches := words.Count(len(t.Customers), "customer"), words.Count(len(t.Branches), "branch")
	switch {
	case len(t.Branches) == 0:
		return customers
	case len(t.Customers) == 0:
		return branches
	}
	return customers + " and " + branches
}

// CheckedAnswers tells how an output differs from a right one.
func (c *Console) CheckedAnswers(v *answers.Verdict) {
	if len(v.Differences) == 0 {
		fmt.Fprintf(c.Out, "Right: the answers to %s (form %s; customers %s).\n", words.Count(v.Events, "event"), v.Form, v.Mode)
		return
	}
	faults := make([][]string, len(v.Differences))
	for i, d := range v.Differences {
		faults[i] = d.Lines()
	}
	c.faults(faults)
}
