package runrollupprocessor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// summaryOf is what the summary of a run of some steps says.
func summaryOf(t *testing.T, config map[string]any, steps int, change func(i int, rs ptrace.ResourceSpans, s ptrace.Span)) map[string]any {
	t.Helper()
	var said map[string]any
	synctest.Test(t, func(t *testing.T) {
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, config, sink)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, p.ConsumeTraces(t.Context(), stepsOf("run", steps, change)))
		require.NoError(t, p.Shutdown(t.Context()))
		found := spansNamed(sink, botanu.RunSummary)
		require.Len(t, found, 1)
		said = found[0].Attributes().AsRaw()
	})
	return said
}

// TestOutcome_absurdTimes: an outcome on a span whose times cannot be believed
// overrules none that was stated at a time that can (contract, section 9).
func TestOutcome_absurdTimes(t *testing.T) {
	said := summaryOf(t, nil, 2, func(i int, _ ptrace.ResourceSpans, s ptrace.Span) {
		ev := s.Events().AppendEmpty()
		ev.SetName(botanu.OutcomeEmitted)
		if i == 0 {
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().AddDate(60, 0, 0)))
			ev.Attributes().PutStr(botanu.EventStatus, "failed")
			return
		}
		ev.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		ev.Attributes().PutStr(botanu.EventStatus, "success")
	})
	assert.Equal(t, "success", said[botanu.OutcomeStatus])
	assert.Contains(t, said[botanu.OutcomeTime], "2000-01-01T00:00:00", "now, in the bubble")
}

// TestWorth: what an outcome is worth, to the digit, also of many units.
func TestWorth(t *testing.T) {
	for _, c := range []struct {
		unit  string
		units float64
		want  any
	}{
		{"0.1", 3, 0.3}, {"0.1", 12.5, 1.25}, {"0.001", 10_000_000, 10_000.0}, {"0.000000000001", 1e18, 1e6}, {"12.50", 0, 0.0},
		{"12.50", 1e12, nil}, // more than an amount of money can be
	} {
		config := map[string]any{"outcome": map[string]any{"values": []any{map[string]any{"value_type": "tickets", "value_per_unit": c.unit}}}}
		said := summaryOf(t, config, 1, func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) {
			s.Attributes().PutStr(botanu.OutcomeStatus, "success")
			s.Attributes().PutStr(botanu.OutcomeValueType, "tickets")
			s.Attributes().PutDouble(botanu.OutcomeValueAmount, c.units)
		})
		assert.Equal(t, c.want, said[botanu.OutcomeValueTotal], "%v of %s", c.units, c.unit)
	}
}

// TestService_isBounded: the name of a service is cut as all text is.
func TestService_isBounded(t *testing.T) {
	said := summaryOf(t, nil, 1, func(_ int, rs ptrace.ResourceSpans, _ ptrace.Span) {
		rs.Resource().Attributes().PutStr("service.name", strings.Repeat("x", 1<<20))
	})
	assert.Len(t, said[botanu.Service], 1024)
}
