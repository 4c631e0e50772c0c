package rollupconnector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

// mixed is a batch in which two summaries stand among spans that are none: a
// scope of the same name with other spans, a span of the same name in another scope.
func mixed() ptrace.Traces {
	td := ptrace.NewTraces()
	app := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	app.Scope().SetName("app")
	app.Spans().AppendEmpty().SetName(botanu.RunSummary)
	runSummary(1, 0, nil).ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
	rs := td.ResourceSpans().At(1)
	rs.Resource().Attributes().PutStr("service.name", "run_rollup")
	rs.SetSchemaUrl("schema of the resource")
	rs.ScopeSpans().At(0).SetSchemaUrl("schema of the scope")
	rs.ScopeSpans().At(0).Scope().SetVersion("1")
	rs.ScopeSpans().At(0).Spans().AppendEmpty().SetName("another name")
	other := rs.ScopeSpans().AppendEmpty()
	other.Scope().SetName(botanu.Scope)
	other.Spans().AppendEmpty().SetName("another name")
	eventSummary(1, 0, nil).ResourceSpans().At(0).ScopeSpans().At(0).CopyTo(rs.ScopeSpans().AppendEmpty())
	return td
}

// connectors are those that hold nothing, and how many summaries have come out
// of them.
func connectors(t *testing.T, set connector.Settings) map[string]struct {
	connector.Traces
	taken func() int
} {
	t.Helper()
	spans, logs := &consumertest.TracesSink{}, &consumertest.LogsSink{}
	toTraces, err := NewFactory().CreateTracesToTraces(t.Context(), set, createDefaultConfig(), spans)
	require.NoError(t, err)
	toLogs, err := NewFactory().CreateTracesToLogs(t.Context(), set, createDefaultConfig(), logs)
	require.NoError(t, err)
	return map[string]struct {
		connector.Traces
		taken func() int
	}{"traces": {toTraces, spans.SpanCount}, "logs": {toLogs, logs.LogRecordCount}}
}

func TestOthersAreIgnored(t *testing.T) {
	for signal, c := range connectors(t, settings(nil)) {
		t.Run(signal, func(t *testing.T) {
			td, before := mixed(), ptrace.NewTraces()
			td.CopyTo(before)
			consume(t, c, td)
			assert.Equal(t, before, td, "what comes in belongs to others as well")
			assert.Equal(t, 2, c.taken())
			app := ptrace.NewTraces()
			mixed().ResourceSpans().At(0).CopyTo(app.ResourceSpans().AppendEmpty())
			consume(t, c, app, ptrace.NewTraces())
			assert.Equal(t, 2, c.taken())
			assert.False(t, c.Capabilities().MutatesData)
		})
	}
}

