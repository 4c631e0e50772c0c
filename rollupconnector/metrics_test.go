package rollupconnector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

const success = "botanu.environment:prod botanu.outcome.status:success"

// told is what a connector's metrics come to after some summaries.
func told(t *testing.T, keys map[string]any, batches ...ptrace.Traces) map[string]float64 {
	t.Helper()
	next := &sink{}
	c := start(t, settings(nil), keys, next)
	consume(t, c, batches...)
	stop(t, c)
	return next.series()
}

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

// runsPoints are the points of botanu.runs: value, start and time after begin.
func runsPoints(md pmetric.Metrics, begin time.Time) []string {
	var points []string
	for _, m := range metricsOf(md) {
		if m.Name() == "botanu.runs" {
			for _, p := range m.Sum().DataPoints().All() {
				points = append(points, fmt.Sprintf("%d from %s to %s", p.IntValue(), p.StartTimestamp().AsTime().Sub(begin), p.Timestamp().AsTime().Sub(begin)))
			}
		}
	}
	return points
}

// TestMetrics_newSeriesBeginsWithZero: a workflow with one run in ten minutes
// shows its cost to a backend that tells an increase from two points.
func TestMetrics_newSeriesBeginsWithZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &sink{}
		c := start(t, settings(nil), nil, next)
		begin := time.Now()
		pass(20 * time.Second)
		assert.Empty(t, next.taken(), "nothing to tell")
		consume(t, c, runSummary(1, 0, nil, model{name: "m", cost: "1"}))
		runs := func(i int) []string { return runsPoints(next.taken()[i], begin) }
		pass(11 * time.Second)
		require.Len(t, next.taken(), 1)
		assert.Equal(t, []string{"0 from 15s to 30s"}, runs(0))
		pass(15 * time.Second)
		assert.Equal(t, []string{"1 from 15s to 45s"}, runs(1))
		consume(t, c, runSummary(2, 0, map[string]any{botanu.OutcomeStatus: "failed"}))
		stop(t, c)
		require.Len(t, next.taken(), 3)
		assert.ElementsMatch(t, []string{"1 from 15s to 46s", "0 from 45s to 45s", "1 from 45s to 46s"}, runs(2), "the last flush tells all")
	})
}

// TestMetrics_newMetricOfOldAttributes: a series is new where its metric is, too.
func TestMetrics_newMetricOfOldAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &sink{}
		c := start(t, settings(nil), nil, next)
		consume(t, c, runSummary(1, 0, nil))
		pass(16 * time.Second)
		consume(t, c, eventSummary(1, 0, map[string]any{botanu.Environment: "prod", botanu.OutcomeStatus: "success"}))
		pass(15 * time.Second)
		got := next.series()
		assert.Equal(t, 1.0, got["botanu.run.durationmap["+success+" botanu.workflow:refund]"])
		assert.Zero(t, got["botanu.eventsmap["+success+" botanu.workflow:refund]"])
		assert.Contains(t, got, "botanu.eventsmap["+success+" botanu.workflow:refund]")
		stop(t, c)
		assert.Equal(t, 1.0, next.series()["botanu.eventsmap["+success+" botanu.workflow:refund]"])
	})
}

// TestMetrics_refusedCumulative: the next flush says it all, and a new series
// begins with 0 all the same.
func TestMetrics_refusedCumulative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		next := &sink{err: errRefused}
		c := start(t, settings(tel), nil, next)
		begin := time.Now()
		consume(t, c, runSummary(1, 0, nil))
		pass(35 * time.Second)
		next.refuse(nil)
		pass(30 * time.Second)
		require.Len(t, next.taken(), 2)
		assert.Equal(t, []string{"0 from 0s to 0s", "1 from 0s to 45s"}, runsPoints(next.taken()[0], begin))
		assert.Equal(t, []string{"1 from 0s to 1m0s"}, runsPoints(next.taken()[1], begin))
		metadatatest.AssertEqualConnectorRunRollupFlushFailures(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
		stop(t, c)
		assert.Equal(t, told(t, nil, runSummary(1, 0, nil)), next.series())
	})
}

