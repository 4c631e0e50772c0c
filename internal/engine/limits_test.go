package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// tenantNamed is the metadata of a sender.
func tenantNamed(name string) [][]string { return [][]string{{name}} }

func (e *Engine) observeOf(name string, td ptrace.Traces) Tally {
	return e.Observe(td, tenantNamed(name), time.Now())
}

// TestTenantsNeverMix: one run ID, and one trace, of two tenants is two runs
// (contract, sections 3.4 and 9), and each summary goes out with the metadata
// of its own.
func TestTenantsNeverMix(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		e.observeOf("a", spanOf("run", 1))
		e.observeOf("b", spanOf("run", 1))
		e.observeOf("b", spanOf("run", 2))
		stray := strayOf("", 5, 1) // its parent is in both tenants' runs
		stray.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{1, byte(len("run"))})
		e.observeOf("a", stray)
		after(11 * time.Second)
		require.Len(t, s.metadata, 2)
		got := map[string]int{}
		for i, summary := range s.take() {
			require.Equal(t, "run", summary.RunID)
			got[s.metadata[i][0][0]] = summary.SpanCount
		}
		assert.Equal(t, map[string]int{"a": 2, "b": 2}, got)
	})
}

// TestEvictionTakesFromTheTenantThatHoldsMost (contract, section 8): one that
// floods pushes out runs of its own.
func TestEvictionTakesFromTheTenantThatHoldsMost(t *testing.T) {
	inBubble(t, func(c *Config) { c.OpenRuns = 10 }, func(t *testing.T, e *Engine, s *sink) {
		e.observeOf("quiet", spanOf("precious", 2))
		evicted := 0
		for i := range 50 {
			evicted += e.observeOf("loud", spanOf(fmt.Sprint("run-", i), 2)).Evicted[ByOpenRuns]
		}
		synctest.Wait()
		assert.Equal(t, 41, evicted)
		assert.Len(t, s.take(), 41)
		assert.Len(t, e.FindRun("precious", 10), 1)
		assert.Equal(t, 10, e.Gauges().Open)
	})
}

// TestTenantsHaveALimit: over it the tenant quiet for longest goes, and its
// runs are told.
func TestTenantsHaveALimit(t *testing.T) {
	inBubble(t, func(c *Config) { c.Tenants = 3 }, func(t *testing.T, e *Engine, s *sink) {
		var sum Tally
		for i := range 20 {
			tally := e.observeOf(fmt.Sprint("tenant-", i), spanOf("run", 2))
			sum.Evicted[ByTenants] += tally.Evicted[ByTenants]
			e.observeOf("busy", spanOf("run", 2))
			after(time.Second)
		}
		assert.Equal(t, 18, sum.Evicted[ByTenants])
		assert.Equal(t, 3, e.Gauges().Tenants)
		assert.Len(t, s.take(), 18)
		after(10 * time.Minute)
		assert.Len(t, s.take(), 3)
		after(10 * time.Minute)
		assert.Zero(t, e.Gauges().Tenants, "who holds nothing is forgotten")
		assert.Zero(t, e.Gauges().Bytes)
	})
}

func TestMetadataTooLongIsCountedAndNotKept(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, _ *sink) {
		long := string(make([]byte, metadataLimit))
		tally := e.observeOf(long, spanOf("run", 2))
		assert.Equal(t, 1, tally.Invalid[len(tally.Invalid)-1])
		assert.Zero(t, e.Gauges().Bytes)
	})
}

func TestTenantKeysAreInjective(t *testing.T) {
	seen := map[string]string{}
	for _, m := range [][][]string{
		{{"a"}, {"b"}}, {{"a", "b"}, {}}, {{"ab"}, {}}, {{}, {"ab"}}, {{""}, {"ab"}}, {{"a"}, {}}, {{}, {"a"}}, {{"", "a"}, {}},
	} {
		key, ok := tenantKey(m)
		require.True(t, ok)
		require.Empty(t, seen[key], "%q", m)
		seen[key] = fmt.Sprintf("%q", m)
	}
}

