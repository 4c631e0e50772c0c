package ledgertest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// Traces are summaries as the processor sends them, in one request.
func Traces(summaries []replay.Summary) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	describe(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(botanu.Scope)
	for i := range summaries {
		s := &summaries[i]
		span := ss.Spans().AppendEmpty()
		span.SetName(botanu.RunSummary)
		span.SetKind(ptrace.SpanKindInternal)
		trace, root := anchor(s)
		span.SetTraceID(trace)
		span.SetParentSpanID(root)
		span.SetSpanID(spanID(s.RunID, s.Part, s.Revision))
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.Start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.End))
		fill(span.Attributes(), s.Attributes)
		for _, m := range s.Models {
			ev := span.Events().AppendEmpty()
			ev.SetName(botanu.ModelUsage)
			ev.SetTimestamp(span.EndTimestamp())
			fill(ev.Attributes(), m)
		}
	}
	return td
}

// Logs are summaries as the connector writes them to a logs pipeline, in one
// request.
func Logs(summaries []replay.Summary) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	describe(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(botanu.Scope)
	for i := range summaries {
		s := &summaries[i]
		record := sl.LogRecords().AppendEmpty()
		record.SetEventName(botanu.RunSummary)
		trace, root := anchor(s)
		record.SetTraceID(trace)
		record.SetSpanID(root)
		record.SetTimestamp(pcommon.NewTimestampFromTime(s.End))
		fill(record.Attributes(), s.Attributes)
		body := map[string]any{
			"span_id": spanID(s.RunID, s.Part, s.Revision).String(), "start_time": rfc3339(s.Start), "end_time": rfc3339(s.End),
		}
		if len(s.Models) > 0 {
			models := make([]any, len(s.Models))
			for j := range s.Models {
				models[j] = s.Models[j]
			}
			body[botanu.ModelUsage] = models
		}
		fill(record.Body().SetEmptyMap(), body)
	}
	return ld
}

func rfc3339(t time.Time) string { return t.UTC().Format(stamp) }

func describe(r pcommon.Resource) {
	r.Attributes().PutStr("service.name", "run_rollup")
	r.Attributes().PutStr("service.instance.id", "00000000-0000-4000-8000-000000000001")
}

// fill puts values that this package or a file made: always of a type that OTLP
// has.
func fill(to pcommon.Map, values map[string]any) {
	if err := to.FromRaw(values); err != nil {
		panic(fmt.Sprintf("attributes %v: %v", values, err))
	}
}

// anchor is the span that a summary hangs under.
func anchor(s *replay.Summary) (pcommon.TraceID, pcommon.SpanID) {
	sum := sha256.Sum256([]byte(s.RunID))
	return pcommon.TraceID(sum[:16]), pcommon.SpanID(sum[16:24])
}

func spanID(of ...any) pcommon.SpanID {
	sum := sha256.Sum256(fmt.Append(nil, of...))
	return pcommon.SpanID(sum[:8])
}
