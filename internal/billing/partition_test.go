package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// TestParts: no token is in two parts, and a part that is more than its whole
// says that the numbers contradict each other.
func TestParts(t *testing.T) {
	type counts = genai.Counts
	of := genai.Of
	tests := []struct {
		name      string
		exclusive bool
		counts    counts
		want      usage.Tokens
		caveats   Caveats
	}{
		{"all parts within", false,
			counts{Input: of(1000), CacheRead: of(300), CacheWrite: of(200), CacheWrite5m: of(150), CacheWrite1h: of(50),
				InputAudio: of(120), CacheReadAudio: of(20), Output: of(100), Reasoning: of(40), OutputAudio: of(10)},
			usage.Tokens{Input: 400, InputAudio: 100, CacheRead: 280, CacheReadAudio: 20, CacheWrite5m: 150, CacheWrite1h: 50,
				Output: 50, Reasoning: 40, OutputAudio: 10}, 0},
		{"beside the input", true,
			counts{Input: of(500), CacheRead: of(300), CacheWrite: of(200), CacheWrite1h: of(50),
				InputAudio: of(100), CacheReadAudio: of(20), Output: of(100)},
			usage.Tokens{Input: 400, InputAudio: 100, CacheRead: 280, CacheReadAudio: 20, CacheWrite5m: 150, CacheWrite1h: 50, Output: 100},
			0},
		{"all of it is a part", false,
			counts{Input: of(500), CacheRead: of(500), CacheReadAudio: of(500), InputAudio: of(500), Output: of(100), Reasoning: of(60), OutputAudio: of(40)},
			usage.Tokens{CacheReadAudio: 500, Reasoning: 60, OutputAudio: 40}, 0},
		{"cached audio, and no word of audio", false,
			counts{Input: of(500), CacheRead: of(400), CacheReadAudio: of(30), Output: of(1)},
			usage.Tokens{Input: 100, CacheRead: 370, CacheReadAudio: 30, Output: 1}, 0},
		{"more reasoning than output", false, counts{Input: of(10), Output: of(100), Reasoning: of(400)},
			usage.Tokens{Input: 10, Output: 100, Reasoning: 400}, UsageConflict},
		{"reasoning without output", false, counts{Input: of(10), Reasoning: of(400)},
			usage.Tokens{Input: 10, Reasoning: 400}, UsageMissing},
		{"more audio than output", false, counts{Input: of(10), Output: of(100), OutputAudio: of(500)},
			usage.Tokens{Input: 10, OutputAudio: 100}, UsageConflict},
		{"more audio than what reasoning leaves of the output", false,
			counts{Input: of(10), Output: of(100), Reasoning: of(70), OutputAudio: of(31)},
			usage.Tokens{Input: 10, Reasoning: 70, OutputAudio: 30}, UsageConflict},
		{"more audio than new input", false, counts{Input: of(100), InputAudio: of(101), Output: of(1)},
			usage.Tokens{InputAudio: 100, Output: 1}, UsageConflict},
		{"more audio than new input beside cached", true, counts{Input: of(100), InputAudio: of(101), CacheRead: of(50), Output: of(1)},
			usage.Tokens{InputAudio: 100, CacheRead: 50, Output: 1}, UsageConflict},
		{"more cached audio than cached", false, counts{Input: of(900), CacheRead: of(100), CacheReadAudio: of(400), InputAudio: of(500), Output: of(1)},
			usage.Tokens{Input: 400, InputAudio: 400, CacheReadAudio: 100, Output: 1}, UsageConflict},
		{"more cached audio than audio", false, counts{Input: of(900), CacheRead: of(400), CacheReadAudio: of(300), InputAudio: of(200), Output: of(1)},
			usage.Tokens{Input: 500, CacheRead: 100, CacheReadAudio: 300, Output: 1}, UsageConflict},
		{"more writes by lifetime than writes", true, counts{Input: of(10), CacheWrite: of(1000), CacheWrite5m: of(800), CacheWrite1h: of(700), Output: of(1)},
			usage.Tokens{Input: 10, CacheWrite5m: 800, CacheWrite1h: 700, Output: 1}, UsageConflict},
		{"writes by lifetime alone", true, counts{Input: of(10), CacheWrite5m: of(800), CacheWrite1h: of(700), Output: of(1)},
			usage.Tokens{Input: 10, CacheWrite5m: 800, CacheWrite1h: 700, Output: 1}, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			rec := chat("a", 0, 0)
			rec.Counts = c.counts
			rec.Input = genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared}
			if c.exclusive {
				rec.Input.Reading = genai.Exclusive
			}
			rec.Output = genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared}
			var s scene
			s.span(root, 0, 9, rec)
			b := Resolve(s.spans)
			if len(b.Calls) != 1 || b.Calls[0].Tokens != c.want || b.Caveats != c.caveats {
				t.Errorf("%+v, %s", b.Calls, b.Caveats)
			}
		})
	}
}

