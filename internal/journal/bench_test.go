package journal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// spans are those of a batch: runs of ten spans each, of which three are calls,
// interleaved as they come in from several processes of one service.
func spans(n int) (parts []uint64, facts []run.Fact) {
	quotes := []*ratecard.Quote{{Card: "builtin@1", Provider: "openai", Model: "gpt-4o"}, {Card: "builtin@1", Provider: "anthropic", Model: "claude"}}
	models := []string{"gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929"}
	runs := n / 10
	for i := range n {
		at, of := i/runs, i%runs
		rnd := rand.New(rand.NewPCG(2, uint64(of)))
		f := run.Fact{Service: "support-agent", Start: 1_763_860_000_000_000_000 + int64(i)*1_234_567}
		part := rnd.Uint64()
		for j := range f.Key.Trace {
			f.Key.Trace[j] = byte(rnd.Uint32())
		}
		f.Identity = run.Identity{
			run.Event: fmt.Sprintf("ticket-%d", 48000+of), run.Workflow: "support", run.Customer: fmt.Sprintf("customer-%d", of%20),
			run.Environment: "production", run.Attempt: "1",
		}
		f.Key.Span, f.Parent = spanID(of, at), spanID(of, 0)
		f.End = f.Start + 1_000_000_000 + rnd.Int64N(1_000_000_000)
		if at == 0 {
			f.Parent = [8]byte{}
			f.Flags = run.NoParent
		}
		if at%10 > 6 {
			f.Detail = callOf(models[of%2], quotes[of%2], rnd)
		}
		parts, facts = append(parts, part), append(facts, f)
	}
	return parts, facts
}

func spanID(of, at int) (id [8]byte) {
	rnd := rand.New(rand.NewPCG(uint64(of), uint64(at)))
	for i := range id {
		id[i] = byte(rnd.Uint32())
	}
	return id
}

func callOf(model string, q *ratecard.Quote, rnd *rand.Rand) *run.Detail {
	in, out := rnd.Int64N(20_000), rnd.Int64N(1000)
	return &run.Detail{Quote: q, Record: &genai.Record{
		Dialect: "otel", Scope: "opentelemetry.instrumentation.openai_v2", Version: "2.1b0", Kind: genai.Leaf, Provider: q.Provider,
		ServerAddress: "api.example.com", RequestModel: q.Model, ResponseModel: model, ResponseID: fmt.Sprintf("chatcmpl-%029x", rnd.Uint64()),
		Counts: genai.Counts{Input: genai.Of(in), Output: genai.Of(out), CacheRead: genai.Of(in / 2), Total: genai.Of(in + out)},
		Input:  genai.Semantics{Reading: genai.Inclusive, Basis: genai.Proved}, Traits: genai.ResponseBegan,
	}}
}

// The entry must stay small and writing it must not allocate: it is on the way of every span.
func TestSize(t *testing.T) {
	parts, facts := spans(500)
	var w Writer
	var plain, calls, plainBytes, callBytes int
	for i := range facts {
		was := w.Len()
		w.Fact(parts[i], &facts[i])
		if facts[i].Detail == nil {
			plain, plainBytes = plain+1, plainBytes+w.Len()-was
		} else {
			calls, callBytes = calls+1, callBytes+w.Len()-was
		}
	}
	t.Logf("%d plain spans of %.1f bytes, %d calls of %.1f bytes", plain, float64(plainBytes)/float64(plain), calls, float64(callBytes)/float64(calls))
	if plainBytes > 80*plain || callBytes > 160*calls {
		t.Error("a plain span may take 80 bytes, a call 160")
	}
	if n := testing.AllocsPerRun(20, func() {
		w.Take()
		for i := range facts {
			w.Fact(parts[i], &facts[i])
		}
	}); n > 10 { // the buffer of the entry, and quotes that are new to it
		t.Errorf("%v allocations for 500 spans", n)
	}
}

func BenchmarkFact(b *testing.B) {
	for _, c := range []struct {
		name   string
		isCall bool
		of     int // spans, among them 490 or 510 such
	}{{"plain", false, 700}, {"call", true, 1700}} {
		b.Run(c.name, func(b *testing.B) {
			var parts []uint64
			var facts []run.Fact
			ps, fs := spans(c.of)
			for i := range fs {
				if (fs[i].Detail != nil) == c.isCall {
					parts, facts = append(parts, ps[i]), append(facts, fs[i])
				}
			}
			var w Writer
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				i %= len(facts)
				if i == 0 {
					w.Take()
				}
				w.Fact(parts[i], &facts[i])
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	parts, facts := spans(500)
	var w Writer
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range facts {
			w.Fact(parts[i], &facts[i])
		}
		n = len(w.Take())
	}
	perSpan(b, n)
}

func BenchmarkDecode(b *testing.B) {
	parts, facts := spans(500)
	var w Writer
	for i := range facts {
		w.Fact(parts[i], &facts[i])
	}
	entry := w.Take()
	b.ReportAllocs()
	for b.Loop() {
		if err := Read(entry, discard{}); err != nil {
			b.Fatal(err)
		}
	}
	perSpan(b, len(entry))
}

func perSpan(b *testing.B, entry int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/span")
	b.ReportMetric(float64(entry)/500, "bytes/span")
}

// discard is a Handler of some kinds that keeps nothing.
type discard struct{ Handler }

func (discard) Fact(uint64, *run.Fact) error                 { return nil }
func (discard) Tenant(uint64, [][]string) error              { return nil }
func (discard) Told(uint64, run.Completion, *run.Told) error { return nil }
