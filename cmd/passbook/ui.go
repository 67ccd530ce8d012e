package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxLines is how many lines of one kind are shown.
const maxLines = 10

// ui owns what a user sees: results go to out, all else to err. Both let through
// what can be seen and nothing else: names, errors and addresses may be anybody's.
type ui struct {
	out, err io.Writer
	// terminal is where err leads to, for what draws there and for children, who
	// write as this process does.
	terminal io.Writer
	// outTerminal and errTerminal are whether a person is reading.
	outTerminal, errTerminal bool

	// What console sets. quiet leaves out all but results and errors, jsonLines makes
	// log lines of what goes to err, and barless leaves out the progress bar.
	quiet, jsonLines, barless bool
	// log is where branches log, each line once a minute; deeds is for what
	// somebody did, which is logged each time.
	log, deeds *slog.Logger
}

func newUI(out, err *os.File) *ui {
	u := &ui{
		out: name.NewWriter(out), err: name.NewWriter(err), terminal: err,
		outTerminal: term.IsTerminal(int(out.Fd())),
		errTerminal: term.IsTerminal(int(err.Fd())),
	}
	u.console(consoleOptions{})
	return u
}

// failure tells why the command failed.
func (u *ui) failure(err error) {
	if u.jsonLines {
		u.deeds.Error("passbook: "+err.Error(), "details", hintLines(err))
		return
	}
	fmt.Fprintf(u.err, "passbook: %v\n", err)
	for _, line := range hintLines(err) {
		fmt.Fprintf(u.err, "  %s\n", name.Printable(line))
	}
}

// hintLines says what else is known of a failure, and what to do about it.
func hintLines(err error) []string {
	var other *occupiedError
	if errors.As(err, &other) {
		return other.lines
	}
	return detailLines(err)
}

// doubts warns of what is most likely a mistake in an input.
func (u *ui) doubts(in *customer.Input) {
	u.warnings(doubtsAbout(in))
}

// lines writes the first few of many lines to err.
func (u *ui) lines(prefix string, lines []string) {
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(u.err, "%sand %d more\n", prefix, len(lines)-maxLines)
			return
		}
		fmt.Fprintf(u.err, "%s%s\n", prefix, name.Printable(line))
	}
}

// unready warns of branches that are not ready though time has run out.
func (u *ui) unready(answers []survey.Answer) {
	u.warnings(survey.UnreadyLines(answers))
}

// summary tells what became of a replay; of one that was stopped, without an
// agreement.
func (u *ui) summary(report *customer.Report, a *survey.Agreement, total int, output string) {
	out := u.out
	if output == stdoutName {
		out = u.err // standard output is the output
	}
	failures := make([]string, len(report.Failures))
	for i, f := range report.Failures {
		failures[i] = f.String()
	}
	u.lines("failed: ", failures)
	fmt.Fprintf(out, "Replayed %s at %s in %s: %d succeeded, %d refused, %d failed.\n",
		replayedText(report), words.Count(total, "branch"), words.Duration(report.Duration),
		report.Succeeded, report.Refused, report.Failed)
	if a != nil {
		fmt.Fprintln(out, agreementLine(a, total))
		u.lines("  ", differences(a))
	}
	if output != stdoutName {
		fmt.Fprintf(out, "Wrote %s.\n", output)
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

// outputName is how messages call the output.
func outputName(path string) string {
	if path == stdoutName {
		return "the output"
	}
	return path
}
