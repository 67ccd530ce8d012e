// Package words puts what passbook prints into words: numbers of things, ids of
// branches, times, and the causes of errors. It knows the errors of calls; all of the
// binary knows it.
package words

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"passbook.example/passbook/branch/words"
)

// maxIDs bounds the ids that are named.
const maxIDs = 10

// Count returns "1 branch" or "2 branches".
func Count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	case strings.HasSuffix(noun, "ry"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Branches returns "branch 7" or "branches 1, 2 and 4".
func Branches(ids []uint32) string {
	return words.Branches(slices.Sorted(slices.Values(ids)), maxIDs)
}

// IDs returns "1, 2 and 4", with the first few of many.
func IDs(ids []uint32) string {
	return words.IDs(slices.Sorted(slices.Values(ids)), maxIDs)
}

// Duration rounds a duration for people.
func Duration(d time.Duration) time.Duration {
	switch {
	case d > time.Minute:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// RoundTrip writes a round trip, given in microseconds, as "0.4 ms" or "41 ms".
func RoundTrip(us int64) string {
	ms := float64(us) / 1000
	switch {
	case us <= 0:
		return "not measured"
	case ms < 0.1:
		return "< 0.1 ms"
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// Clock returns the time of day of a moment soon to come.
func Clock(t time.Time) string { return t.Format("15:04:05 MST") }
