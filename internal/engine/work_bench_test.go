package engine

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
)

// The benchmarks here are of work that is done with the engine's lock held: each
// is to cost about twice for twice as many.

// twice runs a benchmark of some size and of twice that size, and again.
func twice(b *testing.B, n int, bench func(*testing.B, int)) {
	for _, n := range []int{n, 2 * n, 4 * n} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { bench(b, n) })
	}
}

// each makes a batch of n spans.
func each(n int, span func(int) ptrace.Traces, change func(int, ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		one(span(i)).CopyTo(s)
		s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), byte(i >> 16), 8})
		change(i, s)
	}
	return td
}

// BenchmarkDecide is of the spans of one trace that name no run, with 64 runs in it.
func BenchmarkDecide(b *testing.B) {
	twice(b, 5_000, func(b *testing.B, n int) {
		config := testConfig(b)
		config.InheritSpans = 1_000_000
		runs := each(64*rootScan, func(i int) ptrace.Traces { return spanOf(fmt.Sprintf("%03d", i/rootScan), 2) },
			func(_ int, s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{99, 99, 99}) })
		strays := each(n, func(int) ptrace.Traces { return spanOf("abc", 2) }, func(i int, s ptrace.Span) {
			s.Attributes().Remove(botanu.RunID)
			s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), byte(i >> 16), 9})
			s.SetParentSpanID(pcommon.SpanID{})
		})
		now := time.Now()
		for b.Loop() {
			b.StopTimer()
			e := New(config, (&sink{}).emit, (&sink{}).tell)
			e.Observe(runs, nil, now)
			e.Observe(strays, nil, now)
			b.StartTimer()
			e.decideDue(now.Add(time.Hour), &Tally{})
		}
	})
}

// BenchmarkRunsOfOneEvent is of summarising the runs of one event that has a
// review, each a retry of another.
func BenchmarkRunsOfOneEvent(b *testing.B) {
	twice(b, 500, func(b *testing.B, n int) {
		config := testConfig(b)
		withEvents(&config)
		config.OpenRuns, config.LateRuns = 100_000, 100_000
		runs := each(n, func(i int) ptrace.Traces { return with(spanOf(fmt.Sprintf("r%06d", i), 1), botanu.EventID, "e") }, func(i int, s ptrace.Span) {
			s.Attributes().PutStr(botanu.RetryOf, fmt.Sprintf("r%06d", i-1))
			s.SetTraceID(pcommon.TraceID{byte(i), byte(i >> 8), 7})
		})
		now := time.Now()
		for b.Loop() {
			b.StopTimer()
			e := New(config, (&sink{}).emit, (&sink{}).tell)
			e.Observe(runs, nil, now)
			e.Observe(review("e", "failed"), nil, now)
			jobs := e.take(now.Add(time.Minute))
			b.StartTimer()
			e.summarise(jobs, now)
		}
	})
}

// BenchmarkOutcomesWithoutCustomer is of outcomes that come alone, each for one
// of as many events.
func BenchmarkOutcomesWithoutCustomer(b *testing.B) {
	twice(b, 5_000, func(b *testing.B, n int) {
		config := testConfig(b)
		withEvents(&config)
		config.MaxEvents, config.Inherit = 1_000_000, false
		said := each(n, func(i int) ptrace.Traces { return review(fmt.Sprint(i), "failed") }, func(int, ptrace.Span) {})
		now := time.Now()
		for b.Loop() {
			b.StopTimer()
			e := New(config, (&sink{}).emit, (&sink{}).tell)
			of := e.tenantOf("", nil, now, &Tally{})
			for i := range n {
				e.eventOf(of, event.Key{Customer: "acme", Event: fmt.Sprint(i)}, now, &Tally{})
			}
			b.StartTimer()
			if tally := e.Observe(said, nil, now); tally.EventClaims != n || len(of.events) != n {
				b.Fatal(tally.EventClaims, len(of.events))
			}
		}
	})
}

// BenchmarkCapture is of a snapshot of the state, as far as it keeps the lock.
func BenchmarkCapture(b *testing.B) {
	twice(b, 25_000, func(b *testing.B, n int) {
		config := testConfig(b)
		config.OpenRuns = 1_000_000
		e := New(config, (&sink{}).emit, (&sink{}).tell)
		e.Observe(each(n, func(i int) ptrace.Traces { return spanOf(fmt.Sprint(i), 1) }, func(i int, s ptrace.Span) {
			s.SetTraceID(pcommon.TraceID{byte(i), byte(i >> 8), byte(i >> 16), 7})
		}), nil, time.Now())
		for b.Loop() {
			e.capture()
		}
	})
}
