package reconcile

import (
	"bytes"
	"errors"
)

// Marks around the tables in a page.
var (
	begin = []byte("<!-- reconcile: begin -->\n")
	end   = []byte("<!-- reconcile: end -->\n")
)

// Insert puts the tables between the marks of a page.
func Insert(page, tables []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, begin)
	if !ok {
		return nil, errors.New("the page has no mark " + string(begin))
	}
	_, tail, ok := bytes.Cut(rest, end)
	if !ok {
		return nil, errors.New("the page has no mark " + string(end))
	}
	return bytes.Join([][]byte{head, begin, tables, end, tail}, nil), nil
}
