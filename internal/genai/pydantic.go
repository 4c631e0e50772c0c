package genai

// pydanticAI is pydantic-ai, and Logfire's own instrumentations.
//
// github.com/pydantic/pydantic-ai, pydantic_ai_slim/pydantic_ai
// (models/instrumented.py, _instrumentation.py), and github.com/pydantic/logfire
// (logfire/_internal/integrations). The details repeat the dotted names, so
// they only fill in. An agent's sum is in gen_ai.usage.* before 2.0 and in
// gen_ai.aggregated_usage.* since; the latter, gen_ai.usage.partial.* of
// Logfire's Claude agent and its logfire.metrics on every ancestor are sums or
// parts of usage that stands elsewhere, and are not read.
//
// Logfire's Anthropic spans have all input since March 2026 (logfire #1812) and
// Anthropic's own before; gen_ai.usage.raw has the response's usage and proves
// which.
var pydanticAI = Dialect{
	Name: "pydantic-ai",
	Doc:  "pydantic-ai and Logfire",
	Counts: map[part][]string{
		cacheRead:      {"gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens"},
		cacheWrite:     {"gen_ai.usage.details.cache_write_tokens", "gen_ai.usage.details.cache_creation_input_tokens"},
		reasoning:      {"gen_ai.usage.details.reasoning_tokens"},
		inputAudio:     {"gen_ai.usage.details.input_audio_tokens"},
		outputAudio:    {"gen_ai.usage.details.output_audio_tokens"},
		cacheReadAudio: {"gen_ai.usage.details.cache_audio_read_tokens"},
		inputImage:     {"gen_ai.usage.details.image_prompt_tokens"},
		outputImage:    {"gen_ai.usage.details.image_candidates_tokens"},
		video:          {"gen_ai.usage.details.video_prompt_tokens", "gen_ai.usage.details.video_candidates_tokens"},
	},
	Blobs: []blob{{
		Attr: "gen_ai.usage.raw",
		Leaf: true,
		Counts: map[string]part{
			"input_tokens":                               apiInput,
			"cache_read_input_tokens":                    cacheRead,
			"cache_creation_input_tokens":                cacheWrite,
			"cache_creation.ephemeral_5m_input_tokens":   cacheWrite5m,
			"cache_creation.ephemeral_1h_input_tokens":   cacheWrite1h,
			"input_tokens_details.cached_tokens":         cacheRead,
			"prompt_tokens_details.cached_tokens":        cacheRead,
			"output_tokens_details.reasoning_tokens":     reasoning,
			"completion_tokens_details.reasoning_tokens": reasoning,
			"input_tokens_details.image_tokens":          inputImage,
			"output_tokens_details.image_tokens":         outputImage,
		},
		Texts: map[string]text{"service_tier": tier},
	}},
	Costs: []costNames{{Class: LocalCost, Total: []string{"operation.cost"}}},
	Emitters: []emitter{
		// Cached tokens are left off where there are none (usage.py,
		// opentelemetry_attributes). Whether OpenAI's cache_write_tokens are
		// among them was not seen.
		{Scope: "pydantic-ai*", Input: inclusive, Reports: true},
		{Scope: "pydantic-ai*", For: openAIAPI, Traits: WriteBlind},
		{Scope: "logfire*", For: openAIAPI | googleAPI, Input: inclusive},
	},
}
