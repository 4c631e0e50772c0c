package rollupconnector

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

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
		metadatatest.AssertEqualConnectorRunRollupFlushFailures(t, tel, []metricdata.DataPoint[int64]{ownPoint(2)}, metricdatatest.IgnoreTimestamp())
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
