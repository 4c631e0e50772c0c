package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/journal"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/store"
)

// disk is a storage client in memory. A copy of it is what a killed process
// leaves.
type disk struct {
	mu     sync.Mutex // guards everything declared below
	values map[string][]byte
	full   bool
}

func newDisk() *disk { return &disk{values: map[string][]byte{}} }

func (d *disk) copy() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{values: maps.Clone(d.values)}
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], nil
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errors.New("no space left")
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = d.values[op.Key]
		case storage.Set:
			d.values[op.Key] = op.Value
		case storage.Delete:
			delete(d.values, op.Key)
		}
	}
	return nil
}

func (d *disk) Close(context.Context) error { return nil }

// process is an engine on a disk.
type process struct {
	*Engine
	disk *disk
}

func startOn(t *testing.T, d *disk, config Config, s *sink, refuse bool) *process {
	st, err := store.Open(t.Context(), d, "run_rollup")
	require.NoError(t, err)
	e := New(config, s.emit, s.tell)
	loaded, err := e.UseStore(t.Context(), st, refuse, func(error) {}, time.Now())
	require.NoError(t, err)
	require.Zero(t, loaded.Skipped)
	e.Start()
	return &process{e, d}
}

// kill ends a process as kill -9 does, and gives its disk as it was.
func (p *process) kill() *disk {
	left := p.disk.copy()
	p.halt()
	p.outbox.wait(context.Background())
	return left
}

// accept brings a batch that must be taken.
func (p *process) accept(t *testing.T, td ptrace.Traces) {
	_, err := p.Accept(t.Context(), td, nil, time.Now())
	require.NoError(t, err)
}

// restart ends a process, as kill -9 does or in good order, and starts the next
// on its disk. The next component answers with answer from then on.
func (p *process) restart(t *testing.T, kill bool, config Config, s *sink, answer error) *process {
	left := p.disk
	if kill {
		left = p.kill()
	} else {
		_ = p.Shutdown(t.Context()) // what is not taken is told as an error
	}
	s.answer(answer)
	return startOn(t, left, config, s, false)
}

// onSpan changes the one span of a batch.
func onSpan(td ptrace.Traces, change func(ptrace.Span)) ptrace.Traces {
	change(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
	return td
}

// asOnce sorts summaries, each once, and leaves out what no two processes have
// in common.
func asOnce(list []run.Summary) []run.Summary {
	list = slices.SortedFunc(slices.Values(list), func(a, b run.Summary) int {
		return cmp.Or(cmp.Compare(a.RunID, b.RunID), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Revision, b.Revision))
	})
	list = slices.CompactFunc(list, func(a, b run.Summary) bool { return a.Part == b.Part && a.Revision == b.Revision })
	for i := range list {
		list[i].Part, list[i].Start, list[i].End = 0, 0, 0
	}
	return list
}

// newestRuns keeps the highest revision of each part.
func newestRuns(list []run.Summary) map[string]map[uint64]run.Summary {
	newest := map[string]map[uint64]run.Summary{}
	for _, s := range list {
		if newest[s.RunID] == nil {
			newest[s.RunID] = map[uint64]run.Summary{}
		}
		if was, ok := newest[s.RunID][s.Part]; !ok || s.Revision >= was.Revision {
			newest[s.RunID][s.Part] = s
		}
	}
	return newest
}

