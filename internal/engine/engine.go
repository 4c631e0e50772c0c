// Package engine holds the state of all runs: it takes in spans, knows which
// run is due, and hands out summaries. It is the one place with a lock and a
// ticker; what a span says and what a run amounts to is decided in the pure
// packages beneath it.
package engine

import (
	"container/list"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Engine rolls spans up into runs.
type Engine struct {
	config Config
	intake atomic.Pointer[intake]
	emit   Emit
	tell   func(context.Context, Tally)

	stop context.CancelFunc
	done chan struct{}
	wake chan struct{} // holds one token: something waits in evicted or in lost

	mu sync.Mutex // guards everything declared below; nothing foreign runs under it
	// runs holds open runs and, for the late window, summarised ones.
	runs map[string]*entry
	// traces tells which of the held runs have spans in a trace: one trace can
	// hold several runs, and what one of them repeats of another it is not billed.
	traces    map[[16]byte][]*entry
	deadlines deadlines
	open      *list.List // of *entry, quiet for longest first
	late      *list.List // of *entry, summarised longest ago first
	evicted   []job
	strays    strays
	lost      []lost // decided, and not yet counted

	aside Tally // what became of spans aside from any batch

	// Owned by whoever summarises: the ticker's goroutine, and Shutdown after it.
	outbox outbox
}

// intake reads spans by one rate card.
type intake struct {
	extract *extract.Extractor
	batches sync.Pool // of *extract.Batch
}

// UseCard makes card the one in force: spans that arrive from now on are
// priced by it, those that have arrived are not priced anew.
func (e *Engine) UseCard(card *ratecard.Card) {
	config := e.config.Extract
	config.Card = card
	config.Unowned = e.config.Inherit
	x := extract.New(config)
	e.intake.Store(&intake{extract: x, batches: sync.Pool{New: func() any { return x.NewBatch() }}})
}

// entry is a run that is held.
type entry struct {
	id        string
	part      uint64
	run       run.Run
	traces    [][16]byte      // those it is entered under in Engine.traces
	oneTrace  [1][16]byte     // room for the first of them: most runs have one
	itself    [1]*entry       // what stands in Engine.traces for a trace of this run alone
	caveats   billing.Caveats // of the run, that its own spans do not tell
	hasCalls  bool            // a span of it has a record
	isLate    bool            // summarised, held for its late window
	rootSeen  bool
	touched   time.Time // arrival of the last change
	revisitAt time.Time // when the run will have been open for max_duration, again

	due       time.Time // when something is to be done with the run
	scheduled time.Time // its time in the queue: due, or earlier
	place     int       // in the queue; -1 where it is not queued
	element   *list.Element

	// Owned by whoever summarises.
	last *run.Summary
}

// job is a summary to be made.
type job struct {
	entry      *entry
	run        run.Run   // snapshot
	beside     []run.Run // snapshots of other runs in its traces
	completion run.Completion
	caveats    billing.Caveats
	touched    time.Time
}

// Emit hands summaries to the next component. It may take fewer than it is
// given, at least one, and says how many; the error is about those.
type Emit func(context.Context, []run.Summary) (int, error)

// New makes an engine that hands summaries to emit, in batches, and tells what
// became of spans aside from any batch. It calls both from one goroutine at a
// time.
func New(config Config, emit Emit, tell func(context.Context, Tally)) *Engine {
	e := &Engine{
		config: config,
		emit:   emit,
		tell:   tell,
		wake:   make(chan struct{}, 1),
		runs:   map[string]*entry{},
		traces: map[[16]byte][]*entry{},
		open:   list.New(),
		late:   list.New(),
		strays: newStrays(),
	}
	e.UseCard(config.Extract.Card)
	return e
}

// Observe takes in a batch of spans that arrived at now. It only reads td, and
// keeps nothing of it. It is safe for concurrent use.
func (e *Engine) Observe(td ptrace.Traces, now time.Time) Tally {
	in := e.intake.Load()
	b := in.batches.Get().(*extract.Batch)
	in.extract.Read(b, td, now)
	tally := Tally{NoRun: b.NoRun, Summaries: b.Summaries, Invalid: b.Invalid}
	e.mu.Lock()
	for i := range b.Facts {
		if f := &b.Facts[i]; f.Run != "" {
			e.fold(f, now, &tally)
		} else {
			e.stray(f, now, &tally)
		}
	}
	waits := len(e.evicted)+len(e.lost) > 0
	e.mu.Unlock()
	b.Clear()
	in.batches.Put(b)
	if waits {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
	return tally
}

// fold adds one fact to its run, and what has waited for it.
func (e *Engine) fold(f *extract.Owned, now time.Time, tally *Tally) {
	e.join(f, now, tally)
	if len(e.strays.traces) > 0 {
		e.gather(f, now, tally)
	}
}

// join adds one fact to its run.
func (e *Engine) join(f *extract.Owned, now time.Time, tally *Tally) {
	en := e.runs[f.Run]
	if en == nil {
		en = e.begin(f.Run, now, tally)
	}
	switch en.run.Add(&f.Fact, e.config.SpansPerRun) {
	case run.Unchanged:
		tally.Duplicates++
		return
	case run.Full:
		tally.Full++
	case run.Differs:
		tally.Conflicts++
	case run.Grown:
		tally.Folded++
	}
	en.rootSeen = en.rootSeen || f.Flags.IsRoot()
	isCall := f.Detail != nil && f.Detail.Record != nil
	en.hasCalls = en.hasCalls || isCall
	if en.isLate {
		tally.Late++
	}
	runs := e.enter(en, f.Key.Trace)
	if len(runs) > 1 {
		e.seeRoots(en, f, runs)
	}
	e.touch(en, now, tally)
	if len(runs) == 1 || !isCall {
		return
	}
	for _, other := range runs { // touching one may evict another, which makes a new list
		if other != en && other.isLate && other.hasCalls && e.runs[other.id] == other {
			e.touch(other, now, tally) // it may repeat this call
		}
	}
}

// seeRoots looks for the roots that show by belonging to another run than
// their parent (contract, section 6): the new span of en, or spans of other
// runs beneath it.
func (e *Engine) seeRoots(en *entry, f *extract.Owned, runs []*entry) {
	parent := run.SpanKey{Trace: f.Key.Trace, Span: f.Parent}
	for _, other := range runs {
		switch {
		case other == en:
		case !en.rootSeen && other.run.Has(parent):
			en.rootSeen = true
		case !other.rootSeen && !other.isLate && other.run.Len() <= rootScan && other.run.HasChild(f.Key):
			other.rootSeen = true
			e.deadlines.set(other, e.dueAt(other))
		}
	}
}

// rootScan bounds the spans of a run that are looked through for a child of a
// span of another. A longer run without a root is summarised as idle, and has
// its root recognised then.
const rootScan = 256

// touch begins a run's wait again.
func (e *Engine) touch(en *entry, now time.Time, tally *Tally) {
	en.touched = now
	if en.isLate {
		e.reopen(en, now, tally)
	}
	e.open.MoveToBack(en.element)
	e.deadlines.set(en, e.dueAt(en))
}

// runsPerTrace bounds how many runs of one trace know of each other, and with
// that the work a span makes. Real traces hold a handful.
const runsPerTrace = 64

// enter notes that a run has spans in a trace, and gives all that do.
func (e *Engine) enter(en *entry, trace [16]byte) []*entry {
	runs := e.traces[trace]
	if !slices.Contains(runs, en) && len(runs) < runsPerTrace {
		if len(runs) == 0 {
			runs = en.itself[:]
		} else {
			runs = append(slices.Clip(runs), en)
		}
		e.traces[trace] = runs
		en.traces = append(en.traces, trace)
	}
	return runs
}

// leave undoes enter for all traces of a run.
func (e *Engine) leave(en *entry) {
	for _, trace := range en.traces {
		runs := e.traces[trace]
		if len(runs) == 1 {
			delete(e.traces, trace)
		} else {
			e.traces[trace] = slices.DeleteFunc(slices.Clone(runs), func(other *entry) bool { return other == en })
		}
	}
	en.traces = nil
}

// jobOf is the job to summarise a run as it is now.
func (e *Engine) jobOf(en *entry, completion run.Completion) job {
	j := job{entry: en, run: en.run.Snapshot(), completion: completion, caveats: en.caveats, touched: en.touched}
	var known map[*entry]bool
	spans := 0
	for _, trace := range en.traces {
		runs := e.traces[trace]
		if len(runs) == 1 {
			continue
		}
		for _, other := range runs {
			if other == en || known[other] {
				continue
			}
			if known == nil {
				known = map[*entry]bool{}
			}
			known[other] = true
			if spans += other.run.Len(); len(j.beside) == runsBeside || spans > e.config.SpansPerRun {
				j.caveats |= billing.PossibleDuplicate // what is left out may hold calls that this run repeats
				return j
			}
			j.beside = append(j.beside, other.run.Snapshot())
		}
	}
	return j
}

// runsBeside bounds how many other runs a run is looked at together with.
const runsBeside = 64

// begin opens a run, a new part of it where an earlier one has been let go.
func (e *Engine) begin(id string, now time.Time, tally *Tally) *entry {
	e.makeRoom(tally)
	en := &entry{id: id, part: rand.Uint64(), place: -1, revisitAt: now.Add(e.config.MaxDuration)}
	en.traces, en.itself[0] = en.oneTrace[:0], en
	en.element = e.open.PushBack(en)
	e.runs[id] = en
	return en
}

// reopen moves a summarised run back among the open ones.
func (e *Engine) reopen(en *entry, now time.Time, tally *Tally) {
	e.late.Remove(en.element)
	e.makeRoom(tally)
	en.isLate = false
	en.revisitAt = now.Add(e.config.MaxDuration)
	en.element = e.open.PushBack(en)
}

// makeRoom lets the open run that has been quiet for longest go, summarised
// early, where one more would be too many.
func (e *Engine) makeRoom(tally *Tally) {
	for e.open.Len() >= e.config.OpenRuns {
		en := e.open.Front().Value.(*entry)
		if len(e.evicted) >= outboxLimit { // nothing has been taken for long
			e.evicted[0] = job{}
			e.evicted = e.evicted[1:]
			e.outbox.rejected.Add(1)
		}
		e.evicted = append(e.evicted, e.jobOf(en, run.Evicted))
		e.drop(en)
		tally.Evicted++
	}
}

// drop forgets a run. What arrives for it from now on is a new part.
func (e *Engine) drop(en *entry) {
	delete(e.runs, en.id)
	e.leave(en)
	e.deadlines.remove(en)
	if en.isLate {
		e.late.Remove(en.element)
	} else {
		e.open.Remove(en.element)
	}
}

// dueAt is when an open run is to be summarised if nothing more arrives.
func (e *Engine) dueAt(en *entry) time.Time {
	wait := e.config.IdleTimeout
	if en.rootSeen {
		wait = e.config.QuietPeriod
	}
	due := en.touched.Add(wait)
	if en.revisitAt.Before(due) {
		return en.revisitAt
	}
	return due
}

// take collects what is due by now: summaries to make, and windows to end.
func (e *Engine) take(now time.Time) []job {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decideDue(now, &e.aside)
	jobs := e.evicted
	e.evicted = nil
	for {
		en := e.deadlines.popDue(now)
		if en == nil {
			return jobs
		}
		if en.isLate {
			e.drop(en)
			continue
		}
		jobs = append(jobs, e.close(en, now))
	}
}

// close makes a due run a job, and leaves the run open, held or forgotten.
func (e *Engine) close(en *entry, now time.Time) job {
	j := e.jobOf(en, run.MaxDuration)
	switch {
	case en.rootSeen && !now.Before(en.touched.Add(e.config.QuietPeriod)):
		j.completion = run.RootEnded
	case !en.rootSeen && !now.Before(en.touched.Add(e.config.IdleTimeout)):
		j.completion = run.Idle
	default: // open for max_duration: it stays open, and is revisited
		en.revisitAt = now.Add(e.config.MaxDuration)
		e.deadlines.set(en, e.dueAt(en))
		return j
	}
	e.hold(en, now)
	return j
}

// hold keeps a summarised run for its late window, as far as there is room.
func (e *Engine) hold(en *entry, now time.Time) {
	if e.config.LateWindow <= 0 || e.config.LateRuns <= 0 {
		e.drop(en)
		return
	}
	for e.late.Len() >= e.config.LateRuns {
		e.drop(e.late.Front().Value.(*entry))
	}
	e.open.Remove(en.element)
	en.isLate = true
	en.element = e.late.PushBack(en)
	e.deadlines.set(en, now.Add(e.config.LateWindow))
}

// Unsent is how many summaries wait for the next component to take them, and
// how many were given up.
func (e *Engine) Unsent() (pending, rejected int64) {
	return e.outbox.pending.Load(), e.outbox.rejected.Load()
}

// Waiting is how many spans that name no run wait to find theirs.
func (e *Engine) Waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.strays.waiting
}

// Held is how many runs are open, and how many are summarised and held.
func (e *Engine) Held() (open, late int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open.Len(), e.late.Len()
}
