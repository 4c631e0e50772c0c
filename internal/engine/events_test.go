package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// with sets attributes of the span of a batch.
func with(td ptrace.Traces, pairs ...string) ptrace.Traces {
	a := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	for i := 0; i < len(pairs); i += 2 {
		a.PutStr(pairs[i], pairs[i+1])
	}
	return td
}

// attemptOf is the root of a run of an event, with a call of 0.0025 USD.
func attemptOf(eventID, runID, status string) ptrace.Traces {
	return with(usageOn(spanOf(runID, 1), "chat", 1000, 0), botanu.EventID, eventID, botanu.OutcomeStatus, status)
}

func withEvents(c *Config) {
	c.Events, c.EventQuiet, c.EventRetain, c.MaxEvents = true, time.Minute, time.Hour, 1000
}

func (s *sink) takeEvents() []event.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.events
	s.events = nil
	return out
}

// TestEventIsToldWhenItsRunsAre (contract, section 7): not before, and once.
func TestEventIsToldWhenItsRunsAre(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(attemptOf("e", "first", "failed"))
		after(30 * time.Second)
		e.observeNow(with(spanOf("second", 2), botanu.EventID, "e")) // its root has not come
		after(2 * time.Minute)
		require.Empty(t, s.takeEvents(), "a run of it is open")
		e.observeNow(attemptOf("e", "second", "success"))
		after(20 * time.Second)
		require.Empty(t, s.takeEvents(), "its quiet period is not over")
		after(2 * time.Minute)
		got := s.takeEvents()
		require.Len(t, got, 1)
		assert.Equal(t, 2, got[0].Attempts)
		assert.Equal(t, outcome.Success, got[0].Outcome.Status)
		assert.Equal(t, "0.005", got[0].Total.String())
		assert.Equal(t, "0.0025", got[0].Unsuccessful.String())
		assert.Equal(t, 0, got[0].Revision)
		after(3 * time.Hour)
		require.Empty(t, s.takeEvents())
		assert.Zero(t, e.Gauges().Events)
		assert.Zero(t, e.Gauges().Bytes)
		assert.Zero(t, e.Gauges().Tenants)
	})
}

// TestLateRunRevisesItsEvent, and a late span of a run does.
func TestLateRunRevisesItsEvent(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(attemptOf("e", "first", "failed"))
		after(5 * time.Minute)
		first := s.takeEvents()
		require.Len(t, first, 1)
		e.observeNow(usageOn(with(spanOf("first", 2), botanu.EventID, "e"), "chat", 2000, 0)) // within its late window
		after(5 * time.Minute)
		second := s.takeEvents()
		require.Len(t, second, 1)
		assert.Equal(t, 1, second[0].Revision)
		assert.Equal(t, first[0].Part, second[0].Part)
		assert.Equal(t, second[0].Total-first[0].Total, second[0].Increase)
		after(40 * time.Minute)
		e.observeNow(attemptOf("e", "second", "success"))
		after(5 * time.Minute)
		third := s.takeEvents()
		require.Len(t, third, 1)
		assert.Equal(t, 2, third[0].Revision)
		assert.Equal(t, outcome.Failed, *third[0].PreviousStatus)
		after(2 * time.Hour)
		e.observeNow(attemptOf("e", "third", "success"))
		after(5 * time.Minute)
		fourth := s.takeEvents()
		require.Len(t, fourth, 1)
		assert.NotEqual(t, first[0].Part, fourth[0].Part, "after its retention it is another part")
		assert.Equal(t, 1, fourth[0].Runs)
	})
}

