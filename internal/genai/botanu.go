package genai

// botanu is the botanu SDK's own tracker, and the costs that an operator states
// by hand.
//
// github.com/botanu-ai/botanu-sdk-python, src/botanu/tracking/llm.py, scope
// botanu.gen_ai. The numbers are those that the caller passed, most often the
// response's own: nothing more than an assumption for Anthropic. cached_tokens
// is the same number as cache_read_tokens, and set_tokens writes zeros.
// botanu.vendor is on database spans too and is no sign of a model.
var botanu = Dialect{
	Name: "botanu",
	Doc:  "botanu SDK, track_llm_call and set_llm_attributes",
	Counts: map[part][]string{
		cacheRead:  {"botanu.usage.cache_read_tokens", "botanu.usage.cached_tokens"},
		cacheWrite: {"botanu.usage.cache_write_tokens"},
	},
	Texts: map[text][]string{
		provider:   {"botanu.vendor"},
		responseID: {"botanu.vendor.request_id"},
	},
	Stream: []string{"botanu.request.streaming"},
	Hit:    []string{"botanu.request.cache_hit"},
	Costs: []costNames{{
		Class: OperatorCost, Total: []string{"botanu.cost.total_usd"}, Sum: []string{"botanu.cost.input_usd", "botanu.cost.output_usd"},
	}},
	Emitters: []emitter{{Scope: "botanu.gen_ai", Input: likelyExclusive}},
}
