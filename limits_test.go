package runrollupprocessor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
)

// stepsOf is n spans of a run, one trace each where traces is set, in the
// shape that a limit is about.
func stepsOf(runID string, n int, change func(i int, rs ptrace.ResourceSpans, s ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range n {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "agent")
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName("step")
		s.SetTraceID(pcommon.TraceID{1, byte(len(runID))})
		s.SetSpanID(pcommon.SpanID{1, byte(i >> 8), byte(i)})
		if i > 0 {
			s.SetParentSpanID(pcommon.SpanID{1})
		}
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		if runID != "" {
			s.Attributes().PutStr(botanu.RunID, runID)
		}
		if change != nil {
			change(i, rs, s)
		}
	}
	return td
}

// TestEachLimitIsReachedAndShown (contract, sections 8 to 10): over each limit
// the harmless thing happens, a metric shows it, and every span passes on.
func TestEachLimitIsReachedAndShown(t *testing.T) {
	type env struct {
		send     func(td ptrace.Traces, tenant string)
		refuse   func(bool)
		last     func(key string) (pcommon.Value, bool) // of the newest summary
		links    func() int
		events   func() int
		waitFor  func(time.Duration)
		manyRuns func(n int)
	}
	for _, tc := range []struct {
		name   string
		config map[string]any
		reach  func(*testing.T, *env)
		metric string
		want   int
	}{
		{
			"open runs", map[string]any{"limits": map[string]any{"open_runs": 5}},
			func(_ *testing.T, e *env) { e.manyRuns(8) },
			"evictions{limit=open_runs}", 3,
		},
		{
			"late runs", map[string]any{"limits": map[string]any{"late_runs": 5}},
			func(_ *testing.T, e *env) { e.manyRuns(8) },
			"late_windows_cut_short", 3,
		},
		{
			"tenants", map[string]any{"limits": map[string]any{"tenants": 2}, "metadata_keys": []any{"x-tenant"}},
			func(_ *testing.T, e *env) {
				for i := range 5 {
					e.send(stepsOf("r", 1, nil), strconv.Itoa(i))
				}
			},
			"evictions{limit=tenants}", 3,
		},
		{
			"spans a run", map[string]any{"limits": map[string]any{"spans_per_run": 5}},
			func(t *testing.T, e *env) {
				e.send(stepsOf("r", 7, nil), "")
				e.waitFor(11 * time.Second)
				caveats, _ := e.last(botanu.CostCaveats)
				assert.Equal(t, []any{"span_limit"}, caveats.Slice().AsRaw())
			},
			"spans_over_limit", 2,
		},
		{
			"remembered structure", map[string]any{"inherit": map[string]any{"max_spans": 2}},
			func(_ *testing.T, e *env) {
				e.send(stepsOf("", 5, func(i int, _ ptrace.ResourceSpans, s ptrace.Span) { s.SetTraceID(pcommon.TraceID{byte(i + 1)}) }), "")
			},
			"traces_decided_early", 3,
		},
		{
			"links", nil,
			func(t *testing.T, e *env) {
				e.send(stepsOf("r", 50, func(i int, _ ptrace.ResourceSpans, s ptrace.Span) { s.SetTraceID(pcommon.TraceID{byte(i + 1)}) }), "")
				e.waitFor(11 * time.Second)
				traces, _ := e.last(botanu.TraceCount)
				assert.EqualValues(t, 50, traces.Int())
				assert.Equal(t, 32, e.links())
			},
			"spans_folded", 50,
		},
		{
			"models and services", nil,
			func(t *testing.T, e *env) {
				e.send(stepsOf("r", 150, func(i int, rs ptrace.ResourceSpans, s ptrace.Span) {
					rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", i))
					s.Attributes().PutStr("gen_ai.operation.name", "chat")
					s.Attributes().PutStr("gen_ai.provider.name", "openai")
					s.Attributes().PutStr("gen_ai.request.model", fmt.Sprint("own-model-", i))
					s.Attributes().PutInt("gen_ai.usage.input_tokens", 10)
					s.Attributes().PutInt("gen_ai.usage.output_tokens", 10)
				}), "")
				e.waitFor(11 * time.Second)
				for _, key := range []string{botanu.Models, botanu.Services} {
					list, _ := e.last(key)
					assert.LessOrEqual(t, list.Slice().Len(), 65, key)
				}
				assert.LessOrEqual(t, e.events(), 65)
				calls, _ := e.last(botanu.LLMCalls)
				assert.EqualValues(t, 150, calls.Int(), "what is over the bound is counted together")
			},
			"unpriced_calls", 150,
		},
		{
			"outcome metadata", nil,
			func(_ *testing.T, e *env) {
				e.send(stepsOf("r", 1, func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) {
					for i := range 100 {
						s.Attributes().PutStr(fmt.Sprint(botanu.OutcomeMetadata, i), "v")
					}
				}), "")
			},
			"invalid_input{reason=too_many}", 36,
		},
		{
			"attribute sizes", nil,
			func(_ *testing.T, e *env) {
				e.send(stepsOf("r", 1, func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) {
					s.Attributes().PutStr(botanu.Customer, strings.Repeat("x", 300))
				}), "")
			},
			"invalid_input{reason=too_long}", 1,
		},
		{
			"client metadata", map[string]any{"metadata_keys": []any{"x-tenant"}},
			func(_ *testing.T, e *env) { e.send(stepsOf("r", 2, nil), strings.Repeat("x", 5000)) },
			"invalid_input{reason=metadata}", 2,
		},
		{
			"memory", map[string]any{"limits": map[string]any{"memory_mib": 1}},
			func(_ *testing.T, e *env) { e.manyRuns(1000) },
			"evictions{limit=memory_mib}", -1,
		},
		{
			"unsent summaries", map[string]any{"limits": map[string]any{"memory_mib": 1}},
			func(_ *testing.T, e *env) {
				e.refuse(true)
				e.manyRuns(1000)
				e.waitFor(11 * time.Second)
				e.refuse(false)
			},
			"summaries_rejected", -1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				telemetry := componenttest.NewTelemetry()
				defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
				sink := &consumertest.TracesSink{}
				var refusing atomic.Bool
				passed := 0
				next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
					if isSummaries(td) && refusing.Load() {
						return errors.New("not now")
					}
					if !isSummaries(td) {
						passed += td.SpanCount()
						return nil
					}
					return sink.ConsumeTraces(ctx, td)
				})
				require.NoError(t, err)
				set := processortest.NewNopSettings(metadata.Type)
				set.TelemetrySettings = telemetry.NewTelemetrySettings()
				p, err := NewFactory().CreateTraces(t.Context(), set, configOf(t, tc.config), next)
				require.NoError(t, err)
				require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
				sent := 0
				newest := func() ptrace.Span {
					all := sink.AllTraces()
					spans := all[len(all)-1].ResourceSpans().At(0).ScopeSpans().At(0).Spans()
					return spans.At(spans.Len() - 1)
				}
				e := &env{
					send: func(td ptrace.Traces, tenant string) {
						ctx := t.Context()
						if tenant != "" {
							ctx = client.NewContext(ctx, client.Info{Metadata: client.NewMetadata(map[string][]string{"X-Tenant": {tenant}})})
						}
						sent += td.SpanCount()
						require.NoError(t, p.ConsumeTraces(ctx, td))
					},
					refuse:  refusing.Store,
					last:    func(key string) (pcommon.Value, bool) { return newest().Attributes().Get(key) },
					links:   func() int { return newest().Links().Len() },
					events:  func() int { return newest().Events().Len() },
					waitFor: func(d time.Duration) { time.Sleep(d); synctest.Wait() },
				}
				e.manyRuns = func(n int) {
					for i := range n {
						e.send(stepsOf(fmt.Sprintf("run-%05d", i), 1, nil), "")
					}
				}
				tc.reach(t, e)
				e.waitFor(time.Minute)
				got := metricOf(t, telemetry, tc.metric)
				if tc.want < 0 {
					assert.Positive(t, got)
				} else {
					assert.Equal(t, tc.want, got)
				}
				assert.Equal(t, sent, passed, "every span passes on")
				require.NoError(t, p.Shutdown(t.Context()))
			})
		})
	}
}

