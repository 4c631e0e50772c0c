package genai

// langfuse is the Langfuse SDKs.
//
// github.com/langfuse/langfuse (packages/shared, OtelIngestionProcessor.ts) and
// its SDKs. No number is an attribute: usage_details is JSON with disjoint keys,
// so that input is without input_cached_tokens and input_audio_tokens, and
// output without reasoning. Failures are a level, not a status. Embeddings made
// through the OpenAI wrapper are "generation" too.
var langfuse = Dialect{
	Name:  "langfuse",
	Doc:   "Langfuse SDKs",
	Marks: []string{"langfuse.observation.type"},
	Texts: map[text][]string{
		responseModel: {"langfuse.observation.model.name"},
	},
	Began:   []string{"langfuse.observation.completion_start_time"},
	Failure: map[string]string{"langfuse.observation.level": "ERROR"},
	Kinds: []kindNames{{
		Attr:      "langfuse.observation.type",
		Values:    map[string]meaning{"generation": calls, "embedding": embeds, "agent": agent, "tool": tool},
		Otherwise: wraps,
	}},
	Blobs: []blob{
		{
			Attr: "langfuse.observation.usage_details",
			Counts: map[string]part{
				"input": input, "output": output, "total": total,
				"input_cached_tokens": cacheRead, "input_cache_read": cacheRead, "cache_read_input_tokens": cacheRead,
				"input_cache_creation": cacheWrite, "cache_creation_input_tokens": cacheWrite, "input_cache_write_tokens": cacheWrite,
				"input_audio_tokens": splitInputAudio, "output_audio_tokens": splitOutputAudio,
				"output_reasoning_tokens":           reasoning,
				"output_accepted_prediction_tokens": splitOutput, "output_rejected_prediction_tokens": splitOutput,
				// What people pass by hand.
				"prompt_tokens": input, "completion_tokens": output, "total_tokens": total, "input_tokens": input, "output_tokens": output,
			},
		},
		{Attr: "langfuse.observation.cost_details", Costs: map[string]CostClass{"total": LocalCost}},
	},
	Emitters: []emitter{
		{Scope: "langfuse-sdk*", Input: exclusive, Output: exclusive},
		{Input: exclusive, Output: exclusive},
	},
}
