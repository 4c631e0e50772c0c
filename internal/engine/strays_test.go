package engine

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// strayOf is a span of trace 1 that names no run, or the run given.
func strayOf(runID string, id, parent byte) ptrace.Traces {
	td := spanOf(runID, id)
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetParentSpanID(pcommon.SpanID{parent})
	if runID == "" {
		s.Attributes().Remove(botanu.RunID)
	}
	return td
}

// TestInheritance names the rules of the contract's section 3, with time.
func TestInheritance(t *testing.T) {
	type arrival struct {
		run        string
		id, parent byte
	}
	for _, tc := range []struct {
		name         string
		arrivals     []arrival
		want         map[string]int // spans by run
		unattributed int
	}{
		{"the nearest ancestor", []arrival{{"a", 1, 0}, {"b", 2, 1}, {"", 3, 2}, {"", 4, 1}}, map[string]int{"a": 2, "b": 2}, 0},
		{"however late it arrives", []arrival{{"", 4, 3}, {"", 3, 2}, {"", 5, 3}, {"b", 2, 1}, {"a", 1, 0}}, map[string]int{"a": 1, "b": 4}, 0},
		{"a link of the chain that comes last", []arrival{{"a", 1, 0}, {"", 3, 2}, {"", 2, 1}}, map[string]int{"a": 3}, 0},
		{"a broken chain in a trace of one run", []arrival{{"a", 1, 0}, {"", 3, 9}, {"", 4, 3}}, map[string]int{"a": 3}, 0},
		{"a broken chain in a trace of several", []arrival{{"a", 1, 0}, {"b", 2, 1}, {"", 3, 9}}, map[string]int{"a": 1, "b": 1}, 1},
		{"a whole chain that names none", []arrival{{"a", 1, 0}, {"", 2, 0}, {"", 3, 2}}, map[string]int{"a": 1}, 2},
		{"a trace without a run", []arrival{{"", 2, 1}, {"", 3, 2}}, map[string]int{}, 2},
		{"a circle", []arrival{{"a", 1, 0}, {"", 2, 3}, {"", 3, 2}, {"", 4, 3}}, map[string]int{"a": 4}, 0},
		{"a span twice, before and after it found its run", []arrival{{"", 2, 1}, {"", 2, 1}, {"a", 1, 0}, {"", 2, 1}}, map[string]int{"a": 2}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
				for _, a := range tc.arrivals {
					e.observeNow(strayOf(a.run, a.id, a.parent))
				}
				after(10 * time.Minute)
				got := map[string]int{}
				for _, summary := range s.take() {
					got[summary.RunID] = summary.SpanCount
				}
				assert.Equal(t, tc.want, got)
				assert.Equal(t, tc.unattributed, s.told().Unattributed)
				assert.Zero(t, e.Gauges().Waiting)
				e.mu.Lock()
				defer e.mu.Unlock()
				assert.Zero(t, e.strays.byQuiet.Len())
			})
		})
	}
}

// TestSpansWaitForTheQuietPeriodOfTheirTrace, which any span of it begins again.
func TestSpansWaitForTheQuietPeriodOfTheirTrace(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(strayOf("", 3, 9))
		for id := range byte(4) {
			after(20 * time.Second)
			e.observeNow(strayOf("a", id+10, 1))
		}
		assert.Equal(t, 1, e.Gauges().Waiting)
		after(31 * time.Second)
		assert.Zero(t, e.Gauges().Waiting)
		assert.Equal(t, 1, s.told().Inherited)
	})
}

// TestUnattributedCallsAreCountedWithTheirCost, and once: the agent above a
// call repeats it here too.
func TestUnattributedCallsAreCountedWithTheirCost(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(usageOn(strayOf("", 2, 0), "invoke_agent", 1000, 500))
		e.observeNow(usageOn(strayOf("", 3, 2), "chat", 1000, 500))
		after(time.Minute)
		assert.Equal(t, Tally{Unattributed: 2, Lost: Lost{Calls: 1, Cost: 7_500_000_000}}, s.told())
		assert.Empty(t, s.take())
	})
}

// TestOverTheLimitTheTraceQuietForLongestIsDecidedEarly.
func TestOverTheLimitTheTraceQuietForLongestIsDecidedEarly(t *testing.T) {
	inBubble(t, func(c *Config) { c.InheritSpans = 2 }, func(t *testing.T, e *Engine, _ *sink) {
		stray := func(trace, id byte) Tally {
			td := strayOf("", id, 9)
			td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{trace})
			return e.observeNow(td)
		}
		stray(1, 1)
		stray(2, 2)
		stray(1, 3) // trace 2 is now quiet for longest
		tally := stray(3, 4)
		assert.Equal(t, 1, tally.DecidedEarly)
		assert.LessOrEqual(t, e.Gauges().Waiting, 2)
		e.mu.Lock()
		defer e.mu.Unlock()
		assert.NotContains(t, e.tenants.byKey[""].strays, [16]byte{2})
	})
}