// TestKillLosesNothing (contract, section 9): spans in random batches, a kill
// between any two of them, refusals, repeats: every run is one part, and its
// newest summary says what it would have said without all that. So is every event.
func TestKillLosesNothing(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	config.IdleTimeout, config.InheritQuiet, config.LateWindow = time.Minute, 8*time.Minute, 2*time.Hour
	config.Extract.CopyAttributes = []string{"http.route"}
	for _, setup := range []string{"vercel-ai-v7", "langchain-openllmetry", "openlit", "claude-agent-sdk"} {
		t.Run(setup, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spans := recorded(t, setup)
				calm := &sink{}
				e := New(config, calm.emit, calm.tell)
				for _, td := range spans {
					e.observeNow(td)
				}
				require.NoError(t, e.Shutdown(t.Context()))
				want := map[string]run.Summary{}
				for _, s := range calm.take() {
					want[s.RunID] = s
				}
				wantEvents := map[event.Key]event.Summary{}
				for _, s := range calm.takeEvents() {
					wantEvents[event.Key{Customer: s.Identity[run.Customer], Event: s.Identity[run.Event]}] = s
				}
				for seed := range uint64(10) {
					r := rand.New(rand.NewPCG(seed, 7))
					mixed := append([]ptrace.Traces{}, spans...)
					r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
					s := &sink{}
					p := startOn(t, newDisk(), config, s, false)
					var told []run.Summary
					var events []event.Summary
					kills := 0
					for len(mixed) > 0 {
						n := min(1+r.IntN(30), len(mixed))
						for _, td := range mixed[:n] {
							_, err := p.Accept(t.Context(), td, nil, time.Now())
							require.NoError(t, err)
						}
						mixed = mixed[n:]
						switch r.IntN(8) {
						case 0:
							s.answer(errors.New("not now"))
						case 1:
							s.answer(nil)
						case 2:
							p = startOn(t, p.kill(), config, s, false)
							kills++
						case 3:
							synctest.Wait() // snapshots are made by the loop that writes: it is at rest now
							p.snapshot(t.Context())
						case 4:
							require.NoError(t, p.Shutdown(t.Context()))
							p = startOn(t, p.disk, config, s, false)
						}
						time.Sleep(time.Duration(r.IntN(20)) * time.Second)
					}
					s.answer(nil)
					p = startOn(t, p.kill(), config, s, false)
					after(10 * time.Minute)
					p = startOn(t, p.kill(), config, s, false) // once more, with nothing open
					after(10 * time.Minute)
					told, events = append(told, s.take()...), append(events, s.takeEvents()...)
					newest := newestRuns(told)
					defer p.kill()
					require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(newest)))
					for id, w := range want {
						require.Len(t, newest[id], 1, "seed %d: run %s has no part but the first", seed, id)
						for _, got := range newest[id] {
							require.Equal(t, w.SpanCount, got.SpanCount, "seed %d", seed)
							require.Equal(t, w.Cost, got.Cost, "seed %d", seed)
							require.Equal(t, w.Identity, got.Identity)
						}
					}
					parts := map[event.Key]map[uint64]event.Summary{}
					for _, ev := range events {
						k := event.Key{Customer: ev.Identity[run.Customer], Event: ev.Identity[run.Event]}
						if parts[k] == nil {
							parts[k] = map[uint64]event.Summary{}
						}
						if was, ok := parts[k][ev.Part]; !ok || ev.Revision >= was.Revision {
							parts[k][ev.Part] = ev
						}
					}
					for k, w := range wantEvents {
						require.Len(t, parts[k], 1, "seed %d: event %v", seed, k)
						for _, got := range parts[k] {
							require.Equal(t, w.Total, got.Total)
							require.Equal(t, w.Attempts, got.Attempts)
							require.Equal(t, w.Runs, got.Runs)
						}
					}
				}
			})
		})
	}
}

// TestRevisionsAreToldAgainUnderTheirNumber: what is told again after a kill is
// what was told, to the digit, and a kill raises no revision.
func TestRevisionsAreToldAgainUnderTheirNumber(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		accept := func(td ptrace.Traces) {
			_, err := p.Accept(t.Context(), td, nil, time.Now())
			require.NoError(t, err)
		}
		accept(attemptOf("e", "a", "success"))
		after(2 * time.Minute)
		accept(usageOn(with(spanOf("a", 2), botanu.EventID, "e"), "chat", 2000, 0))
		after(2 * time.Minute)
		first, firstEvents := s.take(), s.takeEvents()
		require.Len(t, first, 2)
		require.Len(t, firstEvents, 2)
		p = startOn(t, p.kill(), config, s, false)
		after(time.Second)
		again, eventsAgain := s.take(), s.takeEvents()
		require.Len(t, again, 1)
		assert.Equal(t, first[1], again[0])
		require.Len(t, eventsAgain, 1)
		assert.Equal(t, firstEvents[1].Total, eventsAgain[0].Total)
		assert.Equal(t, firstEvents[1].Revision, eventsAgain[0].Revision)
		require.NoError(t, p.Shutdown(t.Context()))
		p = startOn(t, p.disk, config, s, false)
		after(time.Second)
		assert.Empty(t, s.take(), "after a good end nothing is told again")
		after(3 * time.Hour)
		assert.Empty(t, s.take())
		assert.Zero(t, p.Gauges().Bytes)
		p.kill()
	})
}

