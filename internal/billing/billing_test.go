package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestDangers are the cases in which a rule could go wrong, each with what is
// done. Where the truth differs from what is billed, the caveat has to say so.
func TestDangers(t *testing.T) {
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"a tool inside a chat span calls a model", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(s.tool(p, 10, 60), 20, 50, chat("a", 200, 20))
		}, 2, 700, 70, 0},
		{"another model inside a chat span", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(p, 20, 50, claude("b", 200, 0, 0, 20))
		}, 2, 700, 70, UsageConflict},
		{"a short call of the same model inside a chat span", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(p, 20, 50, chat("b", 200, 20))
		}, 2, 700, 70, UsageConflict},
		{"a call that fills a chat span, and says otherwise", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(p, 5, 95, chat("b", 400, 40))
		}, 1, 400, 40, UsageConflict | ResidualLeft},
		{"gateway and client, nested by traceparent", func(s *scene) {
			p := s.span(root, 0, 100, chat("client", 500, 50))
			s.span(p, 300, 400, chat("gateway", 500, 50))
		}, 1, 500, 50, 0},
		{"gateway in a trace of its own, the same ID", func(s *scene) {
			s.span(root, 0, 100, id(chat("client", 500, 50), "chatcmpl-1"))
			s.on(1).span(root, 300, 400, id(chat("gateway", 500, 50), "chatcmpl-1"))
		}, 1, 500, 50, 0},
		{"gateway in a trace of its own, no ID, a clock off", func(s *scene) {
			s.span(root, 0, 100, chat("client", 500, 50))
			s.on(1).span(root, 300, 400, chat("gateway", 500, 50))
		}, 2, 1000, 100, PossibleDuplicate},
		{"a retry after a billed bad answer", func(s *scene) {
			p := s.span(root, 0, 100, nil)
			s.span(p, 0, 40, chat("a", 500, 50))
			s.span(p, 50, 90, chat("a", 500, 50))
		}, 2, 1000, 100, 0},
		{"the same usage behind a tool, one instrumentation: two", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(s.tool(p, 10, 60), 20, 50, chat("a", 500, 50))
		}, 2, 1000, 100, 0},
		{"the same usage behind a tool, two instrumentations: one, in doubt", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 500, 50))
			s.span(s.tool(p, 10, 60), 20, 50, chat("b", 500, 50))
		}, 1, 500, 50, UsageConflict},
		{"steps without usage beneath a chat that delegates", func(s *scene) {
			p := s.agent(root, 0, 100, nil)
			q := s.span(p, 0, 95, chat("a", 900, 90))
			s.span(q, 0, 20, mute(chat("a", 0, 0)))
			s.span(q, 60, 90, mute(chat("a", 0, 0)))
			sub := s.agent(s.tool(q, 25, 55), 26, 54, nil)
			s.span(sub, 27, 53, chat("a", 300, 30))
		}, 3, 1200, 120, TierAssumed},
		{"an exclusive emitter that no table knows", func(s *scene) {
			s.span(root, 0, 100, claude("new", 5000, 1000, 0, 50))
		}, 1, 5000, 50, CacheAssumed},
		{"cached tokens beyond the input of an inclusive provider", func(s *scene) {
			s.span(root, 0, 100, with(chat("a", 62, 50), func(r *genai.Record) {
				r.Counts.CacheRead, r.Input = genai.Of(1664), genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared}
			}))
		}, 1, 1726, 50, UsageEstimated},
		{"a call through a framework and one beside it, alike: one is lost", func(s *scene) {
			s.span(root, 0, 100, chat("framework", 500, 50))
			s.span(root, 1, 99, chat("client", 500, 50))
		}, 1, 500, 50, 0},
		{"identical calls on two scopes, one client span lost", func(s *scene) {
			for i := range int64(3) {
				s.span(root, i, 100, chat("framework", 10, 1))
				if i > 0 {
					s.span(root, i, 99, chat("client", 10, 1))
				}
			}
		}, 3, 30, 3, AttributionSuspect},
		{"a stream that one instrumentation counted by its text and another has the usage of", func(s *scene) {
			s.span(root, 0, 100, chat("framework", 500, 50))
			s.span(root, 1, 99, traits(chat("client", 7, 40), genai.Estimates))
		}, 1, 500, 50, UsageConflict},
		{"three such streams at once, one without a twin", func(s *scene) {
			for i := range int64(3) {
				s.span(root, i, 100+i, chat("framework", 500, 50))
				if i > 0 {
					s.span(root, i, 99+i, traits(chat("client", 7, 40), genai.Estimates))
				}
			}
		}, 3, 1500, 150, UsageConflict | AttributionSuspect},
		{"a counted stream of another model", func(s *scene) {
			s.span(root, 0, 100, chat("framework", 500, 50))
			s.span(root, 1, 99, with(traits(chat("client", 7, 40), genai.Estimates), func(r *genai.Record) { r.RequestModel = "gpt-4.1" }))
		}, 2, 507, 90, UsageEstimated | AttributionSuspect},
		{"a remote agent is the only record", func(s *scene) {
			s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
		}, 1, 900, 90, TierAssumed},
		{"a remote agent, its calls in another trace", func(s *scene) {
			s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
			s.on(1).span(root, 10, 40, chat("b", 500, 50))
			s.span(root, 50, 90, chat("b", 400, 40))
		}, 2, 900, 90, 0},
		{"a remote agent, some calls in another trace", func(s *scene) {
			s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
			s.on(1).span(root, 10, 40, chat("b", 500, 50))
		}, 2, 1400, 140, TierAssumed | PossibleDuplicate},
		{"an agent with calls of its own around an instrumented one", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
			q := s.agent(p, 10, 60, nil)
			s.span(q, 20, 50, chat("b", 300, 30))
		}, 1, 300, 30, ResidualLeft},
		{"polling one response", func(s *scene) {
			s.span(root, 0, 5, id(chat("a", 500, 50), "resp_1"))
			s.span(root, 10, 15, traits(id(chat("a", 500, 50), "resp_1"), genai.Fetched))
			s.span(root, 20, 25, id(chat("a", 500, 50), "resp_1"))
		}, 1, 500, 50, 0},
		{"a framework ID for two calls", func(s *scene) {
			s.span(root, 0, 10, id(chat("a", 500, 50), "run-1"))
			s.span(root, 20, 30, id(chat("a", 400, 40), "run-1"))
		}, 2, 900, 90, UsageConflict},
		{"a framework ID for two calls of equal usage: one is lost", func(s *scene) {
			s.span(root, 0, 10, id(chat("a", 500, 50), "run-1"))
			s.span(root, 20, 30, id(chat("a", 500, 50), "run-1"))
		}, 1, 500, 50, 0},
		{"a chat of several steps with the last ID, over its calls", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 900, 90), "chatcmpl-2"))
			s.span(p, 0, 40, id(chat("b", 500, 50), "chatcmpl-1"))
			s.span(p, 50, 90, id(chat("b", 400, 40), "chatcmpl-2"))
		}, 2, 900, 90, 0},
		{"the same beside its calls", func(s *scene) {
			s.span(root, 0, 100, id(chat("a", 900, 90), "chatcmpl-2"))
			s.span(root, 0, 40, id(chat("b", 500, 50), "chatcmpl-1"))
			s.span(root, 50, 90, id(chat("b", 400, 40), "chatcmpl-2"))
		}, 2, 900, 90, 0},
		{"the same beside, and the call with its ID alone was seen", func(s *scene) {
			s.span(root, 0, 100, id(chat("a", 900, 90), "chatcmpl-2"))
			s.span(root, 50, 90, id(chat("b", 400, 40), "chatcmpl-2"))
		}, 1, 900, 90, UsageConflict},
		{"a child dropped by sampling", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
			s.span(p, 0, 40, chat("a", 500, 50))
		}, 1, 500, 50, ResidualLeft},
		{"lifetime totals", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("a", 500, 50)))
			s.span(p, 0, 40, chat("a", 500, 50))
			q := s.agent(root, 200, 300, aggregate(chat("a", 900, 90)))
			s.span(q, 200, 240, chat("a", 400, 40))
		}, 2, 900, 90, ResidualLeft},
		{"both blind, one exclusive: not paired, and marked", func(s *scene) {
			s.span(root, 0, 100, chat("a", 6000, 50))
			s.span(root, 1, 99, chat("b", 1000, 50))
		}, 2, 7000, 100, PossibleDuplicate},
		{"a deployment alias on one side: not paired, and marked", func(s *scene) {
			s.span(root, 0, 100, with(chat("a", 500, 50), func(r *genai.Record) { r.RequestModel = "my-deployment" }))
			s.span(root, 1, 99, chat("b", 500, 50))
		}, 2, 1000, 100, PossibleDuplicate | AttributionSuspect},
		{"an embedding beneath an agent whose own calls nobody instrumented", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("a", 900, 90)))
			s.span(p, 0, 10, embedding("b", 30))
		}, 2, 930, 90, TierAssumed},
		{"an agent that says less than its tool's calls has calls of its own", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("a", 100, 10)))
			s.span(s.tool(p, 10, 90), 20, 80, chat("b", 700, 70))
		}, 2, 800, 80, TierAssumed | PossibleDuplicate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s scene
			test.draw(&s)
			check(t, Resolve(s.spans), test.calls, test.in, test.out, test.caveats)
		})
	}
}

