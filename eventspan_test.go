package runrollupprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// spansNamed are the spans of a name that came out, with no others beside them
// in their batch but summaries.
func spansNamed(sink *consumertest.TracesSink, name string) []ptrace.Span {
	var found []ptrace.Span
	for _, td := range sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					if s.Name() == name {
						found = append(found, s)
					}
				}
			}
		}
	}
	return found
}

// TestEventSummarySpan (contract, section 7): an attempt that failed, with a
// run nested in it, and one that succeeded.
func TestEventSummarySpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, map[string]any{
			"outcome":         map[string]any{"values": []any{map[string]any{"value_type": "refunds", "value_per_unit": "0.1"}}},
			"drop_attributes": []any{"botanu.region"},
		}, sink)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		origin := time.Now()
		attempt := func(trace byte, id, status string, tokens int, more map[string]any) {
			a := map[string]any{
				botanu.RunID: id, botanu.EventID: "ticket-42", botanu.Customer: "acme", botanu.Workflow: "refund", botanu.Region: "eu",
				botanu.OutcomeStatus: status, botanu.OutcomeValueType: "refunds", botanu.OutcomeValueAmount: 3,
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
				"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 0,
			}
			for k, v := range more {
				a[k] = v
			}
			start := time.Duration(trace) * time.Second
			s := span{Trace: trace, ID: 1, Name: "botanu.run/refund", Start: start, End: start + time.Second, Attributes: a}
			require.NoError(t, p.ConsumeTraces(t.Context(), s.traces(t, origin)))
		}
		attempt(1, "first", "failed", 1000, nil)
		attempt(2, "nested", "success", 2000, map[string]any{botanu.ParentRun: "first", botanu.Workflow: "lookup"})
		attempt(3, "second", "success", 4000, map[string]any{botanu.Attempt: 2, botanu.RetryOf: "first"})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		found := spansNamed(sink, botanu.EventSummary)
		require.Len(t, found, 1)
		s := found[0]
		got := s.Attributes().AsRaw()
		part := got[botanu.EventPart]
		assert.Len(t, part, 16)
		assert.Equal(t, map[string]any{
			botanu.EventID: "ticket-42", botanu.Customer: "acme", botanu.Workflow: "refund",
			botanu.OutcomeStatus: "success", botanu.OutcomeSource: "attribute", botanu.OutcomeRank: int64(3),
			botanu.OutcomeTime:      origin.Add(4 * time.Second).UTC().Format("2006-01-02T15:04:05.000000000Z"),
			botanu.OutcomeEmissions: int64(0), botanu.OutcomeConflict: false,
			botanu.OutcomeValueType: "refunds", botanu.OutcomeValueAmount: 3.0,
			botanu.OutcomeValuePerUnit: 0.1, botanu.OutcomeValueTotal: 0.3,
			botanu.EventCostTotal: 0.0175, botanu.EventCostTotalExact: "0.0175", botanu.EventCostIncrease: "0.0175",
			botanu.EventCostUnsuccessful: 0.0075, botanu.EventCostUnsuccessfulExact: "0.0075", botanu.EventCostAccuracy: "upper_bound", botanu.EventCostCaveats: []any{"cache_unreported"},
			botanu.EventLLMCalls: int64(3), botanu.EventLLMUnpricedCalls: int64(0),
			botanu.EventTokensInput: int64(7000), botanu.EventTokensInputUncached: int64(7000), botanu.EventTokensCacheRead: int64(0),
			botanu.EventTokensCacheWrite: int64(0), botanu.EventTokensOutput: int64(0), botanu.EventTokensReasoning: int64(0),
			botanu.EventRuns: int64(3), botanu.EventAttempts: int64(2), botanu.EventOtherWorkflows: int64(0),
			botanu.EventPart: part, botanu.EventRevision: int64(0), botanu.EventDuration: 3000.0,
		}, got)
		assert.Equal(t, pcommon.TraceID{15: 1}, s.TraceID(), "of the run that began first")
		assert.Equal(t, pcommon.SpanID{7: 1}, s.ParentSpanID())
		assert.Equal(t, ptrace.StatusCodeUnset, s.Status().Code())
		runs := map[pcommon.SpanID]bool{}
		for _, r := range spansNamed(sink, botanu.RunSummary) {
			runs[r.SpanID()] = true
		}
		require.Equal(t, 3, s.Links().Len())
		for _, l := range s.Links().All() {
			assert.True(t, runs[l.SpanID()], "it links to the summaries of its runs")
		}
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

// TestEventsCanBeSwitchedOff.
func TestEventsCanBeSwitchedOff(t *testing.T) {
	sink := &consumertest.TracesSink{}
	p := newTestProcessor(t, map[string]any{"events": map[string]any{"enabled": false}}, sink)
	s := span{Trace: 1, ID: 1, Name: "botanu.run/refund", Attributes: map[string]any{botanu.RunID: "r", botanu.EventID: "e"}}
	require.NoError(t, p.ConsumeTraces(t.Context(), s.traces(t, time.Now())))
	require.NoError(t, p.Shutdown(t.Context()))
	assert.Len(t, spansNamed(sink, botanu.RunSummary), 1)
	assert.Empty(t, spansNamed(sink, botanu.EventSummary))
}