// TestMetrics_refusingSibling: of two exporters of the pipeline of metrics one
// refuses for long, and the error is told of both. The other, which is scraped
// and sees the last point alone, has the 0 and then the value.
func TestMetrics_refusingSibling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scraped := &sink{}
		c := start(t, settings(nil), nil, both{scraped, &sink{err: errRefused}})
		begin := time.Now()
		consume(t, c, runSummary(1, 0, nil))
		pass(46 * time.Second)
		var last []string
		for _, md := range scraped.taken() {
			points := runsPoints(md, begin)
			last = append(last, points[len(points)-1])
		}
		assert.Equal(t, []string{"0 from 0s to 15s", "1 from 0s to 30s", "1 from 0s to 45s"}, last)
		require.ErrorIs(t, c.Shutdown(t.Context()), errRefused)
	})
}

// both is a pipeline with two exporters.
type both [2]*sink

func (b both) Capabilities() consumer.Capabilities { return b[0].Capabilities() }

func (b both) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	own := pmetric.NewMetrics()
	md.CopyTo(own)
	return errors.Join(b[0].ConsumeMetrics(ctx, own), b[1].ConsumeMetrics(ctx, md))
}

// TestMetrics_refusedDelta: what was refused for now comes with the next flush,
// before what is newer; what was refused for good is counted.
func TestMetrics_refusedDelta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		next := &sink{err: errRefused}
		c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, next)
		for part := range uint64(3) {
			consume(t, c, runSummary(part, 0, nil, model{name: "m", calls: 1, cost: "0.1"}))
			pass(15*time.Second + time.Duration(part))
		}
		gauge := func(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{{Value: n}} }
		metadatatest.AssertEqualConnectorRunRollupPointsPending(t, tel, gauge(15), metricdatatest.IgnoreTimestamp())
		next.refuse(nil)
		consume(t, c, runSummary(4, 0, nil))
		pass(15 * time.Second)
		require.Len(t, next.taken(), 4)
		var last time.Time
		for _, md := range next.taken() {
			at := metricsOf(md)[0].Sum().DataPoints().At(0).Timestamp().AsTime()
			assert.True(t, at.After(last), "oldest first")
			last = at
		}
		metadatatest.AssertEqualConnectorRunRollupPointsPending(t, tel, gauge(0), metricdatatest.IgnoreTimestamp())
		assert.Equal(t, 4.0, next.series()["botanu.runsmap["+success+" botanu.run.completion:root_ended botanu.workflow:refund]"])

		next.refuse(consumererror.NewPermanent(errRefused))
		consume(t, c, runSummary(5, 0, nil))
		pass(15 * time.Second)
		metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, gauge(3), metricdatatest.IgnoreTimestamp())
		next.refuse(nil)
		stop(t, c)
		assert.Len(t, next.taken(), 4)
	})
}

// TestMetrics_deltaOfWhatGoesDown stays cumulative, as the specification's
// preference of delta has it, and is not kept when it is refused.
func TestMetrics_deltaOfWhatGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &sink{err: errRefused}
		c := start(t, settings(nil), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, next)
		consume(t, c, runSummary(1, 0, map[string]any{botanu.OutcomeValueAmount: 2.0}))
		pass(16 * time.Second)
		next.refuse(nil)
		consume(t, c, runSummary(2, 0, map[string]any{botanu.OutcomeValueAmount: -0.5}))
		stop(t, c)
		var values []float64
		for _, md := range next.taken() {
			for _, m := range metricsOf(md) {
				if m.Name() == "botanu.outcome.value_amount" {
					assert.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
					for _, p := range m.Sum().DataPoints().All() {
						values = append(values, p.DoubleValue())
					}
				}
			}
		}
		assert.Equal(t, []float64{0, 1.5}, values)
	})
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
	metadatatest.AssertEqualConnectorRunRollupMetricsOverflowing(t, tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupSeries(t, tel, []metricdata.DataPoint[int64]{{Value: 12}}, metricdatatest.IgnoreTimestamp())
	stop(t, c)
	assert.Equal(t, 7.0, next.series()["botanu.runsmap[otel.metric.overflow:true]"])
}