// TestFixtures are the shapes that instrumentations are known to write.
func TestFixtures(t *testing.T) {
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"agent, steps and two chats", func(s *scene) {
			p := s.agent(root, 0, 100, aggregate(chat("gen_ai", 300, 30)))
			s.span(s.span(p, 0, 50, aggregate(chat("gen_ai", 100, 10))), 0, 40, chat("gen_ai", 100, 10))
			s.span(s.span(p, 50, 100, nil), 50, 90, chat("gen_ai", 200, 20))
		}, 2, 300, 30, 0},
		{"a wrapper around a client, the client knows the cache", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("langchain", 1000, 50), "chatcmpl-1"))
			s.span(p, 1, 99, id(with(chat("openai", 1000, 50), func(r *genai.Record) { r.Counts.CacheRead = genai.Of(800) }), "chatcmpl-1"))
		}, 1, 1000, 50, CacheAssumed},
		{"exclusive beside inclusive prove each other", func(s *scene) {
			p := s.span(root, 0, 100, claude("openlit", 5, 128955, 1253, 40))
			s.span(p, 1, 99, claude("pydantic", 130213, 128955, 1253, 40))
		}, 1, 130213, 40, CacheTTLAssumed},
		{"a gateway's charge on the span over its client's", func(s *scene) {
			p := s.span(root, 0, 100, with(chat("gateway", 70, 7), func(r *genai.Record) {
				r.Kind, r.Cost = genai.Unknown, genai.Cost{Class: genai.GatewayCost, Total: 5}
			}))
			s.span(p, 1, 99, chat("client", 70, 7))
		}, 1, 70, 7, 0},
		{"a span given twice, the first time without its numbers", func(s *scene) {
			s.span(root, 0, 100, nil)
			s.spans = append(s.spans, s.spans[0])
			s.spans[1].Record = chat("a", 70, 7)
		}, 1, 70, 7, 0},
		{"an agent alone", func(s *scene) { s.agent(root, 0, 9, aggregate(chat("sdk", 70, 7))) }, 1, 70, 7, TierAssumed},
		{"a call tracked by hand around an instrumented client, no ID", func(s *scene) {
			p := s.span(root, 0, 100, chat("botanu.gen_ai", 120, 12))
			s.span(p, 1, 99, chat("openai_v2", 120, 12))
		}, 1, 120, 12, 0},
		{"client and provider, one ID", func(s *scene) {
			p := s.span(root, 0, 100, id(claude("sdk", 120, 0, 0, 12), "msg_1"))
			s.span(p, 1, 99, id(claude("platform", 120, 0, 0, 12), "msg_1"))
		}, 1, 120, 12, 0},
		{"two identical calls", func(s *scene) {
			s.span(root, 0, 100, chat("a", 10, 1))
			s.span(root, 0, 100, chat("a", 10, 1))
		}, 2, 20, 2, 0},
		{"three layers beside each other beneath a fourth", func(s *scene) {
			p := s.span(root, 0, 100, chat("tracked", 10, 1))
			s.span(p, 1, 99, chat("framework", 10, 1))
			s.span(p, 2, 98, chat("client", 10, 1))
			s.span(p, 3, 97, chat("transport", 10, 1))
		}, 1, 10, 1, 0},
		{"identical parallel calls, each on two scopes", func(s *scene) {
			for i := range int64(3) {
				s.span(root, i, 100+i, chat("framework", 10, 1))
				s.span(root, i, 100+i, chat("client", 10, 1))
			}
		}, 3, 30, 3, 0},
		{"a stream opened with a few tokens too many, and its witness", func(s *scene) {
			p := s.span(root, 0, 100, traits(claude("a", 10, 0, 0, 41), genai.Streamed|genai.StreamOutputHigh))
			s.span(p, 1, 99, claude("b", 10, 0, 0, 40))
		}, 1, 10, 40, 0},
		{"the same without a witness", func(s *scene) {
			s.span(root, 0, 100, traits(claude("a", 10, 0, 0, 41), genai.Streamed|genai.StreamOutputHigh))
		}, 1, 10, 41, UsageInexact},
		{"an estimate and the real count", func(s *scene) {
			s.span(root, 0, 100, traits(chat("openlit.langchain", 62, 33), genai.Estimates))
			s.span(root, 1, 99, chat("client", 3561, 33))
		}, 1, 3561, 33, 0},
		{"an estimate alone", func(s *scene) { s.span(root, 0, 9, traits(chat("openlit", 62, 33), genai.Estimates)) }, 1, 62, 33, UsageEstimated},
		{"a stream without usage beside the framework's", func(s *scene) {
			s.span(root, 0, 100, chat("framework", 10, 1))
			s.span(root, 1, 99, mute(chat("client", 0, 0)))
		}, 1, 10, 1, 0},
		{"a stream without usage", func(s *scene) { s.span(root, 1, 99, mute(chat("client", 0, 0))) }, 1, 0, 0, UsageMissing},
		{"a failed try and its success, wrapped", func(s *scene) {
			p := s.span(root, 0, 100, chat("framework", 10, 1))
			s.span(p, 1, 9, traits(mute(chat("client", 0, 0)), genai.Failed))
			s.span(p, 11, 99, chat("client", 10, 1))
		}, 1, 10, 1, 0},
		{"a failure after the answer began", func(s *scene) {
			s.span(root, 1, 9, traits(mute(chat("client", 0, 0)), genai.Failed|genai.ResponseBegan))
		}, 1, 0, 0, UsageMissing},
		{"a hit of the application's cache", func(s *scene) {
			s.span(root, 1, 9, traits(chat("botanu.gen_ai", 10, 1), genai.SemanticHit))
			s.span(root, 11, 19, chat("botanu.gen_ai", 20, 2))
		}, 1, 20, 2, 0},
		{"usage that only the second reading of a response states", func(s *scene) {
			s.span(root, 1, 9, id(mute(chat("openai", 0, 0)), "resp_1"))
			s.span(root, 11, 19, traits(id(chat("openai", 20, 2), "resp_1"), genai.Fetched))
		}, 1, 20, 2, 0},
		{"one chat over several requests without usage", func(s *scene) {
			p := s.span(root, 0, 100, chat("mastra", 30, 3))
			for i := range int64(3) {
				s.span(p, 10*i, 10*i+9, mute(chat("mastra", 0, 0)))
			}
		}, 3, 30, 3, TierAssumed},
		{"a doubled embedding, the outer without usage", func(s *scene) {
			s.span(s.span(root, 0, 10, mute(embedding("gen_ai", 0))), 0, 9, embedding("gen_ai", 8))
		}, 1, 8, 0, 0},
		{"cached tokens that nobody reports", func(s *scene) {
			s.span(root, 0, 9, traits(chat("openai_v2", 5000, 5), genai.CacheBlind))
		}, 1, 5000, 5, CacheUnreported},
		{"an agent beside the calls of another process", func(s *scene) {
			s.agent(root, 0, 100, aggregate(claude("openinference", 30, 0, 0, 30)))
			p := s.span(root, 1, 99, nil)
			s.span(p, 2, 40, claude("claude_code", 10, 500, 20, 10))
			s.span(p, 50, 90, claude("claude_code", 20, 600, 0, 20))
		}, 2, 1150, 30, CacheAssumed | CacheTTLAssumed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s scene
			test.draw(&s)
			check(t, Resolve(s.spans), test.calls, test.in, test.out, test.caveats)
		})
	}
}

