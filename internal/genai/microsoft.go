package genai

// microsoft are Semantic Kernel, Microsoft.Extensions.AI and the Microsoft
// Agent Framework.
//
// github.com/microsoft/semantic-kernel (before April 2025 it wrote
// gen_ai.response.prompt_tokens: commit 8aff8cbe70),
// github.com/dotnet/extensions (OpenTelemetryChatClient) and
// github.com/microsoft/agent-framework (observability.py: agents get the sum of
// the usage within). What they pass on for Anthropic is not known.
var microsoft = Dialect{
	Name: "microsoft",
	Doc:  "Semantic Kernel, Microsoft.Extensions.AI, Microsoft Agent Framework",
	Counts: map[part][]string{
		input:       {"gen_ai.response.prompt_tokens"},
		output:      {"gen_ai.response.completion_tokens"},
		inputAudio:  {"gen_ai.usage.input_audio_tokens"},
		outputAudio: {"gen_ai.usage.output_audio_tokens"},
	},
	Emitters: []emitter{
		{Scope: "Microsoft.SemanticKernel*", Traits: CacheBlind},
		{Scope: "semantic_kernel*", Traits: CacheBlind},
		{Scope: "Microsoft.SemanticKernel*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "semantic_kernel*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "Experimental.Microsoft.Extensions.AI*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "Experimental.Microsoft.Agents.AI*", For: openAIAPI | googleAPI, Input: inclusive},
		{Scope: "agent_framework*", For: openAIAPI | googleAPI, Input: inclusive},
	},
}
