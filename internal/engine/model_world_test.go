package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// modelWorld is a configuration, the spans that there are, and what happens.
type modelWorld struct {
	seed   uint64
	config Config
	spans  []modelSpan
	steps  []modelStep
}

// modelSpan is a span as it comes each time; only its end may differ. Every
// tenant has one of its own, with the same IDs.
type modelSpan struct {
	trace, id, parent int
	run               string // empty: it names none
	name              string // of the span
	completed         bool   // it has the event of a run's end
	named, remote     bool
	failed, untimed   bool
	operation         string // of a call: chat or invoke_agent
	tokens            int64
	status            string // attribute of the outcome

	facts [versions]run.Fact // what package extract reads of it, by version
}

func (s *modelSpan) isCall() bool { return s.operation != "" }

// versions is how many different deliveries there are of a span; in the later
// it ends later.
const versions = 2

// arrival is one delivery of a span.
type arrival struct{ span, version int }

// modelStep is a batch of spans, or a change of what the next component says.
// First some time passes.
type modelStep struct {
	number int // keeps its place on the clock when others are left out
	rounds int // whole turns of the clock that pass before
	tenant string
	batch  []arrival
	answer answer
}

// answer is what the next component does with summaries.
type answer struct {
	how     string // takes, refuses, lies (takes and refuses), hangs; empty: as before
	culprit string // a run whose summaries are refused for good
}

const (
	takes   = "takes"
	refuses = "refuses"
	lies    = "takes them, and says that it does not"
	hangs   = "hangs"
)

// A turn of the clock is the quiet period, and every other wait is made of
// turns. Each step has a second of the turn to itself until all are used up,
// so that what follows from different steps hardly ever falls due together.
const (
	turn      = 50 * time.Second
	turnSteps = 7 // seconds from one step's to the next; has no divisor in common with the turn
)

var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newModelWorld(base Config, x *extract.Extractor, seed uint64, steps int) *modelWorld {
	r := rand.New(rand.NewPCG(seed, 42))
	w := &modelWorld{seed: seed, config: base}
	c := &w.config
	c.QuietPeriod, c.IdleTimeout, c.LateWindow, c.InheritQuiet = turn, 5*turn, pick(r, 7*turn, 7*turn, 7*turn, 0), 2*turn
	c.MaxDuration = pick(r, 11*turn, 3*turn, 1000*turn)
	c.OpenRuns = pick(r, roomy, roomy, 5, 4, 3, 2, 1)
	c.LateRuns = pick(r, roomy, roomy, 3, 1, 0)
	c.SpansPerRun = pick(r, roomy, roomy, 4, 2)
	c.Tenants = pick(r, roomy, 2, 1)
	c.Inherit = r.IntN(10) > 0
	c.InheritSpans = pick(r, roomy, roomy, 4, 1)
	w.grow(r, x)
	tenants := pick(r, []string{"a"}, []string{"a", "b"}, []string{"a", "b", "c"}, []string{"a", "a", "a", "a", "b", "c"})
	trouble := r.IntN(2) == 0
	for n := range steps {
		s := modelStep{number: n, rounds: pick(r, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 5, 8)}
		switch {
		case trouble && r.IntN(8) == 0:
			s.answer = answer{how: pick(r, takes, refuses, lies, hangs)}
			if s.answer.how == takes && r.IntN(2) == 0 {
				s.answer.culprit = w.spans[r.IntN(len(w.spans))].run
			}
		default:
			s.tenant = pick(r, tenants...)
			for range pick(r, 1, 1, 1, 2, 3) {
				s.batch = append(s.batch, arrival{r.IntN(len(w.spans)), pick(r, 0, 0, 0, 0, 1)})
			}
		}
		w.steps = append(w.steps, s)
	}
	return w
}

// grow makes the spans: some traces with some runs each, and parents that are
// there, never come, or go round in circles.
func (w *modelWorld) grow(r *rand.Rand, x *extract.Extractor) {
	runs := []string{"r1", "r2", "r3", "r4"}[:1+r.IntN(4)]
	calls := r.IntN(4) > 0
	for trace := range 1 + r.IntN(3) {
		n := 2 + r.IntN(8)
		var names []string // of runs, by span
		for i := range n {
			s := modelSpan{trace: trace + 1, id: i + 1, name: "step"}
			switch r.IntN(10) {
			case 0: // has no parent
			case 1:
				s.parent = 100 // never comes
			case 2:
				s.parent = 1 + r.IntN(n) // maybe a circle
			default:
				if i > 0 {
					s.parent = 1 + r.IntN(i)
				}
			}
			switch {
			case r.IntN(3) == 0: // names none
			case i > 0 && r.IntN(3) > 0:
				s.run = names[r.IntN(len(names))]
			default:
				s.run = pick(r, runs...)
			}
			names = append(names, s.run)
			s.remote = s.parent != 0 && r.IntN(12) == 0
			if r.IntN(12) == 0 {
				s.name, s.named = "botanu.run/w", true
			}
			s.completed = r.IntN(20) == 0
			s.failed, s.untimed = r.IntN(6) == 0, r.IntN(12) == 0
			if calls && r.IntN(3) == 0 {
				s.operation, s.tokens = pick(r, "chat", "chat", "invoke_agent"), int64(100*(1+r.IntN(2)))
			}
			if r.IntN(5) == 0 {
				s.status = pick(r, "success", "failed", "partial")
			}
			b := x.NewBatch()
			for v := range s.facts {
				x.Read(b, s.traces(v), bubbleStart)
				s.facts[v] = b.Facts[0].Fact
				b.Clear()
			}
			w.spans = append(w.spans, s)
		}
	}
}

