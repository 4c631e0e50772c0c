package rollupconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// toLogs makes a log record of each summary.
type toLogs struct {
	stateless
	next consumer.Logs
}

func (c *toLogs) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	ld := plog.NewLogs()
	now := pcommon.NewTimestampFromTime(time.Now())
	var to plog.ResourceLogs
	var t tally
	for s := range scopes(td) {
		if s.first {
			to = ld.ResourceLogs().AppendEmpty()
			s.of.Resource().CopyTo(to.Resource())
			to.SetSchemaUrl(s.of.SchemaUrl())
		}
		sl := to.ScopeLogs().AppendEmpty()
		s.spans.Scope().CopyTo(sl.Scope())
		sl.SetSchemaUrl(s.spans.SchemaUrl())
		for span := range s.summaries() {
			record := sl.LogRecords().AppendEmpty()
			record.SetObservedTimestamp(now)
			putRecord(record, span)
			t.add(span)
		}
	}
	if ld.ResourceLogs().Len() == 0 {
		return nil
	}
	if err := c.next.ConsumeLogs(ctx, ld); err != nil {
		return err
	}
	c.metrics.passed(ctx, &t)
	return nil
}

// Keys of a record's body, beside the names of the span events.
const (
	bodyStart  = "start_time" // RFC 3339 in UTC, nine digits
	bodyEnd    = "end_time"
	bodySpanID = "span_id" // of the summary span
	bodyLinks  = "links"   // further traces of a run, runs of an event: trace_id, span_id
)

// putRecord writes a summary as a log record: what happened (the event name), when it
// was over, in which trace, below which span. The attributes are those of the
// span; what a span has and a record has not is in the body.
func putRecord(record plog.LogRecord, span ptrace.Span) {
	record.SetEventName(span.Name())
	record.SetTimestamp(span.EndTimestamp())
	record.SetTraceID(span.TraceID())
	record.SetSpanID(span.ParentSpanID())             // the root's: the summary is no place to look at
	record.SetSeverityNumber(plog.SeverityNumberInfo) // whatever the outcome: the telemetry is well
	record.SetSeverityText("INFO")
	span.Attributes().CopyTo(record.Attributes())
	record.SetDroppedAttributesCount(span.DroppedAttributesCount())

	body := record.Body().SetEmptyMap()
	body.PutStr(bodySpanID, span.SpanID().String())
	body.PutStr(bodyStart, stamp(span.StartTimestamp()))
	body.PutStr(bodyEnd, stamp(span.EndTimestamp()))
	if span.Links().Len() > 0 {
		links := body.PutEmptySlice(bodyLinks)
		for _, link := range span.Links().All() {
			l := links.AppendEmpty().SetEmptyMap()
			l.PutStr("trace_id", link.TraceID().String())
			l.PutStr("span_id", link.SpanID().String())
		}
	}
	for _, ev := range span.Events().All() { // botanu.model_usage, botanu.call
		list, ok := body.Get(ev.Name())
		if !ok {
			list = body.PutEmpty(ev.Name())
			list.SetEmptySlice()
		}
		if list.Type() == pcommon.ValueTypeSlice { // not an event that is named as a key above
			ev.Attributes().CopyTo(list.Slice().AppendEmpty().SetEmptyMap())
		}
	}
}

func stamp(t pcommon.Timestamp) string {
	return t.AsTime().Format("2006-01-02T15:04:05.000000000Z07:00")
}