func isSummaries(td ptrace.Traces) bool {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Name() == botanu.Scope
}

// TestTenantsMetadataGoesOnWithItsSummaries (contract, section 8).
func TestTenantsMetadataGoesOnWithItsSummaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // several tenants' summaries go out at once
		got := map[string][]string{}
		next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
			mu.Lock()
			defer mu.Unlock()
			if isSummaries(td) {
				m := client.FromContext(ctx).Metadata
				spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
				for _, s := range spans.All() {
					customer, _ := s.Attributes().Get(botanu.Customer)
					got[customer.Str()] = append(m.Get("X-Tenant"), m.Get("authorization")...)
				}
			}
			return nil
		})
		require.NoError(t, err)
		p := newTestProcessor(t, map[string]any{"metadata_keys": []any{"x-Tenant"}}, next)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		for _, tenant := range []string{"a", "b", ""} {
			md := map[string][]string{"authorization": {"secret"}}
			if tenant != "" {
				md["X-TENANT"] = []string{tenant, tenant + "2"}
			}
			ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(md)})
			require.NoError(t, p.ConsumeTraces(ctx, stepsOf("one", 1, func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) {
				s.Attributes().PutStr(botanu.Customer, "of "+tenant)
			})))
		}
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, map[string][]string{"of a": {"a", "a2"}, "of b": {"b", "b2"}, "of ": nil}, got)
	})
}
