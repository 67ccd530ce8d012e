package console

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"passbook.example/passbook/branch/name"
)

// table is rows of cells under a heading.
type table struct {
	// header names the columns; a name that begins with > is of a column of
	// numbers.
	header []string
	// rows are the cells, fit to be shown.
	rows [][]string
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = name.Printable(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

// write writes the table: in columns for a person, with tabs for a pipe. The
// heading is left out on a later page.
func (t *table) write(w io.Writer, aligned, heading bool) error {
	names, numbers := make([]string, len(t.header)), make([]bool, len(t.header))
	for i, name := range t.header {
		names[i], numbers[i] = strings.CutPrefix(name, ">")
	}
	rows := t.rows
	if heading {
		rows = append([][]string{names}, rows...)
	}
	widths := make([]int, len(names))
	if aligned {
		for _, row := range append([][]string{names}, rows...) {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	var b strings.Builder
	for _, row := range rows {
		if aligned {
			b.WriteString(alignedLine(row, widths, numbers))
		} else {
			b.WriteString(strings.Join(row, "\t"))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// alignedLine puts cells in columns: numbers to the right, others to the left.
func alignedLine(row []string, widths []int, numbers []bool) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if numbers[i] {
			b.WriteString(blanks + cell)
		} else {
			b.WriteString(cell + blanks)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
