package outcome

import "math"

// Amount is a number that may be absent: a value amount or a confidence.
type Amount struct {
	N  float64
	OK bool
}

// Finite is n, or absent where n is no finite number.
func Finite(n float64) Amount {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Amount{}
	}
	return Amount{N: n, OK: true}
}

// Claim is all that one span says about its run's outcome. A span that says
// nothing has none.
type Claim struct {
	Attributes Statement   // the span's own outcome attributes
	Metadata   []Metadata  // botanu.outcome.metadata.*, by key
	Emissions  []Statement // its outcome_emitted events
	Completed  Statement   // its run.completed event; Time is 0 where it has none

	Cancelled bool   // botanu.run.cancelled
	Deadline  int64  // botanu.run.deadline_ts in Unix nanoseconds; 0 where there is none
	ErrorType string // error.type, else the type of the exception it recorded
}

// Statement is an outcome as one place states it. Anything may be missing.
type Statement struct {
	Time       int64  // event time in Unix nanoseconds; of no meaning for attributes
	Status     string // as written
	ValueType  string
	Amount     Amount
	Confidence Amount
	Reason     string
	ErrorType  string
}

func (s *Statement) hasValue() bool { return s.ValueType != "" || s.Amount.OK }

func (s *Statement) isEmpty() bool {
	return s.Status == "" && !s.hasValue() && !s.Confidence.OK && s.Reason == "" && s.ErrorType == ""
}

// Metadata is one attribute under botanu.outcome.metadata, its key without the
// prefix and its value as text.
type Metadata struct{ Key, Value string }

// IsEmpty reports whether a claim says nothing at all.
func (c *Claim) IsEmpty() bool {
	return c.Attributes.isEmpty() && len(c.Metadata) == 0 && len(c.Emissions) == 0 && c.Completed.Time == 0 &&
		!c.Cancelled && c.Deadline == 0 && c.ErrorType == ""
}
