package runrollupprocessor

import (
	"encoding/binary"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// event writes the summary of an event: a child of the root of the run that
// began first, from the first start of its runs to their last end, with a link
// to the summary of each.
func (w *spanWriter) event(span ptrace.Span, s *event.Summary) {
	span.SetName(botanu.EventSummary)
	span.SetKind(ptrace.SpanKindInternal)
	span.SetTraceID(s.Anchor.Trace)
	span.SetParentSpanID(s.Anchor.Span)
	span.SetSpanID(eventSpanID(s))
	span.SetStartTimestamp(pcommon.Timestamp(s.Start))
	span.SetEndTimestamp(pcommon.Timestamp(s.End))
	span.Links().EnsureCapacity(len(s.Links))
	for i := range s.Links {
		link := &s.Links[i]
		l := span.Links().AppendEmpty()
		l.SetTraceID(link.Trace)
		l.SetSpanID(runSpanID(s.Tenant, link.RunID, link.Part, link.Revision))
	}
	a := span.Attributes()
	a.EnsureCapacity(48)
	for f, v := range s.Identity {
		put(a, run.FieldNames[f], v)
	}
	putOutcome(a, &s.Outcome, s.PreviousStatus)
	w.putWorth(a, &s.Outcome)
	putEventCost(a, s)
	a.PutInt(botanu.EventRuns, int64(s.Runs))
	a.PutInt(botanu.EventAttempts, int64(s.Attempts))
	a.PutInt(botanu.EventOtherWorkflows, int64(s.Others))
	a.PutStr(botanu.EventPart, fmt.Sprintf("%016x", s.Part))
	a.PutInt(botanu.EventRevision, int64(s.Revision))
	a.PutDouble(botanu.EventDuration, float64(s.End-s.Start)/1e6)
	w.strip(a)
}

func putEventCost(a pcommon.Map, s *event.Summary) {
	if s.Known {
		a.PutDouble(botanu.EventCostTotal, s.Total.Float64())
		putExact(a, botanu.EventCostTotalExact, s.Total)
		putExact(a, botanu.EventCostIncrease, s.Increase)
		a.PutDouble(botanu.EventCostUnsuccessful, s.Unsuccessful.Float64())
		putExact(a, botanu.EventCostUnsuccessfulExact, s.Unsuccessful)
	}
	a.PutStr(botanu.EventCostAccuracy, s.Accuracy.String())
	putList(a, botanu.EventCostCaveats, s.Caveats.Codes())
	a.PutInt(botanu.EventLLMCalls, int64(s.Calls))
	a.PutInt(botanu.EventLLMUnpricedCalls, int64(s.Unpriced))
	a.PutInt(botanu.EventTokensInput, s.Tokens.InputTotal())
	a.PutInt(botanu.EventTokensInputUncached, s.Tokens.InputUncached())
	a.PutInt(botanu.EventTokensCacheRead, s.Tokens.CacheReadTotal())
	a.PutInt(botanu.EventTokensCacheWrite, s.Tokens.CacheWrite())
	a.PutInt(botanu.EventTokensOutput, s.Tokens.OutputTotal())
	a.PutInt(botanu.EventTokensReasoning, s.Tokens.Reasoning)
}

// eventSpanID follows from the tenant, the event, its part and the revision.
func eventSpanID(s *event.Summary) pcommon.SpanID {
	b := binary.BigEndian.AppendUint64([]byte("event"), s.Part)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Revision))
	for _, v := range [...]string{s.Identity[run.Customer], s.Identity[run.Event], s.Tenant} {
		b = append(append(b, 0), v...)
	}
	return spanIDOf(b)
}
