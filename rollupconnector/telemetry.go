package rollupconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
)

// telemetry is what the connector says of itself. documentation.md lists it.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	kinds   [2][2]metric.AddOption // of summaries: run or event, first or revised
	reasons [reasons]metric.AddOption
}

// tally counts summaries: of runs and of events, first ones and revised ones.
type tally [2][2]int64

func (t *tally) add(summary ptrace.Span) {
	var kind, revised int
	if !isRun(summary) {
		kind = 1
	}
	if n, _ := revisionOf(summary); n > 0 {
		revised = 1
	}
	t[kind][revised]++
}

// reason is why something of a summary was not counted.
type reason int

const (
	noPart   reason = iota // its part or revision is missing or wrong: it could count twice
	badValue               // a number that is none, or an absurd one
	reasons
)

var reasonNames = [reasons]string{noPart: "part", badValue: "value"}

func newTelemetry(set component.TelemetrySettings, signal string) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{builder: b}
	for k, kind := range [...]string{"run", "event"} {
		for r, revised := range [...]bool{false, true} {
			t.kinds[k][r] = metric.WithAttributeSet(attribute.NewSet(
				attribute.String("signal", signal), attribute.String("summary", kind), attribute.Bool("revised", revised)))
		}
	}
	for r, name := range reasonNames {
		t.reasons[r] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", name)))
	}
	return t, nil
}

// passed counts summaries that were read, and taken by the next component or
// into the metrics.
func (t *telemetry) passed(ctx context.Context, n *tally) {
	for k := range n {
		for r, n := range n[k] {
			if n > 0 {
				t.builder.ConnectorRunRollupSummaries.Add(ctx, n, t.kinds[k][r])
			}
		}
	}
}

// begin has the counters of trouble say 0: a backend tells an increase from two
// points, and would not see the first of one that begins with it.
func (t *telemetry) begin(ctx context.Context) {
	b := t.builder
	for _, c := range []metric.Int64Counter{
		b.ConnectorRunRollupFlushFailures, b.ConnectorRunRollupPointsLost, b.ConnectorRunRollupRepeats, b.ConnectorRunRollupForgottenEarly,
	} {
		c.Add(ctx, 0)
	}
	for _, reason := range t.reasons {
		b.ConnectorRunRollupInvalidInput.Add(ctx, 0, reason)
	}
}

func (t *telemetry) invalid(ctx context.Context, r reason, n int) {
	if n > 0 {
		t.builder.ConnectorRunRollupInvalidInput.Add(ctx, int64(n), t.reasons[r])
	}
}
