package genai

// anthropicSDK is the tracing built into Anthropic's clients, and the spans of
// the Claude API itself.
//
// npm @anthropic-ai/sdk, src/internal/tracing.ts and
// src/lib/internal/tracing/response.ts: on wherever a tracer provider is
// registered. Input is all input. The tokens that compaction of a context took
// are billed and in no total. The server's spans (scope
// com.anthropic.claude-platform) follow the OpenTelemetry convention.
//
// Not read: anthropic.message.count_tokens.input_tokens, of an endpoint that is
// free.
var anthropicSDK = Dialect{
	Name: "anthropic",
	Doc:  "Anthropic SDK's own tracing and Claude API spans",
	Counts: map[part][]string{
		cacheWrite5m: {"anthropic.usage.cache_creation.ephemeral_5m_input_tokens"},
		cacheWrite1h: {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens"},
		moreInput:    {"anthropic.usage.compaction.input_tokens"},
		moreOutput:   {"anthropic.usage.compaction.output_tokens"},
	},
	Finish: []string{"anthropic.message.stop_reason"},
	Emitters: []emitter{
		{Scope: "com.anthropic.sdk.*", Input: inclusive, Output: inclusive, Reports: true}, // TypeScript and Python
		{Scope: "com.anthropic.claude-platform*", Input: inclusive, Output: inclusive},
	},
}
