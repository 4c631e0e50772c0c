package runrollupprocessor

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// spanWriter writes summaries as spans.
type spanWriter struct {
	instance string                  // service.instance.id of this collector
	drop     []string                // attributes never to write, sorted
	worth    map[string]money.Amount // of one unit, by value type
}

func newSpanWriter(collector pcommon.Resource, c *Config) spanWriter {
	w := spanWriter{drop: slices.Sorted(slices.Values(c.DropAttributes)), worth: c.Outcome.worth()}
	if v, ok := collector.Attributes().Get("service.instance.id"); ok {
		w.instance = v.AsString()
	}
	return w
}

// batchBytes bounds a batch of summaries: what receivers take without question.
const batchBytes = 1 << 20

// traces are as many of the summaries, at least one, as spans of one resource
// as stay within the bound, and how many these are.
func (w *spanWriter) traces(summaries []engine.Summary) (ptrace.Traces, int) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", metadata.Type.String())
	if w.instance != "" {
		rs.Resource().Attributes().PutStr("service.instance.id", w.instance)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(botanu.Scope)
	ss.Spans().EnsureCapacity(len(summaries))
	var sizer ptrace.ProtoMarshaler
	size := sizer.TracesSize(td)
	room := 64 // for the attributes of a span: after the first one, what the fullest so far has, for runs are alike
	for i := range summaries {
		span := ss.Spans().AppendEmpty()
		if s := summaries[i]; s.Run != nil {
			w.run(span, s.Run, room)
		} else {
			w.event(span, s.Event)
		}
		if n := span.Attributes().Len(); i == 0 || n > room {
			room = n
		}
		if size += sizer.SpanSize(span); size > batchBytes && i > 0 {
			last := 0
			ss.Spans().RemoveIf(func(ptrace.Span) bool {
				last++
				return last > i
			})
			return td, i
		}
	}
	return td, len(summaries)
}

// runSpanID follows from the tenant, the run, its part and the revision, so that
// a summary sent twice is recognisable.
func runSpanID(tenant, runID string, part uint64, revision int) pcommon.SpanID {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 128), part)
	b = binary.BigEndian.AppendUint64(b, uint64(revision))
	b = append(b, runID...)
	if tenant != "" {
		b = append(append(b, 0), tenant...)
	}
	return spanIDOf(b)
}

// spanIDOf is a span ID that follows from b.
func spanIDOf(b []byte) pcommon.SpanID {
	sum := sha256.Sum256(b)
	id := pcommon.SpanID(sum[:8])
	if id.IsEmpty() { // means "no span" in OTLP
		id[7] = 1
	}
	return id
}

// strip removes the attributes that are never to be written.
func (w *spanWriter) strip(a pcommon.Map) {
	if len(w.drop) > 0 {
		a.RemoveIf(func(key string, _ pcommon.Value) bool {
			_, found := slices.BinarySearch(w.drop, key)
			return found
		})
	}
}

func putOutcome(a pcommon.Map, o *outcome.Outcome, previous *outcome.Status) {
	put(a, botanu.OutcomeStatus, o.Status.String())
	put(a, botanu.OutcomeStatusRaw, o.StatusRaw)
	put(a, botanu.OutcomeValueType, o.ValueType)
	putAmount(a, botanu.OutcomeValueAmount, o.Amount)
	putAmount(a, botanu.OutcomeConfidence, o.Confidence)
	put(a, botanu.OutcomeReason, o.Reason)
	put(a, botanu.OutcomeErrorType, o.ErrorType)
	for _, m := range o.Metadata {
		a.PutStr(botanu.OutcomeMetadata+m.Key, m.Value)
	}
	a.PutStr(botanu.OutcomeSource, o.Source.String())
	a.PutInt(botanu.OutcomeRank, int64(o.Rank()))
	if o.Time != 0 {
		a.PutStr(botanu.OutcomeTime, time.Unix(0, o.Time).UTC().Format("2006-01-02T15:04:05.000000000Z07:00"))
	}
	a.PutInt(botanu.OutcomeEmissions, int64(o.Emissions))
	a.PutBool(botanu.OutcomeConflict, o.Conflict)
	if previous != nil {
		status := previous.String()
		if *previous == outcome.None {
			status = botanu.Unset
		}
		a.PutStr(botanu.OutcomePreviousStatus, status)
	}
}

// putWorth writes what an outcome is worth, where the configuration says what
// one unit of its value type is.
func (w *spanWriter) putWorth(a pcommon.Map, o *outcome.Outcome) {
	unit, ok := w.worth[o.ValueType]
	if !ok {
		return
	}
	a.PutDouble(botanu.OutcomeValuePerUnit, unit.Float64())
	if !o.Amount.OK {
		return
	}
	// The amount has the digits of its shortest decimal: 12.5 units of 0.1 USD are
	// 1.25 USD to the digit.
	units, err := money.DecimalOf(o.Amount.N)
	if err != nil {
		return
	}
	if total, _, err := unit.Times(units, 1); err == nil {
		a.PutDouble(botanu.OutcomeValueTotal, total.Float64())
	}
}

// putExact writes an amount of money to its last digit.
func putExact(a pcommon.Map, key string, amount money.Amount) {
	var digits [24]byte // room for any amount
	a.PutStr(key, string(amount.AppendText(digits[:0])))
}

func put(a pcommon.Map, key, value string) {
	if value != "" {
		a.PutStr(key, value)
	}
}

func putAmount(a pcommon.Map, key string, v outcome.Amount) {
	if v.OK {
		a.PutDouble(key, v.N)
	}
}

func putList(a pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	list := a.PutEmptySlice(key)
	list.EnsureCapacity(len(values))
	for _, v := range values {
		list.AppendEmpty().SetStr(v)
	}
}
