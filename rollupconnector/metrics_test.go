package rollupconnector

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

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
		gauge := func(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{ownPoint(n)} }
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
		metadatatest.AssertEqualConnectorRunRollupRepeats(t, tel, []metricdata.DataPoint[int64]{ownPoint(3)}, metricdatatest.IgnoreTimestamp())
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

// slowly takes what it is given, and answers nine seconds later that it has, unless
// it is told that nobody waits.
type slowly struct{ sink }

func (s *slowly) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if err := s.sink.ConsumeMetrics(ctx, md); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(9 * time.Second):
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
		metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, []metricdata.DataPoint[int64]{ownPoint(6)}, metricdatatest.IgnoreTimestamp())
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
			metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, []metricdata.DataPoint[int64]{ownPoint(n)}, metricdatatest.IgnoreTimestamp())
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

// TestMetrics_shutdownIsBounded: an exporter that tries again for hours does not
// hold up the collector's end, which has no deadline, and what is lost is counted.
func TestMetrics_shutdownIsBounded(t *testing.T) {
	for _, after := range []time.Duration{16 * time.Second, time.Second} { // in a flush of the interval, in the last
		synctest.Test(t, func(t *testing.T) {
			tel := componenttest.NewTelemetry()
			c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"temporality": "delta"}}, &patient{})
			consume(t, c, runSummary(1, 0, nil))
			pass(after)
			consume(t, c, runSummary(2, 0, nil))
			began := time.Now()
			require.ErrorIs(t, c.Shutdown(context.Background()), context.Canceled)
			assert.Equal(t, flushLimit, time.Since(began))
			points := int64(3)
			if after > 15*time.Second {
				points = 6
			}
			metadatatest.AssertEqualConnectorRunRollupPointsLost(t, tel, []metricdata.DataPoint[int64]{ownPoint(points)}, metricdatatest.IgnoreTimestamp())
		})
	}
}

// patient tries until it is told to end.
type patient struct{ sink }

func (*patient) ConsumeMetrics(ctx context.Context, _ pmetric.Metrics) error {
	<-ctx.Done()
	return ctx.Err()
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
