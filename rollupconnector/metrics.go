package rollupconnector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
)

// toMetrics adds summaries up, and flushes what they come to from time to time
// and at the end.
type toMetrics struct {
	interval time.Duration
	next     consumer.Metrics
	logger   *zap.Logger
	metrics  *telemetry

	seen   *seen
	book   *book
	reader *sdkmetric.ManualReader

	delta   bool
	stop    chan struct{}      // closed to end the loop
	stopped chan struct{}      // closed when it has
	abandon context.CancelFunc // ends a flush that is under way

	// Of the one who flushes: the loop, and who has waited for its end.
	convert converter
	waiting waiting
	lastErr error // of the last flush

	// What gauges say; guarded by said.
	said                         sync.Mutex
	series, overflowing, pending int
}

func newToMetrics(set connector.Settings, c *Config, next consumer.Metrics) (*toMetrics, error) {
	temporality := sdkmetric.CumulativeTemporalitySelector
	if c.Metrics.Temporality == delta {
		// What may go down stays cumulative, as the specification has it.
		temporality = sdkmetric.DeltaTemporalitySelector
	}
	t := &toMetrics{
		interval: c.Metrics.Interval,
		delta:    c.Metrics.Temporality == delta,
		next:     next,
		logger:   set.Logger,
		seen:     newSeen(c.DedupWindow, rememberLimit),
		reader:   sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(temporality)),
		convert:  newConverter(set, time.Now()),
		waiting:  waiting{limit: waitingLimit},
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(t.reader),
		sdkmetric.WithCardinalityLimit(c.Metrics.CardinalityLimit),
		sdkmetric.WithExemplarFilter(exemplar.TraceBasedFilter), // where there is a span to point at
	)
	var err error
	if t.book, err = newBook(provider.Meter(scope), &c.Metrics); err != nil {
		return nil, err
	}
	if t.metrics, err = newTelemetry(set, "metrics"); err != nil {
		return nil, err
	}
	return t, t.register()
}

// register has the connector's own gauges read.
func (t *toMetrics) register() error {
	b := t.metrics.builder
	read := func(n *int) func() int {
		return func() int {
			t.said.Lock()
			defer t.said.Unlock()
			return *n
		}
	}
	var errs []error
	for _, g := range []struct {
		register func(metric.Int64Callback) error
		read     func() int
	}{
		{b.RegisterConnectorRunRollupRememberedCallback, t.seen.len},
		{b.RegisterConnectorRunRollupRememberedLimitCallback, func() int { return t.seen.limit }},
		{b.RegisterConnectorRunRollupSeriesCallback, read(&t.series)},
		{b.RegisterConnectorRunRollupMetricsOverflowingCallback, read(&t.overflowing)},
		{b.RegisterConnectorRunRollupPointsPendingCallback, read(&t.pending)},
	} {
		errs = append(errs, g.register(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(g.read()), t.metrics.own)
			return nil
		}))
	}
	return errors.Join(errs...)
}

// Capabilities: a batch is read, never changed.
func (*toMetrics) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces adds up the summaries among the spans. It never fails and
// never waits for the pipeline of metrics.
func (t *toMetrics) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	var n tally
	var repeats, early, unidentified, bad int
	now := time.Now()
	for s := range scopes(td) {
		for span := range s.summaries() {
			n.add(span)
			id, ok := identify(span)
			if !ok {
				unidentified++
				continue
			}
			again, forgotten := t.seen.again(id, now)
			early += forgotten
			if again {
				repeats++
				continue
			}
			bad += t.book.add(span, id.revision)
		}
	}
	t.metrics.passed(ctx, &n)
	t.metrics.invalid(ctx, noPart, unidentified)
	t.metrics.invalid(ctx, badValue, bad)
	t.metrics.add(ctx, t.metrics.builder.ConnectorRunRollupRepeats, repeats)
	t.metrics.add(ctx, t.metrics.builder.ConnectorRunRollupForgottenEarly, early)
	return nil
}

// Start begins to flush.
func (t *toMetrics) Start(ctx context.Context, _ component.Host) error {
	t.metrics.begin(ctx)
	t.metrics.beginMetrics(ctx)
	ctx, abandon := context.WithCancel(context.Background()) // that of Start ends with it
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.abandon, t.stop, t.stopped = abandon, stop, stopped
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(t.interval)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				_ = t.flush(ctx, true) // the error is kept for Shutdown
				return
			case <-ticker.C:
				_ = t.flush(ctx, false) // logged, and told again
			}
		}
	}()
	return nil
}

