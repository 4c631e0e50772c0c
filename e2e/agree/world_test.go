//go:build agree

package agree

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// phases are when spans are sent: those of one when all of the one before have
// been told.
const phases = 3

// world is runs of which everything is known.
type world struct {
	rng    *rand.Rand
	began  time.Time
	runs   []*run
	events []*event
	sends  [phases][]fragment
}

// fragment is a span, and to which of the two processors it is sent.
type fragment struct {
	td   ptrace.Traces
	part *part
}

// event is one business transaction.
type event struct {
	id, customer, workflow string
	attempts               []*run // top-level ones; the last decides
	runs                   []*run
}

// run is one run of an event. What it came to is what all its spans say.
type run struct {
	id          string
	of          *event
	workflow    string
	environment string
	attempt     int64 // 0 where it is nested
	retryOf     *run
	parent      *run
	nested      []*run
	trace       pcommon.TraceID
	root        pcommon.SpanID
	rootSpan    ptrace.Span

	parts []*part // one, or two where spans of it went to either processor
	outcome
}

// part is what one processor has of a run.
type part struct {
	run    *run
	apart  bool // of the second processor
	calls  []call
	work   synthetic.USD // other than calls to models
	status string        // at the end; "" where none was said
	spans  [phases]int64 // sent in each phase
}

// outcome is what a run achieved at the end.
type outcome struct {
	status, valueType string // "" where none was said
	amount            float64
}

// model is what calls to models differ in.
type model struct{ provider, name string }

// call is a call to a model.
type call struct {
	model
	uncached, read, write, output int64
	cost                          money
}

// The prices of testdata/ratecard.yaml, in millionths of a millionth of a
// dollar for one token or byte.
var (
	small = model{"openai", "small"}
	large = model{"anthropic", "large"}
	own   = model{"acme", "hosted"}  // the operator says what each call cost
	dark  = model{"acme", "unheard"} // nobody knows
	agent = model{"acme", "agent"}   // said by aggregates alone
)

func price(c *call) money {
	switch c.model {
	case small:
		return money{synthetic.USD(c.uncached*150_000 + c.read*75_000 + c.output*600_000), true}
	case large:
		return money{synthetic.USD(c.uncached*3_000_000 + c.read*300_000 + c.write*3_750_000 + c.output*15_000_000), true}
	}
	return money{}
}

const byteScanned synthetic.USD = 5

// thousandth is that of a dollar.
const thousandth synthetic.USD = 1_000_000_000

// kinds of runs: what they are worth, and whether their models have a price.
var workflows = []struct {
	name       string
	valueTypes []string
	models     []model
}{
	{"fulfill-order", []string{"orders_fulfilled", "orders_fulfilled", "orders_fulfilled", "orders_split"}, []model{small, small, large, own, own, dark}},
	{"support-ticket", []string{"tickets_resolved"}, []model{small, large, own}},
	{"research", nil, []model{large, large, dark}},
	{"night-shift", []string{"tickets_resolved"}, []model{dark}},
}

// enrich is the workflow of nested runs.
const enrich = "enrich"

// perUnit is what the configuration says that a value is worth, in cents: the
// test has no floats in what it holds to be true.
var perUnit = map[string]int64{"orders_fulfilled": 1250, "tickets_resolved": 400}

var successless = map[string]bool{"failed": true, "timeout": true, "canceled": true, "abandoned": true}

// newWorld makes so many runs.
func newWorld(seed uint64, runs int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), began: time.Now()}
	for len(w.runs) < runs {
		w.event(runs - len(w.runs))
	}
	return w
}

// event makes an event of at most so many runs.
func (w *world) event(most int) {
	kind := workflows[w.pick(8, 8, 3, 1)]
	e := &event{id: fmt.Sprintf("event-%016x", w.rng.Uint64()), customer: fmt.Sprintf("customer-%d", w.rng.IntN(40)), workflow: kind.name}
	w.events = append(w.events, e)
	attempts := min(most, 1+w.pick(6, 3, 1))
	var before *run
	for n := range attempts {
		statuses := []string{"failed", "failed", "timeout", "canceled"}
		if n == attempts-1 {
			statuses = []string{"success", "success", "success", "success", "partial", "failed", "timeout", "canceled", ""}
		}
		r := w.run(e, &run{workflow: kind.name, attempt: int64(n + 1), retryOf: before}, one(w, statuses), kind.valueTypes, kind.models)
		e.attempts = append(e.attempts, r)
		before = r
		if most--; most > attempts-1-n && w.rng.IntN(5) == 0 {
			in := w.run(e, &run{workflow: enrich, parent: r}, one(w, []string{"success", "success", "failed", ""}), nil, []model{small, own, dark})
			r.nested = append(r.nested, in)
			most--
		}
	}
}

