package genai

// openLLMetry is Traceloop's, in Python and JavaScript.
//
// github.com/traceloop/openllmetry: packages/opentelemetry-instrumentation-
// {openai,anthropic,bedrock,google-generativeai,langchain} and
// opentelemetry-semantic-conventions-ai, which renamed llm.* to gen_ai.* in
// 0.5.0. github.com/traceloop/openllmetry-js: packages/instrumentation-*.
//
// Calls have no traceloop.span.kind; what has one is a wrapper.
var openLLMetry = Dialect{
	Name:  "openllmetry",
	Doc:   "OpenLLMetry (Traceloop), Python and JavaScript",
	Marks: []string{"traceloop.span.kind"},
	Counts: map[part][]string{
		input:      {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"},
		output:     {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"},
		cacheRead:  {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens"},
		cacheWrite: {"gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"},
		reasoning:  {"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"},
		total:      {"gen_ai.usage.total_tokens", "llm.usage.total_tokens"},
	},
	Stream: []string{"llm.is_streaming"},
	Kinds: []kindNames{
		{
			Attr:      "traceloop.span.kind",
			Values:    map[string]meaning{"tool": tool, "agent": agent},
			Otherwise: wraps,
		},
		{
			// Also LiteLLM's, which writes its call type here.
			Attr: "llm.request.type",
			Values: map[string]meaning{
				"chat": calls, "completion": calls, "rerank": calls, "acompletion": calls, "text_completion": calls,
				"atext_completion": calls, "responses": calls, "aresponses": calls, "anthropic_messages": calls, "arerank": calls,
				"embedding": embeds, "embeddings": embeds, "aembedding": embeds,
			},
		},
	},
	Emitters: []emitter{
		// Python. Streamed chat has no cached tokens (chat_wrappers.py,
		// _set_streaming_token_metrics).
		{Scope: "opentelemetry.instrumentation.openai.*", For: xAIAPI, Output: asAPI},
		{Scope: "opentelemetry.instrumentation.openai.*", Input: inclusive, Output: inclusive},
		{Scope: "opentelemetry.instrumentation.openai.*", When: streamed, Traits: CacheBlind},
		// Adds the opening event's output tokens to the closing one's, which
		// already holds them (streaming.py).
		{Scope: "opentelemetry.instrumentation.anthropic*", Input: inclusive, Output: inclusive, SumTotal: true},
		// messages.stream() does not say that it streams: the flag repeats the
		// argument of create() (span_utils.py), and create() without it is plain.
		{Scope: "opentelemetry.instrumentation.anthropic*", When: maybeStreamed, Traits: Streamed | StreamOutputHigh},
		{Scope: "opentelemetry.instrumentation.bedrock*", Input: exclusive},
		{Scope: "opentelemetry.instrumentation.google_generativeai*", Input: asAPI, Output: asAPI, Traits: ReasoningBlind},
		// Reads cache_creation of LangChain's usage_metadata, which
		// langchain-anthropic sets to 0 where it knows the lifetime of what was
		// written (chat_models.py, _create_usage_metadata): ephemeral_5m_input_tokens
		// and ephemeral_1h_input_tokens have it, and nobody reads them.
		{Scope: "opentelemetry.instrumentation.langchain*", Input: inclusive, Traits: WriteBlind},

		// JavaScript. Version 0.27 writes Anthropic's input as it is, and input +
		// output for the total, although the source of that version reads as if
		// it added the cached tokens: recorded spans outrank it. What comes later
		// has to prove itself.
		{Scope: "@traceloop/instrumentation-anthropic", Below: "0.28", Input: exclusive, Output: inclusive, SumTotal: true},
		{Scope: "@traceloop/instrumentation-anthropic", SumTotal: true},
		{Scope: "@traceloop/instrumentation-openai", For: xAIAPI, Output: asAPI, Traits: ReasoningBlind},
		{Scope: "@traceloop/instrumentation-openai", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		// Passes over the usage of streamed chat and, where enrichTokens is set,
		// counts the text instead (_streamingWrapPromise); the SDK sets it
		// (node-server-sdk, tracing/index.ts). Nothing tells such a span from one
		// of a plain call. The Responses API is left alone.
		{Scope: "@traceloop/instrumentation-openai", When: notResponse, Traits: Estimates, SumTotal: true},
		{Scope: "@traceloop/instrumentation-google-generativeai", Input: asAPI, Output: asAPI, Reports: true},
		{Scope: "@traceloop/instrumentation-vertexai", Input: asAPI, Output: asAPI, Traits: ReasoningBlind},
		{Scope: "@traceloop/instrumentation-bedrock", Input: asAPI},
		// LangChain hands over Anthropic's own input of a plain call, and of a
		// stream all input and an output that counts the opening event twice.
		// Only a plain call has a response ID.
		{Scope: "@traceloop/instrumentation-langchain", For: anthropicAPI, When: withID, Input: exclusive, Traits: CacheBlind, SumTotal: true},
		{
			Scope: "@traceloop/instrumentation-langchain", For: anthropicAPI, When: withoutID, Input: inclusive,
			Traits: CacheBlind | Streamed | StreamOutputHigh, SumTotal: true,
		},
		{Scope: "@traceloop/instrumentation-langchain", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "@traceloop/instrumentation-langchain", Traits: CacheBlind, SumTotal: true},
		{Scope: "@traceloop/*", For: openAIAPI, Input: inclusive},
	},
}
