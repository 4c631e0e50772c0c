package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// sink collects what the engine hands out.
type sink struct {
	mu        sync.Mutex // guards everything declared below
	summaries []run.Summary
	events    []event.Summary
	refuse    error
	culprit   string // a run whose summary is refused for good
	calls     int
	aside     Tally
	metadata  [][][]string // of each batch taken
}

func (s *sink) tell(_ context.Context, t Tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside.Inherited += t.Inherited
	s.aside.CutShort += t.CutShort
	s.aside.Unattributed += t.Unattributed
	s.aside.Lost.Calls += t.Lost.Calls
	s.aside.Lost.Cost += t.Lost.Cost
}

func (s *sink) emit(_ context.Context, metadata [][]string, summaries []Summary) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.refuse != nil {
		return len(summaries), s.refuse
	}
	for i := range summaries {
		if r := summaries[i].Run; s.culprit != "" && r != nil && r.RunID == s.culprit {
			return len(summaries), consumererror.NewPermanent(errors.New("not this one"))
		}
	}
	for _, summary := range summaries {
		if summary.Run != nil {
			s.summaries = append(s.summaries, *summary.Run)
		} else {
			s.events = append(s.events, *summary.Event)
		}
	}
	s.metadata = append(s.metadata, metadata)
	return len(summaries), nil
}

func (s *sink) told() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aside
}

func (s *sink) take() []run.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.summaries
	s.summaries = nil
	return out
}

func (s *sink) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func testConfig(t testing.TB) Config {
	card, err := ratecard.Embedded()
	require.NoError(t, err)
	c := Config{
		QuietPeriod: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxDuration: time.Hour, LateWindow: 10 * time.Minute,
		OpenRuns: 1000, LateRuns: 1000, SpansPerRun: 1000, Tenants: 10, Memory: 1 << 30,
		Inherit: true, InheritQuiet: 30 * time.Second, InheritSpans: 1000,
		Extract: extract.Config{RunIDKey: botanu.RunID, IdentityKeys: run.FieldNames, Card: card},
	}
	c.Extract.IdentityKeys[run.Version] = botanu.Version
	return c
}

// inBubble runs a test against a started engine, under a clock of its own.
func inBubble(t *testing.T, change func(*Config), test func(*testing.T, *Engine, *sink)) {
	config := testConfig(t)
	if change != nil {
		change(&config)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		e := New(config, s.emit, s.tell)
		e.Start()
		defer func() { _ = e.Shutdown(t.Context()) }()
		test(t, e, s)
	})
}

// after lets time pass, and what is due be done.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// spanOf is a span of a run. Its id tells it from the run's others; 1 is a root.
func spanOf(runID string, id byte) ptrace.Traces {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1, byte(len(runID))})
	s.SetSpanID(pcommon.SpanID{id})
	if id != 1 {
		s.SetParentSpanID(pcommon.SpanID{1})
	}
	s.SetName("step")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	s.Attributes().PutStr(botanu.RunID, runID)
	return td
}

func (e *Engine) observeNow(td ptrace.Traces) Tally { return e.Observe(td, nil, time.Now()) }

func TestRunWithItsRootIsSummarisedAfterTheQuietPeriod(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 1))
		after(6 * time.Second)
		e.observeNow(spanOf("a", 2)) // starts the quiet period again
		after(9 * time.Second)
		require.Empty(t, s.take())
		after(2 * time.Second)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, run.RootEnded, got[0].Completion)
		assert.Equal(t, 2, got[0].SpanCount)
		assert.Equal(t, outcome.FromNothing, got[0].Outcome.Source)
	})
}

func TestRunWithoutItsRootIsAbandonedAfterTheIdleTimeout(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 2))
		after(5*time.Minute - time.Second)
		require.Empty(t, s.take())
		after(2 * time.Second)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, run.Idle, got[0].Completion)
		assert.Equal(t, outcome.Abandoned, got[0].Outcome.Status)
	})
}

