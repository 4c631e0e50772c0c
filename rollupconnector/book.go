package rollupconnector

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// book adds up summaries in the instruments of the OpenTelemetry SDK, which
// does the aggregation: one book a connector.
type book struct {
	dimensions []string
	labels     labels

	runs, changes, events metric.Int64Counter
	cost, eventCost       metric.Float64Histogram // USD
	duration              metric.Float64Histogram // s
	value                 metric.Float64UpDownCounter

	llmCost                 pair[float64] // USD
	calls, tokens, unpriced pair[int64]
}

// pair is a sum and what was taken back from it: a sum that went down would look
// to every backend as if it had started anew.
type pair[N int64 | float64] struct{ up, down adder[N] }

type adder[N int64 | float64] interface {
	Add(ctx context.Context, n N, options ...metric.AddOption)
}

func (p pair[N]) add(n N, of metric.MeasurementOption) {
	switch {
	case n > 0:
		p.up.Add(context.Background(), n, of)
	case n < 0:
		p.down.Add(context.Background(), -n, of)
	}
}

func newBook(meter metric.Meter, c *MetricsConfig) (*book, error) {
	b := &book{dimensions: c.Dimensions}
	var errs []error
	count := func(name, unit, description string) metric.Int64Counter {
		i, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return i
	}
	amount := func(name, unit, description string) metric.Float64Counter {
		i, err := meter.Float64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return i
	}
	histogram := func(name, unit, description string, bounds []float64) metric.Float64Histogram {
		i, err := meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
		return i
	}
	var err error
	b.runs = count("botanu.runs", "{run}", "Runs, as their first summary has them.")
	b.changes = count("botanu.run.outcome_changes", "{run}", "Runs whose status a later summary changed.")
	b.cost = histogram("botanu.run.cost", "{USD}", "What a run cost, as its first summary has it.", c.CostBuckets)
	b.duration = histogram("botanu.run.duration", "s", "How long a run took, as its first summary has it.", c.DurationBuckets)
	b.value, err = meter.Float64UpDownCounter("botanu.outcome.value_amount", metric.WithUnit("{value}"),
		metric.WithDescription("How much runs achieved, as their first summary has it."))
	errs = append(errs, err)
	b.events = count("botanu.events", "{event}", "Events, as their first summary has them.")
	b.eventCost = histogram("botanu.event.cost", "{USD}", "What all runs of an event cost, as its first summary has it.", c.CostBuckets)
	b.llmCost = pair[float64]{
		amount("botanu.llm.cost", "{USD}", "What calls to models cost. What later summaries took back is in botanu.llm.cost_reduction."),
		amount("botanu.llm.cost_reduction", "{USD}", "What later summaries took back of botanu.llm.cost."),
	}
	b.calls = pair[int64]{
		count("botanu.llm.calls", "{call}", "Calls to models that were billed."),
		count("botanu.llm.calls_reduction", "{call}", "What later summaries took back of botanu.llm.calls."),
	}
	b.tokens = pair[int64]{
		count("botanu.llm.tokens", "{token}", "Tokens of calls to models; each is of one type."),
		count("botanu.llm.tokens_reduction", "{token}", "What later summaries took back of botanu.llm.tokens."),
	}
	b.unpriced = pair[int64]{
		count("botanu.llm.unpriced_calls", "{call}", "Calls to models without a price, which botanu.llm.cost lacks."),
		count("botanu.llm.unpriced_calls_reduction", "{call}", "What later summaries took back of botanu.llm.unpriced_calls."),
	}
	return b, errors.Join(errs...)
}

// add adds one summary that has not been counted before, and says how many of
// its values could not be read.
func (b *book) add(summary ptrace.Span, revision int64) (bad int) {
	r := reader{attributes: summary.Attributes()}
	common := r.common(b.dimensions)
	if isRun(summary) {
		b.run(&r, summary, revision, common)
	} else if revision == 0 {
		b.events.Add(context.Background(), 1, b.labels.of(common))
		if v, ok := r.money(botanu.EventCostTotalExact); ok {
			b.eventCost.Record(context.Background(), v, b.labels.of(common))
		}
	}
	return r.bad
}

func (b *book) run(r *reader, summary ptrace.Span, revision int64, common *list) {
	if revision == 0 {
		ctx := context.Background()
		valueType := r.text(botanu.OutcomeValueType)
		b.runs.Add(ctx, 1, b.labels.of(common, valueType, r.text(botanu.Completion)))
		if v, ok := r.money(botanu.CostTotalExact); ok {
			b.cost.Record(root(summary), v, b.labels.of(common, valueType))
		}
		if start, end := summary.StartTimestamp(), summary.EndTimestamp(); end >= start {
			b.duration.Record(ctx, float64(end-start)/1e9, b.labels.of(common))
		}
		if v, ok := r.number(botanu.OutcomeValueAmount); ok {
			b.value.Add(ctx, v, b.labels.of(common, valueType))
		}
	} else if previous := r.text(botanu.OutcomePreviousStatus); previous.Valid() {
		b.changes.Add(context.Background(), 1, b.labels.of(common, previous))
	}
	for _, ev := range summary.Events().All() {
		if ev.Name() != botanu.ModelUsage {
			continue
		}
		of := reader{attributes: ev.Attributes()}
		b.model(&of, revision, common)
		r.bad += of.bad
	}
}

// model adds what one model's calls came to since the part's last revision.
func (b *book) model(r *reader, revision int64, common *list) {
	keys := &botanu.UsageIncrease
	provider, model := r.text(botanu.ModelProvider), r.text(botanu.ModelName)
	of := b.labels.of(common, provider, model)
	b.calls.add(r.count(keys.Calls), of)
	b.unpriced.add(r.count(keys.Unpriced), of)
	for _, kind := range [...]struct{ name, key string }{
		{"input_uncached", keys.InputUncached}, {"cache_read", keys.CacheRead},
		{"cache_write", keys.CacheWrite}, {"output", keys.Output},
	} {
		if n := r.count(kind.key); n != 0 {
			b.tokens.add(n, b.labels.of(common, provider, model, attribute.String("botanu.token.type", kind.name)))
		}
	}
	v, ok := r.money(keys.CostExact)
	if ok && v == 0 && revision == 0 {
		b.llmCost.up.Add(context.Background(), 0, of) // free: a series says so, where an unknown cost has none
	} else if ok {
		b.llmCost.add(v, of)
	}
}

// root is a context in which a measurement takes the run's root span for its
// exemplar.
func root(summary ptrace.Span) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID(summary.TraceID()),
		SpanID:     trace.SpanID(summary.ParentSpanID()),
		TraceFlags: trace.FlagsSampled,
	}))
}
