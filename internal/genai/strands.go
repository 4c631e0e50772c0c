package genai

// strands is the Strands Agents SDK.
//
// github.com/strands-agents/sdk-python, src/strands/telemetry/tracer.py. It
// writes both generations of the convention's names, the provider is always
// "strands-agents", and the numbers are the model provider's: Bedrock's leave
// cached tokens out and its total holds them. An agent's span has the sum over
// the agent's life.
//
// Up to 1.30 at least, the input is the provider's own, and Anthropic's cached
// tokens (models/anthropic.py) are nowhere. 1.62 adds them to the input
// (_total_prompt_tokens) and leaves them off the call's span where there are
// none. The scope has no version; the total, which is the model provider's in
// all of them, tells the two apart.
var strands = Dialect{
	Name: "strands",
	Doc:  "Strands Agents",
	Counts: map[part][]string{
		cacheRead:  {"gen_ai.usage.cache_read_input_tokens"},
		cacheWrite: {"gen_ai.usage.cache_write_input_tokens"},
	},
	Emitters: []emitter{
		{Scope: "strands*", Input: asAPI, OwnTotal: true},
		// On an agent always there, none or not: until then it had a zero under
		// the older name, whatever the cache did.
		{Scope: "strands*", With: "gen_ai.usage.cache_read.input_tokens", Reports: true},
	},
}