// TestStorageFailure: pass goes on in memory, refuse sends spans back; both
// write everything down once the storage is well.
func TestStorageFailure(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refuse ", refuse), func(t *testing.T) {
			config := testConfig(t)
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				p := startOn(t, newDisk(), config, s, refuse)
				accept := func(runID string, id byte) error {
					_, err := p.Accept(t.Context(), spanOf(runID, id), nil, time.Now())
					return err
				}
				require.NoError(t, accept("a", 2))
				p.disk.fill(true)
				for id := range byte(3) {
					err := accept("a", 3+id)
					if refuse {
						require.ErrorIs(t, err, ErrStorage)
					} else {
						require.NoError(t, err)
					}
				}
				assert.True(t, p.LogStats().Failing)
				assert.Positive(t, p.LogStats().Errors)
				p.disk.fill(false)
				after(3 * time.Second)
				assert.False(t, p.LogStats().Failing)
				for id := range byte(3) {
					require.NoError(t, accept("a", 3+id)) // the sender tries again
				}
				require.NoError(t, accept("b", 1))
				p = startOn(t, p.kill(), config, s, refuse)
				after(10 * time.Minute)
				newest := newestRuns(s.take())
				require.Len(t, newest["a"], 1)
				for _, got := range newest["a"] {
					assert.Equal(t, 4, got.SpanCount)
				}
				require.Len(t, newest["b"], 1)
				p.kill()
			})
		})
	}
}

// TestCorruptEntryIsSkippedAndKept, an entry of a newer version is not, and another
// component's journal is refused.
func TestCorruptEntryIsSkippedAndKept(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		for id := range byte(5) {
			_, err := p.Accept(t.Context(), spanOf(fmt.Sprint("run-", id), 2), nil, time.Now())
			require.NoError(t, err)
		}
		d := p.kill()
		var keys []string
		for key := range d.values {
			if key[0] == 'j' {
				keys = append(keys, key)
			}
		}
		require.GreaterOrEqual(t, len(keys), 5)
		broken := append([]byte{}, d.values["j/0000000000000002"]...)
		broken[len(broken)-1] ^= 4
		d.values["j/0000000000000002"] = broken
		st, err := store.Open(t.Context(), d, "run_rollup")
		require.NoError(t, err)
		e := New(config, s.emit, s.tell)
		loaded, err := e.UseStore(t.Context(), st, false, func(error) {}, time.Now())
		require.NoError(t, err)
		assert.Equal(t, 1, loaded.Skipped)
		assert.Equal(t, broken, d.values["aside/1"])
		assert.Equal(t, 4, e.Gauges().Open)

		newer := append([]byte{}, d.values["j/0000000000000003"]...)
		newer[0]++
		d.values["j/0000000000000003"] = newer
		st, err = store.Open(t.Context(), d, "run_rollup")
		require.NoError(t, err)
		_, err = New(config, s.emit, s.tell).UseStore(t.Context(), st, false, func(error) {}, time.Now())
		require.ErrorIs(t, err, journal.ErrNewer)
		_, err = store.Open(t.Context(), d, "run_rollup/other")
		require.ErrorIs(t, err, store.ErrForeign)
	})
}

// TestEndWhileTheStorageFails: what cannot be written down is told, as without
// storage.
func TestEndWhileTheStorageFails(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		p.disk.fill(true)
		_, err := p.Accept(t.Context(), spanOf("a", 2), nil, time.Now())
		require.NoError(t, err)
		require.NoError(t, p.Shutdown(t.Context()))
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, run.Shutdown, got[0].Completion)
	})
}

