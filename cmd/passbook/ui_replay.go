package main

import (
	"fmt"
	"time"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

// waiting tells which branches a command waits for, and until when.
func (u *ui) waiting(answers []survey.Answer, until time.Time) {
	if line := survey.WaitingLine(answers, until); line != "" {
		u.notice(line)
	}
}

// waitingFor tells that an event of a replay waits for a branch.
func (u *ui) waitingFor(w customer.Waiting) {
	why := "has not answered yet"
	if w.Err != nil {
		why = "gave no answer: " + words.Reason(w.Err)
	}
	u.notice(fmt.Sprintf("waiting until %s: branch %d at %s %s", words.Clock(w.Until), w.Branch, w.Address, why))
}

// held tells that a bank is not new: the answers to a replay depend on what it
// holds.
func (u *ui) held(answers []survey.Answer) {
	if n := survey.Held(answers); n > 0 {
		them := "them"
		if n == 1 {
			them = "it"
		}
		u.notice(fmt.Sprintf("the bank already holds %s: the answers go on from %s, and differ from those of a new bank", words.Count(int(n), "entry"), them))
	}
}

// stopped tells of the writes of a replay that was stopped of which it is not
// known what became of them.
func (u *ui) stopped(report *customer.Report) {
	lines := make([]string, len(report.Stopped))
	for i, f := range report.Stopped {
		lines[i] = f.String()
	}
	u.lines("not known: ", lines)
}

// replayedText says how many events of a replay came to an end.
func replayedText(r *customer.Report) string {
	if done := r.Succeeded + r.Refused + r.Failed; done < r.Events {
		return fmt.Sprintf("%d of %s", done, words.Count(r.Events, "event"))
	}
	return words.Count(r.Events, "event")
}

// notice tells something that is no result.
func (u *ui) notice(text string) {
	switch {
	case u.quiet:
	case u.jsonLines:
		u.deeds.Info(text)
	default:
		fmt.Fprintln(u.err, name.Printable(text))
	}
}

// warnings tells what may be a mistake.
func (u *ui) warnings(lines []string) {
	switch {
	case u.quiet:
	case u.jsonLines:
		for _, line := range lines {
			u.deeds.Warn(line)
		}
	default:
		u.lines("warning: ", lines)
	}
}