func TestInheritanceCanBeTurnedOff(t *testing.T) {
	inBubble(t, func(c *Config) { c.Inherit = false }, func(t *testing.T, e *Engine, _ *sink) {
		e.observeNow(strayOf("a", 1, 0))
		tally := e.observeNow(strayOf("", 2, 1))
		assert.Equal(t, Tally{NoRun: 1}, tally)
	})
}

// TestEvictionWithinOneTrace: a call that reopens another run of its trace may
// evict its own.
func TestEvictionWithinOneTrace(t *testing.T) {
	inBubble(t, func(c *Config) { c.OpenRuns = 1 }, func(t *testing.T, e *Engine, s *sink) {
		for i := range byte(40) {
			e.observeNow(usageOn(strayOf([]string{"a", "b", "c"}[i%3], i+2, 1), "chat", 10, 1))
			after(time.Second)
			if i%7 == 0 {
				after(6 * time.Minute)
			}
		}
		assert.LessOrEqual(t, e.Gauges().Open, 1)
		require.NoError(t, e.Shutdown(t.Context()))
		assert.NotEmpty(t, s.take())
		assert.Empty(t, e.tenants.byKey)
	})
}

// TestEngineAgreesWithTheWholeRecording: in whatever order spans come, each
// run ends up with what the recording as a whole shows.
func TestEngineAgreesWithTheWholeRecording(t *testing.T) {
	config := testConfig(t)
	config.OpenRuns, config.InheritSpans = 10_000, 100_000
	setups, err := filepath.Glob("../../testdata/captures/*")
	require.NoError(t, err)
	for _, dir := range setups {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, "traces.jsonl"))
			require.NoError(t, err)
			defer f.Close()
			all, err := offline.Read(f, extract.New(offline.Config(config.Extract.Card)))
			require.NoError(t, err)
			offline.Assign(all)
			want := map[string]run.Summary{}
			for _, r := range offline.Runs(all) {
				want[r.ID] = r.Summary
			}
			synctest.Test(t, func(t *testing.T) {
				spans := recorded(t, filepath.Base(dir))
				for seed := range uint64(2) {
					r := rand.New(rand.NewPCG(seed, 11))
					r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
					s := &sink{}
					e := New(config, s.emit, s.tell)
					e.Start()
					for _, td := range spans {
						e.observeNow(td)
					}
					after(20 * time.Minute)
					require.NoError(t, e.Shutdown(t.Context()))
					got := map[string]run.Summary{} // a later revision takes the place of one before
					for _, summary := range s.take() {
						got[summary.RunID] = summary
					}
					require.Len(t, got, len(want))
					for _, summary := range got {
						w := want[summary.RunID]
						assert.Equal(t, w.SpanCount, summary.SpanCount, summary.RunID)
						assert.Equal(t, w.Cost.Calls, summary.Cost.Calls, summary.RunID)
						assert.Equal(t, w.Cost.Tokens, summary.Cost.Tokens, summary.RunID)
						assert.Equal(t, w.Cost.Caveats, summary.Cost.Caveats, summary.RunID)
						assert.Equal(t, w.Outcome.Status, summary.Outcome.Status, summary.RunID)
					}
				}
			})
		})
	}
}

// TestRootByItsParentsRun: a run nested in another one's trace has no span of
// its own without a parent; its root is the span whose parent is the other's,
// whichever of the two comes first.
func TestRootByItsParentsRun(t *testing.T) {
	for name, order := range map[string][]int{"inner first": {2, 1, 0}, "outer first": {0, 1, 2}, "between": {1, 0, 2}} {
		t.Run(name, func(t *testing.T) {
			spans := []struct {
				run        string
				id, parent byte
			}{{"outer", 1, 0}, {"inner", 2, 1}, {"inner", 3, 2}}
			inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
				for _, i := range order {
					e.observeNow(strayOf(spans[i].run, spans[i].id, spans[i].parent))
				}
				after(12 * time.Second)
				got := s.take()
				require.Len(t, got, 2)
				for _, summary := range got {
					assert.Equal(t, run.RootEnded, summary.Completion, summary.RunID)
					assert.Equal(t, "none", summary.Outcome.Source.String(), summary.RunID)
				}
			})
		})
	}
}

// TestCallOfOneOfTwoRunsMakesBothDoubtful: it belongs to one of them or to
// nobody, and neither total is exact.
func TestCallOfOneOfTwoRunsMakesBothDoubtful(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(strayOf("a", 1, 0))
		e.observeNow(strayOf("b", 2, 0))
		e.observeNow(usageOn(strayOf("", 3, 9), "chat", 100, 10))
		after(2 * time.Minute)
		newest := map[string]run.Summary{}
		for _, summary := range s.take() {
			newest[summary.RunID] = summary
		}
		for _, id := range []string{"a", "b"} {
			assert.Equal(t, []string{"attribution_suspect"}, newest[id].Cost.Caveats)
			assert.Equal(t, 1, newest[id].Revision)
		}
	})
}

