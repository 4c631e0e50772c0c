// Package synthetic makes runs whose cost is known to the digit.
package synthetic

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// Truth is what a run amounts to.
type Truth struct {
	Spans, Calls, Input, Output int64
	Cost                        USD
}

// Add adds what else there is.
func (t *Truth) Add(o Truth) {
	t.Spans += o.Spans
	t.Calls += o.Calls
	t.Input += o.Input
	t.Output += o.Output
	t.Cost += o.Cost
}

// Minus is the difference of two truths.
func (t Truth) Minus(o Truth) Truth {
	return Truth{t.Spans - o.Spans, t.Calls - o.Calls, t.Input - o.Input, t.Output - o.Output, t.Cost - o.Cost}
}

// Within reports whether t is nothing less than nothing, and nothing more than o.
func (t Truth) Within(o Truth) bool {
	return t.Spans >= 0 && t.Calls >= 0 && t.Input >= 0 && t.Output >= 0 && t.Cost >= 0 &&
		t.Spans <= o.Spans && t.Calls <= o.Calls && t.Input <= o.Input && t.Output <= o.Output && t.Cost <= o.Cost
}

// USD is an amount in millionths of a millionth of a dollar.
type USD int64

const dollar USD = 1_000_000_000_000

// String is the amount to the digit.
func (n USD) String() string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%012d", sign, n/dollar, n%dollar)
}

// The prices of gpt-4o-mini, 0.15 and 0.60 USD a million tokens, for one.
const (
	inputPrice  = 15 * dollar / 100 / 1_000_000
	outputPrice = 60 * dollar / 100 / 1_000_000
)

// ParseUSD reads a plain decimal.
func ParseUSD(text string) (USD, error) {
	sign, digits := USD(1), text
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, digits = -1, rest
	}
	whole, part, _ := strings.Cut(digits, ".")
	if len(part) > 12 {
		return 0, fmt.Errorf("%q has too many digits", text)
	}
	var n USD
	for _, c := range whole + part + strings.Repeat("0", 12-len(part)) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is no plain decimal", text)
		}
		n = 10*n + USD(c-'0')
	}
	if whole == "" {
		return 0, fmt.Errorf("%q is no plain decimal", text)
	}
	return sign * n, nil
}

// Run is a run of one trace. Each span that is made of it enters its truth,
// and is one span however often it is sent.
type Run struct {
	ID string
	Truth

	rng   *rand.Rand
	trace pcommon.TraceID
	root  pcommon.SpanID
}

// New makes a run that has no span yet.
func New(id string, rng *rand.Rand) *Run {
	r := &Run{ID: id, rng: rng, root: spanID(rng)}
	binary.BigEndian.PutUint64(r.trace[:8], rng.Uint64())
	binary.BigEndian.PutUint64(r.trace[8:], rng.Uint64())
	return r
}

func spanID(rng *rand.Rand) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], rng.Uint64()|1) // not zero, which means none
	return id
}

// Root is the run's root span: the run ended well.
func (r *Run) Root() ptrace.Traces {
	td, span := r.span("botanu.run/soak", r.root, pcommon.SpanID{})
	span.Attributes().PutStr(botanu.RunID, r.ID)
	span.Attributes().PutStr(botanu.Customer, "customer of "+r.ID)
	span.Attributes().PutStr(botanu.OutcomeStatus, "success")
	r.Add(Truth{Spans: 1})
	return td
}

// Call is a call to a model beneath the root. The rate card prices most; of
// some the operator says the cost.
func (r *Run) Call() ptrace.Traces {
	td, span := r.span("chat gpt-4o-mini", spanID(r.rng), r.root)
	span.Attributes().PutStr(botanu.RunID, r.ID)
	r.meter(span)
	return td
}

// Inherited is a call that names no run beneath a tool that does: it takes the
// run of its parent.
func (r *Run) Inherited() ptrace.Traces {
	tool := spanID(r.rng)
	child, span := r.span("chat gpt-4o-mini", spanID(r.rng), tool)
	r.meter(span)
	td, parent := r.span("execute_tool search", tool, r.root)
	parent.Attributes().PutStr(botanu.RunID, r.ID)
	r.Add(Truth{Spans: 1})
	return Together(child, td)
}

// meter makes a span one that a provider bills.
func (r *Run) meter(span ptrace.Span) {
	t := Truth{Spans: 1, Calls: 1, Input: 1 + r.rng.Int64N(20_000), Output: 1 + r.rng.Int64N(4_000)}
	t.Cost = USD(t.Input)*inputPrice + USD(t.Output)*outputPrice
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutInt("gen_ai.usage.input_tokens", t.Input)
	a.PutInt("gen_ai.usage.output_tokens", t.Output)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 0) // where a span does not say so, the cost is an upper bound
	if r.rng.IntN(4) == 0 {
		thousandths := 1 + r.rng.Int64N(5_000)
		a.PutDouble("botanu.cost.total_usd", float64(thousandths)/1000)
		t.Cost = USD(thousandths) * dollar / 1000
	}
	r.Add(t)
}

func (r *Run) span(name string, id, parent pcommon.SpanID) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName("synthetic")
	span := ss.Spans().AppendEmpty()
	now := time.Now()
	span.SetName(name)
	span.SetTraceID(r.trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	return td, span
}

// Together is some requests in one. They are left as they are.
func Together(requests ...ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, r := range requests {
		for _, rs := range r.ResourceSpans().All() {
			rs.CopyTo(td.ResourceSpans().AppendEmpty())
		}
	}
	return td
}

// Told is what the summaries of a run's parts say together, each part by its
// highest revision.
func Told(parts []replay.Summary) (Truth, error) {
	var t Truth
	for i := range parts {
		s := &parts[i]
		part := Truth{
			Spans: s.Int(botanu.SpanCount), Calls: s.Int(botanu.LLMCalls),
			Input: s.Int(botanu.TokensInput), Output: s.Int(botanu.TokensOutput),
		}
		if text, ok := s.Attributes[botanu.CostTotalExact].(string); ok {
			cost, err := ParseUSD(text)
			if err != nil {
				return t, err
			}
			part.Cost = cost
		}
		// A part that was evicted before its root came says that what follows may
		// repeat its calls.
		evicted := s.Text(botanu.Completion) == "evicted" && s.Text(botanu.CostAccuracy) == "upper_bound"
		if part.Calls > 0 && s.Text(botanu.CostAccuracy) != "exact" && !evicted {
			return t, fmt.Errorf("the total of part %s is %s, not exact: %v", s.Part, s.Text(botanu.CostAccuracy), s.Attributes[botanu.CostCaveats])
		}
		t.Add(part)
	}
	return t, nil
}
