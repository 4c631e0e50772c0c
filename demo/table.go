package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is the answer to a query.
type table struct {
	columns []string
	rows    [][]any // int64, float64, string or nil, as SQLite has them
}

// ask runs one statement that answers with rows.
func ask(ctx context.Context, db *sql.DB, statement string) (*table, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer func() { _ = rows.Close() }()
	t := &table{}
	if t.columns, err = rows.Columns(); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	for rows.Next() {
		values := make([]any, len(t.columns))
		targets := make([]any, len(t.columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		t.rows = append(t.rows, values)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return t, nil
}

// column is one column as text: its name, a rule, and a cell for each row, all
// of one width, numbers to the right.
func (t *table) column(i int) []string {
	name := t.columns[i]
	cells := []string{name, ""}
	numeric, decimals := false, t.decimals(i)
	width := utf8.RuneCountInString(name)
	for _, row := range t.rows {
		var cell string
		switch v := row[i].(type) {
		case nil:
			cell = "NULL"
		case float64:
			cell, numeric = strconv.FormatFloat(v, 'f', decimals, 64), true
		case int64:
			cell, numeric = strconv.FormatInt(v, 10), true
		default:
			cell = fmt.Sprint(v)
		}
		cells = append(cells, cell)
		width = max(width, utf8.RuneCountInString(cell))
	}
	cells[1] = strings.Repeat("-", width)
	for j, cell := range cells {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
		if numeric {
			cells[j] = pad + cell
		} else {
			cells[j] = cell + pad
		}
	}
	return cells
}

// decimals is how many digits after the point a column needs: a token or two
// cost a millionth of a dollar, and where hundreds stand cents will do.
func (t *table) decimals(i int) int {
	for _, row := range t.rows {
		if v, ok := row[i].(float64); ok && math.Abs(v) >= 100 {
			return 2
		}
	}
	return 6
}

func (t *table) write(w io.Writer) error {
	lines := make([]strings.Builder, len(t.rows)+2)
	for i := range t.columns {
		for j, cell := range t.column(i) {
			lines[j].WriteString("  " + cell)
		}
	}
	for i := range lines {
		if _, err := fmt.Fprintln(w, strings.TrimRight(lines[i].String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
