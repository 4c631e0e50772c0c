package genai

// agentOps is AgentOps.
//
// github.com/AgentOps-AI/agentops, agentops/semconv and
// agentops/instrumentation/providers (anthropic: message.py). Numbers are the
// provider's own; other names are OpenLLMetry's older ones.
var agentOps = Dialect{
	Name:  "agentops",
	Doc:   "AgentOps",
	Marks: []string{"agentops.span.kind"},
	Kinds: []kindNames{{
		Attr:      "agentops.span.kind",
		Values:    map[string]meaning{"llm": calls, "agent": agent, "tool": tool},
		Otherwise: wraps,
	}},
	Emitters: []emitter{
		{Scope: "agentops*", Input: asAPI},
		{Input: asAPI},
	},
}
