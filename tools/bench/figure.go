package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// figure is one quantity, measured once in each run. It is NaN for a run that gave no
// value: no call was answered of which there could be a latency.
type figure []float64

// median returns the middle of the runs, and NaN when there are none. A run without
// a value counts as worse than any latency.
func (f figure) median() float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	sorted := slices.SortedFunc(slices.Values(f), func(a, b float64) int {
		if math.IsNaN(a) || math.IsNaN(b) {
			return -cmp.Compare(a, b) // which has NaN first
		}
		return cmp.Compare(a, b)
	})
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

// MarshalJSON implements json.Marshaler. JSON has no NaN: a run without a value is null.
func (f figure) MarshalJSON() ([]byte, error) {
	values := make([]*float64, len(f))
	for i := range f {
		values[i] = finite(f[i])
	}
	return json.Marshal(values)
}

// finite returns a value, or nil for one that JSON can't tell.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
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

// MarshalJSON implements json.Marshaler, as that of figure does.
func (r reading) MarshalJSON() ([]byte, error) {
	values := make(map[string]*float64, len(r))
	for name, v := range r {
		values[name] = finite(v)
	}
	return json.Marshal(values)
}

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