// TestOverwritten: LiteLLM writes each call onto the span that was active, and
// so over the one before. What it says is the last call, whatever was kept of
// the others.
func TestOverwritten(t *testing.T) {
	top := func(rec *genai.Record) *genai.Record { return traits(rec, genai.Overwritten) }
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"nothing beneath: perhaps the last of many", func(s *scene) {
			s.span(root, 0, 100, top(chat("app", 500, 50)))
		}, 1, 500, 50, UsageMissing},
		{"identical calls beneath", func(s *scene) {
			p := s.span(root, 0, 100, top(id(chat("app", 500, 50), "chatcmpl-3")))
			for i := range int64(3) {
				s.span(p, 10*i, 10*i+50, id(chat("litellm", 500, 50), "msg_"+string(rune('1'+i))))
			}
		}, 3, 1500, 150, 0},
		{"different calls beneath", func(s *scene) {
			p := s.span(root, 0, 100, top(chat("app", 700, 70)))
			s.span(p, 0, 40, chat("litellm", 500, 50))
			s.span(p, 50, 90, chat("litellm", 700, 70))
		}, 2, 1200, 120, 0},
		{"the last left no span", func(s *scene) {
			p := s.span(root, 0, 100, top(chat("app", 700, 70)))
			s.span(p, 0, 40, chat("litellm", 500, 50))
		}, 2, 1200, 120, UsageMissing | UsageConflict | PossibleDuplicate},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			check(t, Resolve(s.spans), c.calls, c.in, c.out, c.caveats)
		})
	}
}

