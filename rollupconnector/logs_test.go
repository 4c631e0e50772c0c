package rollupconnector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

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
