package genai

// liteLLM is the LiteLLM SDK and proxy, both of its OpenTelemetry integrations.
//
// github.com/BerriAI/litellm: litellm/integrations/opentelemetry.py (version 1:
// every key of the cost breakdown as gen_ai.cost.{key}, all values as text, ""
// for none) and litellm/integrations/otel (version 2: litellm.cost.*). Usage is
// turned into OpenAI's shape first, so input holds cached tokens and output
// holds reasoning. Version 1 has no cached tokens.
//
// Where a span is active that is not LiteLLM's, version 1 writes the call onto
// that one (_handle_success): the run's root, most often. The next call is
// written over it, so such a span says what the last of several calls was. The
// provider's answers survive on the spans raw_gen_ai_request beneath it, each
// as text under llm.<provider>.*, with the provider's own numbers; of streams
// and with message logging off they say nothing.
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
	Stream:   []string{"litellm.request.streaming"},
	Borrows:  []string{"gen_ai.cost.total_cost", "hidden_params"},
	OwnSpans: []string{"litellm_request", "raw_gen_ai_request", "Received Proxy Server Request"},
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
		{Scope: "litellm*", Span: "raw_gen_ai_request", Input: asAPI, Output: asAPI, Reports: true},
		{Scope: "litellm*", Input: inclusive, Output: inclusive, Traits: CacheBlind},
		{Input: inclusive, Output: inclusive}, // the scope's name can be configured
	},
}

// liteLLMRaw is what providers answered, as LiteLLM writes it down beside its
// own account. It is apart from [liteLLM] because what is known of the one, of
// numbers in OpenAI's shape, does not hold for the other.
var liteLLMRaw = Dialect{
	Name:  "litellm-raw",
	Doc:   "providers' answers on LiteLLM's raw_gen_ai_request spans",
	Texts: map[text][]string{responseModel: rawNames("model"), responseID: rawNames("id")},
	Blobs: rawUsage(),
}

// rawProviders are LiteLLM's names of providers whose answers are JSON with a
// usage. "None" is what it writes where it did not tell the provider.
var rawProviders = [...]string{
	"openai", "anthropic", "azure", "azure_ai", "mistral", "groq", "deepseek", "xai", "openrouter", "None",
}

func rawNames(field string) []string {
	names := make([]string, len(rawProviders))
	for i, p := range rawProviders {
		names[i] = "llm." + p + "." + field
	}
	return names
}

func rawUsage() []blob {
	blobs := make([]blob, len(rawProviders))
	for i, name := range rawNames("usage") {
		blobs[i] = blob{
			Attr: name,
			Counts: map[string]part{
				"prompt_tokens": input, "completion_tokens": output, "input_tokens": input, "output_tokens": output, "total_tokens": total,
				"prompt_tokens_details.cached_tokens": cacheRead, "input_tokens_details.cached_tokens": cacheRead,
				"prompt_tokens_details.cache_write_tokens": cacheWrite, "input_tokens_details.cache_write_tokens": cacheWrite,
				"cache_read_input_tokens": cacheRead, "cache_creation_input_tokens": cacheWrite,
				"cache_creation.ephemeral_5m_input_tokens": cacheWrite5m,
				"cache_creation.ephemeral_1h_input_tokens": cacheWrite1h,
				"prompt_tokens_details.image_tokens":       inputImage, "input_tokens_details.image_tokens": inputImage,
				"completion_tokens_details.image_tokens": outputImage, "output_tokens_details.image_tokens": outputImage,
				"completion_tokens_details.reasoning_tokens": reasoning, "output_tokens_details.reasoning_tokens": reasoning,
			},
		}
	}
	return blobs
}