// fat is a span of some kilobytes of state.
func fat(runID string, id byte) ptrace.Traces {
	td := spanOf(runID, id)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	for i := range 60 {
		ev := span.Events().AppendEmpty()
		ev.SetName(botanu.OutcomeEmitted)
		ev.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		ev.Attributes().PutStr(botanu.EventValueType, fmt.Sprintf("%0200d", i))
	}
	return td
}

// TestMemoryShortensLateWindowsFirst (contract, section 8): then it evicts, and
// it stays within its limit.
func TestMemoryShortensLateWindowsFirst(t *testing.T) {
	inBubble(t, func(c *Config) { c.Memory = 1 << 20 }, func(t *testing.T, e *Engine, s *sink) {
		const runs = 20
		for i := range runs {
			e.observeNow(fat(fmt.Sprint("late-", i), 1))
		}
		after(11 * time.Second)
		require.Len(t, s.take(), runs)
		require.Equal(t, runs, e.Gauges().Late)
		var tally Tally
		evictedAt := -1
		for i := range 100 {
			got := e.observeNow(fat(fmt.Sprint("open-", i), 2))
			tally.CutShort += got.CutShort
			tally.Evicted[ByMemory] += got.Evicted[ByMemory]
			if got.Evicted[ByMemory] > 0 && evictedAt < 0 {
				evictedAt = i
				assert.Equal(t, runs, tally.CutShort, "not before every late window is cut short")
			}
			synctest.Wait()
			require.LessOrEqual(t, e.Gauges().Bytes, 1<<20)
		}
		require.Positive(t, evictedAt)
		assert.Equal(t, 100-e.Gauges().Open, tally.Evicted[ByMemory])
		assert.Len(t, s.take(), tally.Evicted[ByMemory], "whatever was let go was told")
	})
}

// TestMemoryOfStraysIsDecidedEarly: spans that name no run count too.
func TestMemoryOfStraysIsDecidedEarly(t *testing.T) {
	inBubble(t, func(c *Config) { c.Memory, c.InheritSpans = 1<<20, 1<<30 }, func(t *testing.T, e *Engine, _ *sink) {
		early := 0
		for i := range 3000 {
			td := strayOf("", 1, 0)
			td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{byte(i), byte(i >> 8), 1})
			early += e.observeNow(td).DecidedEarly
			require.LessOrEqual(t, e.Gauges().Bytes, 1<<20)
		}
		assert.Positive(t, early)
		assert.Equal(t, 3000-early, e.Gauges().Waiting)
	})
}

// TestSizeIsGivenBack: whatever came and went, nothing is left on the books.
func TestSizeIsGivenBack(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, _ *sink) {
		for i := range 30 {
			e.observeNow(fat(fmt.Sprint("run-", i%10), byte(i)))
			e.observeNow(strayOf("", byte(i+1), byte(i)))
			after(time.Duration(i) * time.Second)
		}
		require.Positive(t, e.Gauges().Bytes)
		after(time.Hour)
		assert.Zero(t, e.Gauges().Bytes)
		e.mu.Lock()
		defer e.mu.Unlock()
		assert.Equal(t, held{}, e.held)
	})
}

// TestRefusedRevisionTakesTheOtherOnesPlace: of a part, what has not been
// offered yet gives way to the newer revision, and the increases still add up.
func TestRefusedRevisionTakesTheOtherOnesPlace(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
		s.answer(errors.New("not now"))
		e.observeNow(spanOf("first", 1)) // keeps the others from being offered
		after(11 * time.Second)
		for i := range byte(6) {
			e.observeNow(usageOn(spanOf("a", i+1), "chat", 1000, 10))
			after(11 * time.Second)
		}
		assert.Less(t, e.Gauges().Pending, 7)
		s.answer(nil)
		after(2 * time.Minute)
		got := s.take()[1:]
		require.Equal(t, 0, got[0].Revision, "the first revision is never left out: consumers count by it")
		var sum, models int64
		for i := range got {
			sum += int64(got[i].Increase)
			for _, m := range got[i].ModelIncrease {
				models += int64(m.Total)
			}
		}
		last := got[len(got)-1]
		assert.Equal(t, 5, last.Revision)
		assert.Equal(t, int64(last.Cost.Total), sum)
		assert.Equal(t, int64(last.Cost.Total), models)
	})
}