// TestTwoCustomersEvents never mix, and a run whose customer becomes known late
// moves: both events are told again.
func TestTwoCustomersEvents(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(with(attemptOf("ticket-42", "a", "success"), botanu.Customer, "acme"))
		e.observeNow(with(attemptOf("ticket-42", "b", "success"), botanu.Customer, "globex"))
		e.observeNow(attemptOf("ticket-42", "c", "success"))
		after(2 * time.Minute)
		runs := func(list []event.Summary) map[string]int {
			m := map[string]int{}
			for i := range list {
				m[list[i].Identity[run.Customer]] = list[i].Runs
			}
			return m
		}
		require.Equal(t, map[string]int{"acme": 1, "globex": 1, "": 1}, runs(s.takeEvents()))
		e.observeNow(with(spanOf("c", 2), botanu.Customer, "acme"))
		after(2 * time.Minute)
		got := s.takeEvents()
		require.Equal(t, map[string]int{"acme": 2, "": 0}, runs(got))
		for i := range got {
			assert.Equal(t, 1, got[i].Revision)
		}
	})
}

// review is a span in a trace of its own that states an outcome.
func review(eventID, status string) ptrace.Traces {
	td := with(spanOf("", 9), botanu.EventID, eventID, botanu.OutcomeStatus, status)
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	s.SetTraceID(pcommon.TraceID{9})
	s.SetParentSpanID(pcommon.SpanID{})
	s.Attributes().Remove(botanu.RunID)
	return td
}

// TestOutcomeThatComesAlone (contract, section 7; a review, a refund): it
// revises the event while that is retained, and the run while that is held.
func TestOutcomeThatComesAlone(t *testing.T) {
	for _, tc := range []struct {
		name          string
		wait          time.Duration
		inherit       bool
		run, eventNow int // summaries raised
	}{
		{"run is held", 5 * time.Minute, true, 1, 1},
		{"run is let go", 30 * time.Minute, true, 0, 1},
		{"without inheritance", 30 * time.Minute, false, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(c *Config) { withEvents(c); c.Inherit = tc.inherit }, func(t *testing.T, e *Engine, s *sink) {
				e.observeNow(attemptOf("e", "a", "success"))
				after(tc.wait)
				require.Len(t, s.take(), 1)
				require.Len(t, s.takeEvents(), 1)
				e.observeNow(review("e", "failed"))
				e.observeNow(review("e", "failed")) // delivered twice
				after(5 * time.Minute)
				runs := s.take()
				require.Len(t, runs, tc.run)
				for i := range runs {
					assert.Equal(t, outcome.Failed, runs[i].Outcome.Status)
					assert.Equal(t, 1, runs[i].Revision)
					assert.Equal(t, 1, runs[i].Cost.Calls)
				}
				events := s.takeEvents()
				require.Len(t, events, tc.eventNow)
				assert.Equal(t, outcome.Failed, events[0].Outcome.Status)
				assert.Equal(t, outcome.Success, *events[0].PreviousStatus)
				assert.Equal(t, "0.0025", events[0].Total.String())
				assert.Zero(t, s.told().Unattributed, "it belongs to its event")
			})
		})
	}
}

// TestOutcomeBeforeItsRun: which of the two came first does not matter.
func TestOutcomeBeforeItsRun(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(review("e", "partial"))
		after(45 * time.Second) // its trace is decided
		e.observeNow(attemptOf("e", "a", "success"))
		after(5 * time.Minute)
		runs, events := s.take(), s.takeEvents()
		require.NotEmpty(t, runs)
		assert.Equal(t, outcome.Partial, runs[len(runs)-1].Outcome.Status)
		require.NotEmpty(t, events)
		assert.Equal(t, outcome.Partial, events[len(events)-1].Outcome.Status)
		assert.Equal(t, 1, events[len(events)-1].Runs)
	})
}

