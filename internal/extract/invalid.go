package extract

import "github.com/runrollup/runrollupprocessor/internal/genai"

// Reason is why something in the input was not read. The input passes on all
// the same.
type Reason uint8

const (
	BadSpanID   Reason = iota // the trace ID or the span ID is all zeros: copies of the span cannot be told
	BadType                   // an attribute of a type that it cannot have
	TooLong                   // an identifying value of over 256 bytes
	BadNumber                 // not finite, negative, or out of range where a number is meant
	BadTime                   // a time a year off, or an end before its start
	BadStatus                 // an outcome status outside the vocabulary
	TooMany                   // more entries than are kept, such as outcome metadata
	BadBlob                   // JSON within an attribute that is cut off, malformed or too long
	BadText                   // an identifying value that is no UTF-8
	BadMetadata               // client metadata too long to keep tenants apart by
	Reasons                   // how many there are
)

// ReasonNames has the value of the metric attribute `reason` for each.
var ReasonNames = [Reasons]string{
	BadSpanID: "span_id", BadType: "type", TooLong: "too_long", BadNumber: "number", BadTime: "time",
	BadStatus: "outcome_status", TooMany: "too_many", BadBlob: "json", BadText: "utf8", BadMetadata: "metadata",
}

// Invalid counts what was not read, by reason.
type Invalid [Reasons]int

// badCounts counts what was not usable of a call's numbers and names, once a
// reason and span.
func (n *Invalid) badCounts(bad genai.Bad) {
	for _, r := range [...]struct {
		bits genai.Bad
		as   Reason
	}{
		{genai.BadNegative | genai.BadHuge | genai.BadFraction | genai.BadNaN, BadNumber},
		{genai.BadType, BadType},
		{genai.BadBlob, BadBlob},
		{genai.BadText, TooLong},
	} {
		if bad&r.bits != 0 {
			n[r.as]++
		}
	}
}
