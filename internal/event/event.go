package event

import (
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Event is what is known of one event: the newest revision of each part of
// each of its runs, and outcomes that came without a run.
//
// Put and Say are commutative, associative and idempotent, so an event does
// not depend on the order in which its runs were summarised, or told again.
//
// An Event is not safe for concurrent use. A copy made by [Event.Snapshot] may be
// read while the event it was made of is changed.
type Event struct {
	members []*Member // by run, then part; what is pointed at never changes
	claims  []Claim   // by span
	bytes   int       // of the members
	shared  bool      // a snapshot may be reading members or claims

	last      string // the last attempt
	lastKnown bool
}

// Claim is an outcome that came on a span of no run: a review, a refund.
type Claim struct {
	Span    run.SpanKey
	Outcome outcome.Outcome
}

// ClaimLimit bounds the outcomes that are kept of one event. Past it the
// least believed gives way.
const ClaimLimit = 32

// Put adds a part of a run, or replaces what was known of it by a newer
// revision. It reports whether that changed anything.
func (e *Event) Put(m Member) bool {
	at, found := e.find(m.RunID, m.Part)
	if found && e.members[at].Revision >= m.Revision {
		return false
	}
	e.own()
	e.lastKnown = false
	if found {
		e.bytes -= e.members[at].Bytes()
		e.members[at] = &m
	} else {
		e.members = slices.Insert(e.members, at, &m)
	}
	e.bytes += m.Bytes()
	return true
}

// Remove takes out a part of a run that belongs to another event after all.
func (e *Event) Remove(runID string, part uint64) bool {
	at, found := e.find(runID, part)
	if found {
		e.own()
		e.lastKnown = false
		e.bytes -= e.members[at].Bytes()
		e.members = slices.Delete(e.members, at, at+1)
	}
	return found
}

func (e *Event) find(runID string, part uint64) (int, bool) {
	key := Member{RunID: runID, Part: part}
	return slices.BinarySearchFunc(e.members, &key, func(a, b *Member) int { return a.compare(b) })
}

// own makes the lists the event's alone.
func (e *Event) own() {
	if e.shared {
		e.members, e.claims, e.shared = slices.Clone(e.members), slices.Clone(e.claims), false
	}
}

// Say adds an outcome that came without a run. It reports whether it is new.
func (e *Event) Say(c Claim) bool {
	at, found := slices.BinarySearchFunc(e.claims, c, func(a, b Claim) int { return a.Span.Compare(b.Span) })
	if found {
		return false
	}
	e.own()
	e.claims = slices.Insert(e.claims, at, c)
	if len(e.claims) > ClaimLimit {
		least := 0
		for i := range e.claims {
			if believed(&e.claims[i].Outcome, &e.claims[least].Outcome) < 0 {
				least = i
			}
		}
		e.claims = slices.Delete(e.claims, least, least+1)
	}
	return true
}

// Len is the number of parts of runs.
func (e *Event) Len() int { return len(e.members) }

// IsEmpty reports whether nothing is known of the event.
func (e *Event) IsEmpty() bool { return len(e.members)+len(e.claims) == 0 }

// Bytes is about how much memory the event takes.
func (e *Event) Bytes() int {
	return e.bytes + len(e.members)*memberBytes + len(e.claims)*claimBytes
}

const (
	memberBytes = 16
	claimBytes  = 512
)

// Snapshot is the event as it is now. It costs nothing.
func (e *Event) Snapshot() Event {
	e.shared = true
	return *e
}

// Members gives the parts of runs, by run, then part. They must not be changed.
func (e *Event) Members() []*Member { return e.members }

// believed compares outcomes of one thing: greater is believed (contract,
// section 6: rank, then time).
func believed(a, b *outcome.Outcome) int {
	return cmp.Or(cmp.Compare(a.Rank(), b.Rank()), cmp.Compare(a.Time, b.Time))
}