// run makes a run, and the spans of it.
func (w *world) run(e *event, r *run, status string, valueTypes []string, models []model) *run {
	r.id, r.of, r.environment = fmt.Sprintf("run-%016x", w.rng.Uint64()), e, one(w, []string{"prod", "prod", "staging"})
	r.root = w.spanID()
	binary.BigEndian.PutUint64(r.trace[:8], w.rng.Uint64())
	binary.BigEndian.PutUint64(r.trace[8:], w.rng.Uint64())
	if r.parent != nil && w.rng.IntN(2) == 0 { // else behind a queue, in a trace of its own
		r.trace = r.parent.trace
	}
	w.runs, e.runs = append(w.runs, r), append(e.runs, r)
	p := &part{run: r}
	r.parts = []*part{p}

	r.rootSpan = w.rootOf(r, w.pick(95, 5)) // a few come late: until then the run is taken for abandoned
	w.outcomes(r, status, valueTypes)
	for range max(w.rng.IntN(5), min(1, 2-len(models))) { // one at least where none has a price: without a call a run costs nothing
		m := one(w, models)
		w.call(p, m, w.phase())
	}
	if len(models) > 1 {
		if w.rng.IntN(8) == 0 {
			w.aggregate(p)
		}
		if w.rng.IntN(10) == 0 && p.cost().known {
			w.metered(p)
		}
	}
	if r.status != "" && p.said() && w.rng.IntN(15) == 0 {
		w.tearApart(r, valueTypes, models)
	}
	return r
}

// said reports whether the part's status was stated, and not inferred.
func (p *part) said() bool { return p.status != "canceled" || !cancelled(p.run.rootSpan) }

func cancelled(root ptrace.Span) bool {
	_, ok := root.Attributes().Get(botanu.RunCancelled)
	return ok
}

// outcomes has a run say how it ended; some change their mind, once or twice.
func (w *world) outcomes(r *run, status string, valueTypes []string) {
	other := "failed"
	if status == "failed" {
		other = "success"
	}
	path := [][]string{{status}, {other, status}, {"", status}, {status, other, status}}[w.pick(16, 2, 1, 1)]
	if status == "" {
		path = path[:1] // nothing can be unsaid
	}
	valueType := ""
	if len(valueTypes) > 0 {
		valueType = one(w, valueTypes)
	}
	for n, s := range path {
		switch {
		case s == "":
		case n == 0 && s == "canceled" && w.rng.IntN(2) == 0:
			r.rootSpan.Attributes().PutBool(botanu.RunCancelled, true)
			r.outcome = outcome{status: s}
		case n == 0 && w.rng.IntN(2) == 0:
			r.outcome = w.achieved(s, valueType)
			a := r.rootSpan.Attributes()
			a.PutStr(botanu.OutcomeStatus, s)
			if valueType != "" {
				a.PutStr(botanu.OutcomeValueType, valueType)
				a.PutDouble(botanu.OutcomeValueAmount, r.amount)
			}
		default:
			w.emit(r.parts[0], w.achieved(s, valueType), n, n)
		}
	}
	r.parts[0].status = r.status
}

// achieved is an outcome of a status. Amounts are halves: their sums are exact
// as floats, too.
func (w *world) achieved(status, valueType string) outcome {
	o := outcome{status: status, valueType: valueType}
	if valueType != "" && (status == "success" || status == "partial") {
		o.amount = float64(1+w.rng.IntN(6)) / 2
	}
	return o
}

// emit states an outcome explicitly, the nth of the run.
func (w *world) emit(p *part, o outcome, n, phase int) {
	r := p.run
	ev := w.span(p, "outcome", w.spanID(), r.root, phase, true).Events().AppendEmpty()
	ev.SetName(botanu.OutcomeEmitted)
	ev.SetTimestamp(pcommon.NewTimestampFromTime(w.began.Add(time.Duration(n)*time.Second - time.Minute)))
	a := ev.Attributes()
	a.PutStr(botanu.EventStatus, o.status)
	if o.valueType != "" {
		a.PutStr(botanu.EventValueType, o.valueType)
		a.PutDouble(botanu.EventValueAmount, o.amount)
	}
	r.outcome, p.status = o, o.status
}

// tearApart sends spans of a run to the other processor: a second part, which
// has no root.
func (w *world) tearApart(r *run, valueTypes []string, models []model) {
	p := &part{run: r, apart: true, status: "abandoned"}
	r.parts = append(r.parts, p)
	for range 1 + w.rng.IntN(2) {
		w.call(p, one(w, models), w.phase())
	}
	if w.rng.IntN(2) == 0 {
		valueType := ""
		if len(valueTypes) > 0 {
			valueType = valueTypes[0]
		}
		w.emit(p, w.achieved(one(w, []string{"success", "failed"}), valueType), 30, w.phase())
	}
}