// TestRefusalOfOneTenantKeepsNoOtherWaiting.
func TestRefusalOfOneTenantKeepsNoOtherWaiting(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		e := New(config, func(ctx context.Context, metadata [][]string, list []Summary) (int, error) {
			if metadata[0][0] == "refused" {
				return len(list), errors.New("not yours")
			}
			return s.emit(ctx, metadata, list)
		}, s.tell)
		e.Start()
		e.observeOf("refused", spanOf("a", 1))
		e.observeOf("taken", spanOf("b", 1))
		after(11 * time.Second)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, "b", got[0].RunID)
		assert.Equal(t, 1, e.Gauges().Pending)
		require.ErrorContains(t, e.Shutdown(t.Context()), "not yours")
	})
}

// TestHangOfOneTenantKeepsNoOtherWaiting: and the end waits for it no longer
// than patience lasts, however many hang.
func TestHangOfOneTenantKeepsNoOtherWaiting(t *testing.T) {
	config := testConfig(t)
	config.Tenants = 100
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		e := New(config, func(ctx context.Context, metadata [][]string, list []Summary) (int, error) {
			if metadata[0][0] != "taken" {
				<-ctx.Done()
				return len(list), ctx.Err()
			}
			return s.emit(ctx, metadata, list)
		}, s.tell)
		e.Start()
		e.observeOf("hangs", spanOf("a", 1))
		after(11 * time.Second)
		e.observeOf("taken", spanOf("b", 1))
		after(11 * time.Second)
		require.Len(t, s.take(), 1)
		for i := range 40 {
			e.observeOf(fmt.Sprint("hangs-", i), spanOf("a", 1))
		}
		began := time.Now()
		require.ErrorContains(t, e.Shutdown(t.Context()), "not taken")
		require.LessOrEqual(t, time.Since(began), patience)
	})
}

// TestUnsentSummariesTakeTheRoomOfLateWindows: a summary that is given up is
// lost, and a late window that is cut short is not.
func TestUnsentSummariesTakeTheRoomOfLateWindows(t *testing.T) {
	inBubble(t, func(c *Config) { c.Memory = 1 << 20 }, func(t *testing.T, e *Engine, s *sink) {
		s.answer(errors.New("not now"))
		sent := 0
		for e.Gauges().Rejected == 0 && sent < 1000 {
			for range 10 {
				e.observeNow(spanOf(fmt.Sprint("run-", sent), 1))
				sent++
			}
			after(11 * time.Second)
			require.LessOrEqual(t, e.Gauges().Bytes, 1<<20+1<<16)
		}
		assert.Greater(t, sent*1500, 1<<19, "more than half of the memory holds summaries")
		assert.Less(t, e.Gauges().Late, sent/10)
		assert.Positive(t, s.told().CutShort)
		s.answer(nil)
		after(2 * time.Minute)
	})
}

// TestUnsentSummariesAreBounded: by number, and the oldest go first.
func TestUnsentSummariesAreBounded(t *testing.T) {
	inBubble(t, func(c *Config) { c.Memory = 1 << 20 }, func(t *testing.T, e *Engine, s *sink) {
		s.answer(errors.New("not now"))
		for i := range 2000 {
			e.observeNow(spanOf(fmt.Sprint("run-", i), 1))
			if i%20 == 0 {
				after(11 * time.Second)
				require.LessOrEqual(t, e.Gauges().Bytes, 1<<20+1<<16)
			}
		}
		after(11 * time.Second)
		g := e.Gauges()
		assert.Positive(t, g.Rejected)
		assert.Equal(t, 2000, g.Pending+int(g.Rejected))
		s.answer(nil)
		after(2 * time.Minute)
		assert.Len(t, s.take(), g.Pending)
	})
}