// How long Shutdown waits. The Collector sets it no deadline, and an exporter
// without a queue tries again for minutes: it is stopped after the connector, and
// learns only then that it is to end.
const (
	flushLimit   = 10 * time.Second
	abandonLimit = time.Second // past it, for a flush that was told to end
)

// Shutdown flushes what there is. Pipelines stop from their receivers on, so
// all summaries have come, and the next component still runs. A flush that is
// under way is let go on, for a while: to cancel it leaves open whether it was taken.
func (t *toMetrics) Shutdown(ctx context.Context) error {
	defer t.metrics.builder.Shutdown()
	if t.stop == nil {
		return nil
	}
	close(t.stop)
	t.stop = nil
	defer t.abandon()
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	select {
	case <-t.stopped:
		return t.lastErr
	case <-ctx.Done():
	}
	t.abandon() // what is lost by it is counted, unless the next component hears nothing
	select {
	case <-t.stopped:
		return t.lastErr
	case <-time.After(abandonLimit):
		return fmt.Errorf("flush the metrics of runs: the next component does not answer: %w", ctx.Err())
	}
}

// flush hands on what has been added up. What the next component refuses comes
// with the next flush: cumulative metrics say it again by nature, and delta ones
// are kept.
func (t *toMetrics) flush(ctx context.Context, last bool) error {
	var collected metricdata.ResourceMetrics
	err := t.reader.Collect(context.WithoutCancel(ctx), &collected) // what is abandoned is counted, too
	if err != nil {
		t.logger.Error("The metrics of runs could not be collected.", zap.Error(err))
	} else {
		err = t.send(ctx, t.convert.metrics(&collected, time.Now(), last))
	}
	if last {
		t.lastErr = err
		t.lose(ctx, t.waiting.points) // there is no next
	}
	t.said.Lock()
	t.series, t.overflowing, t.pending = t.convert.series, t.convert.overflowing, t.waiting.points
	t.said.Unlock()
	return err
}

// send hands on what waits, oldest first, and then md.
func (t *toMetrics) send(ctx context.Context, md pmetric.Metrics) error {
	for t.waiting.any() {
		old := pmetric.NewMetrics()
		t.waiting.first().CopyTo(old) // the next component may change it
		err := t.hand(ctx, old)
		if refusedForNow(err) {
			t.keep(ctx, t.deltas(md))
			return err
		}
		if err != nil {
			t.lose(ctx, t.waiting.first().DataPointCount())
		}
		t.waiting.drop()
	}
	if md.DataPointCount() == 0 {
		return nil
	}
	kept := t.deltas(md) // before it is handed over
	err := t.hand(ctx, md)
	switch {
	case err == nil:
		t.convert.births.told()
	case refusedForNow(err):
		t.keep(ctx, kept)
	default:
		t.lose(ctx, kept.DataPointCount())
	}
	return err
}

func (t *toMetrics) hand(ctx context.Context, md pmetric.Metrics) error {
	err := t.next.ConsumeMetrics(ctx, md)
	if err == nil {
		return nil
	}
	t.metrics.add(ctx, t.metrics.builder.ConnectorRunRollupFlushFailures, 1)
	if refusedForNow(err) {
		t.logger.Warn("The next component refused metrics for now.", zap.Error(err))
	} else {
		t.logger.Error("The next component rejected metrics for good.", zap.Error(err))
	}
	return err
}

func refusedForNow(err error) bool { return err != nil && !consumererror.IsPermanent(err) }

// deltas is a copy of the delta metrics among some.
func (t *toMetrics) deltas(md pmetric.Metrics) pmetric.Metrics {
	only := pmetric.NewMetrics()
	if t.delta {
		md.CopyTo(only)
		for _, rm := range only.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return !isDelta(m) })
			}
		}
	}
	return only
}

func isDelta(m pmetric.Metric) bool {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
	default:
		return false
	}
}

// keep keeps delta metrics for the next flush.
func (t *toMetrics) keep(ctx context.Context, md pmetric.Metrics) {
	t.lose(ctx, t.waiting.add(md))
}

func (t *toMetrics) lose(ctx context.Context, points int) {
	if points > 0 {
		t.metrics.add(ctx, t.metrics.builder.ConnectorRunRollupPointsLost, points)
		t.logger.Error("Data points of delta metrics are lost.", zap.Int("data_points", points))
	}
}