func TestRunThatGoesOnIsSummarisedEachMaxDurationAndStaysOpen(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		for id := range byte(40) { // a span every four minutes for 160 minutes
			e.observeNow(spanOf("a", id+2))
			after(4 * time.Minute)
		}
		got := s.take()
		require.Len(t, got, 2)
		for i, want := range []struct{ revision, spans int }{{0, 15}, {1, 30}} {
			assert.Equal(t, run.MaxDuration, got[i].Completion)
			assert.Equal(t, want.revision, got[i].Revision)
			assert.InDelta(t, want.spans, got[i].SpanCount, 1)
			assert.Equal(t, outcome.None, got[i].Outcome.Status, "nothing is inferred of a run that is open")
		}
		assert.Equal(t, got[0].Part, got[1].Part)
		after(10 * time.Minute)
		got = s.take()
		require.Len(t, got, 1)
		assert.Equal(t, run.Idle, got[0].Completion)
	})
}

func TestLateSpanRaisesARevisionAndADuplicateDoesNot(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		first := spanOf("a", 1)
		e.observeNow(first)
		after(11 * time.Second)
		require.Len(t, s.take(), 1)

		assert.Equal(t, 1, e.observeNow(first).Duplicates)
		after(time.Minute)
		require.Empty(t, s.take(), "a duplicate changes nothing")

		assert.Equal(t, 1, e.observeNow(spanOf("a", 2)).Late)
		after(11 * time.Second)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, 1, got[0].Revision)
		assert.Equal(t, 2, got[0].SpanCount, "a revision restates all of it")
	})
}

func TestSpanAfterTheLateWindowBeginsANewPart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 1))
		after(11 * time.Second)
		first := s.take()
		after(10 * time.Minute)
		late := e.Gauges().Late
		require.Zero(t, late)
		assert.Zero(t, e.observeNow(spanOf("a", 2)).Late)
		after(5*time.Minute + time.Second)
		second := s.take()
		require.Len(t, second, 1)
		assert.Equal(t, 0, second[0].Revision)
		assert.NotEqual(t, first[0].Part, second[0].Part)
		assert.Equal(t, 1, second[0].SpanCount)
	})
}

func TestOverTheLimitTheRunQuietForLongestIsEvicted(t *testing.T) {
	inBubble(t, func(c *Config) { c.OpenRuns = 2 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 2))
		after(time.Second)
		e.observeNow(spanOf("b", 2))
		after(time.Second)
		e.observeNow(spanOf("a", 3)) // b is now quiet for longer
		assert.Equal(t, 1, e.observeNow(spanOf("c", 2)).Evicted[ByOpenRuns])
		synctest.Wait() // at once, not at the next tick
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, "b", got[0].RunID)
		assert.Equal(t, run.Evicted, got[0].Completion)
		assert.Equal(t, 2, e.Gauges().Open)
	})
}

func TestOverTheLimitOfLateRunsTheOldestIsLetGo(t *testing.T) {
	inBubble(t, func(c *Config) { c.LateRuns = 1 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 1))
		after(time.Second)
		e.observeNow(spanOf("b", 1))
		after(11 * time.Second)
		require.Len(t, s.take(), 2)
		late := e.Gauges().Late
		assert.Equal(t, 1, late)
		assert.Zero(t, e.observeNow(spanOf("a", 2)).Late)
		assert.Equal(t, 1, e.observeNow(spanOf("b", 2)).Late)
	})
}

func TestRunAtItsSpanLimitSaysSo(t *testing.T) {
	inBubble(t, func(c *Config) { c.SpansPerRun = 2 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("a", 1))
		e.observeNow(spanOf("a", 2))
		tally := e.observeNow(spanOf("a", 3))
		assert.Equal(t, Tally{Full: 1}, tally)
		after(11 * time.Second)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, 2, got[0].SpanCount)
		assert.Equal(t, []string{"span_limit"}, got[0].Cost.Caveats)
		assert.Equal(t, "lower_bound", got[0].Cost.Accuracy.String())
	})
}

func TestShutdownSummarisesOpenRunsOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(spanOf("told", 1))
		after(11 * time.Second)
		require.Len(t, s.take(), 1)
		e.observeNow(spanOf("open", 2))
		require.NoError(t, e.Shutdown(t.Context()))
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, "open", got[0].RunID)
		assert.Equal(t, run.Shutdown, got[0].Completion)
		require.NoError(t, e.Shutdown(t.Context()))
		require.Empty(t, s.take())
	})
}

