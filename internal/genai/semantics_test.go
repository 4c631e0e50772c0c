package genai

import (
	"maps"
	"testing"
)

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
		"a total that is computed":   {"ai", counted("xai.chat", "grok-4", 1000, 0, 300, 200, 1300), Semantics{Exclusive, Assumed}},
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

// TestTotal holds the stated total against the parts as they are read.
func TestTotal(t *testing.T) {
	const more, short = TotalUnexplained, TotalShort
	google := func(in, cached, out, reasoning, total int) m {
		attrs := m{
			"openinference.span.kind": "LLM", "llm.provider": "google", "llm.model_name": "gemini-2.5-pro",
			"llm.token_count.prompt": in, "llm.token_count.completion": out, "llm.token_count.total": total,
		}
		maps.Copy(attrs, m{"llm.token_count.prompt_details.cache_read": cached, "llm.token_count.completion_details.reasoning": reasoning})
		return attrs
	}
	const oiGoogle = "openinference.instrumentation.google_genai"
	for name, c := range map[string]struct {
		scope string
		attrs m
		want  Traits
	}{
		"input and output":                  {"x", counted("openai", "gpt-4o", 2000, 0, 500, 0, 2500), 0},
		"none":                              {"x", counted("openai", "gpt-4o", 2000, 0, 500, 0, 0), 0},
		"more":                              {"x", counted("openai", "gpt-4o", 2000, 0, 500, 0, 2501), more},
		"less":                              {"x", counted("openai", "gpt-4o", 2000, 0, 500, 0, 2499), short},
		"more, within what was cached":      {oiGoogle, google(1000, 800, 100, 0, 1500), more},
		"more, within what was reasoned":    {oiGoogle, google(1000, 0, 300, 200, 1400), more},
		"cached tokens are in the input":    {oiGoogle, google(1000, 800, 100, 0, 1100), 0},
		"cached tokens beside the input":    {"com.anthropic.claude_code", counted("anthropic", "claude-opus-4", 1000, 800, 100, 0, 1900), 0},
		"and more than those":               {"com.anthropic.claude_code", counted("anthropic", "claude-opus-4", 1000, 800, 100, 0, 1901), more},
		"and left out of a total":           {"com.anthropic.claude_code", counted("anthropic", "claude-opus-4", 1000, 800, 100, 0, 1100), 0},
		"an open reading may be the reason": {"x", counted("house", "m", 1000, 800, 100, 50, 1940), 0},
		"and of no more than it holds":      {"x", counted("house", "m", 1000, 800, 100, 50, 1951), more},
	} {
		rec, _ := span(t, c.scope, c.attrs)
		if got := rec.Traits & (more | short); got != c.want {
			t.Errorf("%s: %b, want %b (%+v %+v)", name, got, c.want, rec.Input, rec.Output)
		}
	}
	attrs := counted("openai", "gpt-4o", 2000, 0, 500, 0, 0)
	attrs["gen_ai.usage.total_tokens"] = 0
	if rec, _ := span(t, "x", attrs); rec.Traits.Has(short) {
		t.Error("a total of nothing is one that was not known")
	}
}

// TestPictures: that some of the tokens are of images or video is all that is
// kept of them.
func TestPictures(t *testing.T) {
	for name, want := range map[string]bool{
		"gen_ai.usage.image.input_tokens": true, "gen_ai.usage.image.output_tokens": true, "gen_ai.usage.output_image_tokens": true,
		"gen_ai.usage.details.image_candidates_tokens": true, "gen_ai.usage.details.video_prompt_tokens": true,
		"gen_ai.usage.audio.output_tokens": false, "gen_ai.usage.text.output_tokens": false,
	} {
		for _, n := range []int{0, 90} {
			attrs := counted("google", "gemini-2.5-flash-image", 100, 0, 90, 0, 0)
			attrs[name] = n
			if rec, _ := span(t, "x", attrs); rec.Traits.Has(Pictures) != (want && n > 0) || rec.Counts.Output != Of(90) {
				t.Errorf("%s %d: %b %+v", name, n, rec.Traits, rec.Counts)
			}
		}
	}
	if _, ok := span(t, "x", m{"gen_ai.usage.image.output_tokens": 5}); ok {
		t.Error("a share alone is no usage")
	}
}