// TestMoreIsToldAgainThanTheOutboxHolds: nothing is pushed out of it.
func TestMoreIsToldAgainThanTheOutboxHolds(t *testing.T) {
	config := testConfig(t)
	config.OpenRuns, config.LateRuns = 1_000_000, 1_000_000
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		const runs = outboxLimit + 500
		td := ptrace.NewTraces()
		for i := range runs {
			one := spanOf(fmt.Sprint("run-", i), 1)
			span := one.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			span.SetTraceID([16]byte{1, byte(i), byte(i >> 8), byte(i >> 16)})
			one.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
			if td.SpanCount() == 500 {
				_, err := p.Accept(t.Context(), td, nil, time.Now())
				require.NoError(t, err)
				td = ptrace.NewTraces()
			}
			if i == runs/2 { // the outbox is no larger for those that are told the first time
				after(11 * time.Second)
			}
		}
		after(11 * time.Second)
		require.Len(t, s.take(), runs)
		p = startOn(t, p.kill(), config, s, false)
		after(time.Minute)
		assert.Len(t, s.take(), runs)
		assert.Zero(t, p.Gauges().Rejected)
		p.kill()
	})
}

// TestToldAgainIsNotAbsorbed: what is told again may have arrived from the
// process before, so a newer revision does not take its place, and the
// increases still add up for who counts each revision once.
func TestToldAgainIsNotAbsorbed(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		accept := func(id byte) {
			_, err := p.Accept(t.Context(), usageOn(spanOf("a", id), "chat", 1000, 0), nil, time.Now())
			require.NoError(t, err)
			after(11 * time.Second)
		}
		accept(1)
		accept(2)
		told := s.take()
		require.Len(t, told, 2)
		s.answer(errors.New("not now"))
		p = startOn(t, p.kill(), config, s, false)
		after(time.Second)
		accept(3)
		accept(4)
		s.answer(nil)
		after(2 * time.Minute)
		increases := map[int]int64{}
		var last run.Summary
		for _, summary := range append(told, s.take()...) {
			if was, known := increases[summary.Revision]; known {
				require.Equal(t, was, int64(summary.Increase), "revision %d", summary.Revision)
			}
			increases[summary.Revision] = int64(summary.Increase)
			last = summary
		}
		sum := int64(0)
		for _, n := range increases {
			sum += n
		}
		assert.Equal(t, int64(last.Cost.Total), sum)
		p.kill()
	})
}

// TestNothingIsLostWhileTheNextComponentIsDownAfterARestart: what waits to be
// told again outlives the late window, the retention and the limits.
func TestNothingIsLostWhileTheNextComponentIsDownAfterARestart(t *testing.T) {
	const runs = 1000
	for name, c := range map[string]struct {
		kill     bool
		lateRuns int
		answer   error
	}{
		"killed": {true, runs, errors.New("down")}, "ended": {false, runs, errors.New("down")}, "killed, with room for fewer": {true, 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig(t)
			config.OpenRuns, config.LateRuns = runs, runs
			withEvents(&config)
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				p := startOn(t, newDisk(), config, s, false)
				s.answer(errors.New("down"))
				for i := range runs {
					p.accept(t, onSpan(attemptOf(fmt.Sprintf("e%04d", i), fmt.Sprintf("r%04d", i), "success"), func(span ptrace.Span) {
						span.SetTraceID([16]byte{7, byte(i), byte(i >> 8)})
					}))
				}
				after(2 * time.Minute)
				config.LateRuns = c.lateRuns
				p = p.restart(t, c.kill, config, s, c.answer)
				after(3 * time.Hour)
				s.answer(nil)
				after(2 * time.Hour)
				told := map[string]bool{}
				for _, summary := range s.take() {
					told[summary.RunID] = true
				}
				events := map[uint64]bool{}
				for _, summary := range s.takeEvents() {
					events[summary.Part] = true
				}
				assert.Equal(t, runs, len(told))
				assert.Equal(t, runs, len(events))
				assert.Zero(t, p.Gauges().Rejected)
				assert.Zero(t, p.Gauges().Bytes)
				assert.Empty(t, p.letGo)
				p.kill()
			})
		})
	}
}

