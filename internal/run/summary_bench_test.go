package run

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// BenchmarkSummarize is a run of ten spans, three of them calls.
func BenchmarkSummarize(b *testing.B) {
	var r Run
	for i := range byte(10) {
		f := Fact{Key: SpanKey{Trace: [16]byte{1}, Span: [8]byte{i + 1}}, Start: 1000 + int64(i), End: 2000, Service: "agent"}
		f.Identity[Event] = "evt-1"
		switch {
		case i == 0:
			f.Flags |= NamedRoot | NoParent
		case i <= 3:
			f.Parent = [8]byte{1}
			f.Detail = &Detail{Record: &genai.Record{
				Scope: "openai", Kind: genai.Leaf, Provider: "openai", RequestModel: "gpt-4o", ResponseID: string(rune('a' + i)),
				Counts: genai.Counts{Input: genai.Of(1200), CacheRead: genai.Of(1024), Output: genai.Of(340)},
				Input:  genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared},
			}}
		default:
			f.Parent = [8]byte{i}
		}
		r.Add(&f, 100)
	}
	b.ReportAllocs()
	for b.Loop() {
		Summarize(r.Snapshot(), RootEnded, Options{})
	}
}
