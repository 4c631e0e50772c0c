package genai

// strands is the Strands Agents SDK.
//
// github.com/strands-agents/sdk-python, src/strands/telemetry/tracer.py. It
// writes both generations of the convention's names, the provider is always
// "strands-agents", and the numbers are the model provider's: Bedrock's leave
// cached tokens out and its total holds them. An agent's span has the sum over
// the agent's life.
var strands = Dialect{
	Name: "strands",
	Doc:  "Strands Agents",
	Counts: map[part][]string{
		cacheRead:  {"gen_ai.usage.cache_read_input_tokens"},
		cacheWrite: {"gen_ai.usage.cache_write_input_tokens"},
	},
	Emitters: []emitter{{Scope: "strands*", Input: asAPI}},
}