// TestBacklogOfEvictionsIsWorkedOff: a batch that evicts more than the
// summarising goroutine has taken has a share of it to do, until no more wait than
// may; not all of it.
func TestBacklogOfEvictionsIsWorkedOff(t *testing.T) {
	config := testConfig(t)
	config.OpenRuns = 1
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		e := New(config, s.emit, s.tell) // not started: nobody else takes anything
		td := ptrace.NewTraces()
		for i := range 3 * backlogLimit {
			spanOf(fmt.Sprint("run-", i), 2).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		}
		e.observeNow(td)
		g := e.Gauges()
		assert.LessOrEqual(t, g.EvictedWaiting, backlogLimit)
		assert.Greater(t, g.EvictedWaiting, backlogLimit-pieceJobs)
		assert.Equal(t, 3*backlogLimit-1, g.EvictedWaiting+g.Pending)
		e.observeNow(spanOf("one more", 2))
		assert.Equal(t, g.EvictedWaiting+1, e.Gauges().EvictedWaiting, "there is room for it")
		require.NoError(t, e.Shutdown(t.Context()))
		assert.Len(t, s.take(), 3*backlogLimit+1)
	})
}

// long is a run of n spans without a root, in a trace of its own.
func long(number, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for k := range n {
		span := spans.AppendEmpty()
		spanOf(fmt.Sprint("run-", number), 1).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(span)
		span.SetSpanID(pcommon.SpanID{byte(k), byte(k >> 8), 7})
		span.SetParentSpanID(pcommon.SpanID{1})
		span.SetTraceID(pcommon.TraceID{byte(number), byte(number >> 8), 7})
		if k == 0 {
			span.SetParentSpanID(pcommon.SpanID{})
		}
	}
	return td
}

// TestMemoryCountsWhatWaitsToBeTaken: with a log a run is kept until its summary
// is taken. Where that takes too much, the summary alone is kept, and comes.
func TestMemoryCountsWhatWaitsToBeTaken(t *testing.T) {
	config := testConfig(t)
	config.Memory, config.SpansPerRun = 4<<20, 100_000
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		s.answer(errors.New("down"))
		const runs = 150
		for i := range runs {
			_, err := p.Accept(t.Context(), long(i, 500), nil, time.Now())
			require.NoError(t, err)
			if i%10 == 9 {
				after(20 * time.Second)
			}
			require.LessOrEqual(t, p.Gauges().Bytes, config.Memory)
			p.mu.Lock()
			kept := 0
			for _, g := range p.letGo {
				kept += g.bytes()
				require.GreaterOrEqual(t, g.bytes(), g.run.run.Bytes())
			}
			assert.Equal(t, kept, p.held.letGoBytes)
			p.mu.Unlock()
		}
		require.Positive(t, p.LogStats().Unsecured)
		require.Zero(t, p.Gauges().Rejected)
		d := p.kill() // those that are still kept are told again
		s.answer(nil)
		p = startOn(t, d, config, s, false)
		after(time.Hour)
		for _, summary := range s.take() {
			assert.Equal(t, 500, summary.SpanCount)
		}
		p.mu.Lock()
		assert.Equal(t, held{}, p.held)
		p.mu.Unlock()
		p.kill()
	})
}

// TestUnsecuredSummaryIsSent, as any other.
func TestUnsecuredSummaryIsSent(t *testing.T) {
	config := testConfig(t)
	config.Memory, config.SpansPerRun = 4<<20, 100_000
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		s.answer(errors.New("down"))
		for i := range 100 {
			_, err := p.Accept(t.Context(), long(i, 500), nil, time.Now())
			require.NoError(t, err)
		}
		after(20 * time.Second)
		require.Positive(t, p.LogStats().Unsecured)
		s.answer(nil)
		after(time.Hour)
		assert.Len(t, newestRuns(s.take()), 100)
		p.mu.Lock()
		assert.Equal(t, held{}, p.held)
		p.mu.Unlock()
		p.kill()
	})
}

// TestBacklogIsBoundedByBytes, whoever summarises: each request does as much as
// it has others let go, and no more.
func TestBacklogIsBoundedByBytes(t *testing.T) {
	config := testConfig(t)
	config.Memory, config.SpansPerRun = 4<<20, 100_000
	s := &sink{}
	e := New(config, s.emit, s.tell) // nobody else summarises
	most := 0
	for i := range 100 {
		e.observeNow(long(i, 500))
		most = max(most, e.Gauges().Bytes)
	}
	assert.LessOrEqual(t, most, config.Memory)
	require.NoError(t, e.Shutdown(t.Context()))
	assert.Len(t, s.take(), 100)
	assert.Equal(t, 0, e.held.evictedBytes)
}
