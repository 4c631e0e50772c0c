package soak

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// hostile are requests that no library would send. None may harm the collector
// or another run.
var hostile = []func(*rand.Rand) ptrace.Traces{
	oddTypes, giantKeys, zeroIDs, oddTimes, longRunIDs, circles, sameIDs, manyModels, manyServices, hugeValues,
	manyRuns, deepChain, manyTraces, oneTraceOfManyRuns, manyEmissions, manyCustomers, forged, foreign, notUTF8,
}

// bad is the ID of a run that comes again and again, or of one that does not.
func bad(rng *rand.Rand) string {
	if rng.IntN(2) == 0 {
		return fmt.Sprintf("bad-%d", rng.IntN(200))
	}
	return fmt.Sprintf("bad-%x", rng.Uint64())
}

func traceID(rng *rand.Rand) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], rng.Uint64())
	return id
}

func spanID(n uint64) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// spans makes n spans of one trace and one run, each a billed call with an ID
// from 1 up, and lets change spoil them.
func spans(rng *rand.Rand, n int, change func(i int, span ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	trace, run, now := traceID(rng), bad(rng), time.Now()
	for i := range n {
		span := list.AppendEmpty()
		span.SetName("chat")
		span.SetTraceID(trace)
		span.SetSpanID(spanID(uint64(i + 1)))
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		a := span.Attributes()
		a.PutStr(botanu.RunID, run)
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o-mini")
		a.PutInt("gen_ai.usage.input_tokens", 1000)
		a.PutInt("gen_ai.usage.output_tokens", 100)
		change(i, span)
	}
	return td
}

// keys are attributes that are read.
var keys = []string{
	botanu.RunID, botanu.EventID, botanu.Customer, botanu.Workflow, botanu.Tenant, botanu.Attempt, botanu.RunStartTime,
	botanu.RunDeadline, botanu.RunCancelled, botanu.RunDuration, botanu.OutcomeStatus, botanu.OutcomeBare,
	botanu.OutcomeValueAmount, botanu.OutcomeConfidence, botanu.OutcomeMetadata + "x", "botanu.cost.total_usd",
	"botanu.cost.input_usd", "botanu.cost.output_usd", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system",
	"gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "gen_ai.usage.input_tokens",
	"gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
	"gen_ai.usage.cost", "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total",
	"llm.model_name", "llm.cost.total", "openinference.span.kind", "ai.usage.promptTokens", "ai.usage.inputTokens",
	"traceloop.span.kind", "gen_ai.usage.prompt_tokens", "operation.cost", "langfuse.observation.usage_details",
	"langfuse.observation.cost_details", "gen_ai.usage.details", "cost.source",
}

// oddValue puts any value there is.
func oddValue(rng *rand.Rand, v pcommon.Value) {
	switch rng.IntN(12) {
	case 0:
		v.SetInt([]int64{0, -1, math.MaxInt64, math.MinInt64, 1e12, 1e15}[rng.IntN(6)])
	case 1:
		v.SetDouble([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64, 5e-324, -1e18}[rng.IntN(7)])
	case 2:
		v.SetStr([]string{"", "NaN", "1e999", "-0", "0x10", " 12 ", "12.5", "success", "{", `{"input":1e308,"output":-1}`}[rng.IntN(10)])
	case 3:
		v.SetBool(rng.IntN(2) == 0)
	case 4:
		v.SetEmptyBytes().FromRaw([]byte{0, 0xff})
	case 5: // a value without a type
	case 6:
		for range 60 { // deep
			v = v.SetEmptySlice().AppendEmpty()
		}
	case 7:
		m := v.SetEmptyMap()
		for i := range 100 {
			m.PutDouble(fmt.Sprint(i), math.NaN())
		}
	case 8:
		v.SetInt(rng.Int64() - rng.Int64())
	case 9:
		v.SetDouble((rng.Float64() - 0.5) * 1e12)
	case 10:
		v.SetStr(strings.Repeat("[", 1<<14))
	case 11:
		v.SetStr(time.Unix(rng.Int64N(1<<40), 0).UTC().Format(time.RFC3339))
	}
}

func oddTypes(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 20, func(_ int, span ptrace.Span) {
		for range 15 {
			oddValue(rng, span.Attributes().PutEmpty(keys[rng.IntN(len(keys))]))
		}
		ev := span.Events().AppendEmpty()
		ev.SetName([]string{botanu.OutcomeEmitted, botanu.RunCompleted}[rng.IntN(2)])
		for _, key := range []string{botanu.EventStatus, botanu.EventValueType, botanu.EventValueAmount, botanu.EventErrorType} {
			oddValue(rng, ev.Attributes().PutEmpty(key))
		}
	})
}

