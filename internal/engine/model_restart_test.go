package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/store"
)

// ledger is a next component that keeps all that it was sent.
type ledger struct {
	mu     sync.Mutex // guards everything declared below
	how    string     // takes, refuses or lies
	runs   map[uint64]map[int]run.Summary
	events map[uint64]map[int]event.Summary
	fault  string
	// parts of runs of which a summary could not be made as it was, and says so
	flagged map[uint64]bool
}

func newLedger() *ledger {
	return &ledger{how: takes, runs: map[uint64]map[int]run.Summary{}, events: map[uint64]map[int]event.Summary{}, flagged: map[uint64]bool{}}
}

func (l *ledger) become(how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.how = how
}

func (l *ledger) emit(_ context.Context, _ [][]string, all []Summary) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.how == refuses {
		return len(all), errors.New("not now")
	}
	for _, s := range all {
		if s.Event != nil {
			one := *s.Event
			one.Links = nil // by revision, which says nothing new of the event
			put(l.events, one.Part, one.Revision, one)
		} else if was := put(l.runs, s.Run.Part, s.Run.Revision, *s.Run); was != nil && !reflect.DeepEqual(*was, *s.Run) {
			switch {
			case slices.Contains(s.Run.Cost.Caveats, "possible_duplicate"):
				l.flagged[s.Run.Part] = true
			case !slices.Contains(was.Cost.Caveats, "possible_duplicate"):
				l.fault = fmt.Sprintf("revision %d came again, saying other things:\n%+v\n%+v", s.Run.Revision, *was, *s.Run)
			}
		}
	}
	if l.how == lies {
		return len(all), errors.New("not now")
	}
	return len(all), nil
}

// put notes a revision, and gives what it said if it came before.
func put[S any](to map[uint64]map[int]S, part uint64, revision int, s S) *S {
	if to[part] == nil {
		to[part] = map[int]S{}
	}
	if was, again := to[part][revision]; again {
		return &was
	}
	to[part][revision] = s
	return nil
}

func (l *ledger) tell(context.Context, Tally) {}

// newest gives the newest revision of each part, by run, and checks that none is
// missing and that increases add up.
func (l *ledger) newest() (map[string][]run.Summary, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := map[string][]run.Summary{}
	for part, revisions := range l.runs {
		last, fault := added(revisions, func(s *run.Summary) (money.Amount, money.Amount) { return s.Increase, s.Cost.Total })
		if fault != "" && l.fault == "" && !l.flagged[part] {
			l.fault = fmt.Sprintf("part %d of a run: %s", part, fault)
		}
		id := last.Tenant + last.RunID
		list[id] = append(list[id], last)
	}
	for part, revisions := range l.events {
		_, fault := added(revisions, func(s *event.Summary) (money.Amount, money.Amount) { return s.Increase, s.Total })
		if fault != "" && l.fault == "" {
			l.fault = fmt.Sprintf("part %d of an event: %s", part, fault)
		}
	}
	return list, l.fault
}

// added gives the newest revision, and says which is missing, or that increases
// do not add up.
func added[S any](revisions map[int]S, of func(*S) (increase, total money.Amount)) (last S, fault string) {
	sum := money.Amount(0)
	var total money.Amount
	numbers := slices.Sorted(maps.Keys(revisions))
	for i, n := range numbers {
		if i != n {
			fault = fmt.Sprintf("revision %d never came, of %v", i, numbers)
		}
		var increase money.Amount
		last = revisions[n]
		increase, total = of(&last)
		sum += increase
	}
	if sum != total && fault == "" {
		fault = fmt.Sprintf("the increases add up to %v, the total is %v", sum, total)
	}
	return last, fault
}

// TestRestartsAgainstModelWorlds plays random worlds to an engine with storage
// that is killed and ended between any two steps, while the next component takes,
// refuses, or takes and says that it does not. Whatever happens no revision of a
// part is missing, one that comes again says the same, increases add up to the
// total, and no span is lost. Where nothing is let go, every run is one part, and
// its summary what it is without all that.
func TestRestartsAgainstModelWorlds(t *testing.T) {
	base := testConfig(t)
	x := newModelExtractor(base)
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("nothing is let go ", calm), func(t *testing.T) {
			runs, flagged := 0, 0
			for seed := range uint64(100 / sparing()) {
				w := newModelWorld(base, x, seed, 40)
				withEvents(&w.config)
				if c := &w.config; calm {
					// What a span without a run belongs to depends on when that is decided.
					c.OpenRuns, c.LateRuns, c.SpansPerRun, c.Tenants, c.Inherit = roomy, roomy, roomy, roomy, false
					c.LateWindow, c.EventRetain = 10_000*turn, 10_000*turn
				} else {
					c.MaxEvents = pick(rand.New(rand.NewPCG(seed, 44)), roomy, 2, 1)
				}
				fault, n, f := w.playRestarts(t, calm)
				require.Empty(t, fault, "seed %d\n%s", seed, w)
				runs, flagged = runs+n, flagged+f
			}
			t.Logf("%d of %d runs are flagged", flagged, runs)
			require.LessOrEqual(t, 100*flagged, runs)
		})
	}
}

