// Package event adds up what one event cost: all runs that were made for it,
// attempts that failed and runs nested in others among them (contract, section
// 7). It knows runs by their summaries, never by their spans.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package event

import (
	"cmp"
	"unsafe"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// Member is what an event keeps of one part of one of its runs: a few hundred
// bytes, whatever the run held.
type Member struct {
	RunID    string
	Part     uint64
	Revision int // the newest
	Anchor   run.SpanKey
	Rooted   bool // it saw the run's root, which knows the identity best
	Identity run.Identity

	Start, End int64 // Unix nanoseconds
	Outcome    outcome.Outcome

	Calls, Unpriced int
	Tokens          usage.Tokens
	Total           money.Amount
	Known           bool // false where it has calls and none has a price
	Overflow        bool
	Caveats         billing.Caveats
}

// Of is what an event keeps of a summary.
func Of(s *run.Summary) Member {
	return Member{
		RunID: s.RunID, Part: s.Part, Revision: s.Revision, Anchor: s.Anchor, Rooted: s.Completion == run.RootEnded, Identity: s.Identity,
		Start: s.Start, End: s.End, Outcome: s.Outcome,
		Calls: s.Cost.Calls, Unpriced: s.Cost.Unpriced, Tokens: s.Cost.Tokens,
		Total: s.Cost.Total, Known: s.Cost.Known, Overflow: s.Cost.Overflow, Caveats: caveatsOf(s),
	}
}

// Bytes is about how much memory m takes.
func (m *Member) Bytes() int {
	n := int(unsafe.Sizeof(*m)) + len(m.RunID) + len(m.Outcome.StatusRaw) + len(m.Outcome.ValueType) +
		len(m.Outcome.Reason) + len(m.Outcome.ErrorType)
	for _, v := range m.Identity {
		n += len(v)
	}
	for _, d := range m.Outcome.Metadata {
		n += int(unsafe.Sizeof(d)) + len(d.Key) + len(d.Value)
	}
	return n
}

// compare orders members by run, then part.
func (m *Member) compare(o *Member) int {
	return cmp.Or(cmp.Compare(m.RunID, o.RunID), cmp.Compare(m.Part, o.Part))
}

func caveatsOf(s *run.Summary) billing.Caveats {
	c, _ := billing.ParseCaveats(s.Cost.Caveats) // what package cost wrote
	return c
}
