package genai

// otel is the OpenTelemetry GenAI semantic convention, under every name it has
// had since 1.27.
//
// github.com/open-telemetry/semantic-conventions, model/gen-ai/registry.yaml up
// to v1.41.1, and github.com/open-telemetry/semantic-conventions-genai, which
// has it since. Renamed: gen_ai.system to gen_ai.provider.name (1.37), prompt_
// and completion_tokens to input_ and output_tokens (1.27), cache_creation to
// cache_write (semantic-conventions-genai #440), gen_ai.openai.* to openai.*
// (1.37).
//
// Since v1.40 input SHOULD hold cached tokens and output SHOULD hold reasoning.
// Before that there was no rule, and a SHOULD binds nobody: the names alone
// never decide, so there is no emitter here. Cost: #443 proposes
// gen_ai.usage.cost.*, for inference spans alone.
var otel = Dialect{
	Name: "otel",
	Doc:  "OpenTelemetry GenAI semantic conventions, 1.27 and later",
	Counts: map[part][]string{
		input:          {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"},
		output:         {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"},
		cacheRead:      {"gen_ai.usage.cache_read.input_tokens"},
		cacheWrite:     {"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"},
		reasoning:      {"gen_ai.usage.reasoning.output_tokens"},
		inputAudio:     {"gen_ai.usage.audio.input_tokens"},
		cacheReadAudio: {"gen_ai.usage.audio.cache_read.input_tokens"},
		outputAudio:    {"gen_ai.usage.audio.output_tokens"},
		// Of images as of audio (semantic-conventions-genai #440); the second of each
		// pair is agentgateway's, with no convention.
		inputImage:  {"gen_ai.usage.image.input_tokens", "gen_ai.usage.input_image_tokens"},
		outputImage: {"gen_ai.usage.image.output_tokens", "gen_ai.usage.output_image_tokens"},
		// Never a convention, but written beside the above by OpenLLMetry,
		// OpenLIT, AgentOps, LiteLLM, Strands and LangSmith.
		total: {"gen_ai.usage.total_tokens"},
	},
	Texts: map[text][]string{
		provider:      {"gen_ai.provider.name", "gen_ai.system"},
		requestModel:  {"gen_ai.request.model"},
		responseModel: {"gen_ai.response.model"},
		responseID:    {"gen_ai.response.id"},
		serverAddress: {"server.address"},
		tier: {
			"openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier",
			"anthropic.response.service_tier",
			"openai.request.service_tier", "gen_ai.openai.request.service_tier", "gen_ai.request.service_tier",
			"anthropic.request.service_tier",
		},
	},
	Finish: []string{"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"},
	Stream: []string{"gen_ai.request.stream", "gen_ai.is_streaming", "gen_ai.request.is_stream"},
	Began:  []string{"gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"},
	Kinds: []kindNames{{
		Attr: "gen_ai.operation.name",
		Values: map[string]meaning{
			"chat": calls, "text_completion": calls, "generate_content": calls, "completion": calls, "responses": calls,
			"embeddings": embeds, "embedding": embeds,
			// botanu's tracker names more, few of which are billed by the token:
			// such a call is known of, and that its price is not.
			"rerank": calls, "image_generation": calls, "image_edit": calls, "speech_to_text": calls, "text_to_speech": calls,
			"moderation": calls,
			// Semantic Kernel
			"chat.completions": calls, "text.completions": calls, "chat.completion": calls,
			// LiteLLM writes the name of the function that was called.
			"acompletion": calls, "atext_completion": calls, "aresponses": calls, "anthropic_messages": calls,
			"agenerate_content": calls, "generate_content_stream": calls, "agenerate_content_stream": calls,
			"aembedding": embeds, "arerank": calls, "aimage_generation": calls, "aimage_edit": calls, "transcription": calls,
			"atranscription": calls, "speech": calls, "aspeech": calls, "amoderation": calls,

			"fetch_response": fetches,

			"invoke_agent": agent, "create_agent": agent, "agent": agent, "execute_tool": tool, "tool": tool,
			"invoke_workflow": wraps, "workflow": wraps, "task": wraps, "execute_task": wraps, "plan": wraps, "retrieval": wraps,
			"retrieve": wraps, "*memory*": wraps, "agent_step": wraps, "execute_event_loop_cycle": wraps, "model_request": wraps,
			"framework": wraps, "vectordb": wraps, "chain": wraps,
		},
	}},
	Costs: []costNames{
		{
			Class: LocalCost, Total: []string{"gen_ai.usage.cost.amount"},
			Currency: "gen_ai.usage.cost.currency", Source: "gen_ai.usage.cost.source",
		},
	},
}

// contrib are the instrumentations of the OpenTelemetry project itself.
//
// github.com/open-telemetry/opentelemetry-python-contrib
// (instrumentation-genai/opentelemetry-instrumentation-openai-v2 patch.py,
// response_extractors.py; -google-genai generate_content.py; -vertexai
// utils.py; instrumentation/opentelemetry-instrumentation-botocore bedrock.py),
// github.com/open-telemetry/opentelemetry-python-genai and
// github.com/open-telemetry/opentelemetry-js-contrib (instrumentation-openai).
// Their names are those of [otel].
var contrib = Dialect{
	Name: "opentelemetry-contrib",
	Doc:  "instrumentations of opentelemetry-python-contrib, opentelemetry-python-genai and opentelemetry-js-contrib",
	Emitters: []emitter{
		// No reasoning, and xAI's output is without it.
		{Scope: "opentelemetry.instrumentation.openai_v2", For: xAIAPI, Output: asAPI, Traits: ReasoningBlind},
		{Scope: "@opentelemetry/instrumentation-openai", For: xAIAPI, Output: asAPI, Traits: ReasoningBlind},
		// Chat spans have no cached tokens; those of the Responses API have them
		// only with the experimental conventions switched on.
		{Scope: "opentelemetry.instrumentation.openai_v2", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		{Scope: "@opentelemetry/instrumentation-openai", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		{Scope: "opentelemetry.instrumentation.genai*", Input: inclusive},
		// Output is candidates + thoughts.
		{Scope: "opentelemetry.instrumentation.google_genai", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		// The same module name belongs to OpenLLMetry's; both write candidates
		// alone, so that thoughts are nowhere.
		{Scope: "opentelemetry.instrumentation.vertexai", Input: asAPI, Output: asAPI, Traits: CacheBlind | ReasoningBlind},
		// Writes Bedrock's own input and no cached tokens: what was read from
		// the cache is on no span. The input of Cohere Command and Mistral is
		// counted from the text.
		{Scope: "opentelemetry.instrumentation.botocore*", Input: exclusive, Traits: CacheBlind},
		{Scope: "opentelemetry.instrumentation.botocore*", Model: "cohere.command", Traits: Estimates},
		{Scope: "opentelemetry.instrumentation.botocore*", Model: "mistral.", Traits: Estimates},
	},
}