func giantKeys(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 3, func(_ int, span ptrace.Span) {
		span.SetName(strings.Repeat("botanu.run/", 5000))
		span.Attributes().PutStr(strings.Repeat("k", 64<<10), "v")
		span.Attributes().PutStr(botanu.OutcomeMetadata+strings.Repeat("k", 64<<10), "v")
		for i := range 1000 {
			span.Attributes().PutInt(fmt.Sprint("key ", i), int64(i))
		}
	})
}

func zeroIDs(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 10, func(i int, span ptrace.Span) {
		if i%2 == 0 {
			span.SetSpanID(pcommon.SpanID{})
		}
		if i%3 == 0 {
			span.SetTraceID(pcommon.TraceID{})
		}
	})
}

func oddTimes(rng *rand.Rand) ptrace.Traces {
	century := pcommon.NewTimestampFromTime(time.Now().AddDate(100, 0, 0))
	times := []pcommon.Timestamp{0, 1, math.MaxInt64, math.MaxUint64, century, pcommon.NewTimestampFromTime(time.Now())}
	return spans(rng, 20, func(_ int, span ptrace.Span) {
		span.SetStartTimestamp(times[rng.IntN(len(times))])
		span.SetEndTimestamp(times[rng.IntN(len(times))])
		span.Events().AppendEmpty().SetTimestamp(times[rng.IntN(len(times))])
	})
}

func longRunIDs(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 5, func(i int, span ptrace.Span) {
		span.Attributes().PutStr(botanu.RunID, fmt.Sprint(i, strings.Repeat("r", 100<<10)))
		span.Attributes().PutStr(botanu.Customer, strings.Repeat("c", 100<<10))
	})
}

// circles are spans that are their own ancestors; half of them name no run.
func circles(rng *rand.Rand) ptrace.Traces {
	named := rng.IntN(2) == 0
	return spans(rng, 100, func(i int, span ptrace.Span) {
		span.SetParentSpanID(spanID(uint64((i+1)%100 + 1)))
		if !named {
			span.Attributes().Remove(botanu.RunID)
		}
	})
}

func sameIDs(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 50, func(i int, span ptrace.Span) {
		span.SetSpanID(spanID(1))
		span.Attributes().PutInt("gen_ai.usage.input_tokens", int64(i))
	})
}

func manyModels(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 3000, func(i int, span ptrace.Span) {
		span.Attributes().PutStr("gen_ai.request.model", fmt.Sprintf("model-%d-%x", i, rng.Uint32()))
		span.Attributes().PutStr("gen_ai.provider.name", fmt.Sprintf("provider-%d", i))
	})
}

func manyServices(rng *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	one := spans(rng, 2000, func(int, ptrace.Span) {})
	for i, span := range one.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d-%s", i, strings.Repeat("s", 100)))
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(fmt.Sprint("scope ", i))
		span.MoveTo(ss.Spans().AppendEmpty())
	}
	return td
}

