package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// row is one line of the table: a figure, what it is compared with, and what
// the goal asks of their ratio.
type row struct {
	// Goal is the group that the row is in.
	Goal string `json:"goal"`
	// What was measured, with its unit.
	What string `json:"what"`
	// Subject names the contender, Figure is what it reached.
	Subject string `json:"subject"`
	Figure  figure `json:"figure"`
	// Reference names what it is compared with; empty for a row that only
	// tells, or whose goal bounds the figure itself.
	Reference       string `json:"reference,omitempty"`
	ReferenceFigure figure `json:"reference_figure,omitempty"`
	// Bound is the goal; nil for a row that only tells.
	Bound *bound `json:"bound,omitempty"`
	// Note says what the figure leaves out.
	Note string `json:"note,omitempty"`
}

// compared is what the bound applies to: the ratio of the medians or, without
// a reference, the median.
func (r *row) compared() float64 {
	if r.Reference == "" {
		return r.Figure.median()
	}
	return r.Figure.median() / r.ReferenceFigure.median()
}

// cells are the columns of the row.
func (r *row) cells() []string {
	what := r.What
	if r.Note != "" {
		what += " [" + r.Note + "]"
	}
	c := []string{r.Goal, what, r.Subject, r.Figure.String(), "", "", "", "", ""}
	if r.Reference != "" {
		c[4], c[5] = r.Reference, r.ReferenceFigure.String()
		c[6] = figure{r.compared()}.String()
		if ratios := r.Figure.over(r.ReferenceFigure); len(ratios) > 1 {
			c[6] += spread(ratios)
		}
	}
	if r.Bound != nil {
		c[7] = r.Bound.String()
		c[8] = verdict(r)
	}
	return c
}

// spread is the least and the greatest of the ratios of single rounds.
func spread(ratios figure) string {
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range ratios {
		least, most = min(least, v), max(most, v)
	}
	return fmt.Sprintf(" (%s–%s)", number(least), number(most))
}

// verdict says whether the goal is met. It is not if the contender ran and gave no value.
func verdict(r *row) string {
	ran := len(r.Figure) > 0 && (r.Reference == "" || len(r.ReferenceFigure) > 0)
	switch {
	case !ran:
		return "not measured"
	case r.Bound.met(r.compared()):
		return "met"
	}
	return "not met"
}

// heads are the names of the columns.
var heads = []string{"goal", "what", "contender", "median (min–max)", "reference", "median (min–max)", "ratio (of single rounds)", "asked", ""}

// leastWidth is how many dashes Markdown wants below the head of a column.
const leastWidth = 3

// table prints the rows in columns, as Markdown has it.
func table(w io.Writer, rows []row) {
	lines := [][]string{heads}
	for i := range rows {
		lines = append(lines, rows[i].cells())
	}
	widths := make([]int, len(heads))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], leastWidth, utf8.RuneCountInString(cell))
		}
	}
	for i, line := range lines {
		tableLine(w, line, widths)
		if i == 0 {
			rule := make([]string, len(heads))
			for k := range rule {
				rule[k] = strings.Repeat("-", widths[k])
			}
			tableLine(w, rule, widths)
		}
	}
}

func tableLine(w io.Writer, cells []string, widths []int) {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
	}
	fmt.Fprintln(w, b.String()+"|")
}
