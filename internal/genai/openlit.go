package genai

// openLIT is OpenLIT, in Python and TypeScript.
//
// github.com/openlit/openlit, sdk/python/src/openlit (anthropic/utils.py,
// bedrock/utils.py, openai/utils.py, __helpers.py) and sdk/typescript. Where a
// response has no usage it writes a count of the text into the usage
// attributes, and nothing tells it from real usage. Its cost for a model that
// it does not know is 0. Its total is input + output, also where the input is
// Anthropic's own.
var openLIT = Dialect{
	Name: "openlit",
	Doc:  "OpenLIT, Python and TypeScript",
	Counts: map[part][]string{
		cacheRead:   {"gen_ai.usage.prompt_tokens_details.cached_tokens", "gen_ai.usage.prompt_tokens_details.cache_read"},
		cacheWrite:  {"gen_ai.usage.prompt_tokens_details.cache_creation_tokens", "gen_ai.usage.prompt_tokens_details.cache_write"},
		reasoning:   {"gen_ai.usage.completion_tokens_details.reasoning_tokens"},
		outputAudio: {"gen_ai.usage.completion_tokens_details.audio_tokens"},
		inputAudio:  {"gen_ai.usage.prompt_tokens_details.audio_tokens"},
	},
	Began: []string{"gen_ai.server.time_to_first_token"},
	Costs: []costNames{
		{
			Class: LocalCost, Total: []string{"gen_ai.usage.cost"}, Sum: []string{"gen_ai.usage.input_cost", "gen_ai.usage.output_cost"},
			Currency: "gen_ai.usage.cost.currency",
		},
		// A constant of its that nothing was seen to set.
		{Class: LocalCost, Total: []string{"gen_ai.token.cost.total"}},
	},
	Emitters: []emitter{
		{Scope: "@openlit/instrumentation-anthropic", When: streamed, Traits: StreamOutputHigh},
		// Leave cached tokens off where there are none. OpenAI's chat calls come
		// from the scope that is named after vLLM.
		{Scope: "@openlit/instrumentation-anthropic", Reports: true},
		{Scope: "@openlit/instrumentation-openai", Reports: true},
		{Scope: "@openlit/instrumentation-vllm", Reports: true},
		{Scope: "@openlit/instrumentation-langchain", For: anthropicAPI | bedrockAPI, Input: exclusive},
		{Scope: "@openlit/*", For: anthropicAPI | bedrockAPI, Input: exclusive},
		{Scope: "@openlit/*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "@openlit/*", Traits: Estimates, SumTotal: true},
		// One scope for the clients, which pass Anthropic's input on, and for
		// LangChain and LiteLLM, which have added the cached tokens.
		{Scope: "openlit*", For: anthropicAPI | bedrockAPI, Input: likelyExclusive},
		{Scope: "openlit*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "openlit*", Traits: Estimates, SumTotal: true},
	},
}
