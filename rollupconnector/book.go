package rollupconnector

import (
	"context"
	"errors"
	"sync/atomic"

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

	llmCost, llmCostReduction metric.Float64Counter // USD
	calls, tokens, unpriced   counts
}

// counts is a sum and what was taken back from it: a sum that went down would
// look to every backend as if it had started anew.
type counts struct {
	up, down metric.Int64Counter
	added    atomic.Int64 // to either
}

// most is what is added to a sum at most, far from what an integer can hold. Only
// forged summaries come near.
const most = 1 << 62

// add reports false where the sum has no room for n.
func (c *counts) add(n int64, of metric.MeasurementOption) bool {
	if n == 0 {
		return true
	}
	up := c.up
	if n < 0 {
		up, n = c.down, -n
	}
	if c.added.Add(n) > most {
		c.added.Add(-n)
		return false
	}
	up.Add(context.Background(), n, of)
	return true
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
	b.runs = count("botanu.runs", "{run}", "Runs, as their first summary has them: one for each part.")
	b.changes = count("botanu.run.outcome_changes", "{run}", "Runs whose status a later summary changed.")
	b.cost = histogram("botanu.run.cost", "{USD}", "What a part of a run cost, as its first summary has it.", c.CostBuckets)
	b.duration = histogram("botanu.run.duration", "s", "How long a part of a run took, as its first summary has it.", c.DurationBuckets)
	b.value, err = meter.Float64UpDownCounter("botanu.outcome.value_amount", metric.WithUnit("{value}"),
		metric.WithDescription("How much runs achieved, as their first summary has it."))
	errs = append(errs, err)
	b.events = count("botanu.events", "{event}", "Events, as their first summary has them.")
	b.eventCost = histogram("botanu.event.cost", "{USD}", "What all runs of an event cost, as its first summary has it.", c.CostBuckets)
	b.llmCost = amount("botanu.llm.cost", "{USD}", "What calls to models cost. What later summaries took back is in botanu.llm.cost_reduction.")
	b.llmCostReduction = amount("botanu.llm.cost_reduction", "{USD}", "What later summaries took back of botanu.llm.cost.")
	b.calls.up = count("botanu.llm.calls", "{call}", "Calls to models that were billed.")
	b.calls.down = count("botanu.llm.calls_reduction", "{call}", "What later summaries took back of botanu.llm.calls.")
	b.tokens.up = count("botanu.llm.tokens", "{token}", "Tokens of calls to models; each is of one type.")
	b.tokens.down = count("botanu.llm.tokens_reduction", "{token}", "What later summaries took back of botanu.llm.tokens.")
	b.unpriced.up = count("botanu.llm.unpriced_calls", "{call}", "Calls to models without a price, which botanu.llm.cost lacks.")
	b.unpriced.down = count("botanu.llm.unpriced_calls_reduction", "{call}", "What later summaries took back of botanu.llm.unpriced_calls.")
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
		if v, ok := r.total(botanu.EventCostTotalExact); ok {
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
		if v, ok := r.total(botanu.CostTotalExact); ok {
			b.cost.Record(root(summary), v, b.labels.of(common, valueType))
		}
		if v, ok := r.duration(summary); ok {
			b.duration.Record(ctx, v, b.labels.of(common))
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
	add := func(to *counts, n int64, of metric.MeasurementOption) {
		if !to.add(n, of) {
			r.bad++
		}
	}
	add(&b.calls, r.count(keys.Calls), of)
	add(&b.unpriced, r.count(keys.Unpriced), of)
	for _, kind := range [...]struct{ name, key string }{
		{"input_uncached", keys.InputUncached}, {"cache_read", keys.CacheRead},
		{"cache_write", keys.CacheWrite}, {"output", keys.Output},
	} {
		if n := r.count(kind.key); n != 0 {
			add(&b.tokens, n, b.labels.of(common, provider, model, attribute.String(tokenType, kind.name)))
		}
	}
	switch v, ok := r.money(keys.CostExact); {
	case !ok:
	case v < 0:
		b.llmCostReduction.Add(context.Background(), -v, of)
	case v > 0 || revision == 0: // free: a series says so, where an unknown cost has none
		b.llmCost.Add(context.Background(), v, of)
	}
}

// tokenType is the attribute that tells kinds of tokens apart.
const tokenType = "botanu.token.type"

// root is a context in which a measurement takes the run's root span for its
// exemplar.
func root(summary ptrace.Span) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID(summary.TraceID()),
		SpanID:     trace.SpanID(summary.ParentSpanID()),
		TraceFlags: trace.FlagsSampled,
	}))
}