// TestStraysThatFoundTheirRunAreForgotten, also in a trace that goes on with
// one that never does.
func TestStraysThatFoundTheirRunAreForgotten(t *testing.T) {
	config := testConfig(t)
	config.SpansPerRun = 100
	e := New(config, (&sink{}).emit, (&sink{}).tell)
	now := time.Now()
	stray := func(runID string, id, parent int) {
		td := strayOf(runID, 1, 0)
		s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		s.SetSpanID(pcommon.SpanID{byte(id >> 8), byte(id), 7})
		s.SetParentSpanID(pcommon.SpanID{byte(parent >> 8), byte(parent), 7})
		e.Observe(td, nil, now)
	}
	stray("", 1, 60_000)
	for i := 2; i < 20_000; i += 2 {
		stray("", i, i+1)
		stray("a", i+1, 0)
	}
	held := e.tenants.byKey[""].strays[[16]byte{1}].held
	assert.Less(t, held.Len(), 2*compactFrom)
	assert.Equal(t, 1, e.Gauges().Waiting)
}

// TestManyCirclesTakeLinearTime: it would take hours else.
func TestManyCirclesTakeLinearTime(t *testing.T) {
	tr := strayTrace{last: map[[8]byte]int{}}
	id := func(n int) [8]byte { return [8]byte{byte(n >> 16), byte(n >> 8), byte(n), 1} }
	const circles = 100_000
	for i := range circles { // a tail into a circle of two, tail first
		for j, parent := range [3]int{1, 2, 1} {
			tr.hold(&run.Fact{Key: run.SpanKey{Span: id(3*i + j)}, Parent: id(3*i + parent)})
		}
	}
	broken, whole := tr.rest()
	assert.Len(t, broken, 3*circles)
	assert.Empty(t, whole)
}

// TestShutdownForgetsNoEviction that deciding the last strays brings about.
func TestShutdownForgetsNoEviction(t *testing.T) {
	inBubble(t, func(c *Config) { c.OpenRuns = 1 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(strayOf("a", 1, 0))
		after(11 * time.Second)
		e.observeNow(strayOf("", 3, 9)) // of a's trace, with a broken chain
		other := spanOf("b", 2)
		other.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{9})
		e.observeNow(other)
		require.NoError(t, e.Shutdown(t.Context()))
		told := map[string]int{}
		for _, summary := range s.take() {
			told[summary.RunID] = summary.SpanCount
		}
		assert.Equal(t, map[string]int{"a": 2, "b": 1}, told)
	})
}

// TestParentOfNoRunShowsTheRoot (contract, section 6: "whose parent has arrived
// and is not in the run"): a server's span without baggage above a run. It ends
// after what it holds, so it arrives later; the run is told again with its root.
func TestParentOfNoRunShowsTheRoot(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeNow(strayOf("a", 2, 1)) // the run's outermost span, beneath the server's
		e.observeNow(strayOf("", 1, 0))  // the server's
		after(time.Minute)
		got := s.take()
		require.Len(t, got, 1, "it does not wait for the idle timeout")
		assert.Equal(t, run.RootEnded, got[0].Completion)
		assert.Equal(t, [8]byte{2}, got[0].Anchor.Span)
		assert.Equal(t, 1, got[0].SpanCount)
	})
}

// TestRunIsHeldWhileSpansOfItsTraceWait: a late window that is shorter than they
// wait leaves none of them out, and a run that cannot be held says that one may
// be its own.
func TestRunIsHeldWhileSpansOfItsTraceWait(t *testing.T) {
	for _, tc := range []struct {
		name      string
		change    func(*Config)
		revisions int
		calls     int
		accuracy  billing.Accuracy
	}{
		{"no late window", func(c *Config) { c.LateWindow = 0 }, 2, 1, billing.Exact},
		{"a short one", func(c *Config) { c.LateWindow = 5 * time.Second }, 2, 1, billing.Exact},
		{"a long one", nil, 2, 1, billing.Exact},
		{"none may be held", func(c *Config) { c.LateRuns = 0 }, 1, 0, billing.Estimate},
		{"the place is taken", func(c *Config) { c.LateRuns = 1 }, 2, 0, billing.Estimate},
		{"evicted", func(c *Config) { c.OpenRuns = 1 }, 1, 0, billing.Estimate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, tc.change, func(t *testing.T, e *Engine, s *sink) {
				e.observeNow(strayOf("a", 1, 0))
				e.observeNow(usageOn(strayOf("", 5, 77), "chat", 100, 10)) // its parent never comes
				e.observeNow(with(spanOf("other", 1)))
				after(time.Hour)
				var of []run.Summary
				for _, summary := range s.take() {
					if summary.RunID == "a" {
						of = append(of, summary)
					}
				}
				require.Len(t, of, tc.revisions)
				last := of[len(of)-1]
				assert.Equal(t, tc.calls, last.Cost.Calls)
				assert.Equal(t, tc.accuracy, last.Cost.Accuracy, last.Cost.Caveats)
				assert.Equal(t, 1-tc.calls, s.told().Lost.Calls)
				assert.Zero(t, e.Gauges().Bytes)
			})
		})
	}
}
