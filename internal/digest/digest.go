// Package digest hashes what a summary says, so that it need not be kept to
// tell whether the next one says anything new.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Writer takes values one after another, so that no two sequences of values of
// the same types make the same bytes. The zero Writer is ready for use.
type Writer struct{ b []byte }

// On is a writer that uses some room before it takes memory of its own.
func On(room []byte) Writer { return Writer{b: room[:0]} }

// Sum is the hash of all that was written.
func (w *Writer) Sum() [sha256.Size]byte { return sha256.Sum256(w.b) }

// Number writes an integer.
func (w *Writer) Number(n int64) { w.b = binary.LittleEndian.AppendUint64(w.b, uint64(n)) }

// Numbers writes integers, whose count is known to the reader.
func (w *Writer) Numbers(list ...int64) {
	for _, n := range list {
		w.Number(n)
	}
}

// Float writes a number.
func (w *Writer) Float(n float64) { w.Number(int64(math.Float64bits(n))) }

// Bool writes whether something is so.
func (w *Writer) Bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

// Text writes a text.
func (w *Writer) Text(s string) {
	w.Number(int64(len(s)))
	w.b = append(w.b, s...)
}

// Texts writes a list of texts.
func (w *Writer) Texts(list []string) {
	w.Number(int64(len(list)))
	for _, s := range list {
		w.Text(s)
	}
}

// Raw writes bytes, whose count is known to the reader.
func (w *Writer) Raw(b []byte) { w.b = append(w.b, b...) }
