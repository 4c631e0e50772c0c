package event

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"unsafe"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/digest"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// Key is what an event is known by within a tenant: two customers' ticket-42
// never mix.
type Key struct{ Customer, Event string }

// linkLimit bounds the runs that a summary links to.
const linkLimit = 32

// Summary is what an event amounts to. It is a projection: the same runs give
// the same summary.
type Summary struct {
	Tenant   string // the key of the tenant; not told, but part of what the summary is known by
	Part     uint64
	Revision int
	// Anchor is the span that the summary hangs under: that of the run that
	// began first, as it was at the part's first revision.
	Anchor run.SpanKey
	Links  []Link // the summaries of its runs, at most 32, in order of start

	// Identity is that of the last attempt, filled up from the other runs. What
	// tells runs apart is left out.
	Identity   run.Identity
	Start, End int64 // Unix nanoseconds

	Outcome        outcome.Outcome // of the last attempt, or one that came later without a run
	PreviousStatus *outcome.Status // the last revision's, where it was another

	Runs     int // all
	Attempts int // at what the event is about
	Others   int // top-level runs of other workflows

	Calls, Unpriced int
	Tokens          usage.Tokens
	Total           money.Amount
	Known           bool         // false where there are calls, or no run at all, and none has a price
	Increase        money.Amount // of the total, over the last revision
	Unsuccessful    money.Amount // of Total, what went into top-level runs that did not succeed, nested runs with them
	Accuracy        billing.Accuracy
	Caveats         billing.Caveats
}

// Link is a run's summary.
type Link struct {
	RunID    string
	Part     uint64
	Revision int
	Trace    [16]byte
}

// perRun are the fields of the identity that tell runs of one event apart.
var perRun = [run.Fields]bool{run.ParentRun: true, run.RootRun: true, run.Attempt: true, run.RetryOf: true}

// unsuccessful are the outcomes whose cost is one of failure (contract,
// section 7).
var unsuccessful = map[outcome.Status]bool{
	outcome.Failed: true, outcome.Timeout: true, outcome.Canceled: true, outcome.Abandoned: true,
}

// Summarize derives what an event amounts to.
func Summarize(e Event) Summary {
	var s Summary
	all := e.attempts()
	top := lineage(all)
	list := tries(top)
	s.count(&e, all, top, list)
	s.add(&e, all)
	s.place(&e)
	s.identify(all, list)
	if len(list) > 0 {
		s.Outcome = *list[len(list)-1].outcome
	}
	for i := range e.claims {
		if believed(&e.claims[i].Outcome, &s.Outcome) > 0 {
			s.Outcome = e.claims[i].Outcome
		}
	}
	s.Increase = s.Total
	return s
}

func (s *Summary) count(e *Event, all, top, list []*attempt) {
	s.Runs, s.Attempts, s.Others = len(all), len(list), len(top)-len(list)
	if len(list) > 0 {
		// Where earlier attempts were seen elsewhere, the last one still knows.
		s.Attempts = max(s.Attempts, list[len(list)-1].number)
	}
	if len(all) == 0 && len(e.claims) > 0 {
		s.Accuracy = billing.Unknown
	}
}

// add adds up what the runs cost, each part once.
func (s *Summary) add(e *Event, all []*attempt) {
	known := false
	for _, a := range all {
		failed := unsuccessful[a.top.outcome.Status]
		for i := a.first; i < len(e.members) && e.members[i].RunID == a.id; i++ {
			m := e.members[i]
			s.Calls += m.Calls
			s.Unpriced += m.Unpriced
			s.Tokens = s.Tokens.Add(m.Tokens)
			s.Caveats |= m.Caveats
			// A part without a call has a total of nothing, which says nothing of the others.
			known = known || m.Known && (m.Calls > 0 || m.Total > 0)
			if !m.Known {
				continue
			}
			s.Total = s.sum(s.Total, m.Total)
			if failed {
				s.Unsuccessful = s.sum(s.Unsuccessful, m.Total)
			}
			if m.Overflow {
				s.Caveats |= billing.Overflow
			}
		}
	}
	if len(all) == 0 {
		return
	}
	s.Known = known || s.Calls == 0
	s.Accuracy = s.Caveats.Claim()
	if !s.Known {
		s.Accuracy = billing.Unknown
	}
}

