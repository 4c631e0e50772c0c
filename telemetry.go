package runrollupprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// telemetry is what the processor says of itself. documentation.md lists it.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	// id is on every number: a collector may have several of these processors, and
	// the gauges of one would stand for those of another.
	id      attribute.KeyValue
	own     metric.MeasurementOption // the ID alone
	reasons [extract.Reasons]metric.AddOption
	limits  [engine.Limits]metric.AddOption

	mu sync.Mutex // guards models
	// models are those that unpriced calls were counted for.
	models map[[2]string]bool
}

// modelLimitOwn bounds the models that the processor's own metrics name: they
// come from clients.
const modelLimitOwn = 100

func newTelemetry(set processor.Settings, e *engine.Engine, card *cardFile, c *Config) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{builder: b, id: attribute.String("processor", set.ID.String()), models: map[[2]string]bool{}}
	t.own = t.of()
	for r, name := range extract.ReasonNames {
		t.reasons[r] = t.of(attribute.String("reason", name))
	}
	for l, name := range engine.LimitNames {
		t.limits[l] = t.of(attribute.String("limit", name))
	}
	observe := func(read func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(read(), t.own)
			return nil
		}
	}
	for _, g := range []struct {
		register func(metric.Int64Callback) error
		read     func() int64
	}{
		{b.RegisterProcessorRunRollupOpenRunsCallback, func() int64 { return int64(e.Gauges().Open) }},
		{b.RegisterProcessorRunRollupOpenRunsLimitCallback, func() int64 { return int64(c.Limits.OpenRuns) }},
		{b.RegisterProcessorRunRollupLateRunsCallback, func() int64 { return int64(e.Gauges().Late) }},
		{b.RegisterProcessorRunRollupLateRunsLimitCallback, func() int64 { return int64(c.Limits.LateRuns) }},
		{b.RegisterProcessorRunRollupEventsCallback, func() int64 { return int64(e.Gauges().Events) }},
		{b.RegisterProcessorRunRollupEventsLimitCallback, func() int64 { return int64(c.Events.MaxEvents) }},
		{b.RegisterProcessorRunRollupTenantsCallback, func() int64 { return int64(e.Gauges().Tenants) }},
		{b.RegisterProcessorRunRollupTenantsLimitCallback, func() int64 { return int64(c.Limits.Tenants) }},
		{b.RegisterProcessorRunRollupStateBytesCallback, func() int64 { return int64(e.Gauges().Bytes) }},
		{b.RegisterProcessorRunRollupStateBytesLimitCallback, func() int64 { return int64(c.Limits.bytes()) }},
		{b.RegisterProcessorRunRollupSpansWaitingCallback, func() int64 { return int64(e.Gauges().Waiting) }},
		{b.RegisterProcessorRunRollupSpansWaitingLimitCallback, func() int64 { return int64(c.Inherit.MaxSpans) }},
		{b.RegisterProcessorRunRollupSummariesPendingCallback, func() int64 { return int64(e.Gauges().Pending) }},
		{b.RegisterProcessorRunRollupSummariesRejectedCallback, func() int64 { return e.Gauges().Rejected }},
		{b.RegisterProcessorRunRollupStorageWritesCallback, func() int64 { return e.LogStats().Writes }},
		{b.RegisterProcessorRunRollupStorageErrorsCallback, func() int64 { return e.LogStats().Errors }},
		{b.RegisterProcessorRunRollupStorageReplayedEntriesCallback, func() int64 { return e.LogStats().Replayed }},
		{b.RegisterProcessorRunRollupStorageSkippedEntriesCallback, func() int64 { return e.LogStats().Skipped }},
		{b.RegisterProcessorRunRollupStorageUnsecuredSummariesCallback, func() int64 { return e.LogStats().Unsecured }},
		{b.RegisterProcessorRunRollupStorageBytesCallback, func() int64 { return e.LogStats().Bytes }},
		{b.RegisterProcessorRunRollupRateCardReloadsCallback, card.reloads.Load},
		{b.RegisterProcessorRunRollupRateCardReloadErrorsCallback, card.errors.Load},
	} {
		if err := g.register(observe(g.read)); err != nil {
			return nil, err
		}
	}
	return t, b.RegisterProcessorRunRollupRateCardAgeCallback(func(_ context.Context, o metric.Int64Observer) error {
		if dated := card.inForce.Load().Dated(); !dated.IsZero() {
			o.Observe(int64(time.Since(dated).Seconds()), t.own)
		}
		return nil
	})
}

// of are the attributes of one number, and whose it is.
func (t *telemetry) of(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(attributes, t.id)...))
}

