package rollupconnector

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

// TestTelemetry_begin: counters that are alerted on are there from the start.
func TestTelemetry_begin(t *testing.T) {
	tel := componenttest.NewTelemetry()
	stop(t, start(t, settings(tel), nil, &sink{}))
	zero := []metricdata.DataPoint[int64]{ownPoint(0)}
	metadatatest.AssertEqualConnectorRunRollupFlushFailures(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupRepeats(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupForgottenEarly(t, tel, zero, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorRunRollupInvalidInput(t, tel, []metricdata.DataPoint[int64]{
		ownPoint(0, attribute.String("reason", "part")), ownPoint(0, attribute.String("reason", "value")),
	}, metricdatatest.IgnoreTimestamp())
	for _, c := range connectors(t, settings(tel)) {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, c.Shutdown(t.Context()))
	}
	var summaries []metricdata.DataPoint[int64]
	for _, signal := range []string{"traces", "logs", "metrics"} {
		for _, summary := range []string{"run", "event"} {
			for _, revised := range []bool{false, true} {
				summaries = append(summaries, summarised(signal, summary, revised, 0))
			}
		}
	}
	metadatatest.AssertEqualConnectorRunRollupSummaries(t, tel, summaries, metricdatatest.IgnoreTimestamp())
}

// TestTelemetry_several: of two connectors in one collector each speaks for itself.
func TestTelemetry_several(t *testing.T) {
	tel := componenttest.NewTelemetry()
	var want []metricdata.DataPoint[int64]
	for i, name := range []string{"a", "b", "c"} {
		set := settings(tel)
		set.ID = component.NewIDWithName(metadata.Type, name)
		c := start(t, set, nil, &sink{})
		defer stop(t, c)
		for part := range uint64(i) {
			consume(t, c, runSummary(part, 0, nil))
		}
		want = append(want, metricdata.DataPoint[int64]{Value: int64(i), Attributes: attribute.NewSet(attribute.String("connector", "run_rollup/"+name))})
	}
	metadatatest.AssertEqualConnectorRunRollupRemembered(t, tel, want, metricdatatest.IgnoreTimestamp())
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
		n := func(v int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{ownPoint(v)} }
		metadatatest.AssertEqualConnectorRunRollupForgottenEarly(t, tel, n(3), metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorRunRollupRemembered(t, tel, n(2), metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorRunRollupRememberedLimit(t, tel, n(2), metricdatatest.IgnoreTimestamp())
		of := func(summary string, revised bool, v int64) metricdata.DataPoint[int64] {
			return summarised("metrics", summary, revised, v)
		}
		metadatatest.AssertEqualConnectorRunRollupSummaries(t, tel, []metricdata.DataPoint[int64]{
			of("run", false, 2), of("run", true, 2), of("event", false, 1), of("event", true, 0),
		}, metricdatatest.IgnoreTimestamp())
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

// TestTelemetry_passed: what was passed on is counted by what it is.
func TestTelemetry_passed(t *testing.T) {
	tel := componenttest.NewTelemetry()
	for _, c := range connectors(t, settings(tel)) {
		consume(t, c, mixed(), runSummary(2, 3, nil), runSummary(3, 1, nil), eventSummary(2, 1, nil))
		require.NoError(t, c.Shutdown(t.Context()))
	}
	var want []metricdata.DataPoint[int64]
	for _, signal := range []string{"traces", "logs"} {
		for _, n := range []struct {
			summary string
			revised bool
			n       int64
		}{{"run", false, 1}, {"run", true, 2}, {"event", false, 1}, {"event", true, 1}} {
			want = append(want, summarised(signal, n.summary, n.revised, n.n))
		}
	}
	metadatatest.AssertEqualConnectorRunRollupSummaries(t, tel, want, metricdatatest.IgnoreTimestamp())
}
