package rollupconnector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
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
