// Package billing decides, over the whole of a run, which spans describe a
// request that a provider bills, and what tokens that request came to.
//
// A span is not a call. One call may be on three spans (a framework, a client
// instrumentation, the client library itself), and one span may repeat ten
// calls (an agent, a chain). Nothing here looks at attributes: package genai
// has read them, each dialect by its own table. What is left to decide is the
// same for every dialect, and can only be decided once all spans are there.
//
// The package is pure: no clock, no lock, no logger, no I/O. The result does
// not depend on the order in which spans are given.
package billing

import (
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// Span is what billing must know of a span: where it stands, and what it says
// about a call, where it says anything.
type Span struct {
	Trace      [16]byte
	ID, Parent [8]byte
	Start, End int64 // unix nanoseconds
	Tool       bool  // runs a tool: what lies beneath it was not asked for by the span above as its own call
	Agent      bool  // runs an agent, with the same meaning
	// Foreign marks a span of another run in a trace of this one. It counts
	// for ancestry, so that no aggregate of this run bills what it repeats of
	// the other, and is never billed here.
	Foreign bool
	Record  *genai.Record // nil where the span says nothing of a call
}

// Bill is what a run is charged for, and why the rest is not.
type Bill struct {
	Calls     []Call // in order of time
	Discards  []Discard
	Residuals []Residual
	Caveats   Caveats // of all calls, and of the run as a whole
	// FailedTries counts requests that failed without a sign that the provider
	// billed them. They are no calls; several spans of one try count once.
	FailedTries int
}

// Errors is how many requests failed, billed or not.
func (b *Bill) Errors() int {
	n := b.FailedTries
	for i := range b.Calls {
		if b.Calls[i].Failed {
			n++
		}
	}
	return n
}

// Call is one request that the provider bills, or several where Requests or
// Sum says so.
type Call struct {
	// Records are the spans that describe the call, the richest first: it
	// stands for the call, and the others fill what it lacks.
	Records  []int
	Record   genai.Record
	Tokens   usage.Tokens
	HasUsage bool
	// APICalls is how many requests the call holds, at least one.
	APICalls int
	// Sum is set where Tokens is, or may be, a sum over several requests: no
	// context tier can be chosen by it.
	Sum     bool
	Failed  bool
	Caveats Caveats
}

// Discard is a record that is not billed, or not by itself.
type Discard struct {
	Span   int // index into the spans given
	Reason Reason
	By     int // the span that stands for the call that makes this one superfluous; -1 for none
}

// Reason is why a record is not billed by itself.
type Reason uint8

const (
	notDiscarded Reason = iota
	// IsAggregate is an agent, chain or wrapper over calls that are billed.
	IsAggregate
	// RepeatsID has the response ID of the call that is billed.
	RepeatsID
	// RepeatsChild describes the same call as a span beneath or above it.
	RepeatsChild
	// RepeatsSpan is the same span, given twice.
	RepeatsSpan
	// Paired is another instrumentation's span of the same call.
	Paired
	// SumBeside repeats the sum of calls that do not lie beneath it.
	SumBeside
	// SemanticCache was answered from the application's own cache.
	SemanticCache
	// FetchedAgain reads a response that was billed when it was made.
	FetchedAgain
	// FailedUnbilled failed without a sign that the provider had begun to answer.
	FailedUnbilled
	// Covered is a chat span whose numbers are accounted for by calls beneath it.
	Covered
)

var reasons = [...]string{
	notDiscarded: "", IsAggregate: "aggregate", RepeatsID: "repeat_of_response_id", RepeatsChild: "repeat_of_child",
	RepeatsSpan: "repeat_of_span", Paired: "paired", SumBeside: "sum_beside", SemanticCache: "semantic_cache",
	FetchedAgain: "fetched", FailedUnbilled: "failed_without_usage", Covered: "covered",
}

// String is the code that is written to an explanation.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}

// Residual is what an aggregate says beyond all calls beneath it. It is not
// billed: it may be a call that nobody instrumented, one that sampling took,
// or a total over the lifetime of an agent, and the spans do not tell which.
type Residual struct {
	Span                                 int
	Input, CacheRead, CacheWrite, Output int64 // Input is all input
}
