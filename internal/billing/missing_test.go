package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestClaims: what a total may be taken for by what is known of the emitters
// of its calls. A bound is claimed only where the invoice cannot lie beyond it.
func TestClaims(t *testing.T) {
	of := genai.Of
	reasoning := func(scope string, out, n int64, reading genai.Reading) *genai.Record {
		return with(chat(scope, 1000, out), func(r *genai.Record) {
			r.Provider, r.RequestModel, r.Output.Reading = "gcp.gemini", "gemini-2.5-pro", reading
			if n > 0 {
				r.Counts.Reasoning = of(n)
			}
		})
	}
	tests := []struct {
		name    string
		draw    func(s *scene)
		caveats Caveats
		want    Accuracy
	}{
		{"a stream that failed, after the opening event's usage", func(s *scene) {
			s.span(root, 0, 9, traits(chat("a", 1000, 1), genai.Failed|genai.Streamed))
		}, UsageInexact | UsageMissing, Estimate},
		{"a stream that did not fail", func(s *scene) { s.span(root, 0, 9, traits(chat("a", 1000, 1), genai.Streamed)) }, 0, Exact},
		{"a failure with usage, and no stream", func(s *scene) { s.span(root, 0, 9, traits(chat("a", 1000, 1), genai.Failed)) }, 0, Exact},
		{"a count that could not be read", func(s *scene) {
			s.span(root, 0, 9, traits(claude("a", 10, 0, 0, 100), genai.BadCount))
		}, UsageInexact | UsageMissing, Estimate},
		{"the same, and another that could", func(s *scene) {
			s.span(s.span(root, 0, 9, traits(chat("a", 10, 100), genai.BadCount)), 1, 8, chat("b", 10, 100))
		}, 0, Exact},
		{"reasoning in or beside the output, nobody knows", func(s *scene) {
			s.span(root, 0, 9, reasoning("a", 100, 80, genai.Unsettled))
		}, UsageMissing, LowerBound},
		{"reasoning in the output", func(s *scene) { s.span(root, 0, 9, reasoning("a", 100, 80, genai.Inclusive)) }, 0, Exact},
		{"no reasoning", func(s *scene) { s.span(root, 0, 9, reasoning("a", 100, 0, genai.Unsettled)) }, 0, Exact},
		{"another record of unknown reading", func(s *scene) {
			s.span(s.span(root, 0, 9, reasoning("a", 100, 80, genai.Unsettled)), 1, 8, reasoning("b", 100, 80, genai.Unsettled))
		}, UsageMissing, LowerBound},
		{"another record, blind to reasoning", func(s *scene) {
			s.span(s.span(root, 0, 9, reasoning("a", 100, 80, genai.Unsettled)), 1, 8, reasoning("b", 100, 0, genai.Unsettled))
		}, UsageMissing, LowerBound},
		{"another record that has all in its output", func(s *scene) {
			s.span(s.span(root, 0, 9, reasoning("a", 100, 80, genai.Unsettled)), 1, 8, reasoning("b", 100, 0, genai.Inclusive))
		}, 0, Exact},
		{"another record that has the sum", func(s *scene) {
			s.span(s.span(root, 0, 9, reasoning("a", 100, 80, genai.Unsettled)), 1, 8, reasoning("b", 180, 0, genai.Unsettled))
		}, 0, Exact},
		{"output that leaves reasoning out", func(s *scene) {
			s.span(root, 0, 9, traits(chat("a", 1000, 100), genai.ReasoningBlind))
		}, UsageMissing, LowerBound},
		{"the same, and another that has it", func(s *scene) {
			s.span(s.span(root, 0, 9, traits(chat("a", 1000, 100), genai.ReasoningBlind)), 1, 8, chat("b", 1000, 100))
		}, 0, Exact},
		{"cached tokens that nobody reports, beside the input", func(s *scene) {
			s.span(root, 0, 9, traits(with(chat("a", 900, 100), func(r *genai.Record) {
				r.Input = genai.Semantics{Reading: genai.Exclusive, Basis: genai.Declared}
			}), genai.CacheBlind))
		}, CacheUnreported | UsageMissing, Estimate},
		{"cached tokens that nobody reports but who made up its counts", func(s *scene) {
			s.span(root, 0, 100, traits(chat("framework", 5000, 50), genai.CacheBlind))
			s.span(root, 1, 99, traits(chat("client", 7, 40), genai.Estimates))
		}, UsageConflict | CacheUnreported, Estimate},
		{"an agent that wrote to the cache where its call does not say so", func(s *scene) {
			s.span(s.agent(root, 0, 9, aggregate(claude("a", 5000, 0, 300, 50))), 1, 8, claude("a", 5000, 0, 0, 50))
		}, UsageConflict, Estimate},
		{"a total of more than what is stated", func(s *scene) {
			s.span(root, 0, 9, traits(chat("a", 1000, 100), genai.TotalUnexplained))
		}, ResidualLeft, LowerBound},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			if b := Resolve(s.spans); b.Caveats != c.caveats || b.Caveats.Claim() != c.want {
				t.Errorf("%q, %s; want %q, %s", b.Caveats, b.Caveats.Claim(), c.caveats, c.want)
			}
		})
	}
}
