package rollupconnector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
)

func settings(tel *componenttest.Telemetry) connector.Settings {
	set := connectortest.NewNopSettings(metadata.Type)
	if tel != nil {
		set.TelemetrySettings = tel.NewTelemetrySettings()
		set.Resource = pcommon.NewResource()
	}
	set.ID = component.NewID(metadata.Type)
	set.Resource.Attributes().PutStr("service.instance.id", "here")
	set.BuildInfo.Version = "1.2.3"
	return set
}

// ownPoint is what the connector of [settings] says of itself.
func ownPoint(n int64, attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(append(attributes, attribute.String("connector", "run_rollup"))...)}
}

func summarised(signal, summary string, revised bool, n int64) metricdata.DataPoint[int64] {
	return ownPoint(n, attribute.String("signal", signal), attribute.String("summary", summary), attribute.Bool("revised", revised))
}

func config(t *testing.T, keys map[string]any) *Config {
	t.Helper()
	c := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(keys).Unmarshal(c))
	require.NoError(t, c.Validate())
	return c
}

// recorded is what a pipeline carried: spans of an application, and the
// summaries that run_rollup made of them, with their revisions.
func recorded(t *testing.T) []ptrace.Traces {
	t.Helper()
	text, err := os.ReadFile("testdata/pipeline.jsonl")
	require.NoError(t, err)
	var all []ptrace.Traces
	var u ptrace.JSONUnmarshaler
	for line := range bytes.Lines(text) {
		td, err := u.UnmarshalTraces(line)
		require.NoError(t, err)
		all = append(all, td)
	}
	return all
}

// sink takes metrics, unless it is told to refuse them.
type sink struct {
	mu      sync.Mutex
	err     error
	flushes []pmetric.Metrics
}

func (s *sink) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *sink) taken() []pmetric.Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.flushes)
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error {
	own := pmetric.NewMetrics()
	md.MoveTo(own) // as whoever may change what he is given, before he refuses it
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.flushes = append(s.flushes, own)
	return nil
}

// series are the values of the last point of each series of some flushes, by
// name and attributes; a histogram's is its count, and its sum has one more.
// Delta points add up.
func (s *sink) series() map[string]float64 {
	all := map[string]float64{}
	note := func(key string, delta bool, v float64) {
		if delta {
			v += all[key]
		}
		all[key] = v
	}
	for _, md := range s.taken() {
		for _, m := range metricsOf(md) {
			switch m.Type() {
			case pmetric.MetricTypeSum:
				for _, p := range m.Sum().DataPoints().All() {
					v := p.DoubleValue()
					if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
						v = float64(p.IntValue())
					}
					note(key(m, p.Attributes()), isDelta(m), v)
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					note(key(m, p.Attributes()), isDelta(m), float64(p.Count()))
					note("sum of "+key(m, p.Attributes()), isDelta(m), p.Sum())
				}
			}
		}
	}
	return all
}

func metricsOf(md pmetric.Metrics) []pmetric.Metric {
	var all []pmetric.Metric
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				all = append(all, m)
			}
		}
	}
	return all
}

func key(m pmetric.Metric, attributes pcommon.Map) string {
	return m.Name() + fmt.Sprint(attributes.AsRaw()) // fmt sorts
}

// start starts a connector of summaries to metrics.
func start(t *testing.T, set connector.Settings, keys map[string]any, next consumer.Metrics) *toMetrics {
	t.Helper()
	c, err := newToMetrics(set, config(t, keys), next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	return c
}

// pass lets time pass in a bubble of synctest, and what is due then be done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func stop(t *testing.T, c *toMetrics) {
	t.Helper()
	require.NoError(t, c.Shutdown(context.Background()))
}

// model is one botanu.model_usage event: what its increases are.
type model struct {
	name        string
	calls       int64
	input       int64
	cost        string // none where empty
	unpriced    int64
	cacheRead   int64
	otherValues map[string]any
}

// runSummary is a summary of part and revision, with what differs.
func runSummary(part uint64, revision int64, differs map[string]any, models ...model) ptrace.Traces {
	td, span := summarySpan(botanu.RunSummary)
	put(span, map[string]any{
		botanu.RunID: fmt.Sprint("run-", part), botanu.Workflow: "refund", botanu.Environment: "prod",
		botanu.OutcomeStatus: "success", botanu.Completion: "root_ended", botanu.CostTotalExact: "0.5",
		botanu.Part: fmt.Sprintf("%016x", part), botanu.Revision: revision,
	}, differs)
	for _, m := range models {
		ev := span.Events().AppendEmpty()
		ev.SetName(botanu.ModelUsage)
		keys := &botanu.UsageIncrease
		a := map[string]any{botanu.ModelProvider: "acme", botanu.ModelName: m.name, keys.Calls: m.calls, keys.Unpriced: m.unpriced,
			keys.InputUncached: m.input, keys.CacheRead: m.cacheRead, keys.CacheWrite: int64(0), keys.Output: int64(0)}
		if m.cost != "" {
			a[keys.CostExact] = m.cost
		}
		for k, v := range m.otherValues {
			a[k] = v
		}
		if err := ev.Attributes().FromRaw(a); err != nil {
			panic(err)
		}
	}
	return td
}

func eventSummary(part uint64, revision int64, differs map[string]any) ptrace.Traces {
	td, span := summarySpan(botanu.EventSummary)
	put(span, map[string]any{
		botanu.EventID: fmt.Sprint("event-", part), botanu.Workflow: "refund", botanu.OutcomeStatus: "failed",
		botanu.EventCostTotalExact: "1.5", botanu.EventPart: fmt.Sprintf("%016x", part), botanu.EventRevision: revision,
	}, differs)
	return td
}

func summarySpan(name string) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(botanu.Scope)
	span := ss.Spans().AppendEmpty()
	span.SetName(name)
	span.SetTraceID(pcommon.TraceID{1})
	span.SetParentSpanID(pcommon.SpanID{2})
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(3 * time.Second)))
	return td, span
}

func put(span ptrace.Span, attributes, differs map[string]any) {
	for k, v := range differs {
		if v == nil {
			delete(attributes, k)
		} else {
			attributes[k] = v
		}
	}
	if err := span.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
}

func consume(t *testing.T, c connector.Traces, batches ...ptrace.Traces) {
	t.Helper()
	for _, td := range batches {
		require.NoError(t, c.ConsumeTraces(t.Context(), td))
	}
}

var errRefused = errors.New("refused for now")

const success = "botanu.environment:prod botanu.outcome.status:success"

// told is what a connector's metrics come to after some summaries.
func told(t *testing.T, keys map[string]any, batches ...ptrace.Traces) map[string]float64 {
	t.Helper()
	next := &sink{}
	c := start(t, settings(nil), keys, next)
	consume(t, c, batches...)
	stop(t, c)
	return next.series()
}
