package runrollupprocessor

import (
	"encoding/binary"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// The batch of the benchmarks: what an agent's service sends in a second or so.
const (
	benchRuns  = 50
	benchSpans = 10 // a run: its root, three calls to a model, six others
)

// benchBatch is spans of some 15 attributes each, as instrumentations write them.
func benchBatch(now time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "agent", "service.version": "1.4.2", "deployment.environment.name": "production",
		"host.name": "node-17", "telemetry.sdk.language": "python",
	} {
		rs.Resource().Attributes().PutStr(k, v)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai.v1")
	for run := range benchRuns {
		for i := range benchSpans {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, byte(run)})
			s.SetSpanID(pcommon.SpanID{1, byte(run), byte(i)})
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
			a := s.Attributes()
			a.PutStr(botanu.RunID, "018f6f3e-7c1a-7000-8000-"+strconv.Itoa(100_000_000_000+run))
			a.PutStr(botanu.Workflow, "support_ticket")
			a.PutStr(botanu.EventID, "evt-"+strconv.Itoa(run))
			a.PutStr(botanu.Customer, "acme")
			if i > 0 {
				s.SetParentSpanID(pcommon.SpanID{1, byte(run), 0})
			}
			switch {
			case i == 0:
				benchRoot(s)
			case i <= 3:
				benchCall(s, run*benchSpans+i)
			default:
				benchHTTP(s)
			}
		}
	}
	return td
}

func benchRoot(s ptrace.Span) {
	s.SetName("botanu.run/support_ticket")
	a := s.Attributes()
	a.PutStr(botanu.Environment, "production")
	a.PutInt(botanu.Attempt, 1)
	ev := s.Events().AppendEmpty()
	ev.SetName(botanu.OutcomeEmitted)
	ev.SetTimestamp(s.EndTimestamp())
	ev.Attributes().PutStr(botanu.EventStatus, "success")
	ev.Attributes().PutStr(botanu.EventValueType, "tickets_resolved")
	ev.Attributes().PutInt(botanu.EventValueAmount, 1)
}

func benchCall(s ptrace.Span, id int) {
	s.SetName("chat gpt-4o")
	s.SetKind(ptrace.SpanKindClient)
	a := s.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o")
	a.PutStr("gen_ai.response.model", "gpt-4o-2024-08-06")
	a.PutStr("gen_ai.response.id", "chatcmpl-"+strconv.Itoa(id))
	a.PutDouble("gen_ai.request.temperature", 0.2)
	a.PutInt("gen_ai.usage.input_tokens", 1200)
	a.PutInt("gen_ai.usage.output_tokens", 340)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 1024)
	a.PutStr("server.address", "api.openai.com")
	a.PutInt("server.port", 443)
}

func benchHTTP(s ptrace.Span) {
	s.SetName("GET /v1/orders/{id}")
	s.SetKind(ptrace.SpanKindClient)
	a := s.Attributes()
	a.PutStr("http.request.method", "GET")
	a.PutStr("url.full", "https://orders.internal/v1/orders/7")
	a.PutStr("url.scheme", "https")
	a.PutInt("http.response.status_code", 200)
	a.PutStr("server.address", "orders.internal")
	a.PutInt("server.port", 443)
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("user_agent.original", "python-httpx/0.28")
	a.PutStr("network.peer.address", "10.0.0.7")
	a.PutInt("thread.id", 140)
	a.PutStr("thread.name", "worker-3")
}

// refresh makes the spans of a batch ones that were never seen: other trace
// and span IDs, and other runs.
func refresh(td ptrace.Traces, round uint64) {
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], round)
	for i := range spans.Len() {
		s := spans.At(i)
		trace := s.TraceID()
		copy(trace[8:], stamp[:])
		s.SetTraceID(trace)
		v, _ := s.Attributes().Get(botanu.RunID)
		v.SetStr("018f6f3e-" + strconv.FormatUint(round, 16) + "-" + strconv.Itoa(i/benchSpans))
	}
}

// BenchmarkConsumeTraces is the whole cost that the processor adds to a batch
// of new spans: ns/span and allocs/op over a batch of 500.
func BenchmarkConsumeTraces(b *testing.B) {
	td := benchBatch(time.Now())
	p := newTestProcessor(b, map[string]any{"limits": map[string]any{"open_runs": 1 << 30}}, consumertest.NewNop())
	b.ReportAllocs()
	b.ResetTimer()
	for round := range uint64(b.N) {
		b.StopTimer()
		if round%200 == 199 { // 10,000 runs held
			p = newTestProcessor(b, map[string]any{"limits": map[string]any{"open_runs": 1 << 30}}, consumertest.NewNop())
		}
		refresh(td, round)
		b.StartTimer()
		require.NoError(b, p.ConsumeTraces(b.Context(), td))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRuns*benchSpans), "ns/span")
}

// BenchmarkDuplicates is the same for a batch that was seen before, as after a
// sender's retry.
func BenchmarkDuplicates(b *testing.B) {
	td := benchBatch(time.Now())
	p := newTestProcessor(b, nil, consumertest.NewNop())
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, p.ConsumeTraces(b.Context(), td))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRuns*benchSpans), "ns/span")
}

// benchSummaries are what the runs of a batch amount to.
func benchSummaries() []engine.Summary {
	list := make([]engine.Summary, benchRuns)
	for i := range list {
		account := cost.Account{
			Calls: 3, Known: true, Total: 17_340_000_000, Tokens: usage.Tokens{Input: 528, CacheRead: 3072, Output: 1020},
			Parts: cost.Parts{Input: 1_320_000_000, Output: 10_200_000_000, CacheRead: 5_820_000_000},
		}
		models := []cost.Model{{Provider: "openai", Name: "gpt-4o-2024-08-06", Account: account}}
		list[i].Run = &run.Summary{
			RunID: "018f6f3e-7c1a-7000-8000-" + strconv.Itoa(100_000_000_000+i), Completion: run.RootEnded,
			Anchor: run.SpanKey{Trace: [16]byte{1, byte(i)}, Span: [8]byte{1, byte(i)}},
			Start:  1_763_800_000_000_000_000, End: 1_763_800_001_000_000_000,
			Identity: run.Identity{
				run.Event: "evt-" + strconv.Itoa(i), run.Workflow: "support_ticket", run.Customer: "acme",
				run.Environment: "production", run.Attempt: "1",
			},
			Outcome: outcome.Outcome{
				Status: outcome.Success, Source: outcome.FromEmission, Time: 1_763_800_001_000_000_000,
				ValueType: "tickets_resolved", Amount: outcome.Finite(1), Emissions: 1,
			},
			Cost: cost.Bill{
				Account: account, Source: cost.RateCard, Cards: []string{"genai-prices@1f0c2a9d"}, Models: models,
				Accuracy: billing.Exact,
			},
			Increase: account.Total, ModelIncrease: models,
			Service: "agent", Services: []string{"agent"}, SpanCount: benchSpans, TraceCount: 1,
		}
	}
	return list
}

// BenchmarkSummarySpans is the writing of a batch of summaries as spans.
func BenchmarkSummarySpans(b *testing.B) {
	summaries := benchSummaries()
	w := spanWriter{instance: "collector-1"}
	b.ReportAllocs()
	for b.Loop() {
		_, n := w.traces(summaries)
		require.Equal(b, benchRuns, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRuns), "ns/run")
}