// TestWhereItComesFromStays: resource and scope are those of the summary.
func TestWhereItComesFromStays(t *testing.T) {
	next, logs := &consumertest.TracesSink{}, &consumertest.LogsSink{}
	c, err := NewFactory().CreateTracesToTraces(t.Context(), settings(nil), createDefaultConfig(), next)
	require.NoError(t, err)
	want := mixed()
	consume(t, c, want)
	want.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(s ptrace.Span) bool { return !botanu.IsSummary(ss.Scope().Name(), s.Name()) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	assert.Equal(t, want, next.AllTraces()[0])

	c, err = NewFactory().CreateTracesToLogs(t.Context(), settings(nil), createDefaultConfig(), logs)
	require.NoError(t, err)
	consume(t, c, mixed())
	rl := logs.AllLogs()[0].ResourceLogs().At(0)
	assert.Equal(t, "schema of the resource", rl.SchemaUrl())
	assert.Equal(t, map[string]any{"service.name": "run_rollup"}, rl.Resource().Attributes().AsRaw())
	assert.Equal(t, "schema of the scope", rl.ScopeLogs().At(0).SchemaUrl())
	assert.Equal(t, "1", rl.ScopeLogs().At(0).Scope().Version())
}

// TestRecord: what a record has of its summary (contract, section 7).
func TestRecord(t *testing.T) {
	next := &consumertest.LogsSink{}
	c, err := NewFactory().CreateTracesToLogs(t.Context(), settings(nil), createDefaultConfig(), next)
	require.NoError(t, err)
	td := runSummary(1, 2, nil, model{name: "m", calls: 1}, model{name: "n", calls: 2})
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.SetSpanID(pcommon.SpanID{3})
	note := span.Events().AppendEmpty()
	note.SetName(botanu.CallNote)
	note.Attributes().PutStr(botanu.CallVerdict, "billed")
	span.Events().AppendEmpty().SetName("span_id") // no such event is known, and it must not take the key's place
	link := span.Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{4})
	link.SetSpanID(pcommon.SpanID{5})
	span.SetDroppedAttributesCount(6)
	consume(t, c, td)
	record := next.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, botanu.RunSummary, record.EventName())
	assert.Equal(t, span.TraceID(), record.TraceID())
	assert.Equal(t, span.ParentSpanID(), record.SpanID(), "the run's root")
	assert.Equal(t, span.EndTimestamp(), record.Timestamp())
	assert.NotZero(t, record.ObservedTimestamp())
	assert.EqualValues(t, 6, record.DroppedAttributesCount())
	assert.Equal(t, span.Attributes().AsRaw(), record.Attributes().AsRaw())
	assert.Equal(t, map[string]any{
		"start_time": "2030-01-01T00:00:00.000000000Z", "end_time": "2030-01-01T00:00:03.000000000Z", "span_id": "0300000000000000",
		"links":           []any{map[string]any{"trace_id": "04000000000000000000000000000000", "span_id": "0500000000000000"}},
		botanu.ModelUsage: []any{span.Events().At(0).Attributes().AsRaw(), span.Events().At(1).Attributes().AsRaw()},
		botanu.CallNote:   []any{map[string]any{botanu.CallVerdict: "billed"}},
	}, record.Body().Map().AsRaw())
}

// TestRefusalGoesBack: nothing is held, so whoever sent the summaries has to
// know, and sends them again.
func TestRefusalGoesBack(t *testing.T) {
	tel := componenttest.NewTelemetry()
	refuse := consumertest.NewErr(errRefused)
	toTraces, err := NewFactory().CreateTracesToTraces(t.Context(), settings(tel), createDefaultConfig(), refuse)
	require.NoError(t, err)
	require.ErrorIs(t, toTraces.ConsumeTraces(t.Context(), mixed()), errRefused)
	toLogs, err := NewFactory().CreateTracesToLogs(t.Context(), settings(tel), createDefaultConfig(), refuse)
	require.NoError(t, err)
	require.ErrorIs(t, toLogs.ConsumeTraces(t.Context(), mixed()), errRefused)
	_, err = tel.GetMetric("otelcol_connector_run_rollup_summaries")
	require.Error(t, err, "none has been passed on")
}

// TestTelemetry_passed: what was passed on is counted by what it is.
func TestTelemetry_passed(t *testing.T) {
	tel := componenttest.NewTelemetry()
	for _, c := range connectors(t, settings(tel)) {
		consume(t, c, mixed(), runSummary(2, 3, nil), runSummary(3, 1, nil), eventSummary(2, 1, nil))
		require.NoError(t, c.Shutdown(t.Context()))
	}
	var want []metricdata.DataPoint[int64]
	for _, signal := range []string{"traces", "logs"} {
		for _, n := range []struct {
			summary string
			revised bool
			n       int64
		}{{"run", false, 1}, {"run", true, 2}, {"event", false, 1}, {"event", true, 1}} {
			want = append(want, metricdata.DataPoint[int64]{Value: n.n, Attributes: attribute.NewSet(
				attribute.String("signal", signal), attribute.String("summary", n.summary), attribute.Bool("revised", n.revised))})
		}
	}
	metadatatest.AssertEqualConnectorRunRollupSummaries(t, tel, want, metricdatatest.IgnoreTimestamp())
}