// TestOverTheLimitOfEventsNothingIsCountedTwice: an event that is let go is told,
// its held runs go with it, and the parts of all add up.
func TestOverTheLimitOfEventsNothingIsCountedTwice(t *testing.T) {
	limit := func(c *Config) { withEvents(c); c.MaxEvents = 3 }
	inBubble(t, limit, func(t *testing.T, e *Engine, s *sink) {
		const events = 12
		for round := range 3 {
			for i := range events {
				id := fmt.Sprint("e", i)
				td := usageOn(with(spanOf(id, byte(round+1)), botanu.EventID, id), "chat", 1000, 0)
				span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
				span.SetParentSpanID(pcommon.SpanID{})
				span.SetTraceID(pcommon.TraceID{byte(i + 1), byte(round + 1)})
				e.observeNow(td)
				after(time.Duration(i%3) * 7 * time.Second)
				require.LessOrEqual(t, e.Gauges().Events, 3)
			}
		}
		after(3 * time.Hour)
		type part struct {
			id   string
			part uint64
		}
		newest := map[part]event.Summary{}
		told := s.takeEvents()
		for i := range told {
			newest[part{told[i].Identity[run.Event], told[i].Part}] = told[i]
		}
		calls, parts := map[string]int{}, 0
		for k, v := range newest {
			calls[k.id] += v.Calls
			parts++
		}
		require.Greater(t, parts, events)
		for i := range events {
			assert.Equal(t, 3, calls[fmt.Sprint("e", i)])
		}
		assert.Zero(t, e.Gauges().Bytes)
	})
}

// TestShutdownTellsEvents.
func TestShutdownTellsEvents(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(attemptOf("told", "a", "success"))
		after(5 * time.Minute)
		require.Len(t, s.takeEvents(), 1)
		e.observeNow(attemptOf("open", "b", "failed"))
		e.observeNow(attemptOf("open", "other", "success"))
		require.NoError(t, e.Shutdown(t.Context()))
		got := s.takeEvents()
		require.Len(t, got, 1)
		assert.Equal(t, 2, got[0].Runs)
		assert.Zero(t, e.Gauges().Tenants)
		assert.Equal(t, "open", got[0].Identity[run.Event])
	})
}

// TestReviewWithoutCustomerJoinsTheRunThatIsOpen: whose event it is the only run
// of it tells, whether that has been told or not, and also where it names its
// customer after the review has been decided.
func TestReviewWithoutCustomerJoinsTheRunThatIsOpen(t *testing.T) {
	call := func(e *Engine) {
		e.observeNow(with(usageOn(spanOf("a", 2), "chat", 1000, 0), botanu.EventID, "e", botanu.Customer, "acme"))
	}
	nameless := func(e *Engine) { e.observeNow(with(usageOn(spanOf("a", 2), "chat", 1000, 0), botanu.EventID, "e")) }
	root := func(e *Engine) {
		e.observeNow(with(spanOf("a", 1), botanu.EventID, "e", botanu.Customer, "acme"))
	}
	said := func(e *Engine) { e.observeNow(review("e", "failed")) }
	wait := func(d time.Duration) func(*Engine) { return func(*Engine) { after(d) } }
	for _, tc := range []struct {
		name  string
		steps []func(*Engine)
	}{
		{"told before", []func(*Engine){call, root, wait(15 * time.Second), said}},
		{"open", []func(*Engine){call, said, wait(time.Minute), root}},
		{"open, and whose it is shows later", []func(*Engine){nameless, said, wait(2 * time.Minute), root}},
		{"not there yet", []func(*Engine){said, wait(time.Minute), call, root}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
				for _, step := range tc.steps {
					step(e)
				}
				after(30 * time.Minute)
				got := s.takeEvents()
				require.Len(t, got, 1)
				assert.Equal(t, "acme", got[0].Identity[run.Customer])
				assert.Equal(t, 1, got[0].Runs)
				assert.Equal(t, outcome.Failed, got[0].Outcome.Status)
				runs := s.take()
				assert.Equal(t, outcome.Failed, runs[len(runs)-1].Outcome.Status)
				after(24 * time.Hour)
				e.mu.Lock()
				defer e.mu.Unlock()
				assert.Empty(t, e.tenants.byKey)
				assert.Equal(t, held{}, e.held)
			})
		})
	}
}

