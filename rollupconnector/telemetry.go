package rollupconnector

import (
	"context"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
)

// telemetry is what the connector says of itself. documentation.md lists it.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	// own is the component's ID, which is on every number: a collector may have
	// several of these connectors, and the gauges of one would stand for those
	// of another.
	own     metric.MeasurementOption
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

func newTelemetry(set connector.Settings, signal string) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	id := attribute.String("connector", set.ID.String())
	t := &telemetry{builder: b, own: metric.WithAttributeSet(attribute.NewSet(id))}
	for k, kind := range [...]string{"run", "event"} {
		for r, revised := range [...]bool{false, true} {
			t.kinds[k][r] = metric.WithAttributeSet(attribute.NewSet(
				id, attribute.String("signal", signal), attribute.String("summary", kind), attribute.Bool("revised", revised)))
		}
	}
	for r, name := range reasonNames {
		t.reasons[r] = metric.WithAttributeSet(attribute.NewSet(id, attribute.String("reason", name)))
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

// begin has the counters say 0: a backend tells an increase from two points, and
// would not see the first of one that begins with it; and one that nothing was
// ever counted for is to be told from one that is not there.
func (t *telemetry) begin(ctx context.Context) {
	for _, kind := range t.kinds {
		for _, of := range kind {
			t.builder.ConnectorRunRollupSummaries.Add(ctx, 0, of)
		}
	}
}

// beginMetrics has those say 0 that only metrics need.
func (t *telemetry) beginMetrics(ctx context.Context) {
	b := t.builder
	for _, c := range []metric.Int64Counter{
		b.ConnectorRunRollupFlushFailures, b.ConnectorRunRollupPointsLost, b.ConnectorRunRollupRepeats, b.ConnectorRunRollupForgottenEarly,
	} {
		c.Add(ctx, 0, t.own)
	}
	for _, reason := range t.reasons {
		b.ConnectorRunRollupInvalidInput.Add(ctx, 0, reason)
	}
}

// add counts what is the connector's own and has no other attribute.
func (t *telemetry) add(ctx context.Context, c metric.Int64Counter, n int) {
	if n > 0 {
		c.Add(ctx, int64(n), t.own)
	}
}

func (t *telemetry) invalid(ctx context.Context, r reason, n int) {
	if n > 0 {
		t.builder.ConnectorRunRollupInvalidInput.Add(ctx, int64(n), t.reasons[r])
	}
}