// TestMetrics_repeats: a summary counts once within the window.
func TestMetrics_repeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		next := &sink{}
		c := start(t, settings(tel), map[string]any{"dedup_window": "1m"}, next)
		one := runSummary(1, 0, nil, model{name: "m", calls: 1, cost: "1"})
		consume(t, c, one, one, runSummary(2, 0, nil))
		pass(time.Minute - 1)
		consume(t, c, one, eventSummary(1, 0, nil), eventSummary(1, 0, nil), runSummary(1, 1, nil))
		stop(t, c)
		got := next.series()
		assert.Equal(t, 2.0, got["botanu.runsmap["+success+" botanu.run.completion:root_ended botanu.workflow:refund]"])
		assert.Equal(t, 1.0, got["botanu.llm.costmap["+success+" botanu.workflow:refund gen_ai.provider.name:acme gen_ai.request.model:m]"])
		metadatatest.AssertEqualConnectorRunRollupRepeats(t, tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	})
}

// TestMetrics_repeatsForLong: what is sent again each minute, because another
// exporter of the pipeline refuses it, counts once however long that goes on.
func TestMetrics_repeatsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &sink{}
		c := start(t, settings(nil), nil, next)
		for range 60 {
			consume(t, c, runSummary(1, 0, nil))
			pass(time.Minute)
		}
		stop(t, c)
		assert.Equal(t, told(t, nil, runSummary(1, 0, nil)), next.series())
	})
}

// TestSeen: the window begins anew with each time; the limit makes it shorter,
// and says so.
func TestSeen(t *testing.T) {
	now := time.Unix(0, 0)
	id := func(n int) identity { return identity{part: uint64(n)} }
	s := newSeen(10, 3)
	is := func(n int, at time.Duration, again bool, early int) {
		t.Helper()
		gotAgain, gotEarly := s.again(id(n), now.Add(at))
		assert.Equal(t, again, gotAgain, "%d at %d", n, at)
		assert.Equal(t, early, gotEarly, "%d at %d", n, at)
	}
	is(1, 0, false, 0)
	is(1, 9, true, 0)
	is(1, 18, true, 0)
	is(1, 28, false, 0) // not seen for as long as the window
	is(2, 30, false, 0)
	is(3, 31, false, 0)
	is(1, 32, true, 0)
	is(4, 33, false, 1) // 2 is the one not seen for longest
	assert.Equal(t, 3, s.len())
	is(2, 33, false, 1) // and then 3
	is(1, 41, true, 0)
	is(4, 42, true, 0)
	is(3, 43, false, 0) // 2 has expired
	assert.Equal(t, 3, s.len())

	s = newSeen(time.Hour, 100)
	for i := range 10_000 {
		s.again(id(i), now)
		s.again(id(i/2), now.Add(time.Duration(i)))
	}
	assert.Equal(t, 100, s.len())
	assert.LessOrEqual(t, len(s.queue), 300, "what is forgotten is freed")

	s = newSeen(0, 100)
	for range 3 {
		again, _ := s.again(id(1), now)
		assert.False(t, again, "0 remembers nothing")
	}
	assert.Zero(t, s.len())
	assert.NotEqual(t, identity{run: true, part: 1}, identity{part: 1}, "a run's part is none of an event")
}

// TestSeen_law: the same as a map of all that has been seen, without its memory.
func TestSeen_law(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		s, last := newSeen(20, 1000), map[int]int{}
		for now := range 500 {
			n := r.IntN(30)
			at, known := last[n]
			want := known && now-at < 20
			got, early := s.again(identity{part: uint64(n)}, time.Unix(0, int64(now)))
			require.Equal(t, want, got, "seed %d, %d at %d", seed, n, now)
			require.Zero(t, early)
			last[n] = now
		}
		require.Len(t, s.queue[s.head:], s.len(), "one place each")
	}
}

