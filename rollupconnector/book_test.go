package rollupconnector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

// TestMetrics_whatCounts: runs, events, values and histograms count a part's
// first revision, outcome_changes the flips, and botanu.llm.* every revision's
// increase; what a revision takes back is in a sum of its own (contract, section 7).
func TestMetrics_whatCounts(t *testing.T) {
	first := runSummary(1, 0, map[string]any{botanu.OutcomeValueType: "tickets", botanu.OutcomeValueAmount: 2.5},
		model{name: "m", calls: 3, unpriced: 1, input: 100, cacheRead: 7, cost: "0.3"}, model{name: "free", calls: 1, cost: "0"},
		model{name: "unknown", calls: 1, unpriced: 1})
	second := runSummary(1, 1, map[string]any{botanu.OutcomeStatus: "failed", botanu.OutcomePreviousStatus: "success", botanu.CostTotalExact: "9", botanu.OutcomeValueAmount: 5.0},
		model{name: "m", calls: -1, unpriced: -1, input: 20, cacheRead: -7, cost: "-0.1"}, model{name: "free", cost: "0"})
	third := runSummary(1, 4, map[string]any{botanu.OutcomeStatus: "failed"}, model{name: "m", calls: 1, cost: "0.000000000001"})
	got := told(t, nil, first, second, third, eventSummary(1, 0, nil), eventSummary(1, 1, map[string]any{botanu.EventCostTotalExact: "2"}),
		runSummary(2, 0, map[string]any{botanu.OutcomeStatus: nil, botanu.CostTotalExact: nil, botanu.Environment: nil}))
	of := func(status, model string) string {
		return "[botanu.environment:prod botanu.outcome.status:" + status + " botanu.workflow:refund gen_ai.provider.name:acme gen_ai.request.model:" + model + "]"
	}
	tokens := func(status, kind string) string {
		return "[botanu.environment:prod botanu.outcome.status:" + status + " botanu.token.type:" + kind + " botanu.workflow:refund gen_ai.provider.name:acme gen_ai.request.model:m]"
	}
	want := map[string]float64{
		"botanu.runs[" + success + " botanu.outcome.value_type:tickets botanu.run.completion:root_ended botanu.workflow:refund]":                         1,
		"botanu.runs[botanu.outcome.status:unset botanu.run.completion:root_ended botanu.workflow:refund]":                                               1,
		"botanu.run.outcome_changes[botanu.environment:prod botanu.outcome.previous_status:success botanu.outcome.status:failed botanu.workflow:refund]": 1,
		"botanu.run.cost[" + success + " botanu.outcome.value_type:tickets botanu.workflow:refund]":                                                      1,
		"sum of botanu.run.cost[" + success + " botanu.outcome.value_type:tickets botanu.workflow:refund]":                                               0.5,
		"botanu.run.duration[" + success + " botanu.workflow:refund]":                                                                                    1,
		"sum of botanu.run.duration[" + success + " botanu.workflow:refund]":                                                                             3,
		"botanu.run.duration[botanu.outcome.status:unset botanu.workflow:refund]":                                                                        1,
		"sum of botanu.run.duration[botanu.outcome.status:unset botanu.workflow:refund]":                                                                 3,
		"botanu.outcome.value_amount[" + success + " botanu.outcome.value_type:tickets botanu.workflow:refund]":                                          2.5,
		"botanu.events[botanu.outcome.status:failed botanu.workflow:refund]":                                                                             1,
		"botanu.event.cost[botanu.outcome.status:failed botanu.workflow:refund]":                                                                         1,
		"sum of botanu.event.cost[botanu.outcome.status:failed botanu.workflow:refund]":                                                                  1.5,
		"botanu.llm.cost" + of("success", "m"):                                                                                                           0.3,
		"botanu.llm.cost" + of("success", "free"):                                                                                                        0,
		"botanu.llm.cost" + of("failed", "m"):                                                                                                            1e-12,
		"botanu.llm.cost_reduction" + of("failed", "m"):                                                                                                  0.1,
		"botanu.llm.calls" + of("success", "m"):                                                                                                          3,
		"botanu.llm.calls" + of("success", "free"):                                                                                                       1,
		"botanu.llm.calls" + of("success", "unknown"):                                                                                                    1,
		"botanu.llm.calls" + of("failed", "m"):                                                                                                           1,
		"botanu.llm.calls_reduction" + of("failed", "m"):                                                                                                 1,
		"botanu.llm.unpriced_calls" + of("success", "m"):                                                                                                 1,
		"botanu.llm.unpriced_calls" + of("success", "unknown"):                                                                                           1,
		"botanu.llm.unpriced_calls_reduction" + of("failed", "m"):                                                                                        1,
		"botanu.llm.tokens" + tokens("success", "input_uncached"):                                                                                        100,
		"botanu.llm.tokens" + tokens("success", "cache_read"):                                                                                            7,
		"botanu.llm.tokens" + tokens("failed", "input_uncached"):                                                                                         20,
		"botanu.llm.tokens_reduction" + tokens("failed", "cache_read"):                                                                                   7,
	}
	fixed := map[string]float64{}
	for k, v := range want {
		fixed[strings.Replace(k, "[", "map[", 1)] = v
	}
	assert.Equal(t, fixed, got)
}

