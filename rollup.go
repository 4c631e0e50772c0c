package runrollupprocessor

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
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
func (w *spanWriter) traces(summaries []run.Summary) (ptrace.Traces, int) {
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
		w.span(span, &summaries[i], room)
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

// span writes one summary: a child of the run's root, from the run's first
// start to its last end. It makes room for so many attributes.
func (w *spanWriter) span(span ptrace.Span, s *run.Summary, room int) {
	span.SetName(botanu.RunSummary)
	span.SetKind(ptrace.SpanKindInternal)
	span.SetTraceID(s.Anchor.Trace)
	span.SetParentSpanID(s.Anchor.Span)
	span.SetSpanID(spanID(s))
	span.SetStartTimestamp(pcommon.Timestamp(s.Start))
	span.SetEndTimestamp(pcommon.Timestamp(s.End))
	for _, link := range s.Links {
		l := span.Links().AppendEmpty()
		l.SetTraceID(link.Trace)
		l.SetSpanID(link.Span)
	}
	a := span.Attributes()
	a.EnsureCapacity(room)
	putIdentity(a, s)
	putOutcome(a, &s.Outcome, s.PreviousStatus)
	w.putWorth(a, &s.Outcome)
	putCost(a, s)
	putCounts(a, s)
	if len(w.drop) > 0 {
		a.RemoveIf(func(key string, _ pcommon.Value) bool {
			_, found := slices.BinarySearch(w.drop, key)
			return found
		})
	}
	span.Events().EnsureCapacity(len(s.ModelIncrease) + min(len(s.Notes), noteLimit))
	for i := range s.ModelIncrease {
		putModel(span.Events().AppendEmpty(), s, i)
	}
	for i := range s.Notes[:min(len(s.Notes), noteLimit)] {
		putNote(span.Events().AppendEmpty(), &s.Notes[i])
	}
}

// noteLimit bounds the records of a run that are explained.
const noteLimit = 100

// putNote writes why a record was billed or not.
func putNote(ev ptrace.SpanEvent, n *run.Note) {
	ev.SetName(botanu.CallNote)
	ev.SetTimestamp(pcommon.Timestamp(n.Start))
	a := ev.Attributes()
	a.EnsureCapacity(16) // the most that follow
	a.PutStr(botanu.CallVerdict, string(n.Verdict))
	put(a, botanu.CallReason, n.Reason)
	a.PutStr(botanu.CallTraceID, pcommon.TraceID(n.Span.Trace).String())
	a.PutStr(botanu.CallSpanID, pcommon.SpanID(n.Span.Span).String())
	if n.By != nil {
		a.PutStr(botanu.CallBySpanID, pcommon.SpanID(n.By.Span).String())
	}
	put(a, botanu.CallScope, n.Record.Scope)
	put(a, botanu.ModelProvider, n.Record.Provider)
	put(a, botanu.ModelName, n.Record.Model())
	if n.Call == nil {
		return
	}
	if n.Call.HasUsage {
		a.PutInt(botanu.CallInputUncached, n.Call.Tokens.InputUncached())
		a.PutInt(botanu.CallCacheRead, n.Call.Tokens.CacheReadTotal())
		a.PutInt(botanu.CallCacheWrite, n.Call.Tokens.CacheWrite())
		a.PutInt(botanu.CallOutput, n.Call.Tokens.OutputTotal())
	}
	if n.Line.Known {
		putExact(a, botanu.CallCostExact, n.Line.Total)
	}
	a.PutStr(botanu.CallCostSource, string(n.Line.Source))
	putList(a, botanu.CallCaveats, n.Caveats().Codes())
}

// spanID follows from the run, its part and the revision, so that a summary
// sent twice is recognisable.
func spanID(s *run.Summary) pcommon.SpanID {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 128), s.Part)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Revision))
	b = append(b, s.RunID...)
	if s.Tenant != "" {
		b = append(append(b, 0), s.Tenant...)
	}
	sum := sha256.Sum256(b)
	id := pcommon.SpanID(sum[:8])
	if id.IsEmpty() { // means "no span" in OTLP
		id[7] = 1
	}
	return id
}

func putIdentity(a pcommon.Map, s *run.Summary) {
	if s.Root != nil {
		for _, c := range s.Root.Copied {
			_ = a.PutEmpty(c.Key).FromRaw(c.Value) // a string, bool, int64 or float64: never an error
		}
		put(a, botanu.RunStartTime, s.Root.StartTime)
	}
	a.PutStr(botanu.RunID, s.RunID)
	for f, v := range s.Identity {
		if run.Field(f) == run.Attempt && v != "" {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				a.PutInt(botanu.Attempt, n)
			}
			continue
		}
		put(a, run.FieldNames[f], v)
	}
	if s.Deadline != 0 {
		a.PutDouble(botanu.RunDeadline, float64(s.Deadline)/1e9)
	}
	if s.Cancelled {
		a.PutBool(botanu.RunCancelled, true)
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
			status = unset
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
	// The amount has the digits of its shortest decimal, as an amount of money
	// has; 12.5 units of 0.1 USD are 1.25 USD to the digit.
	units, err := money.FromFloat(o.Amount.N)
	if err != nil {
		return
	}
	if total, err := unit.MulDiv(int64(units), int64(money.Dollar)); err == nil {
		a.PutDouble(botanu.OutcomeValueTotal, total.Float64())
	}
}

// unset stands where a status is expected and there is none.
const unset = "unset"

