package flags

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	// maxTypos is how many keys a word may be off to be taken for another one.
	maxTypos = 2
)

// The errors of cobra's flags, in plain words.
var (
	oneRequired = regexp.MustCompile(`^at least one of the flags in the group \[(.*)\] is required$`)
	exclusive   = regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; \[(.*)\] were all set$`)
	negative    = regexp.MustCompile(`^unknown shorthand flag: '\d' in (-\d+)$`)
	unknownFlag = regexp.MustCompile(`^unknown flag: --(.*)$`)
)

// InWords returns an error of usage that tells what to do.
func InWords(c *cobra.Command, err error) error {
	text := err.Error()
	if m := oneRequired.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s needs %s", c.CommandPath(), flagsText(m[1], " or "))
	}
	if m := exclusive.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s can't be used together", flagsText(m[1], " and "))
	}
	if m := negative.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("the amount must be an integer greater than 0, got %s", m[1])
	}
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if kind := kindOf(bad.GetFlag()); kind != "" {
			return fmt.Errorf("--%s must be %s, got %q", bad.GetFlag().Name, kind, bad.GetValue())
		}
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		if near := nearestFlag(c, m[1]); near != "" {
			return fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	return err
}

// kindOf says what the value of a flag must be, if Go's own parser reads it, whose
// errors are for programmers; else "".
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a time such as 500ms, 15s or 2m"
	case "int32":
		return fmt.Sprintf("an integer of at most %d", math.MaxInt32)
	case "int", "int64":
		return fmt.Sprintf("an integer of at most %d", math.MaxInt64)
	case "uint32":
		return fmt.Sprintf("an integer from 0 to %d", uint32(math.MaxUint32))
	case "uint64":
		return fmt.Sprintf("an integer from 0 to %d", uint64(math.MaxUint64))
	}
	return ""
}

// flagsText returns "--a or --b" for "a b".
func flagsText(names, between string) string {
	words := strings.Fields(names)
	for i := range words {
		words[i] = "--" + words[i]
	}
	return strings.Join(words, between)
}

// nearestFlag returns the flag of a command that somebody most likely meant.
func nearestFlag(c *cobra.Command, text string) string {
	nearest, least := "", maxTypos+1
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if typos := distance(text, f.Name); typos < least && !f.Hidden {
			nearest, least = f.Name, typos
		}
	})
	return nearest
}

// distance is the least number of characters to insert, delete or change that
// make one word of the other (Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
