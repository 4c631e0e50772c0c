package genai

// langSmith is LangSmith's export to OpenTelemetry.
//
// github.com/langchain-ai/langsmith-sdk,
// python/langsmith/_internal/otel/_otel_exporter.py. Usage is on every run whose
// outputs have some, chains too. The details are an object or a printed dict.
var langSmith = Dialect{
	Name:  "langsmith",
	Doc:   "LangSmith OpenTelemetry export, which LangChain and LangGraph can use",
	Marks: []string{"langsmith.span.kind"},
	Texts: map[text][]string{
		provider:     {"langsmith.metadata.ls_provider"},
		requestModel: {"langsmith.metadata.ls_model_name"},
	},
	Stream: []string{"langsmith.request.streaming"},
	Kinds: []kindNames{{
		Attr: "langsmith.span.kind",
		Values: map[string]meaning{
			"llm": calls, "embedding": embeds,
			"chain": wraps, "tool": tool, "retriever": wraps, "prompt": wraps, "parser": wraps,
		},
	}},
	Blobs: []blob{
		{
			Attr:   "gen_ai.usage.input_token_details",
			Counts: map[string]part{"cache_read": cacheRead, "cache_creation": cacheWrite, "audio": inputAudio},
		},
		{
			Attr:   "gen_ai.usage.output_token_details",
			Counts: map[string]part{"reasoning": reasoning, "audio": outputAudio},
		},
	},
	Emitters: []emitter{
		{Scope: "langsmith*", For: openAIAPI | googleAPI, Input: inclusive},
		{For: openAIAPI | googleAPI, Input: inclusive},
	},
}
