package genai

import (
	"maps"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

type m = map[string]any

// span reads one span with the given attributes. The scope is "name@version".
func span(t *testing.T, scope string, values m) (Record, bool) {
	t.Helper()
	return spanNamed(t, scope, "", values)
}

func spanNamed(t *testing.T, scope, spanName string, values m) (Record, bool) {
	t.Helper()
	x, s := spanOf(t, scope, spanName, values)
	return x.Record(s)
}

func spanOf(t *testing.T, scope, spanName string, values m) (*Extractor, Span) {
	t.Helper()
	attributes := pcommon.NewMap()
	if err := attributes.FromRaw(values); err != nil {
		t.Fatal(err)
	}
	table := attrs.NewTable()
	x := New(table, []string{"acme.cost", "acme.cost.old"})
	r := attrs.NewReader(table, nil)
	r.Read(attributes)
	name, version, _ := strings.Cut(scope, "@v")
	return x, Span{Attrs: r, ScopeName: name, ScopeVersion: version, Name: spanName, Kind: ptrace.SpanKindClient}
}

func usd(s string) money.Amount {
	a, err := money.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func settled(r Reading, b Basis) Semantics { return Semantics{r, b} }

// TestDialects has for each instrumentation the attributes that its source
// writes, and what they mean.
func TestDialects(t *testing.T) {
	unsettled := Semantics{}
	for _, c := range []struct {
		name, scope string
		attrs       m
		dialect     string
		kind        Kind
		class       Class
		provider    string
		model       string
		id          string
		tier        string
		counts      Counts
		input       Semantics
		output      Semantics
		cost        Cost
		traits      Traits
	}{
		{
			name: "otel 1.27", scope: "my.app",
			attrs: m{
				"gen_ai.system": "az.ai.openai", "gen_ai.request.model": "gpt-4o", "gen_ai.operation.name": "chat",
				"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 2, "gen_ai.openai.response.service_tier": "flex",
				"gen_ai.openai.request.service_tier": "auto", "gen_ai.response.id": "chatcmpl-1",
			},
			dialect: "otel", kind: Leaf, provider: "azure.ai.openai", model: "gpt-4o", id: "chatcmpl-1", tier: "flex",
			counts: Counts{Input: Of(10), Output: Of(2)}, output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "otel after 1.41, with audio", scope: "my.app",
			attrs: m{
				"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o-audio",
				"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.audio.input_tokens": 40,
				"gen_ai.usage.audio.output_tokens": 5, "gen_ai.usage.audio.cache_read.input_tokens": 3,
				"gen_ai.usage.cache_read.input_tokens": 30, "gen_ai.usage.cache_write.input_tokens": 7,
				"gen_ai.usage.reasoning.output_tokens": 4, "gen_ai.request.stream": true, "openai.request.service_tier": "auto",
			},
			dialect: "otel", kind: Leaf, provider: "openai", model: "gpt-4o-audio",
			counts: Counts{
				Input: Of(100), Output: Of(20), InputAudio: Of(40), OutputAudio: Of(5), CacheReadAudio: Of(3), CacheRead: Of(30),
				CacheWrite: Of(7), Reasoning: Of(4),
			},
			input: unsettled, output: settled(Inclusive, Declared), traits: Streamed,
		},
		{
			name: "otel retrieve of a response", scope: "my.app",
			attrs:   m{"gen_ai.operation.name": "fetch_response", "gen_ai.usage.input_tokens": 5, "gen_ai.response.id": "resp_1"},
			dialect: "otel", kind: Leaf, id: "resp_1", counts: Counts{Input: Of(5)}, traits: Fetched | ResponseBegan,
		},
		{
			name: "otel memory operation", scope: "my.app",
			attrs:   m{"gen_ai.operation.name": "Search_Memory_Store", "gen_ai.usage.input_tokens": 5},
			dialect: "otel", kind: Aggregate, counts: Counts{Input: Of(5)},
		},
		{
			name: "contrib openai-v2 is blind to the cache", scope: "opentelemetry.instrumentation.openai_v2@v2.3b0",
			attrs: m{
				"gen_ai.system": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini",
				"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2, "gen_ai.response.finish_reasons": []any{"stop"},
			},
			dialect: "opentelemetry-contrib", kind: Leaf, provider: "openai", model: "gpt-4o-mini",
			counts: Counts{Input: Of(10), Output: Of(2)}, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
			traits: CacheBlind | ResponseBegan,
		},
		{
			name: "contrib botocore", scope: "opentelemetry.instrumentation.botocore.bedrock-runtime",
			attrs: m{
				"gen_ai.system": "aws.bedrock", "gen_ai.operation.name": "chat", "gen_ai.request.model": "cohere.command-r-v1:0",
				"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2,
			},
			dialect: "opentelemetry-contrib", kind: Leaf, provider: "aws.bedrock", model: "cohere.command-r-v1:0",
			counts: Counts{Input: Of(10), Output: Of(2)}, input: settled(Exclusive, Declared), traits: CacheBlind | Estimates,
		},
		{
			name: "openinference python anthropic", scope: "openinference.instrumentation.anthropic@v0.1.20",
			attrs: m{
				"openinference.span.kind": "LLM", "llm.provider": "anthropic", "llm.system": "anthropic", "llm.model_name": "claude-sonnet-4-5",
				"llm.token_count.prompt": 1300, "llm.token_count.completion": 20, "llm.token_count.total": 1320,
				"llm.token_count.prompt_details.cache_read": 1000, "llm.token_count.prompt_details.cache_write": 200,
				"llm.invocation_parameters": `{"model":"claude-sonnet-latest","max_tokens":5}`,
			},
			dialect: "openinference", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(1300), Output: Of(20), CacheRead: Of(1000), CacheWrite: Of(200), Total: Of(1320)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Declared),
		},
		{
			name: "fixture 5: bedrock converse through openinference", scope: "openinference.instrumentation.bedrock",
			attrs: m{
				"openinference.span.kind": "LLM", "llm.provider": "aws", "llm.model_name": "us.anthropic.claude-sonnet-4-v1:0",
				"llm.token_count.prompt": 4299, "llm.token_count.completion": 631, "llm.token_count.total": 58291,
				"llm.token_count.prompt_details.cache_read": 35574, "llm.token_count.prompt_details.cache_write": 17787,
			},
			dialect: "openinference", kind: Leaf, provider: "aws.bedrock", model: "us.anthropic.claude-sonnet-4-v1:0",
			counts: Counts{Input: Of(4299), Output: Of(631), CacheRead: Of(35574), CacheWrite: Of(17787), Total: Of(58291)},
			input:  settled(Exclusive, Proved),
		},
		{
			name: "fixture 8: token counts among the costs of openinference litellm", scope: "openinference.instrumentation.litellm",
			attrs: m{
				"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 100, "llm.token_count.completion": 180,
				"llm.cost.completion_details.output": 180.0, "llm.cost.prompt_details.cache_input": 100.0,
				"llm.token_count.prompt_details.cache_input": 100,
			},
			dialect: "openinference", kind: Leaf, model: "gpt-4o", counts: Counts{Input: Of(100), Output: Of(180)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
		},
		{
			name: "fixture 11: claude agent alone", scope: "@arizeai/openinference-instrumentation-claude-agent-sdk@v0.3.1",
			attrs: m{
				"openinference.span.kind": "AGENT", "llm.model_name": "claude-sonnet-4-5", "llm.token_count.prompt": 1913,
				"llm.token_count.completion": 43, "llm.token_count.total": 1956, "llm.cost.total": 0.006384,
			},
			dialect: "openinference", kind: Aggregate, model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(1913), Output: Of(43), Total: Of(1956)}, input: settled(Exclusive, Declared),
			output: settled(Inclusive, Declared), cost: Cost{Class: LocalCost, Total: usd("0.006384")}, traits: Agent | CacheBlind,
		},
		{
			name: "openinference cost in halves", scope: "x",
			attrs:   m{"openinference.span.kind": "LLM", "llm.cost.prompt": 0.25, "llm.cost.completion": 0.5},
			dialect: "openinference", kind: Leaf, cost: Cost{Class: LocalCost, Total: usd("0.75")},
		},
		{
			name: "openllmetry js openai chat, which may be a stream counted by its text", scope: "@traceloop/instrumentation-openai@v0.27.0",
			attrs: m{
				"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.response.id": "chatcmpl-1",
				"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 15,
			},
			dialect: "openllmetry", kind: Leaf, provider: "openai", model: "gpt-4o", id: "chatcmpl-1",
			counts: Counts{Input: Of(10), Output: Of(5), Total: Of(15)}, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
			traits: CacheBlind | ResponseBegan | Estimates,
		},
		{
			name: "openllmetry js openai responses", scope: "@traceloop/instrumentation-openai@v0.27.0",
			attrs: m{
				"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.response.id": "resp_1",
				"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 15,
			},
			dialect: "openllmetry", kind: Leaf, provider: "openai", model: "gpt-4o", id: "resp_1",
			counts: Counts{Input: Of(10), Output: Of(5), Total: Of(15)}, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
			traits: CacheBlind | ResponseBegan,
		},
		{
			name: "openllmetry python openai, old names", scope: "opentelemetry.instrumentation.openai.v1@v0.30.0",
			attrs: m{
				"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", "llm.is_streaming": true,
				"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5, "llm.usage.total_tokens": 15,
				"llm.usage.reasoning_tokens": 3,
			},
			dialect: "openllmetry", kind: Leaf, provider: "openai", model: "gpt-4o",
			counts: Counts{Input: Of(10), Output: Of(5), Total: Of(15), Reasoning: Of(3)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Proved), traits: Streamed | CacheBlind,
		},
		{
			name: "openllmetry python anthropic stream", scope: "opentelemetry.instrumentation.anthropic@v0.50.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "Anthropic", "gen_ai.request.model": "claude-3-5-haiku-latest",
				"gen_ai.usage.input_tokens": 1300, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 1305, "gen_ai.is_streaming": true,
				"gen_ai.usage.cache_read_input_tokens": 0, "gen_ai.usage.cache_creation_input_tokens": 1000,
			},
			dialect: "openllmetry", kind: Leaf, provider: "anthropic", model: "claude-3-5-haiku-latest",
			counts: Counts{Input: Of(1300), Output: Of(5), Total: Of(1305), CacheRead: Of(0), CacheWrite: Of(1000)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: Streamed | StreamOutputHigh,
		},
		{
			name: "openllmetry-js anthropic 0.27 is exclusive", scope: "@traceloop/instrumentation-anthropic@v0.27.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 2005,
				"gen_ai.usage.cache_read.input_tokens": 100, "gen_ai.usage.cache_creation.input_tokens": 0,
			},
			dialect: "openllmetry", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(2000), Output: Of(5), Total: Of(2005), CacheRead: Of(100), CacheWrite: Of(0)},
			input:  settled(Exclusive, Declared), output: settled(Inclusive, Declared),
		},
		{
			name: "openllmetry-js anthropic of a later version has to prove it", scope: "@traceloop/instrumentation-anthropic@v0.28.1",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.usage.input_tokens": 2000,
				"gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 100,
			},
			dialect: "openllmetry", kind: Leaf, provider: "anthropic",
			counts: Counts{Input: Of(2000), Output: Of(5), CacheRead: Of(100)}, output: settled(Inclusive, Declared),
		},
		{
			name: "openllmetry workflow", scope: "opentelemetry.instrumentation.langchain",
			attrs:   m{"traceloop.span.kind": "tool", "traceloop.entity.name": "search"},
			dialect: "openllmetry", kind: Aggregate, input: settled(Inclusive, Declared), traits: Tool,
		},
		{
			name: "openllmetry gemini leaves thoughts out", scope: "@traceloop/instrumentation-google-generativeai@v0.27.0",
			attrs: m{
				"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gen_ai", "gen_ai.request.model": "gemini-2.5-pro",
				"gen_ai.usage.input_tokens": 657, "gen_ai.usage.output_tokens": 124, "gen_ai.usage.total_tokens": 1101,
				"gen_ai.usage.reasoning_tokens": 320,
			},
			dialect: "openllmetry", kind: Leaf, provider: "gcp.gemini", model: "gemini-2.5-pro",
			counts: Counts{Input: Of(657), Output: Of(124), Total: Of(1101), Reasoning: Of(320)},
			input:  settled(Inclusive, Declared), output: settled(Exclusive, Proved),
		},
		{
			name: "fixture 4: openlit and anthropic", scope: "@openlit/instrumentation-anthropic@v1.0.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-opus-4",
				"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.total_tokens": 14,
				"gen_ai.usage.cache_read.input_tokens": 128955, "gen_ai.usage.cache_creation.input_tokens": 1253, "gen_ai.usage.cost": 0.5,
			},
			dialect: "openlit", kind: Leaf, provider: "anthropic", model: "claude-opus-4",
			counts: Counts{Input: Of(5), Output: Of(9), Total: Of(14), CacheRead: Of(128955), CacheWrite: Of(1253)},
			input:  settled(Exclusive, Proved), output: settled(Inclusive, Declared), cost: Cost{Class: LocalCost, Total: usd("0.5")},
			traits: Estimates,
		},
		{
			name: "fixture 4: the same through pydantic-ai", scope: "pydantic-ai@v2.33.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-opus-4",
				"gen_ai.usage.input_tokens": 130213, "gen_ai.usage.output_tokens": 9, "operation.cost": 0.4,
				"gen_ai.usage.cache_read.input_tokens": 128955, "gen_ai.usage.cache_creation.input_tokens": 1253,
				"gen_ai.usage.details.cache_read_input_tokens": 128955, "gen_ai.usage.details.cache_creation_input_tokens": 1253,
			},
			dialect: "pydantic-ai", kind: Leaf, provider: "anthropic", model: "claude-opus-4",
			counts: Counts{Input: Of(130213), Output: Of(9), CacheRead: Of(128955), CacheWrite: Of(1253)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Declared), cost: Cost{Class: LocalCost, Total: usd("0.4")},
		},
		{
			name: "fixture 9: openlit does not know the price", scope: "openlit.otel.tracing",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-9", "gen_ai.usage.cost": 0.0,
				"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.prompt_tokens_details.cached_tokens": 2,
			},
			dialect: "openlit", kind: Leaf, provider: "openai", model: "gpt-9",
			counts: Counts{Input: Of(5), Output: Of(9), CacheRead: Of(2)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: Estimates,
		},
		{
			name: "pydantic-ai agent run", scope: "pydantic-ai@v1.60.0",
			attrs: m{
				"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 4,
				"gen_ai.aggregated_usage.input_tokens": 20, "logfire.metrics": "{}", "gen_ai.agent.name": "a",
			},
			dialect: "pydantic-ai", kind: Aggregate, counts: Counts{Input: Of(20), Output: Of(4)}, input: settled(Inclusive, Declared), traits: Agent,
		},
		{
			name: "logfire anthropic, raw usage proves the old reading", scope: "logfire.anthropic@v4.1.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.response.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 4,
				"gen_ai.usage.raw": `{"input_tokens":900,"cache_read_input_tokens":50,"cache_creation":{"ephemeral_1h_input_tokens":7,"ephemeral_5m_input_tokens":0},"cache_creation_input_tokens":7,"service_tier":"priority"}`,
			},
			dialect: "pydantic-ai", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5", tier: "priority",
			counts: Counts{Input: Of(900), Output: Of(4), CacheRead: Of(50), CacheWrite: Of(7), CacheWrite1h: Of(7), CacheWrite5m: Of(0)},
			input:  settled(Exclusive, Proved), output: settled(Inclusive, Declared),
		},
		{
			name: "fixture 10: logfire's claude agent, a part", scope: "logfire.claude_agent_sdk",
			attrs:   m{"gen_ai.operation.name": "chat", "gen_ai.usage.partial.input_tokens": 20, "gen_ai.request.model": "claude-opus-4"},
			dialect: "pydantic-ai", kind: Leaf, model: "claude-opus-4", output: settled(Inclusive, Declared),
		},
		{
			name: "vercel 5 generate, one call under two vocabularies", scope: "ai",
			attrs: m{
				"ai.operationId": "ai.generateText.doGenerate", "operation.name": "ai.generateText.doGenerate chat",
				"ai.model.provider": "anthropic.messages", "ai.model.id": "claude-sonnet-4-5", "gen_ai.system": "anthropic.messages",
				"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 185, "gen_ai.usage.output_tokens": 397,
				"ai.usage.promptTokens": 185, "ai.usage.completionTokens": 397, "ai.response.id": "msg_1", "gen_ai.response.id": "msg_1",
				"ai.response.providerMetadata": `{"anthropic":{"usage":{"input_tokens":185,"output_tokens":397,"cache_creation_input_tokens":20,` +
					`"cache_read_input_tokens":10,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":15},` +
					`"service_tier":"standard"},"cacheCreationInputTokens":20,"iterations":null,"list":[{"a":"}"}]}}`,
			},
			dialect: "vercel-ai", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5", id: "msg_1", tier: "standard",
			counts: Counts{
				Input: Of(185), Output: Of(397), CacheRead: Of(10), CacheWrite: Of(20), CacheWrite5m: Of(5), CacheWrite1h: Of(15),
			},
			input: settled(Exclusive, Proved), output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "vercel 5 by its user agent", scope: "ai",
			attrs: m{
				"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "amazon-bedrock", "ai.model.id": "anthropic.claude-v3",
				"ai.request.headers.user-agent": "ai/5.0.277", "ai.usage.promptTokens": 185, "ai.usage.completionTokens": 3,
				"ai.response.providerMetadata": `{"bedrock":{"usage":{"cacheReadInputTokens":10,"cacheWriteInputTokens":0}}}`,
			},
			dialect: "vercel-ai", kind: Leaf, provider: "aws.bedrock", model: "anthropic.claude-v3",
			counts: Counts{Input: Of(185), Output: Of(3), CacheRead: Of(10), CacheWrite: Of(0)}, input: settled(Exclusive, Declared),
		},
		{
			name: "vercel 6 says what no cache took part in", scope: "opencode",
			attrs: m{
				"ai.operationId": "ai.streamText.doStream", "ai.model.provider": "anthropic.messages", "ai.model.id": "claude-sonnet-4-5",
				"ai.usage.inputTokens": 195, "ai.usage.outputTokens": 3, "ai.usage.inputTokenDetails.noCacheTokens": 185,
				"ai.usage.inputTokenDetails.cacheReadTokens": 10, "ai.usage.outputTokenDetails.reasoningTokens": 1,
				"ai.response.id": "aitxt-123",
			},
			dialect: "vercel-ai", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(195), Output: Of(3), CacheRead: Of(10), Reasoning: Of(1)}, input: settled(Inclusive, Proved),
			output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "vercel 4 stream without usage", scope: "ai",
			attrs: m{
				"ai.operationId": "ai.streamText.doStream", "ai.model.provider": "openai.chat", "ai.model.id": "gpt-4o",
				"gen_ai.usage.input_tokens": math.NaN(), "ai.usage.promptTokens": math.NaN(), "ai.usage.completionTokens": math.NaN(),
			},
			dialect: "vercel-ai", kind: Leaf, provider: "openai", model: "gpt-4o", input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), traits: BadCount | CacheBlind,
		},
		{
			name: "vercel wrapper: metadata of its last call is not its own", scope: "ai",
			attrs: m{
				"ai.operationId": "ai.generateText", "ai.model.provider": "openai.chat", "ai.model.id": "gpt-4o",
				"ai.usage.promptTokens": 30, "ai.usage.completionTokens": 3,
				"ai.response.providerMetadata": `{"openai":{"cachedPromptTokens":10,"reasoningTokens":2}}`,
			},
			dialect: "vercel-ai", kind: Aggregate, provider: "openai", model: "gpt-4o", counts: Counts{Input: Of(30), Output: Of(3)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: CacheBlind,
		},
		{
			name: "vercel embedding", scope: "ai",
			attrs: m{
				"ai.operationId": "ai.embed.doEmbed", "ai.model.provider": "openai.embedding", "ai.model.id": "text-embedding-3-small",
				"ai.usage.tokens": 12,
			},
			dialect: "vercel-ai", kind: Leaf, class: Embedding, provider: "openai", model: "text-embedding-3-small",
			counts: Counts{Input: Of(12)}, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: CacheBlind,
		},
		{
			name: "fixture 1: vercel 7 root", scope: "gen_ai",
			attrs: m{
				"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
				"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 0,
			},
			dialect: "vercel-ai", kind: Aggregate, provider: "openai", model: "gpt-4o",
			counts: Counts{Input: Of(30), Output: Of(3), CacheRead: Of(0)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), traits: Agent,
		},
		{
			name: "anthropic's own, with compaction", scope: "com.anthropic.sdk.typescript@v1.12.0",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.response.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": 1300, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 1000,
				"gen_ai.usage.cache_write.input_tokens": 200, "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 150,
				"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 50, "anthropic.response.service_tier": "batch",
				"anthropic.usage.compaction.input_tokens": 70, "anthropic.usage.compaction.output_tokens": 7,
				"gen_ai.response.id": "msg_1", "anthropic.message.stop_reason": "end_turn", "anthropic.request.id": "req_1",
			},
			dialect: "anthropic", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5", id: "msg_1", tier: "batch",
			counts: Counts{
				Input: Of(1370), Output: Of(12), CacheRead: Of(1000), CacheWrite: Of(200), CacheWrite5m: Of(150), CacheWrite1h: Of(50),
			},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "anthropic token counting is free", scope: "com.anthropic.sdk.typescript@v1.12.0",
			attrs:   m{"gen_ai.provider.name": "anthropic", "anthropic.message.count_tokens.input_tokens": 70, "gen_ai.operation.name": "count_tokens"},
			dialect: "",
		},
		{
			name: "fixture 15: the server's span", scope: "com.anthropic.claude-platform",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.response.id": "msg_1",
				"gen_ai.usage.input_tokens": 1300, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 1000,
			},
			dialect: "anthropic", kind: Leaf, provider: "anthropic", id: "msg_1",
			counts: Counts{Input: Of(1300), Output: Of(5), CacheRead: Of(1000)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "claude code on bedrock", scope: "com.anthropic.claude_code.tracing@v1.0.0",
			attrs: m{
				"span.type": "llm_request", "gen_ai.system": "anthropic", "anthropic.provider": "bedrock", "model": "claude-sonnet-4-5",
				"input_tokens": 3000, "output_tokens": 43, "cache_read_tokens": 20, "cache_creation_tokens": 10, "speed": "fast",
				"gen_ai.response.id": "req_1", "stop_reason": "end_turn", "success": true,
			},
			dialect: "claude-code", kind: Leaf, provider: "aws.bedrock", model: "claude-sonnet-4-5", id: "req_1", tier: "fast",
			counts: Counts{Input: Of(3000), Output: Of(43), CacheRead: Of(20), CacheWrite: Of(10)}, input: settled(Exclusive, Declared),
			output: settled(Inclusive, Declared), traits: Streamed | ResponseBegan,
		},
		{
			name: "claude code refused", scope: "com.anthropic.claude_code.tracing@v1.0.0",
			attrs: m{
				"span.type": "llm_request", "gen_ai.provider.name": "anthropic", "model": "claude-sonnet-4-5", "success": false,
				"request_id": "req_45", "gen_ai.response.id": "req_45", "speed": "normal",
			},
			dialect: "claude-code", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5", id: "req_45", input: settled(Exclusive, Declared),
			output: settled(Inclusive, Declared), traits: Failed | Streamed,
		},
		{
			name: "bare names of somebody else", scope: "tokenizer",
			attrs: m{"input_tokens": 5, "output_tokens": 9, "model": "bpe", "span.type": "llm_request"},
		},
		{
			name: "fixture 6: litellm 1, all its costs, everything as text", scope: "litellm",
			attrs: m{
				"llm.request.type": "acompletion", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "llm.is_streaming": "True",
				"gen_ai.usage.prompt_tokens": "100", "gen_ai.usage.completion_tokens": "20", "gen_ai.usage.total_tokens": "",
				"gen_ai.cost.total_cost": "0.0011", "gen_ai.cost.input_cost": "0.0006", "gen_ai.cost.output_cost": 0.0004,
				"gen_ai.cost.tool_usage_cost": 0.0, "gen_ai.cost.original_cost": 0.001, "gen_ai.cost.margin_percent": 0.1,
				"gen_ai.cost.margin_total_amount": 0.0001, "hidden_params": `{"response_cost": 0.0011}`, "gen_ai.response.finish_reason": "stop",
			},
			dialect: "litellm", kind: Leaf, provider: "openai", model: "gpt-4o", counts: Counts{Input: Of(100), Output: Of(20)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), cost: Cost{Class: GatewayCost, Total: usd("0.001")},
			traits: Streamed | CacheBlind | ResponseBegan,
		},
		{
			name: "fixture 7: litellm 2 with a margin", scope: "litellm",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 40,
				"litellm.cost.total": 0.0033, "litellm.cost.margin_percent": 0.1, "litellm.cost.margin_total_amount": 0.0003, "litellm.cost.input": 0.002,
				"litellm.cost.guardrail": 0.5, "litellm.guardrail.cost_in_spend": false,
			},
			dialect: "litellm", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(100), Output: Of(20), CacheRead: Of(40)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), cost: Cost{Class: GatewayCost, Total: usd("0.503")},
		},
		{
			name: "litellm: a margin of unknown size", scope: "proxy",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "litellm.call_id": "1",
				"litellm.cost.total": 0.0033, "litellm.cost.margin_percent": 0.1,
			},
			dialect: "litellm", kind: Leaf, model: "gpt-4o", counts: Counts{Input: Of(100)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared),
		},
		{
			name: "litellm 1: response_cost in hidden_params", scope: "litellm",
			attrs: m{
				"llm.request.type": "completion", "gen_ai.usage.prompt_tokens": 1, "hidden_params": `{'response_cost': 2e-06, 'model_id': None}`,
			},
			dialect: "litellm", kind: Leaf, counts: Counts{Input: Of(1)}, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
			cost: Cost{Class: GatewayCost, Total: usd("0.000002")}, traits: CacheBlind,
		},
		{
			name: "openrouter", scope: "",
			attrs: m{
				"span.type": "llm", "gen_ai.provider.name": "openai", "gen_ai.request.model": "openai/gpt-4o", "gen_ai.response.id": "gen-1",
				"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.input_tokens.cached": 40,
				"gen_ai.usage.input_tokens.cache_write": 3, "gen_ai.usage.output_tokens.reasoning": 5, "gen_ai.usage.total_cost": 0.01,
				"gen_ai.usage.input_cost": 0.007, "gen_ai.usage.output_cost": 0.003,
			},
			dialect: "openrouter", kind: Leaf, provider: "openai", model: "openai/gpt-4o", id: "gen-1",
			counts: Counts{Input: Of(100), Output: Of(20), CacheRead: Of(40), CacheWrite: Of(3), Reasoning: Of(5)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Declared), cost: Cost{Class: ProviderCost, Total: usd("0.01")},
			traits: ResponseBegan,
		},
		{
			name: "the same cost name of somebody else", scope: "ag2",
			attrs: m{
				"agentops.span.kind": "llm", "gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.total_cost": 0.01, "gen_ai.system": "anthropic",
				"gen_ai.usage.cache_read_input_tokens": 40,
			},
			dialect: "agentops", kind: Leaf, provider: "anthropic", counts: Counts{Input: Of(1), CacheRead: Of(40)},
			input: settled(Exclusive, Proved), output: settled(Inclusive, Declared), cost: Cost{Class: LocalCost, Total: usd("0.01")},
		},
		{
			name: "fixture 2: strands on bedrock", scope: "strands.telemetry.tracer",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "us.anthropic.claude-sonnet-4-v1:0",
				"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.completion_tokens": 10,
				"gen_ai.usage.output_tokens": 10, "gen_ai.usage.total_tokens": 127, "gen_ai.usage.cache_read_input_tokens": 15,
				"gen_ai.usage.cache_write_input_tokens": 2,
			},
			dialect: "strands", kind: Leaf, model: "us.anthropic.claude-sonnet-4-v1:0",
			counts: Counts{Input: Of(100), Output: Of(10), CacheRead: Of(15), CacheWrite: Of(2), Total: Of(127)}, input: settled(Exclusive, Proved),
		},
		{
			name: "fixture 2: strands loop", scope: "strands.telemetry.tracer",
			attrs:   m{"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 30, "gen_ai.request.model": "gpt-4o"},
			dialect: "strands", kind: Aggregate, model: "gpt-4o", counts: Counts{Input: Of(300), Output: Of(30)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), traits: Agent,
		},
		{
			name: "google adk", scope: "gcp.vertex.agent",
			attrs: m{
				"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-pro", "gen_ai.usage.input_tokens": 100,
				"gen_ai.usage.output_tokens": 10, "gcp.vertex.agent.llm_response": `{"content":{"parts":[{"text":"{"}]},"usage_metadata":` +
					`{"prompt_token_count":100,"candidates_token_count":10,"thoughts_token_count":30,"cached_content_token_count":20,` +
					`"tool_use_prompt_token_count":7,"total_token_count":147}}`,
			},
			dialect: "google-adk", kind: Unknown, model: "gemini-2.5-pro",
			counts: Counts{Input: Of(107), Output: Of(10), CacheRead: Of(20), Reasoning: Of(30), Total: Of(147)},
			input:  settled(Inclusive, Declared), output: settled(Exclusive, Proved),
		},
		{
			name: "mastra", scope: "@mastra/otel-exporter",
			attrs: m{
				"mastra.span.type": "model_generation", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
				"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10,
				"gen_ai.response.finish_reasons": `["error"]`,
			},
			dialect: "mastra", kind: Leaf, provider: "openai", model: "gpt-4o", counts: Counts{Input: Of(100), Output: Of(10)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: Failed,
		},
		{
			name: "fixture 12: spring ai", scope: "org.springframework.boot",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": "2000", "gen_ai.usage.output_tokens": "10", "gen_ai.usage.total_tokens": "2010",
				"gen_ai.usage.cache_read.input_tokens": "100", "gen_ai.response.finish_reasons": `["end_turn"]`,
			},
			dialect: "spring-ai", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5",
			counts: Counts{Input: Of(2000), Output: Of(10), Total: Of(2010), CacheRead: Of(100)},
			input:  settled(Exclusive, Declared), output: settled(Inclusive, Declared), traits: ResponseBegan,
		},
		{
			name: "semantic kernel of old", scope: "Microsoft.SemanticKernel.Diagnostics",
			attrs: m{
				"gen_ai.operation.name": "chat.completions", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
				"gen_ai.response.prompt_tokens": 100, "gen_ai.response.completion_tokens": 10, "gen_ai.response.finish_reason": "Stop",
			},
			dialect: "microsoft", kind: Leaf, provider: "openai", model: "gpt-4o", counts: Counts{Input: Of(100), Output: Of(10)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: CacheBlind | ResponseBegan,
		},
		{
			name: "microsoft extensions", scope: "Experimental.Microsoft.Extensions.AI",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.usage.input_tokens": 100,
				"gen_ai.usage.output_tokens": 10, "gen_ai.usage.input_audio_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 5,
			},
			dialect: "microsoft", kind: Leaf, provider: "anthropic",
			counts: Counts{Input: Of(100), Output: Of(10), InputAudio: Of(3), CacheRead: Of(5)}, output: settled(Inclusive, Declared),
		},
		{
			name: "langsmith, details as a printed dict", scope: "langsmith",
			attrs: m{
				"langsmith.span.kind": "llm", "gen_ai.system": "langchain", "langsmith.metadata.ls_provider": "openai",
				"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.total_tokens": 110,
				"gen_ai.usage.input_token_details":  `{'cache_read': 40, 'audio': None}`,
				"gen_ai.usage.output_token_details": m{"reasoning": 4}, "gen_ai.response.service_tier": "priority",
			},
			dialect: "langsmith", kind: Leaf, provider: "openai", model: "gpt-4o", tier: "priority",
			counts: Counts{Input: Of(100), Output: Of(10), Total: Of(110), CacheRead: Of(40), Reasoning: Of(4)},
			input:  settled(Inclusive, Declared), output: settled(Inclusive, Proved),
		},
		{
			name: "langsmith chain", scope: "langsmith",
			attrs:   m{"langsmith.span.kind": "chain", "gen_ai.usage.input_tokens": 100, "gen_ai.operation.name": "chat"},
			dialect: "langsmith", kind: Aggregate, counts: Counts{Input: Of(100)},
		},
		{
			name: "mlflow, all in JSON", scope: "mlflow",
			attrs: m{
				"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.llm.model": `"gpt-4o"`, "mlflow.llm.provider": `"openai"`,
				"mlflow.chat.tokenUsage": `{"input_tokens": 100, "output_tokens": 10, "total_tokens": 110, "cache_read_input_tokens": 3}`,
				"mlflow.llm.cost":        `{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}`,
			},
			dialect: "mlflow", kind: Leaf, provider: "openai", model: "gpt-4o",
			counts: Counts{Input: Of(100), Output: Of(10), Total: Of(110), CacheRead: Of(3)}, input: settled(Inclusive, Declared),
			output: settled(Inclusive, Declared), cost: Cost{Class: LocalCost, Total: usd("0.3")},
		},
		{
			name: "langfuse, disjoint keys", scope: "langfuse-sdk@v5.11.1",
			attrs: m{
				"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o-mini",
				"langfuse.observation.usage_details": `{"input":1000,"output":400,"total":1590,"input_cached_tokens":100,"input_audio_tokens":60,` +
					`"output_reasoning_tokens":20,"output_audio_tokens":7,"output_accepted_prediction_tokens":3}`,
				"langfuse.observation.cost_details": `{"input":0.1,"total":0.25}`,
			},
			dialect: "langfuse", kind: Leaf, model: "gpt-4o-mini",
			counts: Counts{
				Input: Of(1060), Output: Of(410), Total: Of(1590), CacheRead: Of(100), Reasoning: Of(20), InputAudio: Of(60), OutputAudio: Of(7),
			},
			input: settled(Exclusive, Proved), output: settled(Exclusive, Proved), cost: Cost{Class: LocalCost, Total: usd("0.25")},
		},
		{
			name: "langfuse failure", scope: "langfuse-sdk@v5.11.1",
			attrs: m{
				"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o-mini", "langfuse.observation.level": "ERROR",
				"langfuse.observation.cost_details": `{"input":0,"output":0,"total":0}`,
			},
			dialect: "langfuse", kind: Leaf, model: "gpt-4o-mini", input: settled(Exclusive, Declared),
			output: settled(Exclusive, Declared), traits: Failed,
		},
		{
			name: "fixtures 13, 14: botanu around a client", scope: "botanu.gen_ai",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "botanu.vendor": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
				"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 10, "botanu.usage.cached_tokens": 100,
				"botanu.usage.cache_read_tokens": 100, "botanu.usage.cache_write_tokens": 5, "botanu.vendor.request_id": "msg_1",
				"botanu.request.streaming": true, "botanu.request.attempt": 2,
			},
			dialect: "botanu", kind: Leaf, provider: "anthropic", model: "claude-sonnet-4-5", id: "msg_1",
			counts: Counts{Input: Of(2000), Output: Of(10), CacheRead: Of(100), CacheWrite: Of(5)}, input: settled(Exclusive, Assumed),
			output: settled(Inclusive, Declared), traits: Streamed | ResponseBegan,
		},
		{
			name: "botanu semantic cache, zeros say nothing", scope: "botanu.gen_ai",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0,
				"botanu.request.cache_hit": true,
			},
			dialect: "botanu", kind: Leaf, provider: "openai", input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: SemanticHit,
		},
		{name: "botanu database span", scope: "botanu.data", attrs: m{"botanu.vendor": "snowflake", "botanu.warehouse.bytes_scanned": 5}},
		{name: "litellm copies the model to its HTTP spans", scope: "http", attrs: m{"gen_ai.request.model": "gpt-4o", "gen_ai.system": "openai"}},
		{
			name: "operator's cost of something else", scope: "search",
			attrs: m{"botanu.cost.input_usd": 1, "botanu.cost.output_usd": "0.5"},
			kind:  Unknown, cost: Cost{Class: OperatorCost, Total: usd("1.5")},
		},
		{
			name: "the most believed cost", scope: "x",
			attrs: m{
				"gen_ai.operation.name": "chat", "acme.cost.old": 3, "botanu.cost.total_usd": 4.5, "gen_ai.usage.cost": 1, "litellm.cost.total": 2,
			},
			dialect: "litellm", kind: Leaf, input: settled(Inclusive, Declared), output: settled(Inclusive, Declared),
			cost: Cost{Class: OperatorCost, Total: usd("3")},
		},
		{
			name: "proposed cost, of the provider", scope: "x",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.source": "provider",
				"gen_ai.usage.cost.currency": "USD", "operation.cost": 3,
			},
			dialect: "otel", kind: Leaf, cost: Cost{Class: ProviderCost, Total: usd("0.25")},
		},
		{
			name: "cost in another currency", scope: "x",
			attrs:   m{"gen_ai.operation.name": "chat", "gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "EUR"},
			dialect: "otel", kind: Leaf, cost: Cost{Currency: "EUR"},
		},
		{
			name: "openai with more cached than input: estimated", scope: "@openlit/instrumentation-langchain",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 62, "gen_ai.usage.output_tokens": 1,
				"gen_ai.usage.cache_read.input_tokens": 1664,
			},
			dialect: "openlit", kind: Leaf, provider: "openai", counts: Counts{Input: Of(62), Output: Of(1), CacheRead: Of(1664)},
			input: settled(Inclusive, Declared), output: settled(Inclusive, Declared), traits: Estimates,
		},
		{
			name: "one usage under three vocabularies is one usage", scope: "x",
			attrs: m{
				"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "llm.token_count.prompt": 5,
				"llm.token_count.completion": 2, "ai.usage.inputTokens": 5, "ai.usage.reasoningTokens": 1, "gen_ai.usage.total_tokens": 99,
			},
			dialect: "openinference", kind: Leaf, counts: Counts{Input: Of(5), Output: Of(2), Reasoning: Of(1)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := span(t, c.scope, c.attrs)
			if want := c.dialect != "" || c.cost != (Cost{}); ok != want {
				t.Fatalf("ok %v, want %v: %+v", ok, want, got)
			}
			if !ok {
				return
			}
			name, version, _ := strings.Cut(c.scope, "@v")
			want := Record{
				Dialect: c.dialect, Scope: name, Version: version, Kind: c.kind, Class: c.class, Provider: c.provider, ResponseID: c.id,
				Tier: c.tier, Counts: c.counts, Input: c.input, Output: c.output, Cost: c.cost, Traits: c.traits,
			}
			if got.Model() != c.model {
				t.Errorf("model %q, want %q", got.Model(), c.model)
			}
			got.RequestModel, got.ResponseModel, got.Bad = "", "", 0
			want.Traits |= got.Traits & (CacheBlind | WriteBlind | CacheSeen) // of most: see TestSight
			if got != want {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestSight checks whose silence about a cache is taken for a zero.
func TestSight(t *testing.T) {
	const blind = CacheBlind | WriteBlind
	chat := func(scope string, more m) (attrs m) {
		attrs = m{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 10}
		if strings.HasPrefix(scope, "openinference") {
			attrs = m{"openinference.span.kind": "LLM", "llm.token_count.prompt": 5000, "llm.token_count.completion": 10}
		}
		maps.Copy(attrs, more)
		return attrs
	}
	const dotted, made = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
	for _, c := range []struct {
		scope string
		attrs m
		want  Traits
	}{
		{"some.new.library", nil, blind},
		{"some.new.library", m{dotted: 0}, WriteBlind}, // of what was written it says nothing
		{"some.new.library", m{dotted: 0, made: 0}, 0},
		{"com.anthropic.sdk.python", nil, 0},
		{"openinference.instrumentation.anthropic", nil, 0},
		{"openinference.instrumentation.openai_agents", m{"llm.system": "openai"}, blind},
		{"openinference.instrumentation.langchain", m{"llm.provider": "openai"}, WriteBlind},
		{"openinference.instrumentation.langchain", m{"llm.provider": "anthropic"}, 0},
		{"pydantic-ai", m{"gen_ai.system": "anthropic"}, 0},
		{"opentelemetry.instrumentation.langchain", m{dotted: 0, made: 0}, WriteBlind}, // a zero that may be none
		{"opentelemetry.instrumentation.langchain", m{dotted: 0, made: 7}, 0},
		{"opentelemetry.instrumentation.openai_v2", nil, blind},
		{"some.new.library", m{"gen_ai.operation.name": "embeddings"}, 0}, // nobody caches those
	} {
		rec, _ := span(t, c.scope, chat(c.scope, c.attrs))
		if got := rec.Traits & blind; got != c.want {
			t.Errorf("%s %v: %b, want %b", c.scope, c.attrs, got, c.want)
		}
	}
}

// TestStrandsTotal: its input is the provider's own in old versions, and all
// input in new ones, under one name and one scope without a version.
func TestStrandsTotal(t *testing.T) {
	for total, want := range map[int]Semantics{5200: {Inclusive, Proved}, 8200: {Exclusive, Proved}, 8100: {Exclusive, Declared}} {
		rec, _ := span(t, "strands.telemetry.tracer", m{
			"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "claude-sonnet-4-5",
			"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 200, "gen_ai.usage.cache_write_input_tokens": 3000,
			"gen_ai.usage.total_tokens": total,
		})
		if rec.Input != want {
			t.Errorf("total %d: %+v, want %+v", total, rec.Input, want)
		}
	}
}

// TestStrandsZero: only since it writes the dotted name does the zero of an
// agent come from the provider.
func TestStrandsZero(t *testing.T) {
	for name, want := range map[string]bool{"gen_ai.usage.cache_read.input_tokens": true, "gen_ai.usage.cache_read_input_tokens": false} {
		rec, _ := span(t, "strands.telemetry.tracer", m{
			"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 200, name: 0,
			"gen_ai.usage.cache_write_input_tokens": 0,
		})
		if rec.Traits.Has(CacheSeen) != want {
			t.Errorf("%s: %b", name, rec.Traits)
		}
	}
}

// TestLiteLLMOnAnothersSpan: version 1 writes each call over the last, and
// what the providers answered on spans beneath.
func TestLiteLLMOnAnothersSpan(t *testing.T) {
	call := m{
		"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.usage.input_tokens": 5200, "gen_ai.usage.output_tokens": 90,
		"gen_ai.cost.total_cost": 0.0075, "gen_ai.response.id": "chatcmpl-1",
	}
	for scope, want := range map[string]bool{"botanu_sdk": true, "litellm": false} {
		if rec, _ := span(t, scope, call); rec.Traits.Has(Overwritten) != want || rec.Dialect != "litellm" {
			t.Errorf("%s: %+v", scope, rec)
		}
	}
	rec, ok := spanNamed(t, "litellm", "raw_gen_ai_request", m{
		"llm.anthropic.id": "msg_1", "llm.anthropic.model": "claude-sonnet-4-5",
		"llm.anthropic.usage": "{'input_tokens': 1700, 'cache_creation_input_tokens': 200, 'cache_read_input_tokens': 300, " +
			"'cache_creation': {'ephemeral_5m_input_tokens': 0, 'ephemeral_1h_input_tokens': 200}, 'output_tokens': 90}",
	})
	counts := Counts{Input: Of(1700), Output: Of(90), CacheRead: Of(300), CacheWrite: Of(200), CacheWrite5m: Of(0), CacheWrite1h: Of(200)}
	if !ok || rec.Kind != Leaf || rec.ResponseID != "msg_1" || rec.Counts != counts || rec.Input != (Semantics{Exclusive, Declared}) {
		t.Errorf("%v %+v", ok, rec)
	}
	rec, _ = spanNamed(t, "litellm", "raw_gen_ai_request", m{
		"llm.openai.id": "chatcmpl-1", "llm.openai.model": "gpt-4o",
		"llm.openai.usage": "{'completion_tokens': 9, 'prompt_tokens': 2400, 'prompt_tokens_details': {'cache_write_tokens': None, 'cached_tokens': 1024}}",
	})
	if rec.Input != (Semantics{Inclusive, Declared}) || rec.Counts.CacheRead != Of(1024) || rec.Counts.CacheWrite.OK {
		t.Errorf("%+v", rec)
	}
}

// TestBrokenOff: a stream that the application left has the usage of its
// opening event and no finish reason.
func TestBrokenOff(t *testing.T) {
	usage := m{"openinference.span.kind": "LLM", "llm.token_count.prompt": 2943, "llm.token_count.completion": 4}
	whole := m{"llm.finish_reason": "end_turn"}
	maps.Copy(whole, usage)
	const scope = "openinference.instrumentation.anthropic"
	for _, c := range []struct {
		version string
		attrs   m
		want    bool
	}{{"3.1.0", usage, true}, {"3.1.0", whole, false}, {"0.1.20", usage, false}} { // older ones write no reason at all
		if rec, _ := span(t, scope+"@v"+c.version, c.attrs); rec.Traits.Has(BrokenOff) != c.want {
			t.Errorf("%s %v: %b", c.version, c.attrs, rec.Traits)
		}
	}
}

func TestStreamNotSaid(t *testing.T) {
	for said, want := range map[any]bool{nil: true, true: true, false: false} {
		attrs := m{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2}
		if said != nil {
			attrs["gen_ai.is_streaming"] = said
		}
		rec, _ := span(t, "opentelemetry.instrumentation.anthropic@v0.62.4", attrs)
		if rec.Traits.Has(Streamed|StreamOutputHigh) != want {
			t.Errorf("%v: %b", said, rec.Traits)
		}
	}
}

func TestAPIChargesWrites(t *testing.T) {
	for name, want := range map[string]bool{
		"anthropic claude-opus-4": true, "aws.bedrock x": true, "openai gpt-4o": false, "openai gpt-5": false, "openai gpt-5.6": true,
		"openai gpt-5.6-mini": true, "openai gpt-6": true, "openai o3": false, "openai gpt-35-turbo": false, "gcp.gemini gemini-2.5-pro": false,
		"openai openai/gpt-5.6": true, "mistral_ai x": false, " unheard-of": true, "openai gpt-": false, "openai gpt-oss-120b": false,
	} {
		provider, model, _ := strings.Cut(name, " ")
		if got := APIChargesWrites(provider, model); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestEveryDialectIsTested(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dialects {
		if d.Name == "" || d.Doc == "" || seen[d.Name] {
			t.Errorf("dialect %q without a name of its own or a doc", d.Name)
		}
		seen[d.Name] = true
		for _, k := range d.Kinds {
			for value := range maps.Keys(k.Values) {
				if value != strings.ToLower(value) {
					t.Errorf("%s: kind %q can never match, values are compared in lower case", d.Name, value)
				}
			}
		}
	}
}

func TestUnusableCounts(t *testing.T) {
	for _, c := range []struct {
		value any
		want  Count
		bad   Bad
	}{
		{5, Of(5), 0}, {5.0, Of(5), 0}, {"5", Of(5), 0}, {" 5e3 ", Of(5000), 0}, {"", Count{}, 0}, {"None", Count{}, 0}, {0, Of(0), 0},
		{-1, Count{}, BadNegative}, {-0.5, Count{}, BadNegative}, {"-3", Count{}, BadNegative}, {1.5, Count{}, BadFraction}, {"1.5", Count{}, BadFraction},
		{math.NaN(), Count{}, BadNaN}, {math.Inf(1), Count{}, BadNaN}, {"NaN", Count{}, BadNaN}, {"1e999", Count{}, BadNaN},
		{int64(1_000_000_000_000), Of(1_000_000_000_000), 0}, {int64(1_000_000_000_001), Count{}, BadHuge}, {1e13, Count{}, BadHuge},
		{"99999999999999999999", Count{}, BadHuge}, {"0x10", Count{}, BadType}, {"many", Count{}, BadType}, {true, Count{}, BadType}, {[]any{1}, Count{}, BadType},
		{strings.Repeat("1", 100), Count{}, BadType},
	} {
		rec, ok := span(t, "x", m{"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 1, "gen_ai.usage.input_tokens": c.value})
		if !ok || rec.Counts.Input != c.want || rec.Bad != c.bad || rec.Traits.Has(BadCount) != (c.bad != 0) {
			t.Errorf("%v: %+v %v, want %+v %v", c.value, rec.Counts.Input, rec.Bad.Reasons(), c.want, c.bad.Reasons())
		}
	}
	rec, ok := span(t, "x", m{"gen_ai.usage.input_tokens": -1})
	if ok || rec.Bad != BadNegative {
		t.Errorf("a span with nothing but a bad count: %v %v", ok, rec.Bad.Reasons())
	}
	rec, _ = span(t, "x", m{"gen_ai.usage.input_tokens": 1, "gen_ai.request.model": strings.Repeat("m", 257)})
	if rec.RequestModel != "" || rec.Bad != BadText {
		t.Errorf("a model's name of 257 bytes: %q %v", rec.RequestModel, rec.Bad.Reasons())
	}
}

func TestUnusableBlobs(t *testing.T) {
	long := `{"input":5,"x":"` + strings.Repeat("x", maxBlob) + `"}`
	for text, bad := range map[string]bool{
		`{"input":5}`: false, ` {"input" : 5 , "a":[1,{"b":"]"}], "c":{"d":{}} } `: false, `{"in\"put":1,"input":5}`: false,
		`{"input":5`: true, `{"input":5,"outp`: true, `{"input":5}}`: true, `[5]`: true, `5`: true, `{"input"}`: true, `{"a":[{"input":5}`: true,
		`{input:5}`: true, long: true, strings.Repeat(`{"a":`, 5000): true, strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20): false,
	} {
		rec, _ := span(t, "x", m{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": text})
		if got := rec.Bad&BadBlob != 0; got != bad {
			t.Errorf("%.60s: bad %v", text, got)
		}
		if bad && rec.HasUsage() {
			t.Errorf("%.60s: half a usage: %+v", text, rec.Counts)
		}
	}
}

func TestFailure(t *testing.T) {
	table := attrs.NewTable()
	x := New(table, nil)
	r := attrs.NewReader(table, nil)
	attributes := pcommon.NewMap()
	attributes.PutStr("gen_ai.operation.name", "chat")
	r.Read(attributes)
	for _, c := range []struct {
		status bool
		kind   string
		want   Traits
	}{
		{false, "", 0}, {true, "", Failed}, {true, "openai.RateLimitError", Failed}, {true, "500", Failed}, {true, "builtins.TypeError", Failed | LocalError},
		{false, "AbortError", 0}, {true, "AbortError", Failed | LocalError}, {true, "httpx.ReadTimeout", Failed | LocalError},
	} {
		rec, _ := x.Record(Span{Attrs: r, StatusError: c.status, ErrorType: c.kind})
		if rec.Traits != c.want {
			t.Errorf("%+v: traits %b", c, rec.Traits)
		}
	}
}

func TestCanonicalProvider(t *testing.T) {
	for name, want := range map[string]string{
		"OpenAI": "openai", "openai.responses": "openai", "az.ai.openai": "azure.ai.openai", "azure_openai": "azure.ai.openai",
		"anthropic.messages": "anthropic", "AWS": "aws.bedrock", "vertex_ai": "gcp.vertex_ai", "google.vertex": "gcp.vertex_ai",
		"google.generative-ai": "gcp.gemini", "gcp.gen_ai": "gcp.gemini", "mistral": "mistral_ai", "mistral.chat": "mistral_ai", "xai.chat": "x_ai",
		"langchain": "", "strands-agents": "", "gcp.vertex.agent": "", "LiteLLM": "", "MyHost.chat": "myhost", "Groq": "groq", "": "",
		"vertex.anthropic.messages": "gcp.vertex_ai",
	} {
		if got := CanonicalProvider(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestNameOfTheProviderAsWritten is kept beside its common spelling: a card of
// one's own may go by it.
func TestNameOfTheProviderAsWritten(t *testing.T) {
	for _, c := range []struct {
		attrs           m
		provider, named string
	}{
		{m{"gen_ai.system": "anthropic", "anthropic.provider": "bedrock"}, "aws.bedrock", "bedrock"},
		{m{"gen_ai.provider.name": "Foundry"}, "azure.ai.inference", "Foundry"},
		{m{"gen_ai.provider.name": "corp.chat"}, "corp", "corp.chat"},
		{m{"gen_ai.provider.name": "langchain", "gen_ai.system": "claude"}, "anthropic", "claude"},
		{m{"gen_ai.provider.name": "langchain"}, "", "langchain"},
		{m{"gen_ai.provider.name": "langchain", "gen_ai.system": "litellm"}, "", "langchain"},
		{nil, "", ""},
	} {
		attrs := m{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}
		maps.Copy(attrs, c.attrs)
		scope := "x"
		if attrs["anthropic.provider"] != nil {
			scope = "com.anthropic.claude_code"
		}
		x, s := spanOf(t, scope, "", attrs)
		if rec, named, _ := x.RecordNamed(s); rec.Provider != c.provider || named != c.named {
			t.Errorf("%v: %q %q", c.attrs, rec.Provider, named)
		}
	}
}

func TestAPIExclusive(t *testing.T) {
	for _, c := range []struct {
		provider, model string
		want            bool
	}{
		{"anthropic", "", true}, {"aws.bedrock", "amazon.nova-pro", true}, {"gcp.vertex_ai", "claude-sonnet-4@20250514", true}, {"", "claude-opus-4", true},
		{"gcp.vertex_ai", "gemini-2.5-pro", false}, {"openai", "claude-opus-4", false}, {"openrouter", "anthropic/claude-opus-4", false},
		{"", "anthropic/claude-opus-4", false}, {"openai", "gpt-4o", false}, {"", "", false}, {"mistral_ai", "", false},
		{"", "us.anthropic.claude-sonnet-4-v1:0", true}, {"azure.ai.inference", "claude-opus-4", true},
	} {
		if got := APIExclusive(c.provider, c.model); got != c.want {
			t.Errorf("%q %q: %v", c.provider, c.model, got)
		}
	}
}
