package runrollupprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// telemetry is what the processor says of itself. documentation.md lists it.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	reasons [extract.Reasons]metric.AddOption
}

func newTelemetry(set component.TelemetrySettings, e *engine.Engine, limits LimitsConfig) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{builder: b}
	for r, name := range extract.ReasonNames {
		t.reasons[r] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", name)))
	}
	observe := func(read func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(read())
			return nil
		}
	}
	for _, g := range []struct {
		register func(metric.Int64Callback) error
		read     func() int64
	}{
		{b.RegisterProcessorRunRollupOpenRunsCallback, func() int64 { open, _ := e.Held(); return int64(open) }},
		{b.RegisterProcessorRunRollupOpenRunsLimitCallback, func() int64 { return int64(limits.OpenRuns) }},
		{b.RegisterProcessorRunRollupLateRunsCallback, func() int64 { _, late := e.Held(); return int64(late) }},
		{b.RegisterProcessorRunRollupLateRunsLimitCallback, func() int64 { return int64(limits.LateRuns) }},
		{b.RegisterProcessorRunRollupSummariesPendingCallback, func() int64 { pending, _ := e.Unsent(); return pending }},
		{b.RegisterProcessorRunRollupSummariesRejectedCallback, func() int64 { _, rejected := e.Unsent(); return rejected }},
	} {
		if err := g.register(observe(g.read)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// observed counts what became of a batch of spans.
func (t *telemetry) observed(ctx context.Context, tally engine.Tally) {
	add(ctx, t.builder.ProcessorRunRollupSpansFolded, tally.Folded)
	add(ctx, t.builder.ProcessorRunRollupSpansDuplicate, tally.Duplicates)
	add(ctx, t.builder.ProcessorRunRollupSpansConflicting, tally.Conflicts)
	add(ctx, t.builder.ProcessorRunRollupSpansLate, tally.Late)
	add(ctx, t.builder.ProcessorRunRollupSpansWithoutRun, tally.NoRun)
	add(ctx, t.builder.ProcessorRunRollupSpansOverLimit, tally.Full)
	add(ctx, t.builder.ProcessorRunRollupSummariesSeen, tally.Summaries)
	add(ctx, t.builder.ProcessorRunRollupEvictions, tally.Evicted)
	for r, n := range tally.Invalid {
		add(ctx, t.builder.ProcessorRunRollupInvalidInput, n, t.reasons[r])
	}
}

// emitted counts summaries that the next component has taken.
func (t *telemetry) emitted(ctx context.Context, summaries []run.Summary) {
	for i := range summaries {
		s := &summaries[i]
		t.builder.ProcessorRunRollupSummaries.Add(ctx, 1, metric.WithAttributes(
			attribute.String("completion", string(s.Completion)), attribute.Bool("revised", s.Revision > 0)))
		if s.Revision > 0 {
			continue // what a revision restates has been counted
		}
		add(ctx, t.builder.ProcessorRunRollupIdentityConflicts, s.Conflicts)
		add(ctx, t.builder.ProcessorRunRollupUnpricedCalls, s.Cost.Unpriced)
		if s.Outcome.Conflict {
			t.builder.ProcessorRunRollupOutcomeConflicts.Add(ctx, 1)
		}
	}
}

func (t *telemetry) shutdown() { t.builder.Shutdown() }

func add(ctx context.Context, c metric.Int64Counter, n int, options ...metric.AddOption) {
	if n > 0 {
		c.Add(ctx, int64(n), options...)
	}
}