// TestRevisionThatIsDueOutlivesARestart: that a run is to be told again may be
// known by no span of its own: by another run's call beneath it, or by a call of
// no run.
func TestRevisionThatIsDueOutlivesARestart(t *testing.T) {
	ofNoRun := onSpan(usageOn(spanOf("a", 5), "chat", 100, 10), func(span ptrace.Span) {
		span.Attributes().Remove(botanu.RunID)
		span.SetParentSpanID([8]byte{})
	})
	for name, c := range map[string]struct {
		first, second ptrace.Traces
		between, wait time.Duration
	}{
		"another run's call": {usageOn(spanOf("a", 1), "invoke_agent", 100, 10), usageOn(spanOf("b", 2), "chat", 100, 10), 20 * time.Second, 0},
		"a call of no run":   {usageOn(spanOf("a", 1), "chat", 100, 10), ofNoRun, 0, 32 * time.Second}, // decided after 30 s
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig(t)
			synctest.Test(t, func(t *testing.T) {
				var want []run.Summary
				for _, how := range []string{"not at all", "in good order", "by a kill"} {
					s := &sink{}
					p := startOn(t, newDisk(), config, s, false)
					p.accept(t, c.first)
					after(c.between)
					p.accept(t, c.second)
					after(c.wait)
					if how != "not at all" {
						p = p.restart(t, how == "by a kill", config, s, nil)
					}
					after(2 * time.Hour)
					got := asOnce(s.take())
					p.kill()
					if want == nil {
						want = got
						require.Equal(t, 1, want[1].Revision)
					}
					require.Equal(t, want, got, "ended %s", how)
				}
			})
		})
	}
}

// TestWhatComesWhileASummaryIsMadeIsToldAfterARestart: a span that comes between
// the taking of a snapshot and the note that it was told.
func TestWhatComesWhileASummaryIsMadeIsToldAfterARestart(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	synctest.Test(t, func(t *testing.T) {
		s, d := &sink{}, newDisk()
		st, err := store.Open(t.Context(), d, "run_rollup")
		require.NoError(t, err)
		e := New(config, s.emit, s.tell) // it is not started: what its goroutines do is done by hand
		_, err = e.UseStore(t.Context(), st, false, func(error) {}, time.Now())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		e.logDone.Go(func() { e.logLoop(ctx) })
		call := func(id byte) { e.observeNow(usageOn(with(spanOf("a", id), botanu.EventID, "e"), "chat", 1000, 0)) }
		call(1)
		now := time.Now().Add(time.Minute)
		jobs := e.take(now)
		require.Len(t, jobs, 1)
		call(2)
		e.summarising.Lock()
		e.summarise(jobs, now)
		e.summarising.Unlock()
		cancel()
		e.logDone.Wait()
		e.rec().Clean()
		e.appendLog(t.Context())

		p := startOn(t, d, config, s, false)
		after(time.Hour)
		got := s.take()
		require.NotEmpty(t, got)
		assert.Equal(t, 2, got[len(got)-1].SpanCount)
		p.kill()
	})
}

// TestSpanLimitOutlivesARestartUnderAHigherOne: which spans were left out nobody
// knows any more, also where the limit is raised because of it.
func TestSpanLimitOutlivesARestartUnderAHigherOne(t *testing.T) {
	config := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		config.SpansPerRun = 3
		p := startOn(t, newDisk(), config, s, false)
		call := func(id byte) ptrace.Traces {
			return onSpan(usageOn(spanOf("a", id), "chat", 100, 10), func(span ptrace.Span) { span.SetParentSpanID([8]byte{1}) })
		}
		p.accept(t, onSpan(call(6), func(span ptrace.Span) { // waits for its run, and is left out of it
			span.Attributes().Remove(botanu.RunID)
			span.SetParentSpanID([8]byte{4})
		}))
		require.Equal(t, 1, p.Gauges().Waiting)
		for id := range byte(3) {
			p.accept(t, call(2+id))
		}
		p.accept(t, spanOf("a", 1))
		require.Zero(t, p.Gauges().Waiting)
		config.SpansPerRun = 100
		p = p.restart(t, false, config, s, nil)
		after(2 * time.Hour)
		got := s.take()
		require.Len(t, got, 1)
		assert.Equal(t, 3, got[0].SpanCount)
		assert.Equal(t, []string{"span_limit"}, got[0].Cost.Caveats)
		assert.Zero(t, s.told().Unattributed)
		p.kill()
	})
}

