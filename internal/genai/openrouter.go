package genai

// openRouter is OpenRouter's Broadcast, which sends a span for each generation
// from OpenRouter's side.
//
// openrouter.ai/docs, Broadcast, and what public receivers of it read: the cost
// is what was charged, cached tokens are within the input and reasoning within
// the output. gen_ai.usage.total_cost without a sign of OpenRouter is an
// instrumentation's own estimate (AgentOps has a constant of that name:
// agentops/semconv/span_attributes.py).
var openRouter = Dialect{
	Name:     "openrouter",
	Doc:      "OpenRouter Broadcast",
	IDPrefix: "gen-",
	Marks: []string{
		"trace.metadata.openrouter.provider_name", "trace.metadata.openrouter.provider_slug", "trace.metadata.openrouter.source",
		"trace.metadata.openrouter.input_unit_price", "openrouter.provider_name", "openrouter.provider_slug", "openrouter.input_unit_price",
		"openrouter.source",
	},
	Counts: map[part][]string{
		cacheRead:  {"gen_ai.usage.input_tokens.cached"}, // also Sentry's names
		cacheWrite: {"gen_ai.usage.input_tokens.cache_write"},
		reasoning:  {"gen_ai.usage.output_tokens.reasoning"},
	},
	Kinds: []kindNames{{Attr: "span.type", Own: true, Values: map[string]meaning{"llm": calls, "generation": calls}}},
	Costs: []costNames{
		{
			Class: ProviderCost, Own: true, Total: []string{"gen_ai.usage.total_cost", "gen_ai.usage.cost"},
			Sum: []string{"gen_ai.usage.input_cost", "gen_ai.usage.output_cost"},
		},
		{Class: LocalCost, Total: []string{"gen_ai.usage.total_cost"}, Currency: "gen_ai.usage.cost.currency"},
	},
	Emitters: []emitter{
		{Scope: "openrouter*", Input: inclusive, Output: inclusive},
		{Input: inclusive, Output: inclusive},
	},
}
