package ratecard

import (
	"fmt"
	"strings"
)

// Error is a mistake in a card file, said so that it can be mended without
// reading this code.
type Error struct {
	Line    int    // in the file, from 1; 0 where it is not known
	Field   string // path to the key
	Value   string // as written; "" where there is none
	Problem string
	Fix     string
}

// Error is "line 12: rates.price.input_mtok: "2,5" is not a decimal number; write it like 2.5".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	if e.Value != "" {
		fmt.Fprintf(&b, "%q: ", clip(e.Value))
	}
	b.WriteString(e.Problem)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// clip keeps a message readable whatever the file holds.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
