//go:build prometheus

package prometheus

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// model is what series of calls differ in.
type model struct{ workflow, provider, name string }

// status is what series of runs differ in.
type status struct{ workflow, name string }

// usage is what calls came to.
type usage struct {
	calls, unpriced, input, output int64
	cost                           synthetic.USD
}

// truth is what the runs that were made amount to.
type truth struct {
	models map[model]usage
	runs   map[status]int64
	ids    map[string]bool // that no label may bear
}

func newTruth() *truth {
	return &truth{models: map[model]usage{}, runs: map[status]int64{}, ids: map[string]bool{}}
}

func (t *truth) call(m model, u usage) {
	sum := t.models[m]
	sum.calls += u.calls
	sum.unpriced += u.unpriced
	sum.input += u.input
	sum.output += u.output
	sum.cost += u.cost
	t.models[m] = sum
}

// cost is that of all calls of a workflow.
func (t *truth) cost(workflow string) (sum synthetic.USD) {
	for m, u := range t.models {
		if m.workflow == workflow {
			sum += u.cost
		}
	}
	return sum
}

// run makes the spans of one run.
type run struct {
	truth    *truth
	workflow string
	status   string // "" where none is said
	id       string
	rng      *rand.Rand
	trace    pcommon.TraceID
	root     pcommon.SpanID
	spans    []ptrace.Traces
}

// start makes a run with its root span, which ended.
func (t *truth) start(workflow, outcome string, rng *rand.Rand) *run {
	r := &run{truth: t, workflow: workflow, status: outcome, rng: rng, root: spanID(rng)}
	binary.BigEndian.PutUint64(r.trace[:8], rng.Uint64())
	binary.BigEndian.PutUint64(r.trace[8:], rng.Uint64())
	r.id = fmt.Sprintf("run-%016x", rng.Uint64())
	event, customer := "event of "+r.id, "customer of "+r.id
	for _, id := range []string{r.id, event, customer, r.trace.String(), r.root.String()} {
		t.ids[id] = true
	}
	span := r.span("botanu.run/"+workflow, r.root, pcommon.SpanID{})
	span.Attributes().PutStr(botanu.EventID, event)
	span.Attributes().PutStr(botanu.Customer, customer)
	if outcome == "" {
		outcome = "unset"
	} else {
		span.Attributes().PutStr(botanu.OutcomeStatus, outcome)
	}
	t.runs[status{workflow, outcome}]++
	return r
}

func spanID(rng *rand.Rand) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], rng.Uint64()|1) // not zero, which means none
	return id
}

func (r *run) span(name string, id, parent pcommon.SpanID) ptrace.Span {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	now := time.Now()
	span.SetName(name)
	span.SetTraceID(r.trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	span.Attributes().PutStr(botanu.RunID, r.id)
	span.Attributes().PutStr(botanu.Workflow, r.workflow)
	span.Attributes().PutStr(botanu.Environment, "test")
	r.spans = append(r.spans, td)
	return span
}

// metered puts usage on a span, and says what it amounts to.
func (r *run) metered(span ptrace.Span, operation, name string, priced bool) (model, usage) {
	u := usage{calls: 1, input: 1 + r.rng.Int64N(20_000), output: 1 + r.rng.Int64N(4_000)}
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", operation)
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", name)
	a.PutInt("gen_ai.usage.input_tokens", u.input)
	a.PutInt("gen_ai.usage.output_tokens", u.output)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", u.input/4) // of the input
	if priced {
		thousandths := 1 + r.rng.Int64N(5_000)
		a.PutDouble("botanu.cost.total_usd", float64(thousandths)/1000)
		u.cost = synthetic.USD(thousandths) * 1_000_000_000
	} else {
		u.unpriced = 1
	}
	return model{r.workflow, "openai", name}, u
}

// call is a call that the operator says the price of, or that has none: no rate
// card has these models.
func (r *run) call(name string, priced bool) *run {
	m, u := r.metered(r.span("chat "+name, spanID(r.rng), r.root), "chat", name, priced)
	r.truth.call(m, u)
	return r
}

// agent is a span that states usage and has no call beneath it. For so long it
// counts as one: its usage is in the truth that is returned, and no more once a
// call is known.
func (r *run) agent(name string, priced bool) (id pcommon.SpanID, m model, u usage) {
	id = spanID(r.rng)
	m, u = r.metered(r.span("invoke_agent", id, r.root), "invoke_agent", name, priced)
	return id, m, u
}

// worth has the run's root say what it achieved.
func (r *run) worth(valueType string, amount float64) *run {
	for root := range replay.Spans(r.spans[0]) {
		root.Attributes().PutStr(botanu.OutcomeValueType, valueType)
		root.Attributes().PutDouble(botanu.OutcomeValueAmount, amount)
	}
	return r
}

// sent are the spans since the last time, as one request.
func (r *run) sent() ptrace.Traces {
	td := synthetic.Together(r.spans...)
	r.spans = nil
	return td
}

// settles has the run say late how it ended.
func (r *run) settles(outcome string) *run {
	ev := r.span("told later", spanID(r.rng), r.root).Events().AppendEmpty()
	ev.SetName(botanu.OutcomeEmitted)
	ev.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	ev.Attributes().PutStr("status", outcome)
	before := r.status
	if before == "" {
		before = "unset"
	}
	r.truth.runs[status{r.workflow, before}]--
	r.truth.runs[status{r.workflow, outcome}]++
	r.status = outcome
	return r
}