// usageOn makes the span of a batch state usage, as an agent or as a call.
func usageOn(td ptrace.Traces, operation string, input, output int64) ptrace.Traces {
	a := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	a.PutStr("gen_ai.operation.name", operation)
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o")
	a.PutInt("gen_ai.usage.input_tokens", input)
	a.PutInt("gen_ai.usage.output_tokens", output)
	return td
}

// TestCallBelongsToItsOwnRun: an agent span of one run over a call of a run
// nested in it is not billed, whichever arrives first, and also where the call
// arrives when the outer run has been summarised with the agent as its call.
func TestCallBelongsToItsOwnRun(t *testing.T) {
	outer := func() ptrace.Traces { return usageOn(spanOf("a", 1), "invoke_agent", 100, 10) }
	inner := func() ptrace.Traces { return usageOn(spanOf("b", 2), "chat", 100, 10) }
	for _, tc := range []struct {
		name          string
		first, second func() ptrace.Traces
		pause         time.Duration
		revisions     int // of the outer run
	}{
		{"call first", inner, outer, time.Second, 0},
		{"agent first", outer, inner, time.Second, 0},
		{"agent summarised first", outer, inner, 20 * time.Second, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
				e.observeNow(tc.first())
				after(tc.pause)
				e.observeNow(tc.second())
				after(6 * time.Minute)
				newest := map[string]run.Summary{}
				for _, summary := range s.take() {
					newest[summary.RunID] = summary
				}
				assert.Equal(t, 0, newest["a"].Cost.Calls)
				assert.Equal(t, tc.revisions, newest["a"].Revision)
				assert.Equal(t, 1, newest["b"].Cost.Calls)
				assert.EqualValues(t, 100, newest["b"].Cost.Tokens.InputTotal())
				after(time.Hour)
				e.mu.Lock()
				defer e.mu.Unlock()
				assert.Empty(t, e.tenants.byKey, "what is known of traces and tenants goes with the runs")
			})
		})
	}
}

func TestShutdownWithoutStart(t *testing.T) {
	e := New(testConfig(t), (&sink{}).emit, (&sink{}).tell)
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestRefusedSummariesAreSentAgainLaterEachTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		s.answer(errors.New("not now"))
		e.observeNow(spanOf("a", 1))
		after(20 * time.Second)
		require.Empty(t, s.take())
		tried := s.calls
		assert.Less(t, tried, 6, "it backs off")
		assert.Equal(t, 1, e.Gauges().Pending)
		s.answer(nil)
		after(2 * time.Minute)
		require.Len(t, s.take(), 1)
		assert.Zero(t, e.Gauges().Pending)
		assert.Zero(t, e.Gauges().Rejected)
	})
}

func TestSummariesRefusedForGoodAreGivenUpAndCounted(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		s.answer(consumererror.NewPermanent(errors.New("never")))
		e.observeNow(spanOf("a", 1))
		after(11 * time.Second)
		assert.Zero(t, e.Gauges().Pending)
		assert.EqualValues(t, 1, e.Gauges().Rejected)
	})
}

// TestPermanentErrorIsSplitUntilTheCulpritIsAlone: the others arrive, once.
func TestPermanentErrorIsSplitUntilTheCulpritIsAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		s.culprit = "run-137"
		for i := range 300 {
			e.observeNow(spanOf(fmt.Sprint("run-", i), 1))
		}
		after(11 * time.Second)
		seen := map[string]int{}
		for _, summary := range s.take() {
			seen[summary.RunID]++
		}
		assert.Len(t, seen, 299)
		assert.NotContains(t, seen, "run-137")
		for id, n := range seen {
			assert.Equal(t, 1, n, id)
		}
		assert.EqualValues(t, 1, e.Gauges().Rejected)
	})
}

func TestShutdownTellsOfWhatWasNotTaken(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		s.answer(errors.New("not now"))
		e.observeNow(spanOf("a", 1))
		require.ErrorContains(t, e.Shutdown(t.Context()), "not now")
		s.answer(nil)
	})
}