// TestMetrics_badInput: what cannot be read is counted, and the rest counts.
func TestMetrics_badInput(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &sink{}
	c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"dimensions": []any{"plan"}}}, next)
	long := strings.Repeat("é", 200)
	keys := &botanu.UsageIncrease
	timeless := runSummary(7, 0, map[string]any{botanu.CostTotalExact: "-5", botanu.OutcomeStatus: "", botanu.Workflow: "timeless"})
	timeless.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetStartTimestamp(0)
	backwards := runSummary(8, 0, map[string]any{botanu.CostTotalExact: nil, botanu.Workflow: int64(3), botanu.Environment: nil, "plan": ""})
	backwards.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetEndTimestamp(1)
	consume(t, c,
		runSummary(1, 0, map[string]any{botanu.Part: nil}), runSummary(2, 0, map[string]any{botanu.Part: "xyz"}),
		runSummary(3, 0, map[string]any{botanu.Revision: nil}), runSummary(4, -1, nil), runSummary(5, 0, map[string]any{botanu.Revision: "0"}),
		eventSummary(1, 0, map[string]any{botanu.EventPart: "12345678123456789"}),
		runSummary(6, 0, map[string]any{botanu.Workflow: "a\xffb", botanu.CostTotalExact: "much", botanu.OutcomeValueAmount: "1", botanu.Environment: long, "plan": long + long},
			model{name: "m", calls: 1, otherValues: map[string]any{keys.Output: int64(2e12), keys.InputUncached: int64(-2e12), keys.CacheWrite: 1.5, keys.CostExact: "NaN"}}),
		timeless, backwards, // two bad values each
	)
	for i, amount := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e13} {
		consume(t, c, runSummary(uint64(10+i), 3, nil), runSummary(uint64(10+i), 0, map[string]any{botanu.OutcomeValueAmount: amount, botanu.CostTotalExact: nil, botanu.Workflow: "amounts"}))
	}
	stop(t, c)
	want := []metricdata.DataPoint[int64]{
		{Value: 6, Attributes: attribute.NewSet(attribute.String("reason", "part"))},
		{Value: 6 + 2 + 2 + 4, Attributes: attribute.NewSet(attribute.String("reason", "value"))},
	}
	metadatatest.AssertEqualConnectorRunRollupInvalidInput(t, tel, want, metricdatatest.IgnoreTimestamp())
	cut := strings.Repeat("é", 128)
	common := "map[botanu.environment:" + cut + " botanu.outcome.status:success "
	names := []string{
		"botanu.llm.calls" + common + "botanu.workflow:ab gen_ai.provider.name:acme gen_ai.request.model:m plan:" + cut + "]",
		"botanu.run.duration" + common + "botanu.workflow:ab plan:" + cut + "]",
		"botanu.run.durationmap[" + success + " botanu.workflow:amounts]",
		"botanu.runs" + common + "botanu.run.completion:root_ended botanu.workflow:ab plan:" + cut + "]",
		"botanu.runsmap[" + success + " botanu.run.completion:root_ended botanu.workflow:amounts]",
		"botanu.runsmap[botanu.environment:prod botanu.outcome.status:unset botanu.run.completion:root_ended botanu.workflow:timeless]",
		"botanu.runsmap[botanu.outcome.status:success botanu.run.completion:root_ended]",
		"sum of botanu.run.duration" + common + "botanu.workflow:ab plan:" + cut + "]",
		"sum of botanu.run.durationmap[" + success + " botanu.workflow:amounts]",
	}
	assert.ElementsMatch(t, names, slices.Collect(maps.Keys(next.series())))
}

// TestLabel_freesTheRest: 256 bytes of a text do not keep the megabyte alive
// that they were cut from.
func TestLabel_freesTheRest(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	kv := label("k", text)
	assert.Equal(t, text[:textLimit], kv.Value.AsString())
	assert.NotSame(t, unsafe.StringData(text), unsafe.StringData(kv.Value.AsString()))
	same := label("k", text[:textLimit])
	assert.Same(t, unsafe.StringData(text), unsafe.StringData(same.Value.AsString()), "what is short enough is not copied")
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

// TestMetrics_atOnce: summaries, flushes, refusals and what the connector says of
// itself, all at once, lose and double nothing.
func TestMetrics_atOnce(t *testing.T) {
	for _, temporality := range []string{cumulative, delta} {
		tel := componenttest.NewTelemetry()
		next := &sink{}
		c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"temporality": temporality, "cardinality_limit": 5}}, next)
		var senders, others sync.WaitGroup
		done := make(chan struct{})
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					next.refuse([]error{nil, nil, errRefused}[i%3])
					_ = c.flush(context.Background(), false)
					_, _ = tel.GetMetric("otelcol_connector_run_rollup_remembered")
				}
			}
		})
		for sender := range uint64(4) {
			senders.Go(func() {
				for i := range uint64(150) { // half of them as the next sender's, too
					assert.NoError(t, c.ConsumeTraces(context.Background(), runSummary(sender*75+i, 0, map[string]any{botanu.Workflow: fmt.Sprint(i % 9)})))
				}
			})
		}
		senders.Wait()
		close(done)
		others.Wait()
		next.refuse(nil)
		stop(t, c)
		stop(t, c) // twice does nothing
		runs := 0.0
		for name, v := range next.series() {
			if strings.HasPrefix(name, "botanu.runsmap") {
				runs += v
			}
		}
		assert.Equal(t, 375.0, runs, temporality)
	}
}

