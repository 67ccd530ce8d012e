// Package flags has the flags that several commands share, the rules for their
// values, and the errors for values that break them. It knows what they fill in: where
// branches are, and how much the console tells. The commands know it.
package flags

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// choice is a flag that takes one of a few words, each of which stands for a
// value.
type choice[T any] struct {
	// value is what the flag sets.
	value *T
	// words are the choices; mean is the value that each stands for.
	words []string
	mean  []T
	// word is the chosen word.
	word string
}

// String implements pflag.Value.
func (c *choice[T]) String() string { return c.word }

// Type implements pflag.Value.
func (c *choice[T]) Type() string { return strings.Join(c.words, "|") }

// Set takes the word.
func (c *choice[T]) Set(text string) error {
	i := slices.Index(c.words, text)
	if i < 0 {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	*c.value, c.word = c.mean[i], text
	return nil
}

// add adds the flag to a command, with its words to complete in a shell.
func (c *choice[T]) add(to *cobra.Command, name, usage string) {
	to.Flags().Var(c, name, usage)
	// It errs only if the flag does not exist, or has a completion already.
	if err := to.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// Acknowledge adds --acknowledge.
func Acknowledge(c *cobra.Command, level *bankv1.Acknowledge, usage string) {
	f := &choice[bankv1.Acknowledge]{value: level}
	for l := bankv1.Acknowledge_ACKNOWLEDGE_LOCAL; l <= bankv1.Acknowledge_ACKNOWLEDGE_NEAREST; l++ {
		f.words, f.mean = append(f.words, AcknowledgeWord(l)), append(f.mean, l)
	}
	f.add(c, "acknowledge", usage)
}

// AcknowledgeWord returns the word for a level: "local".
func AcknowledgeWord(level bankv1.Acknowledge) string {
	return strings.ToLower(strings.TrimPrefix(level.String(), "ACKNOWLEDGE_"))
}

// OutputForm adds --output-form.
func OutputForm(c *cobra.Command, form *customer.OutputForm) {
	forms := customer.OutputForms()
	f := &choice[customer.OutputForm]{value: form, mean: forms}
	for _, form := range forms {
		f.words = append(f.words, form.String())
	}
	f.add(c, "output-form", "the form of the output (default: the one that belongs to the input; monotonic-writes never is); those with lamport trace the replay")
}

// Spelling adds --spelling.
func Spelling(c *cobra.Command, spelling *lamport.Spelling) {
	spellings := []lamport.Spelling{lamport.Propogate, lamport.Propagate}
	f := &choice[lamport.Spelling]{value: spelling, mean: spellings}
	for _, s := range spellings {
		f.words = append(f.words, string(s))
	}
	f.add(c, "spelling", "how a trace spells propagations (default propogate, as the course's hand-out does)")
}

// Trace adds --trace.
func Trace(c *cobra.Command, trace *bool, usage string) {
	c.Flags().BoolVar(trace, "trace", false, usage)
}

// logLevelFlag adds --log-level.
func logLevelFlag(c *cobra.Command, level *slog.Level, usual string) {
	f := &choice[slog.Level]{value: level}
	for _, l := range []slog.Level{slog.LevelDebug, api.LevelCalls, api.LevelEvents, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		f.words, f.mean = append(f.words, console.LevelWord(l)), append(f.mean, l)
	}
	if err := f.Set(usual); err != nil {
		panic(err)
	}
	f.add(c, "log-level", "the least level that is logged to stderr; -v stands for events, -vv for calls, -q for error")
}

// Positive says whether the duration of a flag is greater than zero.
func Positive(flag string, d time.Duration) error {
	if d <= 0 {
		return exit.Usagef("--%s must be greater than 0, got %v", flag, d)
	}
	return nil
}