// TestSnapshotKnowsWhereAStrayWent: an entry after it tells of the stray and of
// its run once more.
func TestSnapshotKnowsWhereAStrayWent(t *testing.T) {
	s := &sink{}
	e := New(testConfig(t), s.emit, s.tell)
	r := newRestorer(e, time.Now())
	const part, tenant = 7, 1
	root := run.Fact{Key: run.SpanKey{Trace: [16]byte{1}, Span: [8]byte{1}}, Start: 1, End: 2}
	child := run.Fact{Key: run.SpanKey{Trace: [16]byte{1}, Span: [8]byte{2}}, Parent: root.Key.Span, Start: 1, End: 2}
	var w journal.Writer
	w.Tenant(tenant, nil)
	w.Begin(part, tenant, "a", 1)
	w.Fact(part, &root)
	w.Fact(part, &child)
	require.NoError(t, journal.Read(w.Take(), r))
	w.Stray(tenant, &child)
	w.Fact(part, &root)
	w.Fact(part, &child)
	require.NoError(t, journal.Read(w.Take(), r))
	r.finish()
	assert.Zero(t, e.strays.waiting)
	assert.Zero(t, e.strays.byQuiet.Len())
}

// TestOutcomeThatComesAloneIsNoSpanOfItsRun: neither where it came nor after a
// restart, when what is beneath it finds no run there.
func TestOutcomeThatComesAloneIsNoSpanOfItsRun(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	judge := onSpan(usageOn(spanOf("", 10), "chat", 1000, 0), func(span ptrace.Span) { // beneath the review
		span.SetTraceID([16]byte{9})
		span.SetParentSpanID([8]byte{9})
		span.Attributes().Remove(botanu.RunID)
	})
	synctest.Test(t, func(t *testing.T) {
		for _, kill := range []bool{false, true} {
			s := &sink{}
			p := startOn(t, newDisk(), config, s, false)
			p.accept(t, attemptOf("e", "a", "success"))
			after(20 * time.Second)
			want := s.take()
			require.Len(t, want, 1)
			p.accept(t, onSpan(with(review("e", "failed"), botanu.Workflow, "judging"), func(span ptrace.Span) {
				span.SetStartTimestamp(span.StartTimestamp() + 1000e9)
				span.SetEndTimestamp(span.EndTimestamp() + 1000e9)
			}))
			after(time.Minute)
			if kill {
				p = p.restart(t, true, config, s, nil)
			}
			p.accept(t, judge)
			after(5 * time.Minute)
			got := s.take()
			require.NotEmpty(t, got)
			for i := range got {
				g, w := &got[i], &want[0]
				assert.Equal(t, 1, g.Revision)
				assert.Equal(t, outcome.Failed, g.Outcome.Status)
				assert.Equal(t, w.SpanCount, g.SpanCount)
				assert.Equal(t, w.TraceCount, g.TraceCount)
				assert.Empty(t, g.Links)
				assert.Equal(t, w.End, g.End)
				assert.Equal(t, w.Identity, g.Identity)
				assert.Zero(t, g.Conflicts)
				assert.Equal(t, w.Cost, g.Cost)
			}
			assert.Equal(t, 1, s.told().Unattributed)
			p.kill()
		}
	})
}

// TestSecondEnd: what was written down is the next process's, whatever becomes
// of the storage then.
func TestSecondEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), testConfig(t), s, false)
		p.accept(t, spanOf("a", 1))
		require.NoError(t, p.Shutdown(t.Context()))
		p.disk.fill(true) // as a client answers that is closed
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Empty(t, s.take())
	})
}

// TestEndDoesNotWaitForWhoNeverAnswers: a next component that does not care for
// the context it is called with.
func TestEndDoesNotWaitForWhoNeverAnswers(t *testing.T) {
	for _, stored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &sink{}
			answer := make(chan struct{})
			e := New(testConfig(t), func(ctx context.Context, metadata [][]string, list []Summary) (int, error) {
				if metadata[0][0] == "deaf" {
					<-answer
				}
				return s.emit(ctx, metadata, list)
			}, s.tell)
			if stored {
				st, err := store.Open(t.Context(), newDisk(), "run_rollup")
				require.NoError(t, err)
				_, err = e.UseStore(t.Context(), st, false, func(error) {}, time.Now())
				require.NoError(t, err)
			}
			e.Start()
			e.observeOf("deaf", spanOf("a", 1))
			after(time.Minute)
			e.observeOf("other", spanOf("b", 1))
			after(9500 * time.Millisecond)
			begun := time.Now()
			err := e.Shutdown(t.Context())
			assert.Equal(t, patience, time.Since(begun))
			if stored {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
				got := s.take()
				require.Len(t, got, 1)
				assert.Equal(t, "b", got[0].RunID)
			}
			close(answer)
		})
	}
}

