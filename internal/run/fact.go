package run

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// SpanKey is what a span is known by. Two spans with one key are one span
// delivered twice.
type SpanKey struct {
	Trace [16]byte
	Span  [8]byte
}

// Compare orders keys by trace, then span.
func (k SpanKey) Compare(o SpanKey) int {
	if c := bytes.Compare(k.Trace[:], o.Trace[:]); c != 0 {
		return c
	}
	return bytes.Compare(k.Span[:], o.Span[:])
}

// Flags are the properties of a span that its run's summary asks for.
type Flags uint16

const (
	Failed       Flags = 1 << iota // its status is error
	NamedRoot                      // called botanu.run/… or bearing a run.completed event
	NoParent                       // it has no parent span
	RemoteParent                   // its flags say that the parent is in another process
	Tool                           // it runs a tool
	Agent                          // it runs an agent
	Sampled                        // its tracestate shows that a sampler has chosen it
	NoTimes                        // start or end is absent or absurd; it counts, its times do not
	Apart                          // it is no span of the run: it states the outcome, and nothing else of it counts
)

// Fact is all that one span says about its run.
type Fact struct {
	Key        SpanKey
	Parent     [8]byte
	Start, End int64 // Unix nanoseconds
	Flags      Flags
	Identity   Identity
	Service    string  // service.name of its resource
	Detail     *Detail // nil for most spans
}

// Detail is what only few spans say: those that call a model, state an outcome
// or may be the run's root.
type Detail struct {
	Record *genai.Record   `json:",omitempty"`
	Quote  *ratecard.Quote `json:"-"` // the rates for Record in the card in force at first arrival; nil where it has none
	Claim  *outcome.Claim  `json:",omitempty"`
	Root   *Root           `json:",omitempty"`
	// Metered is other work that the card in force at first arrival prices.
	Metered []cost.Metered `json:",omitempty"`
}

// Root is what a span that may be the run's root says beside its identity.
type Root struct {
	StartTime string // botanu.run.start_time as written; empty where absent or no RFC 3339 time
	Copied    []Attribute
}

// Attribute is an attribute that the configuration asks to copy.
type Attribute struct {
	Key   string
	Value any // string, bool, int64, float64
}

// greater reports whether a wins against b, another delivery of the same span
// that says something else. Which one is right cannot be known; that the
// choice does not depend on the order of arrival is what matters. The later
// end wins, as an update of a span extends it; the rest is an arbitrary but
// total order over everything a fact holds.
func greater(a, b *Fact) bool {
	if c := cmp.Compare(a.End, b.End); c != 0 {
		return c > 0
	}
	return bytes.Compare(canonical(a), canonical(b)) > 0
}

// canonical is a fact as bytes, equal for equal facts.
func canonical(f *Fact) []byte {
	text, err := json.Marshal(f)
	if err != nil { // no field of a fact can fail to marshal: floats are kept only where finite
		panic(err)
	}
	return text
}