func hugeValues(rng *rand.Rand) ptrace.Traces {
	huge := strings.Repeat("x", 256<<10)
	return spans(rng, 2, func(_ int, span ptrace.Span) {
		for _, key := range []string{
			"gen_ai.input.messages", "gen_ai.request.model", botanu.OutcomeReason, botanu.OutcomeMetadata + "m", "exception.message",
		} {
			span.Attributes().PutStr(key, huge)
		}
		span.Status().SetMessage(huge)
		span.TraceState().FromRaw(huge)
	})
}

// manyRuns is more than may be open after a few of its kind.
func manyRuns(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 600, func(_ int, span ptrace.Span) {
		span.SetTraceID(traceID(rng))
		span.Attributes().PutStr(botanu.RunID, fmt.Sprintf("bad-%x", rng.Uint64()))
	})
}

func deepChain(rng *rand.Rand) ptrace.Traces {
	td := spans(rng, 3000, func(i int, span ptrace.Span) {
		span.SetParentSpanID(spanID(uint64(i)))
		if i > 0 {
			span.Attributes().Remove(botanu.RunID)
		}
	})
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	if rng.IntN(2) == 0 { // children before their parents
		list.Sort(func(a, b ptrace.Span) bool { return a.SpanID().String() > b.SpanID().String() })
	}
	return td
}

func manyTraces(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 1000, func(_ int, span ptrace.Span) { span.SetTraceID(traceID(rng)) })
}

func oneTraceOfManyRuns(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 500, func(i int, span ptrace.Span) {
		span.Attributes().PutStr(botanu.RunID, fmt.Sprintf("bad-%d", i))
		span.SetParentSpanID(spanID(uint64(rng.IntN(500))))
	})
}

func manyEmissions(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 5, func(_ int, span ptrace.Span) {
		for i := range 500 {
			ev := span.Events().AppendEmpty()
			ev.SetName(botanu.OutcomeEmitted)
			ev.SetTimestamp(span.EndTimestamp() - pcommon.Timestamp(i))
			ev.Attributes().PutStr(botanu.EventStatus, []string{"success", "failed", "whatever"}[rng.IntN(3)])
			ev.Attributes().PutStr(botanu.EventValueType, fmt.Sprint("type ", i))
			span.Attributes().PutStr(botanu.OutcomeMetadata+fmt.Sprint(i), strings.Repeat("m", 2000))
		}
	})
}

func manyCustomers(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 1000, func(i int, span ptrace.Span) {
		span.Attributes().PutStr(botanu.Customer, fmt.Sprint("customer ", i))
		span.Attributes().PutStr(botanu.Team, strings.Repeat("t", i%300))
	})
}

// forged are spans that look like summaries of an earlier tier.
func forged(rng *rand.Rand) ptrace.Traces {
	td := spans(rng, 3, func(_ int, span ptrace.Span) {
		span.SetName(botanu.RunSummary)
		span.Attributes().PutStr(botanu.CostTotalExact, "NaN")
		span.Attributes().PutInt(botanu.Revision, math.MinInt64)
	})
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(botanu.Scope)
	return td
}

// foreign are calls of applications that know nothing of runs.
func foreign(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 50, func(i int, span ptrace.Span) {
		span.Attributes().Remove(botanu.RunID)
		switch i % 3 {
		case 0:
			span.SetParentSpanID(spanID(uint64(i))) // of another
		case 1:
			span.SetParentSpanID(spanID(rng.Uint64())) // of one that never comes
		}
	})
}

func notUTF8(rng *rand.Rand) ptrace.Traces {
	return spans(rng, 5, func(_ int, span ptrace.Span) {
		span.SetName("botanu.run/\xff")
		for _, key := range []string{botanu.Customer, botanu.Workflow} {
			span.Attributes().PutStr(key, fmt.Sprintf("bad-\xff\x00\n%d", rng.IntN(10)))
		}
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
		span.Attributes().PutStr("gen_ai.request.model", fmt.Sprintf("model \xff %d", rng.IntN(10)))
	})
}
