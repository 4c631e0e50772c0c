package genai

// claudeCode is the tracing of the Claude Code CLI, which the Claude Agent SDK
// runs as a child process.
//
// code.claude.com/docs, Monitoring (traces, beta), github.com/anthropics/claude-code
// issues #50776 and #54172, and recorded spans of the CLI of
// @anthropic-ai/claude-agent-sdk 0.3.330. Names are bare; input is Anthropic's
// own and leaves cached tokens out. Every request is a stream. The cost is on
// log records and metrics, never on a span.
var claudeCode = Dialect{
	Name:       "claude-code",
	Doc:        "Claude Code and the CLI beneath the Claude Agent SDK",
	Bare:       true,
	Marks:      []string{"llm_request.context", "query_source_safe"},
	SpanPrefix: "claude_code.",
	Counts: map[part][]string{
		input:      {"input_tokens"},
		output:     {"output_tokens"},
		cacheRead:  {"cache_read_tokens"},
		cacheWrite: {"cache_creation_tokens"},
	},
	Texts: map[text][]string{
		provider:     {"anthropic.provider"}, // firstParty, bedrock, vertex
		requestModel: {"model"},
		responseID:   {"request_id"},
		tier:         {"speed"}, // "fast" has prices of its own
	},
	Finish:  []string{"stop_reason"},
	Began:   []string{"ttft_ms", "first_content_ms"},
	Failure: map[string]string{"success": "false"},
	Kinds: []kindNames{{
		Attr: "span.type", Own: true,
		Values: map[string]meaning{"llm_request": calls, "interaction": agent, "tool": tool, "tool.*": tool},
	}},
	Emitters: []emitter{
		{Scope: "com.anthropic.claude_code*", Input: exclusive, Output: inclusive, Traits: Streamed},
		{Input: exclusive, Output: inclusive, Traits: Streamed},
	},
}
