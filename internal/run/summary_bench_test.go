package run

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// benchRun is a run of ten spans and more: a root that states an outcome, and
// three calls by each of the given scopes, those of the second within the time
// of those of the first.
func benchRun(scopes ...string) *Run {
	var r Run
	add := func(i byte, f *Fact) {
		f.Key = SpanKey{Trace: [16]byte{1}, Span: [8]byte{i}}
		f.Service = "agent"
		f.Identity[Event] = "evt-1"
		r.Add(f, 100)
	}
	add(1, &Fact{Start: 1000, End: 2000, Flags: NamedRoot | NoParent, Detail: &Detail{Claim: &outcome.Claim{
		Emissions: []outcome.Statement{{Time: 2000, Status: "success", ValueType: "tickets", Amount: outcome.Finite(1)}},
	}}})
	quote := &ratecard.Quote{Card: "card@1", Provider: "openai", Model: "gpt-4o", Rates: ratecard.Rates{Per: 1, Priced: 1<<ratecard.Leaves - 1}}
	i := byte(2)
	for _, scope := range scopes {
		for call := range int64(3) {
			add(i, &Fact{Parent: [8]byte{1}, Start: 1000 + 100*call + int64(i), End: 1100 + 100*call - int64(i), Detail: &Detail{
				Quote: quote,
				Record: &genai.Record{
					Scope: scope, Kind: genai.Leaf, Provider: "openai", RequestModel: "gpt-4o", ResponseID: string(rune('a' + i)),
					Counts: genai.Counts{Input: genai.Of(1200), CacheRead: genai.Of(1024), Output: genai.Of(340 + call)},
					Input:  genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared},
				},
			}})
			i++
		}
	}
	for range 6 {
		add(i, &Fact{Parent: [8]byte{i - 1}, Start: 1000 + int64(i), End: 2000})
		i++
	}
	return &r
}

// BenchmarkSummarize is a run of ten spans, three of them calls.
func BenchmarkSummarize(b *testing.B) { benchmark(b, benchRun("openai")) }

// BenchmarkSummarizeTwoScopes is a run in which two instrumentations tell of
// each call, side by side.
func BenchmarkSummarizeTwoScopes(b *testing.B) { benchmark(b, benchRun("langchain", "openai")) }

func benchmark(b *testing.B, r *Run) {
	b.ReportAllocs()
	for b.Loop() {
		Summarize(r.Snapshot(), RootEnded, Options{})
	}
}
