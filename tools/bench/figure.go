package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// figure is one quantity, measured once in each run.
type figure []float64

// median returns the middle of the runs, and NaN when there are none.
func (f figure) median() float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(f))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// plus adds quantities that were measured in the same rounds, round by round.
func (f figure) plus(g figure) figure {
	sum := make(figure, min(len(f), len(g)))
	for i := range sum {
		sum[i] = f[i] + g[i]
	}
	return sum
}

// over divides quantities that were measured in the same rounds, round by
// round.
func (f figure) over(g figure) figure {
	ratio := make(figure, min(len(f), len(g)))
	for i := range ratio {
		ratio[i] = f[i] / g[i]
	}
	return ratio
}

// times scales a quantity.
func (f figure) times(factor float64) figure {
	scaled := make(figure, len(f))
	for i := range f {
		scaled[i] = f[i] * factor
	}
	return scaled
}

// String is the median with its spread.
func (f figure) String() string {
	if len(f) == 0 {
		return "–"
	}
	if len(f) == 1 {
		return number(f[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(f.median()), number(slices.Min(f)), number(slices.Max(f)))
}

// number writes a quantity with three digits or more, in groups of three.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case size >= 1000:
		return grouped(int64(math.Round(v)))
	case size >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// grouped writes an integer with a comma before every three digits.
func grouped(v int64) string {
	digits := fmt.Sprint(v)
	sign := ""
	if v < 0 {
		sign, digits = "-", digits[1:]
	}
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}

// measures are the quantities of one contender, by name.
type measures map[string]figure

// reading is what one run of a contender measured.
type reading map[string]float64

// add appends the reading of one more run.
func (m measures) add(r reading) {
	for name, v := range r {
		m[name] = append(m[name], v)
	}
}

// bound is the ratio that a goal asks for.
type bound struct {
	limit float64
	// most means that the limit is an upper one.
	most bool
}

func atLeast(limit float64) *bound { return &bound{limit: limit} }
func atMost(limit float64) *bound  { return &bound{limit: limit, most: true} }

// met says whether a value is within the bound.
func (b *bound) met(v float64) bool {
	if b.most {
		return v <= b.limit
	}
	return v >= b.limit
}

// String implements fmt.Stringer.
func (b *bound) String() string {
	sign := "≥"
	if b.most {
		sign = "≤"
	}
	return sign + " " + number(b.limit)
}

// MarshalJSON implements json.Marshaler.
func (b *bound) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }
