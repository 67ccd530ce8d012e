package console

import (
	"fmt"
	"strings"
	"time"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// StdoutName is the name of an output that stands for standard output.
const StdoutName = "-"

// Summary tells what became of a replay; of one that was stopped, without an
// agreement. written are the files that it wrote; none if standard output is the output.
func (c *Console) Summary(report *customer.Report, a *survey.Agreement, total int, written []string) {
	out := c.Out
	if len(written) == 0 {
		out = c.Err // standard output is the output
	}
	failures := make([]string, len(report.Failures))
	for i, f := range report.Failures {
		failures[i] = f.String()
	}
	c.lines("failed: ", failures)
	fmt.Fprintf(out, "Replayed %s at %s in %s: %d succeeded, %d refused, %d failed.\n",
		replayedText(report), words.Count(total, "branch"), words.Duration(report.Duration),
		report.Succeeded, report.Refused, report.Failed)
	if a != nil {
		fmt.Fprintln(out, agreementLine(a, total))
		c.lines("  ", differences(a))
	}
	if report.Trace != nil {
		fmt.Fprintln(out, traceLine(report.Trace))
	}
	if len(written) > 0 {
		fmt.Fprintf(out, "Wrote %s.\n", strings.Join(written, ", "))
	}
}

// traceLine says how many events a trace has.
func traceLine(t *lamport.Trace) string {
	customers := 0
	for _, h := range t.Customers {
		customers += len(h.Events)
	}
	text := fmt.Sprintf("Traced %s", words.Count(t.Events(), "event"))
	if t.Edition == lamport.Edition2020 {
		return text + " by the rules of 2020."
	}
	return fmt.Sprintf("%s: %d of customers, %d of branches.", text, customers, t.Events()-customers)
}

// Gaps tells what is wrong with a trace, if there is one: most often a branch was not
// reached, so what was sent to it has no receipt.
func (c *Console) Gaps(t *lamport.Trace) {
	if t == nil {
		return
	}
	violations := lamport.Check(t)
	lines := make([]string, len(violations))
	for i, v := range violations {
		lines[i] = "the trace is not whole: " + v.String()
	}
	c.Warnings(lines)
}

// Hint tells of a form of output that the input may be meant for, unless the user has
// chosen one.
func (c *Console) Hint(in *customer.Input, chosen customer.OutputForm) {
	if chosen == "" && in.Form == customer.Consistency && in.WritesElsewhere() {
		c.notice("for the course's project on monotonic writes (2025): --output-form monotonic-writes")
	}
}

// agreementLine says whether all branches agree, and on what.
func agreementLine(a *survey.Agreement, total int) string {
	switch {
	case len(a.Views) > 1:
		return "The branches do not agree:"
	case len(a.Views) == 0:
		return "No branch can be reached any more."
	case len(a.Lost) > 0:
		return fmt.Sprintf("%d of %s agree: %s.", len(a.Views[0].Branches), words.Count(total, "branch"), viewText(a.Views[0]))
	case total == 1:
		return fmt.Sprintf("The branch holds %s.", viewText(a.Views[0]))
	}
	return fmt.Sprintf("All %s agree: %s.", words.Count(total, "branch"), viewText(a.Views[0]))
}

// differences lists what keeps the branches from agreeing.
func differences(a *survey.Agreement) []string {
	var lines []string
	if len(a.Views) > 1 {
		for _, v := range a.Views {
			lines = append(lines, fmt.Sprintf("%s: %s", words.Branches(v.Branches), viewText(v)))
		}
	}
	for _, lost := range a.Lost {
		lines = append(lines, fmt.Sprintf("branch %d can't be reached: %s", lost.Branch, words.Reason(lost.Err)))
	}
	for _, alarm := range a.Alarms {
		lines = append(lines, "alarm at "+alarm)
	}
	return lines
}

// viewText says what branches hold: "balance 400 after 100 entries".
func viewText(v survey.View) string {
	var parts []string
	for i, account := range v.Accounts {
		if i == maxLines {
			parts = append(parts, fmt.Sprintf("%d more accounts", len(v.Accounts)-maxLines))
			break
		}
		parts = append(parts, accountText(account))
	}
	return fmt.Sprintf("%s after %s", strings.Join(parts, ", "), words.Count(int(v.Entries), "entry"))
}

func accountText(a *bankv1.AccountStatus) string {
	return fmt.Sprintf("%s account %d", name.Printable(a.GetAccount()), a.GetBalance())
}

// Waiting tells which branches a command waits for, and until when.
func (c *Console) Waiting(answers []survey.Answer, until time.Time) {
	if line := survey.WaitingLine(answers, until); line != "" {
		c.notice(line)
	}
}

// WaitingFor tells that an event of a replay waits for a branch.
func (c *Console) WaitingFor(w customer.Waiting) {
	why := "has not answered yet"
	if w.Err != nil {
		why = "gave no answer: " + words.Reason(w.Err)
	}
	c.notice(fmt.Sprintf("waiting until %s: branch %d at %s %s", words.Clock(w.Until), w.Branch, w.Address, why))
}

// Held tells that a bank is not new: the answers to a replay depend on what it
// holds.
func (c *Console) Held(answers []survey.Answer) {
	if n := survey.Held(answers); n > 0 {
		them := "them"
		if n == 1 {
			them = "it"
		}
		c.notice(fmt.Sprintf("the bank already holds %s: the answers go on from %s, and differ from those of a new bank", words.Count(int(n), "entry"), them))
	}
}

// Stopped tells of the writes of a replay that was stopped of which it is not
// known what became of them.
func (c *Console) Stopped(report *customer.Report) {
	lines := make([]string, len(report.Stopped))
	for i, f := range report.Stopped {
		lines[i] = f.String()
	}
	c.lines("not known: ", lines)
}

// replayedText says how many events of a replay came to an end.
func replayedText(r *customer.Report) string {
	if done := r.Succeeded + r.Refused + r.Failed; done < r.Events {
		return fmt.Sprintf("%d of %s", done, words.Count(r.Events, "event"))
	}
	return words.Count(r.Events, "event")
}
