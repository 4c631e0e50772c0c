package genai

// vercel is the AI SDK, versions 4 to 7.
//
// github.com/vercel/ai, packages/ai (versions up to 6) and packages/otel
// (version 7: open-telemetry.ts, legacy-open-telemetry.ts). Up to version 6 the
// scope is "ai" and has no version: ai.generateText and its like repeat the
// usage of the ai.generateText.doGenerate spans beneath them, on which the same
// usage stands twice, as gen_ai.usage.* and as ai.usage.*. Version 5 writes
// promptTokens where it generates and inputTokens where it streams; version 4
// writes NaN for streams without usage.
//
// Up to version 5 Anthropic's input is passed on as it is
// (anthropic-messages-language-model.ts), from version 6 on it holds the cached
// tokens. Providers' metadata has what the usage lacks, but on the wrapping
// span only that of the last call.
//
// Version 7 writes the convention's names in scope "gen_ai".
var vercel = Dialect{
	Name:  "vercel-ai",
	Doc:   "Vercel AI SDK 4 to 7, scopes ai and gen_ai",
	Marks: []string{"ai.operationId"},

	VersionIn: "ai.request.headers.user-agent", VersionAfter: "ai/",

	Counts: map[part][]string{
		input: {
			"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
			"ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens",
		},
		output: {
			"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
			"ai.usage.outputTokens", "ai.usage.completionTokens",
		},
		cacheRead: {
			"gen_ai.usage.cache_read.input_tokens", "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens",
		},
		cacheWrite: {
			"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
			"ai.usage.inputTokenDetails.cacheWriteTokens",
		},
		reasoning: {
			"gen_ai.usage.reasoning.output_tokens", "ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens",
		},
		total:    {"ai.usage.totalTokens"},
		uncached: {"ai.usage.inputTokenDetails.noCacheTokens"},
	},
	Texts: map[text][]string{
		provider:      {"ai.model.provider"},
		requestModel:  {"ai.model.id"},
		responseModel: {"ai.response.model"},
		responseID:    {"ai.response.id"},
	},
	Finish: []string{"ai.response.finishReason"},
	Began:  []string{"ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"},
	Kinds: []kindNames{{
		Attr: "ai.operationId",
		Values: map[string]meaning{
			"*.dogenerate": calls, "*.dostream": calls, "*.doembed": embeds,
			"ai.toolcall": tool,
		},
		Otherwise: wraps,
	}},
	Blobs: []blob{{
		Attr: "ai.response.providerMetadata",
		Leaf: true,
		Counts: map[string]part{
			"anthropic.usage.input_tokens":                             uncached,
			"anthropic.usage.cache_read_input_tokens":                  cacheRead,
			"anthropic.usage.cache_creation_input_tokens":              cacheWrite,
			"anthropic.usage.cache_creation.ephemeral_5m_input_tokens": cacheWrite5m,
			"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": cacheWrite1h,
			"anthropic.cacheReadInputTokens":                           cacheRead, // version 4
			"anthropic.cacheCreationInputTokens":                       cacheWrite,
			"bedrock.usage.cacheReadInputTokens":                       cacheRead,
			"bedrock.usage.cacheWriteInputTokens":                      cacheWrite,
			"openai.cachedPromptTokens":                                cacheRead,
			"openai.reasoningTokens":                                   reasoning,
			"azure.cachedPromptTokens":                                 cacheRead,
			"azure.reasoningTokens":                                    reasoning,
			"google.usageMetadata.cachedContentTokenCount":             cacheRead,
			"google.usageMetadata.thoughtsTokenCount":                  reasoning,
		},
		Texts: map[string]text{
			"openai.serviceTier": tier, "azure.serviceTier": tier, "anthropic.usage.service_tier": tier,
		},
	}},
	Emitters: []emitter{
		{Scope: "gen_ai", Input: inclusive, Output: inclusive},
		// From version 6 on the total is computed, and until February 2026 xAI's
		// output was without the reasoning (vercel/ai #12425).
		{Scope: "ai", For: xAIAPI, SumTotal: true},
		// The version is that of the user agent, where a span has one. Version 6
		// proves its reading by noCacheTokens and all write Anthropic's own usage
		// into the metadata, so what is left is most likely version 4.
		{Scope: "ai", From: "1", Below: "6", Input: asAPI, Traits: CacheBlind},
		{Scope: "ai", From: "6", Input: inclusive, Traits: CacheBlind},
		{Scope: "ai", Input: likelyExclusive, Traits: CacheBlind},
		{From: "1", Below: "6", Input: asAPI}, // an application's own tracer
		{From: "6", Input: inclusive},
		{Input: likelyExclusive},
	},
}