// TestTelemetry_begin: counters that are alerted on are there from the start.
func TestTelemetry_begin(t *testing.T) {
	tel := componenttest.NewTelemetry()
	stop(t, start(t, settings(tel), nil, &sink{}))
	zero := []metricdata.DataPoint[int64]{{Value: 0}}
	metadatatest.AssertEqualConnectorRunRollupFlushFailures(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupRepeats(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupForgottenEarly(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupInvalidInput(t, tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("reason", "part"))}, {Attributes: attribute.NewSet(attribute.String("reason", "value"))},
	}, metricdatatest.IgnoreTimestamp())
}

// TestTelemetry_metrics: what a connector of metrics says of itself.
func TestTelemetry_metrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"cardinality_limit": 2}}, &sink{})
		c.seen.limit = 2
		one := ptrace.NewTraces()
		for _, td := range []ptrace.Traces{runSummary(1, 0, nil), runSummary(2, 0, map[string]any{botanu.Workflow: "another"}), runSummary(3, 1, nil), runSummary(4, 1, nil), eventSummary(4, 0, nil)} {
			td.ResourceSpans().MoveAndAppendTo(one.ResourceSpans())
		}
		consume(t, c, one)
		n := func(v int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{{Value: v}} }
		metadatatest.AssertEqualConnectorRunRollupForgottenEarly(t, tel, n(3), metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorRunRollupRemembered(t, tel, n(2), metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorRunRollupRememberedLimit(t, tel, n(2), metricdatatest.IgnoreTimestamp())
		of := func(summary string, revised bool, v int64) metricdata.DataPoint[int64] {
			return metricdata.DataPoint[int64]{Value: v, Attributes: attribute.NewSet(
				attribute.String("signal", "metrics"), attribute.String("summary", summary), attribute.Bool("revised", revised))}
		}
		metadatatest.AssertEqualConnectorRunRollupSummaries(t, tel, []metricdata.DataPoint[int64]{of("run", false, 2), of("run", true, 2), of("event", false, 1)}, metricdatatest.IgnoreTimestamp())
		for range 2 { // as many after the second flush
			pass(16 * time.Second)
			metadatatest.AssertEqualConnectorRunRollupSeries(t, tel, n(8), metricdatatest.IgnoreTimestamp())
			metadatatest.AssertEqualConnectorRunRollupMetricsOverflowing(t, tel, n(3), metricdatatest.IgnoreTimestamp())
		}
		assert.False(t, c.Capabilities().MutatesData)
		stop(t, c)
		_, err := tel.GetMetric("otelcol_connector_run_rollup_series")
		require.Error(t, err, "a connector that has stopped says nothing")
	})
}

// TestConvert_deltasJoin: a delta point begins where the one before it ended, or
// whoever adds them up drops it.
func TestConvert_deltasJoin(t *testing.T) {
	c := newConverter(settings(nil), time.Unix(0, 0))
	collected := func(start, at int64) *metricdata.ResourceMetrics {
		return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "m", Data: metricdata.Sum[int64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints:  []metricdata.DataPoint[int64]{{StartTime: time.Unix(start, 0), Time: time.Unix(at, 0), Value: 1}},
		}}}}}}
	}
	for _, flush := range [][2]int64{{1, 5}, {5, 9}} {
		p := metricsOf(c.metrics(collected(flush[0], flush[1]), time.Unix(flush[1]+1, 0), false))[0].Sum().DataPoints().At(0)
		assert.Equal(t, flush[0], p.StartTimestamp().AsTime().Unix())
		assert.Equal(t, flush[1], p.Timestamp().AsTime().Unix())
	}
}

