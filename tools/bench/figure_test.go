package main

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		f    figure
		want float64
	}{
		{figure{3}, 3},
		{figure{9, 1, 5}, 5},
		{figure{4, 1, 3, 2}, 2.5},
		{figure{math.NaN(), 1, 3}, 3},
	} {
		if got := tt.f.median(); got != tt.want {
			t.Errorf("median of %v: got %v, want %v", []float64(tt.f), got, tt.want)
		}
	}
	for _, f := range []figure{nil, {math.NaN()}, {1, math.NaN()}, {math.NaN(), 2, math.NaN()}} {
		if got := f.median(); !math.IsNaN(got) {
			t.Errorf("median of %v: got %v, want NaN", []float64(f), got)
		}
	}
}

func TestMedianLeavesTheRunsInOrder(t *testing.T) {
	f := figure{3, 1, 2}
	f.median()
	if f[0] != 3 || f[1] != 1 || f[2] != 2 {
		t.Errorf("after median: got %v, want 3 1 2", []float64(f))
	}
}

func TestRoundByRound(t *testing.T) {
	f, g := figure{10, 20, 30}, figure{2, 4, 5}
	if got, want := f.plus(g).String(), "24.0 (12.0–35.0)"; got != want {
		t.Errorf("plus: got %s, want %s", got, want)
	}
	if got, want := f.over(g).String(), "5.00 (5.00–6.00)"; got != want {
		t.Errorf("over: got %s, want %s", got, want)
	}
	if got := f.over(figure{2}); len(got) != 1 {
		t.Errorf("over fewer rounds: got %d ratios, want 1", len(got))
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.8: "0.80", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567", -1000: "-1,000", math.Inf(1): "–",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v): got %s, want %s", v, got, want)
		}
	}
}

func TestBound(t *testing.T) {
	for _, tt := range []struct {
		b    *bound
		v    float64
		want bool
	}{
		{atLeast(0.8), 0.8, true},
		{atLeast(0.8), 0.79, false},
		{atMost(1.3), 1.3, true},
		{atMost(1.3), 1.31, false},
		{atLeast(0.8), math.NaN(), false},
	} {
		if got := tt.b.met(tt.v); got != tt.want {
			t.Errorf("%v met by %v: got %t, want %t", tt.b, tt.v, got, tt.want)
		}
	}
}