// TestRestartWhileTheNextComponentIsDown: what is told after a restart is what
// would have been told without it: no revision is missing, what one run says of
// the calls of another it still does, and what consumers count by, the increases,
// adds up to the total.
func TestRestartWhileTheNextComponentIsDown(t *testing.T) {
	call := func(runID string, id byte, input int64) ptrace.Traces {
		return usageOn(onSpan(spanOf(runID, id), func(span ptrace.Span) {
			span.SetTraceID([16]byte{7})
			span.SetParentSpanID([8]byte{1})
		}), "chat", input, 10)
	}
	agent := onSpan(usageOn(spanOf("a", 1), "invoke_agent", 100, 10), func(span ptrace.Span) { span.SetTraceID([16]byte{7}) })
	apart := onSpan(spanOf("cc", 2), func(span ptrace.Span) { span.SetTraceID([16]byte{8}) })
	revisions := []ptrace.Traces{agent, call("a", 3, 70), call("a", 4, 30)}
	nested := []ptrace.Traces{agent, call("b", 2, 100)}
	events := []ptrace.Traces{attemptOf("e", "a", "failed"), usageOn(attemptOf("e", "bb", "success"), "chat", 50, 0), review("e", "failed")}
	for name, c := range map[string]struct {
		change func(*Config)
		steps  []ptrace.Traces
		gap    time.Duration
		wait   time.Duration
	}{
		"revisions":                      {nil, revisions, 20 * time.Second, 20 * time.Second},
		"a span that came since":         {nil, revisions, 20 * time.Second, time.Second},
		"revisions that are let go":      {nil, revisions, 20 * time.Second, time.Hour},
		"nested runs":                    {nil, nested, 0, 20 * time.Second},
		"nested runs, one after another": {nil, nested, 20 * time.Second, 20 * time.Second},
		"nested runs that are let go":    {nil, nested, 0, 30 * time.Minute},
		"nested runs without a window":   {func(c *Config) { c.LateWindow = 0 }, nested, 0, 20 * time.Second},
		"an eviction":                    {func(c *Config) { c.OpenRuns = 2 }, append(slices.Clip(nested), apart), 0, time.Second},
		"an eviction of what waits":      {func(c *Config) { c.OpenRuns = 1 }, append(slices.Clip(revisions[:2]), apart), 11 * time.Second, 20 * time.Second},
		"an eviction, and more since":    {func(c *Config) { c.OpenRuns = 1 }, append(slices.Clip(revisions[:2]), apart, revisions[2]), 9 * time.Second, time.Second},
		"events":                         {withEvents, events, 0, 10 * time.Minute},
		"events that changed since":      {withEvents, events, 3 * time.Minute, 40 * time.Second},
		"events that were told":          {withEvents, events, 3 * time.Minute, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig(t)
			if c.change != nil {
				c.change(&config)
			}
			synctest.Test(t, func(t *testing.T) {
				type total struct {
					calls  int
					amount money.Amount
					spans  int
				}
				var want map[string]total
				for _, how := range []string{"not at all", "in good order", "by a kill", "after a snapshot", "twice", "twice, and after a snapshot"} {
					s := &sink{}
					p := startOn(t, newDisk(), config, s, false)
					s.answer(errors.New("down"))
					for i, td := range c.steps {
						if i > 0 {
							after(c.gap)
						}
						p.accept(t, td)
					}
					after(c.wait)
					switch how {
					case "after a snapshot":
						p.snapshot(t.Context())
					case "twice, and after a snapshot":
						p = p.restart(t, true, config, s, errors.New("down"))
						synctest.Wait()
						p.snapshot(t.Context())
					case "twice":
						p = p.restart(t, true, config, s, errors.New("down"))
						after(time.Minute)
					}
					if s.answer(nil); how != "not at all" {
						p = p.restart(t, how != "in good order", config, s, nil)
					}
					after(3 * time.Hour)
					assert.Zero(t, p.Gauges().Bytes)
					assert.Empty(t, p.letGo)
					p.kill()

					got := map[string]total{}
					byPart := map[uint64][]run.Summary{}
					for _, summary := range s.take() {
						byPart[summary.Part] = append(byPart[summary.Part], summary)
					}
					for _, list := range byPart {
						list = asOnce(list)
						id, sum := list[0].RunID, money.Amount(0)
						for i := range list {
							assert.Equal(t, i, list[i].Revision, "ended %s: a revision of %s", how, id)
							sum += list[i].Increase
						}
						last := &list[len(list)-1]
						assert.Equal(t, last.Cost.Total, sum, "ended %s: the increases of %s", how, id)
						was := got[id]
						got[id] = total{was.calls + last.Cost.Calls, was.amount + sum, was.spans + last.SpanCount}
						if how != "not at all" && c.change == nil {
							assert.Empty(t, last.Cost.Caveats, "ended %s: %s", how, id)
						}
					}
					newest := map[uint64]event.Summary{}
					revisions := map[uint64]map[int]money.Amount{}
					for _, summary := range s.takeEvents() {
						if revisions[summary.Part] == nil {
							revisions[summary.Part] = map[int]money.Amount{}
						}
						revisions[summary.Part][summary.Revision] = summary.Increase
						if summary.Revision >= newest[summary.Part].Revision {
							newest[summary.Part] = summary
						}
					}
					for part, last := range newest {
						sum := money.Amount(0)
						for i := range last.Revision + 1 {
							assert.Contains(t, revisions[part], i, "ended %s: a revision of the event", how)
							sum += revisions[part][i]
						}
						assert.Equal(t, last.Total, sum)
						got["event"] = total{got["event"].calls + last.Runs, got["event"].amount + last.Total, int(last.Outcome.Status)}
					}
					if want == nil {
						want = got
					}
					assert.Equal(t, want, got, "ended %s", how)
				}
			})
		})
	}
}

