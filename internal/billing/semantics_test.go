package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestProofs: how one record's input is read tells of the others of its
// emitter, and of no others.
func TestProofs(t *testing.T) {
	const (
		inclusive, exclusive = genai.Inclusive, genai.Exclusive
		proved, declared     = genai.Proved, genai.Declared
	)
	read := func(model string, in, read int64, reading genai.Reading, basis genai.Basis) *genai.Record {
		return with(chat("ai", in, 50), func(r *genai.Record) {
			r.Provider, r.RequestModel, r.Counts.CacheRead = "gcp.vertex_ai", model, genai.Of(read)
			r.Input = genai.Semantics{Reading: reading, Basis: basis}
		})
	}
	totals := func(rec *genai.Record, n int64) *genai.Record {
		return with(rec, func(r *genai.Record) { r.Counts.Total = genai.Of(n) })
	}
	inTurn := func(recs ...*genai.Record) func(s *scene) {
		return func(s *scene) {
			for i, rec := range recs {
				s.span(root, int64(1000*i), int64(1000*i+100), rec)
			}
		}
	}
	claude := read("claude-sonnet-4-5", 10, 5000, exclusive, proved)
	open := read("claude-haiku-4-5", 6000, 4000, genai.Unsettled, genai.Assumed)
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in      int64
		caveats Caveats
	}{
		{"of the family that has the proof", inTurn(claude, open), 2, 5010 + 10000, 0},
		{"of that family, under its vendor's name", inTurn(claude, with(open, func(r *genai.Record) { r.RequestModel = "us.anthropic.Claude-haiku-4-5" })),
			2, 5010 + 10000, 0},
		{"of another family, declared", inTurn(claude, read("gemini-2.5-pro", 10000, 8000, inclusive, declared)), 2, 5010 + 10000, 0},
		{"of another family, not declared", inTurn(claude, read("gpt-4o", 10000, 8000, genai.Unsettled, genai.Assumed)), 2, 5010 + 10000, CacheAssumed},
		{"of another scope", inTurn(claude, with(open, func(r *genai.Record) { r.Scope = "other" })), 2, 5010 + 6000, CacheAssumed},
		{"streamed, the other not", inTurn(claude, traits(open, genai.Streamed)), 2, 5010 + 6000, CacheAssumed},
		{"declared, and proved to be otherwise: no one can know", inTurn(claude, with(open, func(r *genai.Record) {
			r.Input = genai.Semantics{Reading: inclusive, Basis: declared}
		})), 2, 5010 + 6000, CacheAssumed},
		{"declared as proved", inTurn(claude, with(open, func(r *genai.Record) {
			r.Input = genai.Semantics{Reading: exclusive, Basis: declared}
		})), 2, 5010 + 10000, 0},
		{"two proofs against each other", inTurn(claude, read("claude-sonnet-4-5", 9000, 5000, inclusive, proved), open),
			3, 5010 + 9000 + 6000, CacheAssumed},
		{"the same the other way round", inTurn(read("claude-sonnet-4-5", 9000, 5000, inclusive, proved), claude, open),
			3, 5010 + 9000 + 6000, CacheAssumed},
		{"two proofs against each other, and a table", inTurn(claude, read("claude-sonnet-4-5", 9000, 5000, inclusive, proved),
			read("claude-haiku-4-5", 6000, 4000, exclusive, declared)), 3, 5010 + 9000 + 10000, CacheAssumed},
		{"a total that leaves out the cached tokens", inTurn(totals(claude, 5060), totals(open, 6050)), 2, 5010 + 6000, CacheAssumed},
		{"such a total, and a table", inTurn(totals(claude, 5060), totals(read("claude-haiku-4-5", 6000, 4000, exclusive, declared), 6050)),
			2, 5010 + 10000, 0},
		{"such a total, as the emitter always writes it", inTurn(totals(claude, 60), totals(open, 6050)), 2, 5010 + 10000, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			check(t, Resolve(s.spans), c.calls, c.in, int64(50*c.calls), c.caveats)
		})
	}
}
