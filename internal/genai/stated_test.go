package genai

import (
	"math"
	"testing"
)

// TestHalfATotalIsNone: a cost that is stated in parts counts where all of
// them are there, but for that of an output that was not there.
func TestHalfATotalIsNone(t *testing.T) {
	call := func(input, output any, out int) m {
		values := m{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai",
			"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": out,
		}
		for name, v := range map[string]any{"botanu.cost.input_usd": input, "botanu.cost.output_usd": output} {
			if v != nil {
				values[name] = v
			}
		}
		return values
	}
	for _, c := range []struct {
		name   string
		values m
		want   string // "" for no cost
		bad    bool
	}{
		{"both", call(0.1, 0.2, 100), "0.3", false},
		{"one of them zero", call(0.1, 0.0, 100), "0.1", false},
		{"no output", call(0.1, nil, 100), "", false},
		{"no input", call(nil, 0.2, 100), "", false},
		{"an embedding has no output", call(0.1, nil, 0), "0.1", false},
		{"an empty text is none", call(0.1, "", 100), "", false},
		{"output unreadable", call(0.1, math.NaN(), 100), "", true},
		{"output negative", call(0.1, -0.2, 0), "", true},
	} {
		rec, ok := spanNamed(t, "any", "", c.values)
		if !ok {
			t.Fatal(c.name)
		}
		got := ""
		if rec.Cost.Class != NoCost {
			got = rec.Cost.Total.String()
		}
		if got != c.want || rec.Traits.Has(BadCost) != c.bad || rec.Traits.Has(BadCount) {
			t.Errorf("%s: cost %q, want %q; traits %b", c.name, got, c.want, rec.Traits)
		}
	}
}
