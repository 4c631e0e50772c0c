package genai

// mlflow is MLflow Tracing exported to OpenTelemetry.
//
// github.com/mlflow/mlflow, mlflow/tracing/constant.py. All values are JSON
// texts, names of models and kinds too. mlflow.trace.* sums up a whole trace
// and is not read.
var mlflow = Dialect{
	Name:  "mlflow",
	Doc:   "MLflow Tracing",
	Marks: []string{"mlflow.spanType"},
	Texts: map[text][]string{
		provider:      {"mlflow.llm.provider"},
		responseModel: {"mlflow.llm.model"},
	},
	Kinds: []kindNames{{
		Attr:      "mlflow.spanType",
		Values:    map[string]meaning{"llm": calls, "chat_model": calls, "embedding": embeds, "agent": agent, "tool": tool, "unknown": silent},
		Otherwise: wraps,
	}},
	Blobs: []blob{
		{
			Attr: "mlflow.chat.tokenUsage",
			Counts: map[string]part{
				"input_tokens": input, "output_tokens": output, "total_tokens": total,
				"cache_read_input_tokens": cacheRead, "cache_creation_input_tokens": cacheWrite,
			},
		},
		{Attr: "mlflow.llm.cost", Costs: map[string]CostClass{"total_cost": LocalCost}},
	},
	Emitters: []emitter{{For: openAIAPI | googleAPI, Input: inclusive}},
}