// TestSilentAboutTheCache: what nobody reports is priced as new input, too
// much for what was read and, where it costs extra, too little for what was
// written.
func TestSilentAboutTheCache(t *testing.T) {
	const blind = genai.CacheBlind | genai.WriteBlind
	plain := func(in int64) *genai.Record {
		return with(claude("a", in, 0, 0, 50), func(r *genai.Record) { r.Counts.CacheRead, r.Counts.CacheWrite = genai.Count{}, genai.Count{} })
	}
	named := func(provider, model string, in int64) *genai.Record {
		return with(chat("a", in, 50), func(r *genai.Record) { r.Provider, r.RequestModel = provider, model })
	}
	tests := []struct {
		name string
		draw func(s *scene)
		want Accuracy
	}{
		{"OpenAI", func(s *scene) { s.span(root, 0, 9, traits(chat("a", 5000, 50), blind)) }, UpperBound},
		{"OpenAI, too short to be cached", func(s *scene) { s.span(root, 0, 9, traits(chat("a", 1000, 50), blind)) }, Exact},
		{"OpenAI, a model whose writes cost extra", func(s *scene) {
			s.span(root, 0, 9, traits(with(chat("a", 5000, 50), func(r *genai.Record) { r.RequestModel = "gpt-5.6" }), genai.WriteBlind))
		}, Estimate},
		{"OpenAI, writes alone unreported", func(s *scene) { s.span(root, 0, 9, traits(chat("a", 5000, 50), genai.WriteBlind)) }, Exact},
		{"DeepSeek by OpenAI's name, however short", func(s *scene) { s.span(root, 0, 9, traits(named("openai", "deepseek-chat", 900), blind)) }, UpperBound},
		{"DeepSeek by a gateway's name for it", func(s *scene) { s.span(root, 0, 9, traits(named("openai", "deepseek/deepseek-chat", 900), blind)) }, UpperBound},
		{"Anthropic by OpenAI's name, writes alone unreported", func(s *scene) {
			s.span(root, 0, 9, traits(named("openai", "claude-sonnet-4-5", 5000), genai.WriteBlind))
		}, Estimate},
		{"a model of nobody in particular by OpenAI's name", func(s *scene) { s.span(root, 0, 9, traits(named("openai", "qwen3-32b", 900), blind)) }, Estimate},
		{"a model that OpenAI made and does not sell", func(s *scene) { s.span(root, 0, 9, traits(named("openai", "gpt-oss-120b", 900), blind)) }, UpperBound},
		{"a deployment at Azure, too short to be cached", func(s *scene) { s.span(root, 0, 9, traits(named("azure.ai.openai", "prod-chat", 900), blind)) }, Exact},
		{"DeepSeek at Azure, however short", func(s *scene) { s.span(root, 0, 9, traits(named("azure.ai.openai", "DeepSeek-V3", 900), blind)) }, UpperBound},
		{"a write of unknown lifetime, of Anthropic by OpenAI's name", func(s *scene) {
			s.span(root, 0, 9, with(named("openai", "claude-sonnet-4-5", 900), func(r *genai.Record) {
				r.Counts.CacheWrite, r.Input = genai.Of(500), genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared}
			}))
		}, LowerBound},
		{"Anthropic", func(s *scene) { s.span(root, 0, 9, traits(plain(5000), blind)) }, Estimate},
		{"Anthropic, writes alone unreported", func(s *scene) { s.span(root, 0, 9, traits(plain(5000), genai.WriteBlind)) }, Estimate},
		{"a second witness that reports", func(s *scene) {
			p := s.span(root, 0, 9, traits(id(plain(5000), "msg_1"), blind))
			s.span(p, 1, 8, id(claude("b", 5000, 0, 0, 50), "msg_1"))
		}, Exact},
		{"an agent of the same emitter that says none", func(s *scene) {
			s.span(s.agent(root, 0, 9, traits(aggregate(claude("a", 5000, 0, 0, 50)), genai.CacheSeen)), 1, 8, traits(plain(5000), blind))
		}, Exact},
		{"an agent of the same emitter whose zero says nothing", func(s *scene) {
			s.span(s.agent(root, 0, 9, aggregate(claude("a", 5000, 0, 0, 50))), 1, 8, traits(plain(5000), blind))
		}, Estimate},
		{"broken off", func(s *scene) { s.span(root, 0, 9, traits(claude("a", 5000, 0, 0, 4), genai.BrokenOff)) }, LowerBound},
		{"an agent of another emitter", func(s *scene) {
			s.span(s.agent(root, 0, 9, traits(aggregate(claude("b", 5000, 0, 0, 50)), genai.CacheSeen)), 1, 8, traits(plain(5000), blind))
		}, Estimate},
		{"an agent that read from the cache where its call does not say so", func(s *scene) {
			s.span(s.agent(root, 0, 9, traits(aggregate(claude("a", 5000, 3000, 0, 50)), genai.CacheSeen)), 1, 8, traits(plain(5000), blind))
		}, UpperBound},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			if b := Resolve(s.spans); b.Caveats.Claim() != c.want {
				t.Errorf("%s for %q, want %s", b.Caveats.Claim(), b.Caveats, c.want)
			}
		})
	}
}
