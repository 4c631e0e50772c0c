package genai

// googleADK is Google's Agent Development Kit.
//
// github.com/google/adk-python, src/google/adk/telemetry. Input is
// promptTokenCount, without the tokens of tool results (adk-go #1524), which
// are billed as input; output is candidatesTokenCount, without thoughts. The
// response as JSON has what is missing, where its capture is on. call_llm has no
// kind: it wraps generate_content where google-genai is instrumented too, and
// is the call itself where it is not.
var googleADK = Dialect{
	Name: "google-adk",
	Doc:  "Google Agent Development Kit",
	Blobs: []blob{{
		Attr: "gcp.vertex.agent.llm_response",
		Leaf: true,
		Counts: map[string]part{
			"usage_metadata.prompt_token_count":          input,
			"usage_metadata.candidates_token_count":      output,
			"usage_metadata.total_token_count":           total,
			"usage_metadata.cached_content_token_count":  cacheRead,
			"usage_metadata.thoughts_token_count":        reasoning,
			"usage_metadata.tool_use_prompt_token_count": moreInput,
		},
	}},
	Emitters: []emitter{{Scope: "gcp.vertex.agent", Input: asAPI, Output: asAPI, Traits: CacheBlind | ReasoningBlind}},
}
