package genai

// liteLLM is the LiteLLM SDK and proxy, both of its OpenTelemetry integrations.
//
// github.com/BerriAI/litellm: litellm/integrations/opentelemetry.py (version 1:
// every key of the cost breakdown as gen_ai.cost.{key}, all values as text, ""
// for none) and litellm/integrations/otel (version 2: litellm.cost.*). Usage is
// turned into OpenAI's shape first, so input holds cached tokens and output
// holds reasoning. Version 1 has no cached tokens.
//
// The total can hold a margin that the operator of the gateway puts on top;
// the provider's bill is without it.
var liteLLM = Dialect{
	Name:  "litellm",
	Doc:   "LiteLLM SDK and proxy, OpenTelemetry integrations 1 and 2",
	Marks: []string{"litellm.call_id", "litellm.provider.model", "litellm.cost.total", "hidden_params", "gen_ai.cost.total_cost"},
	Texts: map[text][]string{
		responseModel: {"litellm.provider.model"},
	},
	Stream: []string{"litellm.request.streaming"},
	Blobs: []blob{{
		Attr:  "hidden_params",
		Costs: map[string]CostClass{"response_cost": GatewayCost},
	}},
	Costs: []costNames{
		{
			Class: GatewayCost, Total: []string{"litellm.cost.total"}, Sum: []string{"litellm.cost.input", "litellm.cost.output", "litellm.cost.tool_usage"},
			Less: "litellm.cost.margin_total_amount", Unless: []string{"litellm.cost.margin_percent", "litellm.cost.margin_fixed_amount"},
			Plus: "litellm.cost.guardrail", PlusIf: "litellm.guardrail.cost_in_spend",
		},
		{
			Class: GatewayCost, Total: []string{"gen_ai.cost.total_cost"},
			Sum:  []string{"gen_ai.cost.input_cost", "gen_ai.cost.output_cost", "gen_ai.cost.tool_usage_cost"},
			Less: "gen_ai.cost.margin_total_amount", Unless: []string{"gen_ai.cost.margin_percent", "gen_ai.cost.margin_fixed_amount"},
		},
		// Others' home-made names.
		{Class: LocalCost, Total: []string{"gen_ai.cost.total", "gen_ai.cost.usd"}, Sum: []string{"gen_ai.cost.input_usd", "gen_ai.cost.output_usd"}},
	},
	Emitters: []emitter{
		{Scope: "litellm*", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		{Input: inclusive, Output: inclusive}, // the scope's name can be configured
	},
}