func (w *world) rootOf(r *run, phase int) ptrace.Span {
	above := pcommon.SpanID{}
	if r.parent != nil && r.parent.trace == r.trace {
		above = r.parent.root
	}
	span := w.span(r.parts[0], "botanu.run/"+r.workflow, r.root, above, phase, true)
	a := span.Attributes()
	if r.attempt > 0 {
		a.PutInt(botanu.Attempt, r.attempt)
	}
	if r.retryOf != nil {
		a.PutStr(botanu.RetryOf, r.retryOf.id)
	}
	if r.parent != nil {
		a.PutStr(botanu.ParentRun, r.parent.id)
	}
	return span
}

// call is a call beneath the root, or beneath a tool whose run it takes.
func (w *world) call(p *part, m model, phase int) {
	above, named := p.run.root, true
	if w.rng.IntN(6) == 0 {
		above, named = w.spanID(), false
		w.span(p, "execute_tool search", above, p.run.root, phase, true)
	}
	c := w.usage(w.span(p, "chat "+m.name, w.spanID(), above, phase, named), "chat", m)
	p.calls = append(p.calls, c)
}

// aggregate is a span that states usage and counts as a call, until the call
// is known that it repeats.
func (w *world) aggregate(p *part) {
	id := w.spanID()
	w.usage(w.span(p, "invoke_agent", id, p.run.root, 0, true), "invoke_agent", agent)
	p.calls = append(p.calls, w.usage(w.span(p, "chat "+own.name, w.spanID(), id, 1, true), "chat", own))
}

// metered is work that the rate card prices, and no call to a model.
func (w *world) metered(p *part) {
	n := 1 + w.rng.Int64N(1e12)
	a := w.span(p, "warehouse query", w.spanID(), p.run.root, w.phase(), true).Attributes()
	a.PutStr("botanu.vendor", "snowflake")
	a.PutInt("botanu.warehouse.bytes_scanned", n)
	p.work += synthetic.USD(n) * byteScanned
}

// usage has a span say what a call came to.
func (w *world) usage(span ptrace.Span, operation string, m model) call {
	c := call{model: m, uncached: 1 + w.rng.Int64N(20_000), output: 1 + w.rng.Int64N(4_000)}
	if w.rng.IntN(2) == 0 {
		c.read = w.rng.Int64N(20_000)
		if m == large {
			c.write = w.rng.Int64N(5_000)
		}
	}
	c.cost = price(&c)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", operation)
	a.PutStr("gen_ai.provider.name", m.provider)
	a.PutStr("gen_ai.request.model", m.name)
	a.PutInt("gen_ai.usage.input_tokens", c.uncached+c.read+c.write)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", c.read)
	a.PutInt("gen_ai.usage.cache_creation.input_tokens", c.write)
	a.PutInt("gen_ai.usage.output_tokens", c.output)
	if m == own || m == agent {
		n := 1 + w.rng.Int64N(5_000)
		a.PutDouble("botanu.cost.total_usd", float64(n)/1000)
		c.cost = money{synthetic.USD(n) * thousandth, true}
	}
	return c
}

// scope is that of an instrumentation of which it is known that its input
// includes cached tokens.
const scope = "opentelemetry.instrumentation.genai.openai"

// span makes a span, to be sent in a phase. One that is not named takes the
// run of its parent.
func (w *world) span(p *part, name string, id, parent pcommon.SpanID, phase int, named bool) ptrace.Span {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	span := ss.Spans().AppendEmpty()
	span.SetName(name)
	span.SetTraceID(p.run.trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(w.began.Add(-2 * time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(w.began.Add(-time.Second)))
	if named {
		a := span.Attributes()
		a.PutStr(botanu.RunID, p.run.id)
		a.PutStr(botanu.EventID, p.run.of.id)
		a.PutStr(botanu.Customer, p.run.of.customer)
		a.PutStr(botanu.Workflow, p.run.workflow)
		a.PutStr(botanu.Environment, p.run.environment)
	}
	p.spans[phase]++
	w.sends[phase] = append(w.sends[phase], fragment{td, p})
	return span
}

func (w *world) spanID() (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], w.rng.Uint64()|1) // not zero, which means none
	return id
}

func (w *world) phase() int { return w.pick(15, 3, 2) }

// pick is an index, as often as its weight says.
func (w *world) pick(weights ...int) int {
	sum := 0
	for _, n := range weights {
		sum += n
	}
	at := w.rng.IntN(sum)
	for i, n := range weights {
		if at -= n; at < 0 {
			return i
		}
	}
	panic("unreachable")
}

func one[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }
