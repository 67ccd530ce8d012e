package verdict

import (
	"fmt"
	"strings"
	"time"
)

// nameBranches names some branches, and how many more there are.
func nameBranches(ids []uint32) string {
	const most = 3
	switch {
	case len(ids) == 1:
		return fmt.Sprintf("branch %d", ids[0])
	case len(ids) > most:
		return fmt.Sprintf("branches %d, %d and %d more", ids[0], ids[1], len(ids)-2)
	}
	names := make([]string, len(ids)-1)
	for i, id := range ids[:len(ids)-1] {
		names[i] = fmt.Sprint(id)
	}
	return fmt.Sprintf("branches %s and %d", strings.Join(names, ", "), ids[len(ids)-1])
}

// countOf writes a number of things.
func countOf(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with a comma between its thousands, as the page does.
func grouped[N int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for at := len(digits) - 3; at > first; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// lasting writes a time, rounded: it changes once a second at most.
func lasting(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