// TestMetrics_namedConnector: two connectors of one collector are two writers.
func TestMetrics_namedConnector(t *testing.T) {
	next := &sink{}
	set := settings(nil)
	set.ID = component.MustNewIDWithName("run_rollup", "team")
	c := start(t, set, nil, next)
	consume(t, c, runSummary(1, 0, nil))
	stop(t, c)
	assert.Equal(t, map[string]any{"service.name": "run_rollup/team", "service.instance.id": "here"},
		next.taken()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())
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

// TestMetrics_shutdown: one that was never started, or whose next component
// hangs, in a flush of the interval or in the last, ends all the same.
func TestMetrics_shutdown(t *testing.T) {
	c, err := newToMetrics(settings(nil), config(t, nil), &sink{})
	require.NoError(t, err)
	require.NoError(t, c.Shutdown(t.Context()))

	for _, after := range []time.Duration{16 * time.Second, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			hangs := &hanging{release: make(chan struct{})}
			c := start(t, settings(nil), nil, hangs)
			consume(t, c, runSummary(1, 0, nil))
			pass(after)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			require.ErrorIs(t, c.Shutdown(ctx), context.DeadlineExceeded)
			close(hangs.release)
		})
	}
}

// TestMetrics_shutdownWaits: a flush under way is not cancelled, for its answer
// says whether it was taken.
func TestMetrics_shutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowly{}
		c := start(t, settings(nil), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, slow)
		consume(t, c, runSummary(1, 0, nil))
		pass(16 * time.Second)
		stop(t, c)
		assert.Equal(t, told(t, nil, runSummary(1, 0, nil)), slow.series())
	})
}

// slowly takes what it is given, and answers a minute later that it has, unless
// it is told that nobody waits.
type slowly struct{ sink }

func (s *slowly) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if err := s.sink.ConsumeMetrics(ctx, md); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return nil
	}
}

// TestMetrics_lastFlushRefused: there is no next, so what is lost is counted.
func TestMetrics_lastFlushRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		next := &sink{err: errRefused}
		c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, next)
		consume(t, c, runSummary(1, 0, nil))
		pass(16 * time.Second)
		consume(t, c, runSummary(2, 0, nil))
		require.ErrorIs(t, c.Shutdown(t.Context()), errRefused)
		metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, []metricdata.DataPoint[int64]{{Value: 6}}, metricdatatest.IgnoreTimestamp())
	})
}

// TestMetrics_waitingIsRejected: what waited is rejected for good, and what came
// since goes on; too much that waits is let go, oldest first. Both are counted.
func TestMetrics_waitingIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		next := &sink{err: errRefused}
		c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, next)
		c.waiting.limit = 7
		lost := func(n int64) {
			t.Helper()
			metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, []metricdata.DataPoint[int64]{{Value: n}}, metricdatatest.IgnoreTimestamp())
		}
		for part := range uint64(3) { // three points each
			consume(t, c, runSummary(part, 0, nil))
			pass(15 * time.Second)
		}
		lost(3)
		next.refuse(consumererror.NewPermanent(errRefused))
		pass(15 * time.Second)
		lost(9)
		next.refuse(nil)
		consume(t, c, runSummary(9, 0, nil))
		stop(t, c)
		assert.Equal(t, told(t, nil, runSummary(9, 0, nil)), next.series())
	})
}

// hanging hears no deadline.
type hanging struct {
	sink
	release chan struct{}
}

func (h *hanging) ConsumeMetrics(context.Context, pmetric.Metrics) error {
	<-h.release
	return nil
}

func TestWaiting_limit(t *testing.T) {
	flush := func(points int) pmetric.Metrics {
		md := pmetric.NewMetrics()
		sum := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptySum()
		for range points {
			sum.DataPoints().AppendEmpty()
		}
		return md
	}
	w := waiting{limit: 10}
	assert.Zero(t, w.add(flush(0)))
	assert.False(t, w.any())
	assert.Zero(t, w.add(flush(4)))
	assert.Zero(t, w.add(flush(6)))
	assert.Equal(t, 4, w.add(flush(2)), "the oldest")
	assert.Equal(t, 8, w.points)
	assert.Equal(t, 19, w.add(flush(11)), "all, and what is more than may wait")
	assert.False(t, w.any())
}