// TestMetrics_instruments: names, units and kinds are those of the contract, section 7.
func TestMetrics_instruments(t *testing.T) {
	next := &sink{}
	c := start(t, settings(nil), nil, next)
	consume(t, c, runSummary(1, 0, map[string]any{botanu.OutcomeValueAmount: 1.0}, model{name: "m", calls: 1, unpriced: 1, input: 1, cost: "1"}),
		runSummary(1, 1, map[string]any{botanu.OutcomePreviousStatus: "failed"}, model{name: "m", calls: -1, unpriced: -1, input: -1, cost: "-1"}), eventSummary(1, 0, nil))
	stop(t, c)
	got := map[string]string{}
	for _, m := range metricsOf(next.taken()[0]) {
		kind := "histogram"
		if m.Type() == pmetric.MetricTypeSum {
			kind = "updowncounter"
			if m.Sum().IsMonotonic() {
				kind = "sum"
			}
		}
		got[m.Name()] = kind + " " + m.Unit()
		assert.NotEmpty(t, m.Description())
	}
	assert.Equal(t, map[string]string{
		"botanu.runs": "sum {run}", "botanu.run.outcome_changes": "sum {run}", "botanu.run.cost": "histogram {USD}", "botanu.run.duration": "histogram s",
		"botanu.outcome.value_amount": "updowncounter {value}", "botanu.events": "sum {event}", "botanu.event.cost": "histogram {USD}",
		"botanu.llm.cost": "sum {USD}", "botanu.llm.cost_reduction": "sum {USD}", "botanu.llm.calls": "sum {call}", "botanu.llm.calls_reduction": "sum {call}",
		"botanu.llm.tokens": "sum {token}", "botanu.llm.tokens_reduction": "sum {token}",
		"botanu.llm.unpriced_calls": "sum {call}", "botanu.llm.unpriced_calls_reduction": "sum {call}",
	}, got)
}

// TestMetrics_noIDs: no run or event ID is on any metric, whatever is asked for.
func TestMetrics_noIDs(t *testing.T) {
	next := &sink{}
	c := start(t, settings(nil), map[string]any{"metrics": map[string]any{"dimensions": []any{botanu.Customer, "plan"}}}, next)
	consume(t, c, runSummary(1, 0, map[string]any{botanu.EventID: "event-1", botanu.RootRun: "run-0", botanu.ParentRun: "run-0", botanu.Customer: "acme", "plan": int64(3)}), eventSummary(1, 0, nil))
	consume(t, c, recorded(t)...)
	stop(t, c)
	var m pmetric.JSONMarshaler
	for _, md := range next.taken() {
		text, err := m.MarshalMetrics(md)
		require.NoError(t, err)
		for _, id := range []string{"run-1", "run-0", "event-1", "ticket-42", "run_id", "event_id", "botanu.run.part", "botanu.event.part"} {
			assert.NotContains(t, string(text), id)
		}
		assert.Contains(t, string(text), `{"key":"botanu.customer_id","value":{"stringValue":"acme"}}`)
		assert.Contains(t, string(text), `{"key":"plan","value":{"stringValue":"3"}}`, "what is 3 here and \"3\" there is one series")
	}
}

// TestMetrics_cardinality: past the limit the rest goes to one series, which
// the connector says of itself.
func TestMetrics_cardinality(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &sink{}
	c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"cardinality_limit": 4}}, next)
	for i := range uint64(10) {
		consume(t, c, runSummary(i, 0, map[string]any{botanu.Workflow: fmt.Sprint("w", i)}))
	}
	require.NoError(t, c.flush(t.Context(), false))
	for _, m := range metricsOf(next.taken()[0]) {
		if m.Name() == "botanu.runs" {
			assert.Equal(t, 4, m.Sum().DataPoints().Len())
		}
	}
	metadatatest.AssertEqualConnectorRunRollupMetricsOverflowing(t, tel, []metricdata.DataPoint[int64]{ownPoint(3)}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupSeries(t, tel, []metricdata.DataPoint[int64]{ownPoint(12)}, metricdatatest.IgnoreTimestamp())
	stop(t, c)
	assert.Equal(t, 7.0, next.series()["botanu.runsmap[otel.metric.overflow:true]"])
}

