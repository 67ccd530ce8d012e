package main

import (
	"math"
	"strconv"
)

// scale says where values are along an axis.
type scale struct {
	// least and most are the values at the ends of the axis, from and to their places.
	least, most, from, to float64
	logarithmic           bool
	// ticks are the values that the axis names.
	ticks []float64
}

// mostTicks is how many ticks an axis has at most, beside its first.
const mostTicks = 6

// linearScale goes from 0, or another value, to at least a value.
func linearScale(least, most float64) scale {
	if !(most > least) {
		most = least + 1
	}
	step := roundUp((most - least) / mostTicks)
	s := scale{least: least, most: math.Ceil(most/step) * step}
	for n := int(math.Ceil(least / step)); n <= int(math.Round(s.most/step)); n++ {
		s.ticks = append(s.ticks, float64(n)*step) // an integer is never −0
	}
	return s
}

// logScale goes from a power of ten to at least a value. The least value, which must
// be greater than 0, lies some way from the beginning.
func logScale(least, most float64) scale {
	power := math.Floor(math.Log10(least / 1.5))
	s := scale{least: math.Pow(10, power), logarithmic: true}
	s.most = max(roundUp(most), 10*s.least)
	decades := math.Log10(s.most / s.least)
	for ; math.Pow(10, power) <= s.most; power++ {
		for _, n := range []float64{1, 2, 5} {
			if v := n * math.Pow(10, power); v <= s.most*(1+1e-9) && (n == 1 || decades <= 2) {
				s.ticks = append(s.ticks, v)
			}
		}
	}
	return s
}

// roundUp returns 1, 2 or 5 times a power of ten that is at least v.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v*(1-1e-9) {
			return n * power
		}
	}
	return 10 * power
}

// between returns the scale with its ends at two places.
func (s scale) between(from, to float64) scale {
	s.from, s.to = from, to
	return s
}

// at returns the place of a value. One that is off the axis is at its end.
func (s scale) at(v float64) float64 {
	v = min(max(v, s.least), s.most)
	part := (v - s.least) / (s.most - s.least)
	if s.logarithmic {
		part = math.Log(v/s.least) / math.Log(s.most/s.least)
	}
	return s.from + part*(s.to-s.from)
}

// tickText names a tick, with no more digits than it needs.
func tickText(v float64) string {
	if math.Abs(v) >= 1000 {
		return grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// axisText names an axis.
func (s scale) axisText(name string) string {
	if s.logarithmic {
		return name + ", logarithmic"
	}
	return name
}
