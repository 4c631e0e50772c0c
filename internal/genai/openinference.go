package genai

// openInference is Arize's convention and its instrumentations.
//
// github.com/Arize-ai/openinference, spec/semantic_conventions.md and the
// instrumentation packages under python/ and js/. The convention has no
// response ID and no service tier.
//
// Not read: llm.token_count.prompt_details.cache_input, in which the LiteLLM
// instrumentation puts the text tokens, and llm.cost.*_details.*, in which the
// same puts token counts (litellm/__init__.py): 180 tokens would be 180 USD.
var openInference = Dialect{
	Name:  "openinference",
	Doc:   "OpenInference semantic conventions; openinference.instrumentation.*, @arizeai/openinference-*",
	Marks: []string{"openinference.span.kind"},
	Counts: map[part][]string{
		input:       {"llm.token_count.prompt"},
		output:      {"llm.token_count.completion"},
		total:       {"llm.token_count.total"},
		cacheRead:   {"llm.token_count.prompt_details.cache_read"},
		cacheWrite:  {"llm.token_count.prompt_details.cache_write"},
		reasoning:   {"llm.token_count.completion_details.reasoning"},
		inputAudio:  {"llm.token_count.prompt_details.audio"},
		outputAudio: {"llm.token_count.completion_details.audio"},
	},
	Texts: map[text][]string{
		provider:      {"llm.provider", "llm.system"}, // who hosts it, then who made it
		requestModel:  {"llm.request.model_name", "embedding.model_name"},
		responseModel: {"llm.response.model_name", "llm.model_name"},
	},
	Finish: []string{"llm.finish_reason"},
	Kinds: []kindNames{{
		Attr: "openinference.span.kind",
		Values: map[string]meaning{
			"llm": calls, "embedding": embeds, "reranker": calls,
			"agent": agent, "tool": tool, "chain": wraps, "retriever": wraps, "guardrail": wraps, "evaluator": wraps, "prompt": wraps,
			"unknown": wraps,
		},
	}},
	// The requested model of the instrumentations that write only the one that
	// answered.
	Blobs: []blob{{
		Attr: "llm.invocation_parameters", Spare: true,
		Texts: map[string]text{"model": requestModel, "service_tier": tier},
	}},
	Costs: []costNames{{Class: LocalCost, Total: []string{"llm.cost.total"}, Sum: []string{"llm.cost.prompt", "llm.cost.completion"}}},
	Emitters: []emitter{
		// The SDK's own result, whose input is Anthropic's (_wrappers.py). Its
		// cost includes the cached tokens that the counts leave out.
		{Scope: "@arizeai/openinference-instrumentation-claude-agent-sdk", Input: exclusive, Traits: CacheBlind},
		{Scope: "openinference.instrumentation.claude_agent_sdk", Input: exclusive, Traits: CacheBlind},
		// Those that report cached tokens leave zeros off (anthropic/_utils.py,
		// google_genai/_utils.py, langchain/_tracer.py). Not among them: smolagents,
		// and of openai_agents the generation spans, of chat completions
		// (_processor.py), where those of the Responses API have all.
		{Scope: "@arizeai/openinference-instrumentation-anthropic", Input: inclusive, Output: inclusive, Reports: true},
		{Scope: "openinference.instrumentation.anthropic", Input: inclusive, Output: inclusive, Reports: true},
		// Of a stream that the application left it writes the usage of the opening event.
		{Scope: "openinference.instrumentation.anthropic", From: "3.1", Finishes: true},
		{Scope: "openinference.instrumentation.litellm", Input: inclusive, Output: inclusive},
		{Scope: "openinference.instrumentation.langchain", Input: inclusive, Reports: true},
		{Scope: "openinference.instrumentation.langchain", For: openAIAPI, Traits: WriteBlind}, // LangChain drops cache_write_tokens of chat
		{Scope: "openinference.instrumentation.google_genai", Output: inclusive, Reports: true},
		// Reads cache_read of LangChain's usage_metadata, and leaves zeros off; what
		// was written it never reads (utils.ts, formatTokenCounts). langchain-openai
		// sets it whenever the API does (completions.ts, responses.ts).
		{
			Scope: "@arizeai/openinference-instrumentation-langchain", From: "4", For: openAIAPI,
			Input: inclusive, Traits: WriteBlind, Reports: true,
		},
		// langchain-anthropic adds the cached tokens to the input
		// (utils/message_outputs.ts, buildUsageMetadata).
		{Scope: "@arizeai/openinference-instrumentation-langchain", From: "4", For: anthropicAPI, Input: inclusive},
		// Adds the opening event's output tokens to the final count of a stream,
		// and does not say what was streamed.
		{Scope: "@arizeai/openinference-instrumentation-langchain", For: anthropicAPI, Traits: StreamOutputHigh},
		// Bedrock: the Messages path is inclusive, Converse streams are not
		// (_wrappers.py), and both have one scope: only a proof can tell.
		{Scope: "openinference.*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "@arizeai/openinference-*", For: openAIAPI | googleAPI, Input: inclusive},
	},
}
