package runrollupprocessor

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// run writes the summary of a run: a child of the run's root, from the run's first
// start to its last end. It makes room for so many attributes.
func (w *spanWriter) run(span ptrace.Span, s *run.Summary, room int) {
	span.SetName(botanu.RunSummary)
	span.SetKind(ptrace.SpanKindInternal)
	span.SetTraceID(s.Anchor.Trace)
	span.SetParentSpanID(s.Anchor.Span)
	span.SetSpanID(runSpanID(s.Tenant, s.RunID, s.Part, s.Revision))
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
	w.strip(a)
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
	putUsage(a, &botanu.Usage, whole, whole.Known)
	putUsage(a, &botanu.UsageIncrease, &increase.Account, whole.Known || increase.Total != 0)
}

func putUsage(a pcommon.Map, keys *botanu.UsageKeys, u *cost.Account, known bool) {
	a.PutInt(keys.Calls, int64(u.Calls))
	a.PutInt(keys.Unpriced, int64(u.Unpriced))
	a.PutInt(keys.InputUncached, u.Tokens.InputUncached())
	a.PutInt(keys.CacheRead, u.Tokens.CacheReadTotal())
	a.PutInt(keys.CacheWrite, u.Tokens.CacheWrite())
	a.PutInt(keys.Output, u.Tokens.OutputTotal())
	if known {
		putExact(a, keys.CostExact, u.Total)
	}
}
