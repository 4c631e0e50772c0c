package genai

import "testing"

// counted is the usage of one call as OpenInference or the convention name it.
func counted(provider, model string, in, cached, out, reasoning, total int) m {
	attrs := m{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
		"gen_ai.usage.input_tokens": in, "gen_ai.usage.output_tokens": out,
	}
	for name, n := range map[string]int{
		"gen_ai.usage.cache_read.input_tokens": cached, "gen_ai.usage.reasoning.output_tokens": reasoning, "gen_ai.usage.total_tokens": total,
	} {
		if n > 0 {
			attrs[name] = n
		}
	}
	return attrs
}

// TestOutputOfXAI: its chat completions count reasoning beside the output. What
// passes its numbers on is read so, as far as they do not prove it; what counts
// alike for all providers is believed.
func TestOutputOfXAI(t *testing.T) {
	for name, c := range map[string]struct {
		scope string
		attrs m
		want  Semantics
	}{
		"nothing tells":              {"x", counted("x_ai", "grok-4", 1000, 0, 300, 200, 0), Semantics{Exclusive, Assumed}},
		"as the SDK names it":        {"x", counted("xai.chat", "grok-4", 1000, 0, 300, 200, 0), Semantics{Exclusive, Assumed}},
		"by OpenAI's client":         {"opentelemetry.instrumentation.openai.v1", counted("openai", "grok-4", 1000, 0, 300, 200, 0), Semantics{Exclusive, Assumed}},
		"the total holds it":         {"x", counted("x_ai", "grok-4", 1000, 0, 300, 200, 1500), Semantics{Exclusive, Proved}},
		"the total is without it":    {"x", counted("x_ai", "grok-4", 1000, 0, 300, 200, 1300), Semantics{Inclusive, Proved}},
		"more than the output":       {"x", counted("x_ai", "grok-4", 1000, 0, 9, 94, 0), Semantics{Exclusive, Proved}},
		"equal to what was cached":   {"opentelemetry.instrumentation.openai.v1", counted("x_ai", "grok-4", 1000, 200, 300, 200, 1500), Semantics{Exclusive, Proved}},
		"the AI SDK of today":        {"gen_ai", counted("xai", "grok-4", 1000, 0, 500, 200, 0), Semantics{Inclusive, Declared}},
		"LiteLLM":                    {"litellm", counted("xai", "grok-4", 1000, 0, 500, 200, 0), Semantics{Inclusive, Declared}},
		"OpenRouter":                 {"x", counted("openrouter", "x-ai/grok-4", 1000, 0, 500, 200, 0), Semantics{Inclusive, Declared}},
		"another who speaks OpenAI":  {"x", counted("groq", "qwen3-32b", 1000, 0, 500, 200, 0), Semantics{Inclusive, Declared}},
		"nobody knows whose API":     {"x", counted("house", "m", 1000, 0, 500, 200, 0), Semantics{}},
		"of theirs it is no proof":   {"x", counted("openai", "gpt-5", 1000, 0, 9, 94, 0), Semantics{Inclusive, Declared}},
		"nor of Anthropic's":         {"x", counted("anthropic", "claude-opus-4", 1000, 0, 9, 94, 0), Semantics{Inclusive, Declared}},
		"of others it is":            {"x", counted("house", "m", 1000, 0, 9, 94, 0), Semantics{Exclusive, Proved}},
		"the whole is no more":       {"x", counted("house", "m", 1000, 0, 94, 94, 0), Semantics{}},
		"a total that may hold both": {"x", counted("house", "m", 1000, 200, 300, 200, 1500), Semantics{}},
	} {
		rec, _ := span(t, c.scope, c.attrs)
		if rec.Output != c.want {
			t.Errorf("%s: %+v, want %+v", name, rec.Output, c.want)
		}
	}
	for scope, want := range map[string]bool{"opentelemetry.instrumentation.openai_v2": true, "x": false} {
		for model, own := range map[string]bool{"grok-4": true, "gpt-5": false} {
			if rec, _ := span(t, scope, counted("openai", model, 1000, 0, 300, 0, 0)); rec.Traits.Has(ReasoningBlind) != (want && own) {
				t.Errorf("%s %s: %b", scope, model, rec.Traits)
			}
		}
	}
}

// TestInputThatATotalDoesNotProve: where reasoning has the size of the cached
// part, a total that is as much more may hold either.
func TestInputThatATotalDoesNotProve(t *testing.T) {
	for reasoning, want := range map[int]Semantics{0: {Exclusive, Proved}, 150: {Exclusive, Proved}, 200: {}} {
		if rec, _ := span(t, "x", counted("house", "m", 1000, 200, 300, reasoning, 1500)); rec.Input != want {
			t.Errorf("reasoning %d: %+v, want %+v", reasoning, rec.Input, want)
		}
	}
}