func putCost(a pcommon.Map, s *run.Summary) {
	c := &s.Cost
	if c.Known {
		a.PutDouble(botanu.CostTotal, c.Total.Float64())
		putExact(a, botanu.CostTotalExact, c.Total)
		putExact(a, botanu.CostIncrease, s.Increase)
		a.PutDouble(botanu.CostInput, c.Parts.Input.Float64())
		a.PutDouble(botanu.CostOutput, c.Parts.Output.Float64())
		a.PutDouble(botanu.CostCacheRead, c.Parts.CacheRead.Float64())
		a.PutDouble(botanu.CostCacheWrite, c.Parts.CacheWrite.Float64())
		a.PutDouble(botanu.CostMetered, c.Parts.Metered.Float64())
		a.PutDouble(botanu.CostUnsplit, c.Parts.Unsplit.Float64())
	}
	a.PutStr(botanu.CostSource, string(c.Source))
	a.PutStr(botanu.CostAccuracy, c.Accuracy.String())
	putList(a, botanu.CostCaveats, c.Caveats)
	put(a, botanu.RateCard, strings.Join(c.Cards, ", "))
	a.PutInt(botanu.LLMCalls, int64(c.Calls))
	a.PutInt(botanu.LLMErrors, int64(c.Errors))
	a.PutInt(botanu.LLMUnpricedCalls, int64(c.Unpriced))
	a.PutInt(botanu.LLMDiscardedSpans, int64(c.Discarded))
	a.PutInt(botanu.TokensInput, c.Tokens.InputTotal())
	a.PutInt(botanu.TokensInputUncached, c.Tokens.InputUncached())
	a.PutInt(botanu.TokensCacheRead, c.Tokens.CacheReadTotal())
	a.PutInt(botanu.TokensCacheWrite, c.Tokens.CacheWrite())
	a.PutInt(botanu.TokensOutput, c.Tokens.OutputTotal())
	a.PutInt(botanu.TokensReasoning, c.Tokens.Reasoning)
	putList(a, botanu.Models, modelNames(c.Models))
}

// modelNames are the models of a run as provider/model, at most 64, without
// what the spans left out.
func modelNames(models []cost.Model) []string {
	names := make([]string, 0, len(models))
	for i := range models {
		name := models[i].Name
		if p := models[i].Provider; p != "" {
			name = p + "/" + name
		}
		if models[i].Name != "" && models[i].Provider != cost.Others {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func putCounts(a pcommon.Map, s *run.Summary) {
	a.PutInt(botanu.ToolCalls, int64(s.ToolCalls))
	a.PutInt(botanu.SpanCount, int64(s.SpanCount))
	a.PutInt(botanu.ErrorCount, int64(s.ErrorCount))
	a.PutInt(botanu.TraceCount, int64(s.TraceCount))
	put(a, botanu.Service, s.Service)
	putList(a, botanu.Services, s.Services)
	a.PutStr(botanu.Completion, string(s.Completion))
	a.PutStr(botanu.Part, s.PartHex())
	a.PutInt(botanu.Revision, int64(s.Revision))
	a.PutDouble(botanu.RunDuration, float64(s.End-s.Start)/1e6)
}

// putModel writes what one model's calls came to, and how much of that is new
// in this revision.
func putModel(ev ptrace.SpanEvent, s *run.Summary, i int) {
	increase := &s.ModelIncrease[i]
	ev.SetName(botanu.ModelUsage)
	ev.SetTimestamp(pcommon.Timestamp(s.End))
	a := ev.Attributes()
	a.EnsureCapacity(16) // the most that follow
	put(a, botanu.ModelProvider, increase.Provider)
	put(a, botanu.ModelName, increase.Name)
	whole := &cost.Account{} // of a model that this revision took back
	if j, found := slices.BinarySearchFunc(s.Cost.Models, *increase, cost.CompareModels); found {
		whole = &s.Cost.Models[j].Account
	}
	putUsage(a, &wholeKeys, whole, whole.Known)
	putUsage(a, &increaseKeys, &increase.Account, whole.Known || increase.Total != 0)
}

// usageKeys are the attributes that tell what calls came to.
type usageKeys struct{ calls, unpriced, inputUncached, cacheRead, cacheWrite, output, cost string }

var (
	wholeKeys    = usageKeysOf("")
	increaseKeys = usageKeysOf(botanu.IncreaseSuffix)
)

func usageKeysOf(suffix string) usageKeys {
	return usageKeys{
		calls: botanu.UsageCalls + suffix, unpriced: botanu.UsageUnpricedCalls + suffix,
		inputUncached: botanu.UsageInputUncached + suffix, cacheRead: botanu.UsageCacheRead + suffix,
		cacheWrite: botanu.UsageCacheWrite + suffix, output: botanu.UsageOutput + suffix,
		cost: botanu.UsageCostExact + suffix,
	}
}

func putUsage(a pcommon.Map, keys *usageKeys, u *cost.Account, known bool) {
	a.PutInt(keys.calls, int64(u.Calls))
	a.PutInt(keys.unpriced, int64(u.Unpriced))
	a.PutInt(keys.inputUncached, u.Tokens.InputUncached())
	a.PutInt(keys.cacheRead, u.Tokens.CacheReadTotal())
	a.PutInt(keys.cacheWrite, u.Tokens.CacheWrite())
	a.PutInt(keys.output, u.Tokens.OutputTotal())
	if known {
		putExact(a, keys.cost, u.Total)
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