// TestPartsOfTwo: what one record has and another fills in must fit together.
func TestPartsOfTwo(t *testing.T) {
	of := genai.Of
	tests := []struct {
		name         string
		outer, inner func(r *genai.Record)
		want         usage.Tokens
		caveats      Caveats
	}{
		{"reads and writes within the input", func(r *genai.Record) { r.Counts.CacheWrite = of(50) },
			func(r *genai.Record) { r.Counts.CacheRead = of(40) },
			usage.Tokens{Input: 10, CacheRead: 40, CacheWrite5m: 50, Output: 100}, 0},
		{"reads and writes beyond the input", func(r *genai.Record) { r.Counts.CacheWrite = of(50) },
			func(r *genai.Record) { r.Counts.CacheRead = of(90) },
			usage.Tokens{CacheRead: 90, CacheWrite5m: 50, Output: 100}, UsageConflict},
		{"reasoning within the output", func(r *genai.Record) { r.Counts.CacheRead = of(50) },
			func(r *genai.Record) { r.Counts.Reasoning = of(40) },
			usage.Tokens{Input: 50, CacheRead: 50, Output: 60, Reasoning: 40}, 0},
		{"reasoning beyond the output", func(r *genai.Record) { r.Counts.CacheRead = of(50) },
			func(r *genai.Record) { r.Counts.Reasoning = of(400) },
			usage.Tokens{Input: 50, CacheRead: 50, Reasoning: 100}, UsageConflict},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			declared := func(scope string, change func(*genai.Record)) *genai.Record {
				return with(with(chat(scope, 100, 100), change), func(r *genai.Record) {
					r.Input = genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared}
					r.Output = r.Input
				})
			}
			var s scene
			s.span(s.span(root, 0, 9, declared("a", c.outer)), 1, 8, declared("b", c.inner))
			b := Resolve(s.spans)
			if len(b.Calls) != 1 || b.Calls[0].Tokens != c.want || b.Caveats != c.caveats {
				t.Errorf("%+v, %q", b.Calls, b.Caveats)
			}
		})
	}
}

// TestReasoningBeyondOutput: that the two lie beside each other may be told by
// the table, or by another record of the call.
func TestReasoningBeyondOutput(t *testing.T) {
	beyond := with(chat("a", 10, 100), func(r *genai.Record) { r.Counts.Reasoning = genai.Of(400) })
	tests := []struct {
		name    string
		draw    func(s *scene)
		caveats Caveats
	}{
		{"by the table", func(s *scene) {
			s.span(root, 0, 9, with(beyond, func(r *genai.Record) { r.Output = genai.Semantics{Reading: genai.Exclusive, Basis: genai.Declared} }))
		}, 0},
		{"by a record that has both in its output", func(s *scene) {
			s.span(s.span(root, 0, 9, beyond), 1, 8, chat("b", 10, 500))
		}, 0},
		{"by none: another says the same", func(s *scene) {
			s.span(s.span(root, 0, 9, beyond), 1, 8, with(beyond, func(r *genai.Record) { r.Scope = "b" }))
		}, UsageConflict},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			check(t, Resolve(s.spans), 1, 10, 500, c.caveats)
		})
	}
}
