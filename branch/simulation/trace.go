package simulation

import (
	"fmt"
	"strings"
)

// trace keeps the last things that happened. They become text only when a run
// fails.
type trace struct {
	lines [256]traceLine // the latest, in a ring
	n     int            // counts all that were ever noted
}

// traceLine is one thing that happened.
type traceLine struct {
	step   int    // how many events the run had had
	at     int64  // the run's time, in microseconds
	format string // as for fmt.Sprintf
	args   []any  // shown as they are when the run fails
}

func (w *world) note(format string, args ...any) {
	w.trace.lines[w.trace.n%len(w.trace.lines)] = traceLine{step: w.step, at: w.now, format: format, args: args}
	w.trace.n++
}

func (t *trace) tail() []string {
	var out []string
	for k := max(0, t.n-len(t.lines)); k < t.n; k++ {
		l := t.lines[k%len(t.lines)]
		out = append(out, fmt.Sprintf("step %d, %.3f ms: %s", l.step, float64(l.at)/1000, fmt.Sprintf(l.format, l.args...)))
	}
	return out
}

// Failure is an invariant that did not hold.
type Failure struct {
	// Options are those of the run, which repeat it.
	Options Options
	// Step is when it was found.
	Step int
	// Invariant names what must hold, Text says what was seen instead.
	Invariant, Text string
	// History are the last things that happened.
	History []string
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("step %d: %s: %s\nlast steps:\n  %s\nrepeat with: %s", f.Step, f.Invariant, f.Text, strings.Join(f.History, "\n  "), f.Repeat())
}

// Repeat returns the line that repeats the run.
func (f *Failure) Repeat() string {
	s := fmt.Sprintf("passbook simulate --seed %d --steps %d", f.Options.Seed, f.Options.Steps)
	if f.Options.Branches > 0 {
		s += fmt.Sprintf(" --branches %d", f.Options.Branches)
	}
	if f.Options.Calm {
		s += " --calm"
	}
	if f.Options.Journal {
		s += " --journal"
	}
	if f.Options.Liar {
		s += " --liar"
	}
	if f.Options.Signed {
		s += " --signed"
	}
	if f.Options.Fork {
		s += " --fork"
	}
	return s
}

// fail notes that an invariant does not hold; the first one is kept.
func (w *world) fail(invariant, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{Options: w.opts, Step: w.step, Invariant: invariant, Text: fmt.Sprintf(format, args...), History: w.trace.tail()}
	}
}