// begin has every counter say 0 whose attributes are known beforehand: a backend
// tells an increase from two points, and would not see the first eviction of one
// that begins with it.
func (t *telemetry) begin(ctx context.Context) {
	t.count(ctx, engine.Tally{}, 0)
	for _, c := range []metric.Int64Counter{t.builder.ProcessorRunRollupIdentityConflicts, t.builder.ProcessorRunRollupOutcomeConflicts} {
		c.Add(ctx, 0, t.own)
	}
	for _, revised := range []bool{false, true} {
		t.builder.ProcessorRunRollupEventSummaries.Add(ctx, 0, t.of(attribute.Bool("revised", revised)))
		for _, completion := range run.Completions {
			t.builder.ProcessorRunRollupSummaries.Add(ctx, 0, t.summarised(completion, revised))
		}
	}
}

// observed counts what became of a batch of spans.
func (t *telemetry) observed(ctx context.Context, tally engine.Tally) { t.count(ctx, tally, 1) }

// count counts what there is at least so many of.
func (t *telemetry) count(ctx context.Context, tally engine.Tally, least int) {
	add := func(ctx context.Context, c metric.Int64Counter, n int, of metric.AddOption) {
		if n >= least {
			c.Add(ctx, int64(n), of)
		}
	}
	add(ctx, t.builder.ProcessorRunRollupSpansFolded, tally.Folded, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansDuplicate, tally.Duplicates, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansConflicting, tally.Conflicts, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansLate, tally.Late, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansWithoutRun, tally.NoRun, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansOverLimit, tally.Full, t.own)
	add(ctx, t.builder.ProcessorRunRollupSummariesSeen, tally.Summaries, t.own)
	add(ctx, t.builder.ProcessorRunRollupLateWindowsCutShort, tally.CutShort, t.own)
	add(ctx, t.builder.ProcessorRunRollupEventsClosedEarly, tally.EventsClosed, t.own)
	add(ctx, t.builder.ProcessorRunRollupEventOutcomes, tally.EventClaims, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansInherited, tally.Inherited, t.own)
	add(ctx, t.builder.ProcessorRunRollupSpansUnattributed, tally.Unattributed, t.own)
	add(ctx, t.builder.ProcessorRunRollupTracesDecidedEarly, tally.DecidedEarly, t.own)
	add(ctx, t.builder.ProcessorRunRollupUnattributedCalls, tally.Lost.Calls, t.own)
	if int64(tally.Lost.Cost) >= int64(least) {
		t.builder.ProcessorRunRollupUnattributedCost.Add(ctx, tally.Lost.Cost.Float64(), t.own)
	}
	for l, n := range tally.Evicted {
		add(ctx, t.builder.ProcessorRunRollupEvictions, n, t.limits[l])
	}
	for r, n := range tally.Invalid {
		add(ctx, t.builder.ProcessorRunRollupInvalidInput, n, t.reasons[r])
	}
}

// took notes how long a batch of spans took to be taken in.
func (t *telemetry) took(ctx context.Context, d time.Duration) {
	t.builder.ProcessorRunRollupFoldDuration.Record(ctx, d.Seconds(), t.own)
}

// emitted counts summaries that the next component has taken.
func (t *telemetry) emitted(ctx context.Context, summaries []engine.Summary) {
	for i := range summaries {
		if ev := summaries[i].Event; ev != nil {
			t.builder.ProcessorRunRollupEventSummaries.Add(ctx, 1, t.of(attribute.Bool("revised", ev.Revision > 0)))
			continue
		}
		s := summaries[i].Run
		t.builder.ProcessorRunRollupSummaries.Add(ctx, 1, t.summarised(s.Completion, s.Revision > 0))
		for m := range s.ModelIncrease {
			t.unpriced(ctx, &s.ModelIncrease[m])
		}
		if s.Revision > 0 {
			continue // what a revision restates has been counted
		}
		add(ctx, t.builder.ProcessorRunRollupIdentityConflicts, s.Conflicts, t.own)
		if s.Outcome.Conflict {
			t.builder.ProcessorRunRollupOutcomeConflicts.Add(ctx, 1, t.own)
		}
	}
}

func (t *telemetry) summarised(completion run.Completion, revised bool) metric.MeasurementOption {
	return t.of(attribute.String("completion", string(completion)), attribute.Bool("revised", revised))
}

// unpriced counts the calls of a model that have no price, as far as they are
// more than the last revision had.
func (t *telemetry) unpriced(ctx context.Context, m *cost.Model) {
	if m.Unpriced <= 0 {
		return
	}
	name := [2]string{m.Provider, m.Name}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.models[name] {
		if len(t.models) >= modelLimitOwn {
			name = [2]string{"_other", "_other"}
		}
		t.models[name] = true
	}
	add(ctx, t.builder.ProcessorRunRollupUnpricedCalls, m.Unpriced,
		t.of(attribute.String("provider", name[0]), attribute.String("model", name[1])))
}

func (t *telemetry) shutdown() { t.builder.Shutdown() }

func add(ctx context.Context, c metric.Int64Counter, n int, of metric.AddOption) {
	if n > 0 {
		c.Add(ctx, int64(n), of)
	}
}