// TestMetrics_sumsHoldTheirRange: forged summaries cannot make a sum go over
// what an integer holds, and so below 0.
func TestMetrics_sumsHoldTheirRange(t *testing.T) {
	var c counts
	reader := sdkmetric.NewManualReader()
	b, err := newBook(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("m"), &MetricsConfig{})
	require.NoError(t, err)
	c.up, c.down = b.calls.up, b.calls.down
	of := b.labels.of(&list{})
	assert.True(t, c.add(most-1, of))
	assert.True(t, c.add(-1, of))
	assert.False(t, c.add(1, of))
	assert.False(t, c.add(math.MaxInt64-most-10, of))
	assert.True(t, c.add(0, of))

	var d counts
	d.up, d.down = c.up, c.down
	assert.False(t, d.add(math.MaxInt64, of))
	assert.True(t, d.add(most, of), "what was refused takes no room")

	span := runSummary(1, 0, nil, model{name: "m", calls: 1, input: 1}).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.Zero(t, b.add(span, 0))
	b.calls.added.Store(most)
	assert.Equal(t, 1, b.add(span, 0), "the calls, and the tokens count")
}

// TestMetrics_otherSpanEvents: the notes of explain bear a model as well, and
// are no usage; a run that took no time took 0 seconds.
func TestMetrics_otherSpanEvents(t *testing.T) {
	td := runSummary(1, 0, nil, model{name: "m", calls: 1})
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Events().At(0).SetName(botanu.CallNote)
	span.SetEndTimestamp(span.StartTimestamp())
	got := told(t, nil, td)
	assert.Equal(t, 1.0, got["botanu.run.durationmap["+success+" botanu.workflow:refund]"])
	assert.Zero(t, got["sum of botanu.run.durationmap["+success+" botanu.workflow:refund]"])
	for name := range got {
		assert.NotContains(t, name, "botanu.llm")
	}
	span.SetEndTimestamp(span.StartTimestamp() + 1_500_000_000)
	assert.Equal(t, 1.5, told(t, nil, td)["sum of botanu.run.durationmap["+success+" botanu.workflow:refund]"])
}

// TestMetrics_law: in which order summaries come, how often and in which
// batches changes nothing (contract, section 7). Amounts are in eighths of a
// dollar, which floats add up without rest.
func TestMetrics_law(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []ptrace.Traces
		for part := range uint64(20) {
			status := "success"
			for revision := range int64(1 + r.IntN(3)) {
				differs := map[string]any{botanu.OutcomeStatus: status, botanu.CostTotalExact: fmt.Sprintf("%d.25", r.IntN(9)), botanu.Workflow: []string{"a", "b"}[part%2]}
				if now := []string{"success", "failed", "partial"}[r.IntN(3)]; revision > 0 && now != status {
					differs[botanu.OutcomeStatus], differs[botanu.OutcomePreviousStatus] = now, status
					status = now
				}
				all = append(all, runSummary(part, revision, differs,
					model{name: "m", calls: r.Int64N(9) - 3, input: r.Int64N(1000) - 300, cost: fmt.Sprintf("%d.5", r.IntN(9))},
					model{name: "n", calls: r.Int64N(9), cost: fmt.Sprintf("-%d.125", r.IntN(9))}))
			}
			all = append(all, eventSummary(part, 0, map[string]any{botanu.EventCostTotalExact: fmt.Sprint(part)}))
		}
		want := told(t, nil, all...)
		again := slices.Concat(all, all[:r.IntN(len(all))])
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		var batches []ptrace.Traces
		for len(again) > 0 {
			n := 1 + r.IntN(len(again))
			td := ptrace.NewTraces()
			for _, one := range again[:n] {
				one.ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
			}
			batches, again = append(batches, td), again[n:]
		}
		require.Equal(t, want, told(t, nil, batches...), "seed %d", seed)

		deltas := told(t, map[string]any{"metrics": map[string]any{"temporality": "delta"}}, batches...)
		require.Equal(t, want, deltas, "seed %d: both temporalities say the same", seed)
	}
}
