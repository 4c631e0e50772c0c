package run

import (
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// Verdict is what became of a record.
type Verdict string

const (
	Billed    Verdict = "billed"    // it stands for a call
	Merged    Verdict = "merged"    // it describes a call that another record stands for, and may have filled it up
	Discarded Verdict = "discarded" // it describes no call of its own, or none that is billed
)

// Note says of one record why it was billed or not.
type Note struct {
	Span    SpanKey
	Start   int64
	Verdict Verdict
	Reason  string   // why it was not billed by itself; empty where it was
	By      *SpanKey // the span that stands for it, where there is one
	Record  *genai.Record

	// Of a record that is billed: the whole call, with what others filled in.
	Call *billing.Call
	Line cost.Line
}

// Caveats are those of the call that a billed record stands for.
func (n *Note) Caveats() billing.Caveats {
	// Whether a sum's context tier matters is for the card to say.
	return n.Call.Caveats&^billing.TierAssumed | n.Line.Caveats
}

// notes explains a bill, record by record in order of time. nodes are all that
// billing saw, those of other runs too.
func notes(nodes []node, b *billing.Bill, lines []cost.Line) []Note {
	var list []Note
	standsFor := map[int]bool{}
	note := func(i int) *Note {
		list = append(list, Note{Span: nodes[i].key, Start: nodes[i].start, Record: nodes[i].detail.Record})
		return &list[len(list)-1]
	}
	for c := range b.Calls {
		call := &b.Calls[c]
		n := note(call.Records[0])
		n.Verdict, n.Call, n.Line = Billed, call, lines[c]
		standsFor[call.Records[0]] = true
	}
	merged := map[int]bool{}
	for c := range b.Calls {
		for _, i := range b.Calls[c].Records[1:] {
			merged[i] = true
		}
	}
	for _, d := range b.Discards {
		if standsFor[d.Span] || nodes[d.Span].detail == nil || nodes[d.Span].detail.Record == nil {
			continue
		}
		n := note(d.Span)
		n.Verdict, n.Reason = Discarded, d.Reason.String()
		if merged[d.Span] {
			n.Verdict = Merged
		}
		if d.By >= 0 {
			n.By = &nodes[d.By].key
		}
	}
	slices.SortFunc(list, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.Span.Compare(b.Span))
	})
	return list
}