// traces is a batch of the span alone.
func (s *modelSpan) traces(version int) ptrace.Traces {
	td := ptrace.NewTraces()
	s.appendTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans(), version)
	return td
}

func (s *modelSpan) appendTo(spans ptrace.SpanSlice, version int) {
	p := spans.AppendEmpty()
	p.SetTraceID(pcommon.TraceID{byte(s.trace)})
	p.SetSpanID(pcommon.SpanID{byte(s.trace), byte(s.id)})
	if s.parent != 0 {
		p.SetParentSpanID(pcommon.SpanID{byte(s.trace), byte(s.parent)})
	}
	p.SetName(s.name)
	if s.remote {
		p.SetFlags(remoteFlags)
	}
	if s.failed {
		p.Status().SetCode(ptrace.StatusCodeError)
	}
	start := bubbleStart.Add(time.Duration(s.id) * time.Second)
	if s.untimed {
		start = start.AddDate(-5, 0, 0)
	}
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(10+version) * time.Second)))
	if s.completed {
		p.Events().AppendEmpty().SetName(botanu.RunCompleted)
	}
	a := p.Attributes()
	if s.run != "" {
		a.PutStr(botanu.RunID, s.run)
	}
	if s.status != "" {
		a.PutStr(botanu.OutcomeStatus, s.status)
	}
	if s.isCall() {
		a.PutStr("gen_ai.operation.name", s.operation)
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o")
		a.PutInt("gen_ai.usage.input_tokens", s.tokens)
		a.PutInt("gen_ai.usage.output_tokens", s.tokens/10)
	}
}

// remoteFlags says that it is known that the parent is remote, and that it is.
const remoteFlags = 0x300

// String tells what happens, to be read by whoever looks for the fault.
func (w *modelWorld) String() string {
	var b strings.Builder
	c := &w.config
	fmt.Fprintf(&b, "quiet %v, idle %v, max %v, late %v, inherit %v quiet %v\n",
		c.QuietPeriod, c.IdleTimeout, c.MaxDuration, c.LateWindow, c.Inherit, c.InheritQuiet)
	fmt.Fprintf(&b, "limits: open %d, late %d, spans %d, tenants %d, waiting %d, memory %d\n",
		c.OpenRuns, c.LateRuns, c.SpansPerRun, c.Tenants, c.InheritSpans, c.Memory)
	now := bubbleStart.Add(half)
	for _, s := range w.steps {
		now = s.at(now)
		fmt.Fprintf(&b, "%7s ", now.Sub(bubbleStart).Truncate(time.Second))
		if s.answer.how != "" {
			fmt.Fprintf(&b, "the next component %s", s.answer.how)
			if s.answer.culprit != "" {
				fmt.Fprintf(&b, ", but refuses %s for good", s.answer.culprit)
			}
		} else {
			fmt.Fprintf(&b, "tenant %s:", s.tenant)
		}
		for _, a := range s.batch {
			fmt.Fprintf(&b, " [%s", &w.spans[a.span])
			if a.version > 0 {
				b.WriteString(", ends later")
			}
			b.WriteString("]")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (s *modelSpan) String() string {
	text := fmt.Sprintf("trace %d span %d", s.trace, s.id)
	if s.parent != 0 {
		text += fmt.Sprint(" under ", s.parent)
	}
	if s.run != "" {
		text += " of " + s.run
	}
	for _, more := range []struct {
		is   bool
		text string
	}{
		{s.named, "named root"}, {s.completed, "completed"}, {s.remote, "parent remote"}, {s.failed, "failed"},
		{s.untimed, "no times"}, {s.isCall(), fmt.Sprint(s.operation, " ", s.tokens)}, {s.status != "", s.status},
	} {
		if more.is {
			text += ", " + more.text
		}
	}
	return text
}

// half a second lies between the engine's ticks and every step.
const half = 500 * time.Millisecond

// at is when a step happens that follows on now.
func (s *modelStep) at(now time.Time) time.Time {
	second := time.Duration(s.number*turnSteps) * time.Second % turn
	t := now.Truncate(time.Second).Add(half)
	for t.Sub(bubbleStart)%turn != second+half || !t.After(now) {
		t = t.Add(time.Second)
	}
	return t.Add(time.Duration(s.rounds) * turn)
}