// TestReviewWithoutCustomerOfTwo is of neither.
func TestReviewWithoutCustomerOfTwo(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(with(spanOf("a", 2), botanu.EventID, "e", botanu.Customer, "acme"))
		e.observeNow(with(spanOf("bb", 2), botanu.EventID, "e", botanu.Customer, "globex"))
		e.observeNow(review("e", "failed"))
		after(30 * time.Minute)
		got := map[string]int{}
		for _, summary := range s.takeEvents() {
			got[summary.Identity[run.Customer]] += summary.Runs
		}
		assert.Equal(t, map[string]int{"": 0, "acme": 1, "globex": 1}, got)
	})
}

// TestAdoptedReviewSurvives a kill, once.
func TestAdoptedReviewSurvives(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		accept := func(td ptrace.Traces) {
			_, err := p.Accept(t.Context(), td, nil, time.Now())
			require.NoError(t, err)
		}
		accept(with(usageOn(spanOf("a", 2), "chat", 1000, 0), botanu.EventID, "e"))
		accept(review("e", "failed"))
		after(2 * time.Minute)
		accept(with(spanOf("a", 1), botanu.EventID, "e", botanu.Customer, "acme"))
		p = startOn(t, p.kill(), config, s, false)
		after(time.Hour)
		got := s.takeEvents()
		require.Len(t, got, 1)
		assert.Equal(t, "acme", got[0].Identity[run.Customer])
		assert.Equal(t, outcome.Failed, got[0].Outcome.Status)
		p.kill()
	})
}

// TestAnotherCustomersOpenRunKeepsNothing: two customers' ticket-42 have nothing
// to do with each other.
func TestAnotherCustomersOpenRunKeepsNothing(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(with(attemptOf("ticket-42", "a", "success"), botanu.Customer, "acme"))
		e.observeNow(with(spanOf("bb", 2), botanu.EventID, "ticket-42", botanu.Customer, "globex"))
		after(2 * time.Minute)
		require.Len(t, s.takeEvents(), 1)
		e.observeNow(with(attemptOf("ticket-43", "ccc", "success"), botanu.Customer, "acme"))
		e.observeNow(with(spanOf("dddd", 2), botanu.EventID, "ticket-43"))
		after(2 * time.Minute)
		require.Empty(t, s.takeEvents(), "it may be of acme")
	})
}

func TestCustomers(t *testing.T) {
	c := customers{}
	key := func(customer string) event.Key { return event.Key{Customer: customer, Event: "e"} }
	c.add(key(""))
	assert.Empty(t, c.only("e"))
	c.add(key("a"))
	c.add(key("a"))
	assert.Equal(t, "a", c.only("e"))
	c.add(key("b"))
	c.add(key("c"))
	assert.Empty(t, c.only("e"))
	c.remove(key("a"))
	c.remove(key("c"))
	assert.Empty(t, c.only("e"))
	c.remove(key("a"))
	assert.Equal(t, "b", c.only("e"))
	c.remove(key("b"))
	c.remove(key(""))
	assert.Empty(t, c)
}

// TestAbsurdTimeDoesNotHoldForEver: an outcome that came alone with a time of the
// far future gives way to one that is said later.
func TestAbsurdTimeDoesNotHoldForEver(t *testing.T) {
	inBubble(t, withEvents, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(attemptOf("e", "a", "success"))
		td := review("e", "failed")
		one(td).SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().AddDate(60, 0, 0)))
		e.observeNow(td)
		after(2 * time.Minute)
		got := s.takeEvents()
		assert.Equal(t, outcome.Failed, got[len(got)-1].Outcome.Status)
		td = review("e", "partial")
		one(td).SetSpanID(pcommon.SpanID{10})
		one(td).SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		one(td).SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		e.observeNow(td)
		after(2 * time.Minute)
		got = s.takeEvents()
		require.Len(t, got, 1)
		assert.Equal(t, outcome.Partial, got[0].Outcome.Status)
		assert.Less(t, got[0].Outcome.Time, time.Now().UnixNano())
	})
}

// one is the span of a batch of one.
func one(td ptrace.Traces) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}
