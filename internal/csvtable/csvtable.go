// Package csvtable reads CSV files that people edit: its errors name the file, the line, the column and the remedy. It knows no
// columns of its own.
package csvtable

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Table reads a CSV file with a header, row by row.
type Table struct {
	name   string
	reader *csv.Reader
	header []string
	row    []string
	line   int
}

// New reads the header, which must have these columns.
func New(name string, from io.Reader, needs ...string) (*Table, error) {
	t := &Table{name: name, reader: csv.NewReader(from)}
	t.reader.ReuseRecord = true
	if more, err := t.Next(); err != nil {
		return nil, err
	} else if !more {
		return nil, fmt.Errorf("%s:1: the file is empty: its first line names the columns, such as %s", name, strings.Join(needs, ","))
	}
	t.header = slices.Clone(t.row)
	for _, column := range needs {
		if !slices.Contains(t.header, column) {
			return nil, t.Wrong(column, "there is no such column: the file has %s", strings.Join(t.header, ", "))
		}
	}
	return t, nil
}

// Columns are those of the header, in order.
func (t *Table) Columns() []string { return slices.Clone(t.header) }

// Next goes on to the next row. It reports false at the end of the file.
func (t *Table) Next() (more bool, err error) {
	t.row, err = t.reader.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	var broken *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &broken):
		return false, fmt.Errorf("%s:%d: column %d is the last and the header names %d: give each line one value for each column",
			t.name, broken.Line, len(t.row), len(t.header))
	case errors.As(err, &broken):
		return false, fmt.Errorf("%s:%d: column %d: %w: put quotes around a whole value, or nowhere", t.name, broken.Line, broken.Column, broken.Err)
	case err != nil:
		return false, fmt.Errorf("%s: %w", t.name, err)
	}
	t.line, _ = t.reader.FieldPos(0)
	return true, nil
}

// Value is that of a column, or empty if there is no such column.
func (t *Table) Value(column string) string {
	at := slices.Index(t.header, column)
	if at < 0 {
		return ""
	}
	return t.row[at]
}

// Wrong is an error about the value of a column in this row.
func (t *Table) Wrong(column, format string, args ...any) error {
	return fmt.Errorf("%s:%d: column %s: %s", t.name, t.line, column, fmt.Sprintf(format, args...))
}
