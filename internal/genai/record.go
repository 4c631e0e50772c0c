// Package genai reads what a span says about a request to a model provider.
//
// The names and their meanings differ by instrumentation. Each dialect is a
// table in a file of its own; this package only knows how to read a table.
// What comes out is a [Record]: the numbers as they were written, and what is
// known about their meaning. Which records are billed, and what their numbers
// come to, is decided in package billing over a whole run.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package genai

import "github.com/runrollup/runrollupprocessor/internal/money"

// Record is what one span says about one request to a model provider, or
// about several where it is an [Aggregate].
type Record struct {
	Dialect string // the table that read it, such as "otel" or "openinference"
	Scope   string // instrumentation scope name
	Version string // instrumentation scope version

	Kind  Kind
	Class Class

	Provider      string // semantic-convention spelling, such as "openai"; "" where no real provider is named
	ServerAddress string
	RequestModel  string
	ResponseModel string
	ResponseID    string // "" where the id is known not to identify a provider's response
	Tier          string // service tier as written; "" where none is named or it says only "auto"

	Counts   Counts
	Input    Semantics // whether Counts.Input includes cached tokens
	Output   Semantics // whether Counts.Output includes reasoning tokens
	Cost     Cost
	Traits   Traits
	APICalls int // how many API requests the span says it holds; 0 where it does not say
	Bad      Bad // why something on the span was not usable
}

// HasUsage reports whether the record states any token count above zero.
func (r *Record) HasUsage() bool { return r.Counts.any() }

// Model is the model to price by: the one that answered, else the one asked for.
func (r *Record) Model() string {
	if r.ResponseModel != "" {
		return r.ResponseModel
	}
	return r.RequestModel
}

// Kind says what a span with usage describes.
type Kind uint8

const (
	Unknown   Kind = iota // usage, but no attribute says of what
	Leaf                  // one request to a provider
	Aggregate             // an agent, chain, workflow, step or tool: repeats what lies beneath it
)

// Class keeps calls that cannot be the same apart.
type Class uint8

const (
	Generation Class = iota // chat, completion, and whatever is not an embedding
	Embedding
)

// Counts are the token counts as a span wrote them. They overlap: see
// [Record.Input] and [Record.Output]. A count that is absent is distinct from
// one that is zero.
type Counts struct {
	Input, Output                          Count
	CacheRead                              Count
	CacheWrite, CacheWrite5m, CacheWrite1h Count
	Reasoning                              Count
	InputAudio, CacheReadAudio             Count
	OutputAudio                            Count
	Total                                  Count // a checksum, never an operand
}

func (c *Counts) any() bool {
	return c.Input.N > 0 || c.Output.N > 0 || c.CacheRead.N > 0 || c.CacheWrite.N > 0 || c.CacheWrite5m.N > 0 ||
		c.CacheWrite1h.N > 0 || c.Reasoning.N > 0 || c.InputAudio.N > 0 || c.CacheReadAudio.N > 0 || c.OutputAudio.N > 0
}

// Count is a token count that may be absent.
type Count struct {
	N  int64
	OK bool
}

// Of is the count n.
func Of(n int64) Count { return Count{N: n, OK: true} }

// Semantics is how a total relates to its parts, and how that is known.
type Semantics struct {
	Reading Reading
	Basis   Basis
}

// Reading is how a total relates to its parts.
type Reading uint8

const (
	Unsettled Reading = iota
	Inclusive         // the total contains the parts
	Exclusive         // the parts lie beside it
)

// Basis is how a reading is known, from the weakest to the strongest.
type Basis uint8

const (
	Assumed  Basis = iota // nothing tells; the convention's default
	Declared              // a dialect's table says so for this scope and version
	Proved                // the numbers of the record admit only this reading
)

// CostClass is who stands behind a cost that a span states, from the most
// believed to the least (contract, section 5).
type CostClass uint8

const (
	NoCost       CostClass = iota
	OperatorCost           // botanu.cost.* and the attributes named in cost.attributes
	ProviderCost           // what the provider charged, OpenRouter for one
	GatewayCost            // what a gateway charged, less a stated margin: LiteLLM
	LocalCost              // an instrumentation's own estimate from a price list
)

// Cost is a cost in USD that a span states for its record. One total, or the
// parts of one; never a family of attributes added up.
type Cost struct {
	Class    CostClass
	Total    money.Amount
	Currency string // as written where it is not USD; such a cost is not read
}

// Traits are facts about a record that are neither numbers nor names.
type Traits uint32

const (
	Failed           Traits = 1 << iota // the request ended in an error
	ResponseBegan                       // the provider answered, whatever became of it: an ID or a finish reason
	LocalError                          // the provider did not refuse: the client failed, hung up, or lost the connection
	Streamed                            // the response was streamed
	Estimates                           // the emitter is known to write counts of its own where the provider sent none
	CacheBlind                          // the emitter never reports cached tokens
	StreamOutputHigh                    // streamed output may be too high by the opening event's tokens
	SemanticHit                         // answered from the application's own cache; the provider billed nothing
	BadCount                            // something of the usage was present and not usable; see [Record.Bad]
	Fetched                             // reads a response again; never billed
	Tool                                // an aggregate that is a tool: a call beneath it is the tool's own
	Agent                               // an aggregate that is an agent
	ReasoningBlind                      // the emitter's output leaves reasoning out, and nothing else states it
	TotalUnexplained                    // the stated total is more than all that is stated beside it
	WriteBlind                          // the emitter may leave out what was written to a cache
	CacheSeen                           // states cached tokens, be it none, as all spans of its emitter would
	BrokenOff                           // the stream ended before its end: output counts to somewhere before
	Overwritten                         // written on another's span, each call over the one before: it is the last of several, or the only one
	BadCost                             // a stated cost was not usable
	Pictures                            // states tokens of images or video, which are counted as input and output like text
	TotalShort                          // the stated total is less than input and output, however they are read
)

// Has reports whether all of the given traits are set.
func (t Traits) Has(o Traits) bool { return t&o == o }
