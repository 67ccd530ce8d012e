// Package console has all that a user of passbook sees: replies and results on
// standard output, and on standard error what goes on, what went wrong, the log and
// the progress of a replay. It knows what it tells of by its types alone: replies,
// surveys, replays, certificates, what was verified, what was simulated. The commands know it.
package console

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"passbook.example/passbook/branch/name"
)

// maxLines is how many lines of one kind are shown.
const maxLines = 10

// Console owns everything that a user sees: results go to Out, all else to Err. Both
// let only visible characters through, because names, errors and addresses may come
// from anybody.
type Console struct {
	// Out is where results go, and Err where all else does.
	Out, Err io.Writer
	// Terminal is where Err leads to, for what draws there and for children, who
	// write as this process does.
	Terminal io.Writer
	// outTerminal and errTerminal tell whether Out and Err are terminals, with a person
	// who reads.
	outTerminal, errTerminal bool

	// Configure sets these. quiet leaves out all but results and errors, jsonLines makes
	// log lines of what goes to Err, and barless leaves out the progress bar.
	quiet, jsonLines, barless bool
	// Log is where branches log, each line once a minute; Deeds is for what
	// somebody did, which is logged each time.
	Log, Deeds *slog.Logger
}

// New returns the console of a process.
func New(out, err *os.File) *Console {
	c := &Console{
		Out: name.NewWriter(out), Err: name.NewWriter(err), Terminal: err,
		outTerminal: term.IsTerminal(int(out.Fd())),
		errTerminal: term.IsTerminal(int(err.Fd())),
	}
	c.Configure(Options{})
	return c
}

// Failure prints why the command failed.
func (c *Console) Failure(err error) {
	if c.jsonLines {
		c.Deeds.Error("passbook: "+err.Error(), "details", hintLines(err))
		return
	}
	fmt.Fprintf(c.Err, "passbook: %v\n", err)
	for _, line := range hintLines(err) {
		fmt.Fprintf(c.Err, "  %s\n", name.Printable(line))
	}
}

// hinter is an error that has more to say.
type hinter interface{ Hints() []string }

// hintLines says what else is known of a failure, and what to do about it.
func hintLines(err error) []string {
	lines := detailLines(err)
	var more hinter
	if errors.As(err, &more) {
		lines = append(lines, more.Hints()...)
	}
	return lines
}

// lines writes the first few of many lines to err.
func (c *Console) lines(prefix string, lines []string) {
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(c.Err, "%sand %d more\n", prefix, len(lines)-maxLines)
			return
		}
		fmt.Fprintf(c.Err, "%s%s\n", prefix, name.Printable(line))
	}
}

// notice prints a line that is no result.
func (c *Console) notice(text string) {
	switch {
	case c.quiet:
	case c.jsonLines:
		c.Deeds.Info(text)
	default:
		fmt.Fprintln(c.Err, name.Printable(text))
	}
}

// Warnings prints possible mistakes.
func (c *Console) Warnings(lines []string) {
	switch {
	case c.quiet:
	case c.jsonLines:
		for _, line := range lines {
			c.Deeds.Warn(line)
		}
	default:
		c.lines("warning: ", lines)
	}
}
