package genai

// mastra is Mastra's own tracing, through any of its exporters.
//
// github.com/mastra-ai/mastra, packages/core (SpanType) and
// observability/otel-exporter. Usage is on model_generation, which can hold
// several requests: each is a model_inference beneath it. A failed call has no
// error status, only the finish reason "error".
var mastra = Dialect{
	Name:  "mastra",
	Doc:   "Mastra",
	Marks: []string{"mastra.span.type"},
	Counts: map[part][]string{
		cacheWrite5m: {"gen_ai.usage.cache_creation.5m_input_tokens"},
		cacheWrite1h: {"gen_ai.usage.cache_creation.1h_input_tokens"},
	},
	Kinds: []kindNames{
		{
			Attr: "mastra.span.type",
			Values: map[string]meaning{
				"model_generation": calls, "model_inference": calls,
				"agent_run": agent, "tool_call": tool, "mcp_tool_call": tool,
			},
			Otherwise: wraps,
		},
		{
			// The exporter writes span types for which the convention has no name
			// where the operation belongs.
			Attr:   "gen_ai.operation.name",
			Values: map[string]meaning{"model_inference": calls, "model_step": wraps, "model_chunk": wraps, "agent_run": agent},
		},
	},
	Emitters: []emitter{
		// Adds the cached tokens to Anthropic's input where the AI SDK has not
		// (@mastra/observability, src/usage.ts, extractUsageMetrics).
		{Scope: "@mastra/otel-bridge", For: anthropicAPI, Input: inclusive},
		{For: openAIAPI | googleAPI, Input: inclusive},
	},
}
