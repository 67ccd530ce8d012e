package console

import (
	"fmt"
	"strings"

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
		missing := ""
		if parts := t.Missing(); len(parts) > 0 {
			missing = " Not there, and so not checked: " + strings.Join(parts, ", ") + "."
		}
		fmt.Fprintf(c.Out, "Right: %s of %s.%s\n", words.Count(t.Events(), "event"), processesText(t), missing)
		return
	}
	c.faults(len(found), func(i int) []string { return found[i].Lines() })
}

// faults prints the first few of n faults of a file, each in a few lines. Finding the place
// of one takes a while in a large file.
func (c *Console) faults(n int, lines func(i int) []string) {
	for i := range n {
		if i == maxFaults {
			fmt.Fprintf(c.Out, "and %d more\n", n-maxFaults)
			return
		}
		for j, line := range lines(i) {
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
	c.faults(len(v.Differences), func(i int) []string { return v.Differences[i].Lines() })
}