// sum adds amounts; one that would leave the range is left out, and told.
func (s *Summary) sum(a, b money.Amount) money.Amount {
	c, err := a.Add(b)
	if err != nil {
		s.Caveats |= billing.Overflow
		return a
	}
	return c
}

// place says when the event was, and what its summary hangs under.
func (s *Summary) place(e *Event) {
	parts := slices.Clone(e.members)
	slices.SortStableFunc(parts, func(a, b *Member) int { return cmp.Compare(a.Start, b.Start) })
	for i, m := range parts {
		if i == 0 {
			s.Start, s.Anchor = m.Start, m.Anchor
		}
		s.End = max(s.End, m.End)
		if i < linkLimit {
			s.Links = append(s.Links, Link{RunID: m.RunID, Part: m.Part, Revision: m.Revision, Trace: m.Anchor.Trace})
		}
	}
	if len(parts) == 0 && len(e.claims) > 0 {
		s.Anchor = e.claims[0].Span
		s.Start, s.End = e.claims[0].Outcome.Time, e.claims[0].Outcome.Time
	}
}

// identify unites what the runs say of whose event it is: the last attempt
// first, then the other attempts, then all the rest by start.
func (s *Summary) identify(all, list []*attempt) {
	order := slices.Clone(list)
	slices.Reverse(order)
	rest := slices.Clone(all)
	slices.SortFunc(rest, func(a, b *attempt) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id)) })
	for _, a := range append(order, rest...) {
		for f, v := range a.identity {
			if s.Identity[f] == "" && !perRun[f] {
				s.Identity[f] = v
			}
		}
	}
}

// Told is what has to be kept of a part's last summary to make the next one a
// revision of it.
type Told struct {
	Revision int
	Anchor   run.SpanKey
	Status   outcome.Status
	Total    money.Amount
	Digest   [sha256.Size]byte
}

// Told is what to keep of s.
func (s *Summary) Told() Told {
	return Told{Revision: s.Revision, Anchor: s.Anchor, Status: s.Outcome.Status, Total: s.Total, Digest: s.digest()}
}

// Revise makes s the revision after last: the same part, told again. It
// reports false where s says nothing that last did not say.
func (s *Summary) Revise(last *Told) bool {
	s.Anchor = last.Anchor
	if s.digest() == last.Digest {
		return false
	}
	s.Revision = last.Revision + 1
	s.PreviousStatus = outcome.ChangedFrom(last.Status, s.Outcome.Status)
	s.Increase = s.Total - last.Total
	return true
}

// Absorb makes s stand for itself and for old, the revision before it, which
// nobody has seen.
func (s *Summary) Absorb(old *Summary) {
	before := old.Outcome.Status
	if old.PreviousStatus != nil {
		before = *old.PreviousStatus
	}
	s.PreviousStatus = outcome.ChangedFrom(before, s.Outcome.Status)
	s.Increase += old.Increase
}

// digest is a hash over all that s says of the event: not over what it says of
// itself in relation to an earlier summary, nor which revision of a run's
// summary it links to.
func (s *Summary) digest() [sha256.Size]byte {
	var room [2048]byte
	w := digest.On(room[:])
	w.Text(s.Tenant)
	w.Number(int64(s.Part))
	s.Anchor.Digest(&w)
	w.Number(int64(len(s.Links)))
	for i := range s.Links {
		link := &s.Links[i]
		w.Text(link.RunID)
		w.Number(int64(link.Part))
		w.Raw(link.Trace[:])
	}
	for _, v := range s.Identity {
		w.Text(v)
	}
	s.Outcome.Digest(&w)
	w.Numbers(s.Start, s.End, int64(s.Runs), int64(s.Attempts), int64(s.Others), int64(s.Calls), int64(s.Unpriced))
	s.Tokens.Digest(&w)
	w.Numbers(int64(s.Total), int64(s.Unsuccessful), int64(s.Accuracy), int64(s.Caveats))
	w.Bool(s.Known)
	return w.Sum()
}

// Bytes is about how much memory s takes.
func (s *Summary) Bytes() int {
	n := int(unsafe.Sizeof(*s)) + len(s.Links)*(int(unsafe.Sizeof(Link{}))+64)
	for _, v := range s.Identity {
		n += len(v)
	}
	return n
}