// TestJournalOfVersion1: it does not say what was taken. Of each part that is held
// or was let go the newest revision is told again, and no earlier one; one that
// more came to since is told now, too.
func TestJournalOfVersion1(t *testing.T) {
	s := &sink{}
	e := New(testConfig(t), s.emit, s.tell)
	r := newRestorer(e, time.Now())
	const tenant, late, open, letGo, snapshot = 1, 11, 12, 13, 14
	var w journal.Writer
	w.Tenant(tenant, nil)
	tell := func(part uint64, id string, spans int, told ...int) {
		w.Begin(part, tenant, id, 1)
		var facts run.Run
		var before *run.Told
		for i := range spans {
			f := run.Fact{Key: run.SpanKey{Trace: [16]byte{byte(part)}, Span: [8]byte{byte(i)}}, Flags: run.NoParent, Start: 1, End: 2}
			w.Fact(part, &f)
			facts.Add(&f, spans)
			if slices.Contains(told, i+1) {
				summary := run.Summarize(facts, run.RootEnded, run.Options{})
				summary.RunID, summary.Part = id, part
				if before != nil {
					require.True(t, summary.Revise(before))
				}
				as := summary.Told()
				w.Told(part, run.RootEnded, &as)
				before = &as
			}
		}
	}
	tell(late, "late", 3, 1, 2, 3)
	tell(open, "open", 3, 1, 2)
	tell(letGo, "let go", 2, 1, 2)
	w.LetGo(letGo, run.Evicted)
	w.Begin(snapshot, tenant, "snapshot", 1) // of an open run: what was told, and then the spans
	w.Told(snapshot, run.RootEnded, &run.Told{Revision: 4})
	w.Fact(snapshot, &run.Fact{Key: run.SpanKey{Span: [8]byte{1}}})
	entry := w.Take()
	entry[0] = 1
	require.NoError(t, journal.Read(entry, r))
	e.outbox.keepWhole()
	e.again = r.finish()
	e.log = newLog(nil, false, func(error) {})
	e.log.failing = errors.New("there is none")
	e.tellAgain(e.again)
	told := map[string]int{}
	for _, l := range e.outbox.queues[0].waiting {
		told[l.summary.Run.RunID] = l.summary.Run.Revision
		assert.Empty(t, l.summary.Run.Cost.Caveats)
	}
	assert.Equal(t, map[string]int{"late": 2, "open": 1, "let go": 1}, told)
	assert.Len(t, e.outbox.queues[0].waiting, 3)
	assert.Equal(t, 2, e.held.open)
}