// playRestarts says what is wrong, and of how many runs a summary had to say that
// it could not be made as it was.
func (w *modelWorld) playRestarts(t *testing.T, calm bool) (fault string, runs, flagged int) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(w.seed, 45))
		l, d := newLedger(), newDisk()
		start := func() *Engine {
			st, err := store.Open(t.Context(), d, "run_rollup")
			require.NoError(t, err)
			e := New(w.config, l.emit, l.tell)
			loaded, err := e.UseStore(t.Context(), st, false, func(error) {}, time.Now())
			require.NoError(t, err)
			require.Zero(t, loaded.Skipped)
			e.Start()
			return e
		}
		e := start()
		stop := func() {
			e.halt()
			e.outbox.wait(context.Background())
		}
		sameLedger := newLedger()
		same := New(w.config, sameLedger.emit, sameLedger.tell)
		same.Start()
		defer func() { _ = same.Shutdown(context.Background()) }()
		defer func() { stop() }()
		named := map[runOf]map[int]bool{}
		for i := range w.steps {
			s := &w.steps[i]
			time.Sleep(time.Until(s.at(time.Now())))
			synctest.Wait()
			switch s.answer.how {
			case "":
			case hangs:
				l.become(refuses)
			default:
				l.become(s.answer.how)
			}
			if len(s.batch) > 0 {
				td := ptrace.NewTraces()
				list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
				for _, a := range s.batch {
					span := &w.spans[a.span]
					span.appendTo(list, a.version)
					if last := list.At(list.Len() - 1); span.run != "" {
						last.Attributes().PutStr(botanu.EventID, "e"+span.run[len(span.run)-1:])
						of := runOf{s.tenant, span.run}
						if named[of] == nil {
							named[of] = map[int]bool{}
						}
						named[of][a.span] = true
					} else if span.status != "" && !calm {
						last.Attributes().PutStr(botanu.EventID, "e1")
					}
				}
				_, err := e.Accept(t.Context(), td, metadataOf(s.tenant), time.Now())
				require.NoError(t, err)
				same.Observe(td, metadataOf(s.tenant), time.Now())
			}
			switch what := r.IntN(10); what {
			case 0, 1:
				left := d.copy()
				stop()
				d = left
				e = start()
			case 2:
				_ = e.Shutdown(t.Context())
				e = start()
			case 3:
				synctest.Wait()
				e.snapshot(t.Context())
			}
		}
		l.become(takes)
		after(time.Hour)
		after(20 * turn)
		for range 3 { // once the runs are told, their events are
			after(20 * turn)
		}
		got, wrong := l.newest()
		if fault = wrong; fault != "" {
			return
		}
		want, _ := sameLedger.newest() // without storage a revision may stand for the one before it
		if w.config.SpansPerRun == roomy {
			for of, spans := range named {
				key, _ := tenantKey(metadataOf(of.tenant))
				n := 0
				for _, s := range got[key+of.run] {
					n += s.SpanCount
				}
				if n < len(spans) {
					fault = fmt.Sprintf("summaries tell of %d spans of %v, %d were sent", n, of, len(spans))
					return
				}
			}
		}
		for id := range want {
			if runs++; !calm {
				continue
			}
			if len(got[id]) != 1 || len(want[id]) != 1 {
				fault = fmt.Sprintf("%q has %d parts, not %d", id, len(got[id]), len(want[id]))
				return
			}
			a, b := comparable(got[id][0]), comparable(want[id][0])
			if slices.Contains(a.Cost.Caveats, "possible_duplicate") && len(b.Cost.Caveats) == 0 {
				flagged++ // a run beside it was captured in a later state than it was told in
			} else if !reflect.DeepEqual(a, b) {
				fault = fmt.Sprintf("%s is told%s", a.RunID, difference(a, b))
				return
			}
		}
	})
	return fault, runs, flagged
}

// comparable leaves out what depends on when a run is told, or by which process.
func comparable(s run.Summary) run.Summary {
	s.Part, s.Revision, s.Increase, s.ModelIncrease, s.PreviousStatus, s.Anchor = 0, 0, 0, nil, nil, run.SpanKey{}
	s.Completion, s.Links = "", nil
	slices.Sort(s.Services)
	return s
}
