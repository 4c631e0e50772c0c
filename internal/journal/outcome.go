package journal

import (
	"math"

	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

func (w *Writer) claim(c *outcome.Claim) {
	w.statement(&c.Attributes)
	writeList(w, c.Metadata, w.metadatum)
	writeList(w, c.Emissions, w.statement)
	w.statement(&c.Completed)
	w.bool(c.Cancelled)
	w.varint(c.Deadline)
	w.text(c.ErrorType)
}

func (r *reader) claim() *outcome.Claim {
	c := &outcome.Claim{}
	r.readStatement(&c.Attributes)
	c.Metadata = readList(r, 2, r.readMetadatum)
	c.Emissions = readList(r, 7, r.readStatement)
	r.readStatement(&c.Completed)
	c.Cancelled, c.Deadline, c.ErrorType = r.bool(), r.varint(), r.text()
	return c
}

func (w *Writer) statement(s *outcome.Statement) {
	w.varint(s.Time)
	w.text(s.Status)
	w.text(s.ValueType)
	w.amount(s.Amount)
	w.amount(s.Confidence)
	w.text(s.Reason)
	w.text(s.ErrorType)
}

func (r *reader) readStatement(s *outcome.Statement) {
	*s = outcome.Statement{
		Time: r.varint(), Status: r.text(), ValueType: r.text(), Amount: r.amount(), Confidence: r.amount(),
		Reason: r.text(), ErrorType: r.text(),
	}
}

func (w *Writer) metadatum(m *outcome.Metadata) {
	w.text(m.Key)
	w.text(m.Value)
}

func (r *reader) readMetadatum(m *outcome.Metadata) { m.Key, m.Value = r.text(), r.text() }

// What an amount has.
const (
	amountOK = 1 << iota
	amountNumber
	amountEnd
)

func (w *Writer) amount(a outcome.Amount) {
	has := byte(0)
	if a.OK {
		has |= amountOK
	}
	if a.N != 0 || math.Signbit(a.N) {
		has |= amountNumber
	}
	w.b = append(w.b, has)
	if has&amountNumber != 0 {
		w.float(a.N)
	}
}

func (r *reader) amount() (a outcome.Amount) {
	has := r.bounded(amountEnd - 1)
	a.OK = has&amountOK != 0
	if has&amountNumber != 0 {
		a.N = r.float()
	}
	return a
}

func (w *Writer) outcome(o *outcome.Outcome) {
	w.b = append(w.b, byte(o.Status), byte(o.Source))
	w.text(o.StatusRaw)
	w.varint(o.Time)
	w.text(o.ValueType)
	w.amount(o.Amount)
	w.amount(o.Confidence)
	w.text(o.Reason)
	w.text(o.ErrorType)
	writeList(w, o.Metadata, w.metadatum)
	w.varint(int64(o.Emissions))
	w.bool(o.Conflict)
	w.varint(int64(o.BadStatus))
}

func (r *reader) readOutcome(o *outcome.Outcome) {
	*o = outcome.Outcome{
		Status: r.status(), Source: r.source(), StatusRaw: r.text(), Time: r.varint(), ValueType: r.text(),
		Amount: r.amount(), Confidence: r.amount(), Reason: r.text(), ErrorType: r.text(),
		Metadata: readList(r, 2, r.readMetadatum), Emissions: r.int(), Conflict: r.bool(), BadStatus: r.int(),
	}
}

// status reads a status. One that is not known has no spelling: to ask for it
// panics, and with what is stored at every start anew.
func (r *reader) status() outcome.Status {
	s := outcome.Status(r.byte())
	if s > outcome.Failed {
		r.fail("a status that is not known")
	}
	return s
}

// source reads which rule gave a status; see status.
func (r *reader) source() outcome.Source {
	s := outcome.Source(r.byte())
	if s > outcome.FromEmission {
		r.fail("a source that is not known")
	}
	return s
}