// TestNoLockIsHeldDownstream: while the next component hangs, spans are taken
// in. Under synctest a lock held across the wait would hang the test.
func TestNoLockIsHeldDownstream(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		e := New(config, func(_ context.Context, _ [][]string, summaries []Summary) (int, error) {
			<-hang
			return len(summaries), nil
		}, (&sink{}).tell)
		e.Start()
		e.observeNow(spanOf("a", 1))
		after(11 * time.Second)
		for id := range byte(10) {
			e.observeNow(spanOf("b", id+1))
		}
		g := e.Gauges()
		assert.Equal(t, []int{1, 1}, []int{g.Open, g.Late})
		close(hang)
		require.NoError(t, e.Shutdown(t.Context()))
	})
}

// TestManyAtOnce is for the race detector: spans of shared runs from many
// goroutines while runs close, are evicted and the engine shuts down.
func TestManyAtOnce(t *testing.T) {
	config := testConfig(t)
	config.QuietPeriod, config.OpenRuns = 10*time.Millisecond, 8
	s := &sink{}
	e := New(config, s.emit, s.tell)
	e.Start()
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				e.Observe(spanOf(fmt.Sprint("run-", (g+i)%16), byte(i%200+1)), nil, time.Now())
			}
		})
	}
	all.Wait()
	require.NoError(t, e.Shutdown(t.Context()))
	require.NotEmpty(t, s.take())
}

// TestRunsClosedAtOnceSeeEachOther: a call is billed once also where the runs
// of its trace are let go as soon as they are summarised, or together with
// their tenant.
func TestRunsClosedAtOnceSeeEachOther(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		end    func(*Engine)
	}{
		{"no late window", func(c *Config) { c.LateWindow = 0 }, func(*Engine) { after(11 * time.Second) }},
		{"tenant evicted", func(c *Config) { c.Tenants = 1 }, func(e *Engine) {
			e.Observe(spanOf("other", 1), [][]string{{"other"}}, time.Now())
			after(time.Second)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, tc.change, func(t *testing.T, e *Engine, s *sink) {
				td := usageOn(spanOf("b", 2), "chat", 100, 10)
				usageOn(spanOf("a", 1), "invoke_agent", 100, 10).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
				e.observeNow(td)
				tc.end(e)
				calls := map[string]int{}
				for _, summary := range s.take() {
					calls[summary.RunID] = summary.Cost.Calls
				}
				assert.Equal(t, map[string]int{"a": 0, "b": 1}, calls)
			})
		})
	}
}

// TestRunIsHeldWhileAnotherMayRepeatIt: an agent that goes on for longer than
// the late window of a run nested in it is not billed for that one's call; and
// where memory or a limit lets it go all the same, the agent's total says so.
func TestRunIsHeldWhileAnotherMayRepeatIt(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(usageOn(spanOf("b", 1), "chat", 100, 10))
		e.observeNow(spanOf("a", 3))
		for i := range byte(5) { // the outer run goes on
			after(4 * time.Minute)
			e.observeNow(spanOf("a", 10+i))
		}
		agent := usageOn(spanOf("a", 9), "invoke_agent", 100, 10)
		agent.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(pcommon.SpanID{})
		e.observeNow(agent)
		call := usageOn(spanOf("b", 2), "chat", 100, 10)
		call.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(pcommon.SpanID{9})
		e.observeNow(call)
		after(time.Hour)
		parts := map[string]uint64{}
		for _, summary := range s.take() {
			if before, known := parts[summary.RunID]; known {
				assert.Equal(t, before, summary.Part, "both are still held")
			}
			parts[summary.RunID] = summary.Part
			if summary.RunID == "a" {
				assert.Zero(t, summary.Cost.Calls)
			}
		}
		assert.Zero(t, e.Gauges().Bytes)
	})
	inBubble(t, func(c *Config) { c.LateRuns = 1 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(usageOn(spanOf("b", 1), "chat", 100, 10))
		open := spanOf("a", 3)
		open.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(pcommon.SpanID{200}) // never comes
		e.observeNow(open)
		after(11 * time.Second)
		e.observeNow(spanOf("other", 1)) // takes the place of b
		after(11 * time.Second)
		after(time.Hour)
		for _, summary := range s.take() {
			if summary.RunID == "a" {
				assert.Contains(t, summary.Cost.Caveats, "possible_duplicate")
			}
		}
	})
}
